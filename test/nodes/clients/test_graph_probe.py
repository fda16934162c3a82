# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The doctor hears what the nodes would hear, however long discovery takes."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

pytest.importorskip('rclpy')

import rclpy  # noqa: E402 - not without rclpy
from rclpy.context import Context  # noqa: E402
from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rclpy.qos import qos_profile_sensor_data  # noqa: E402
from sensor_msgs.msg import CompressedImage  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402
from sensor_msgs.msg import JointState  # noqa: E402
from std_msgs.msg import String  # noqa: E402

from wla_ros.base.reasons import SEVERAL_PUBLISHERS  # noqa: E402
from wla_ros.base.reasons import TYPE_MISMATCH  # noqa: E402
from wla_ros.base.types import Refusal  # noqa: E402
from wla_ros.composition.policy import CameraInput  # noqa: E402
from wla_ros.nodes import qos  # noqa: E402
from wla_ros.nodes.clients.graph_probe import QOS_MISMATCH  # noqa: E402
from wla_ros.nodes.clients.graph_probe import StreamRecord  # noqa: E402
from wla_ros.nodes.clients.graph_probe import probe_graph  # noqa: E402
from wla_ros.nodes.clients.middleware_trial import try_middleware  # noqa: E402
from wla_ros.nodes.messages import time_message  # noqa: E402
from wla_ros.robots.robot import RobotSection  # noqa: E402
from wla_ros.robots.robot import require_robot  # noqa: E402

ROBOT = require_robot(RobotSection(driver_profile='piper_ros_single'), source='test')
TOPIC = 'camera/head/image_raw'


@contextmanager
def camera(kind: Any, profile: Any, *, delay_s: float = 0.0) -> Iterator[None]:
    """Publish images at 30 Hz from a node of its own that appears after `delay_s`."""
    context = Context()
    rclpy.init(context=context)
    stop = threading.Event()

    def publish() -> None:
        if stop.wait(delay_s):
            return
        node = rclpy.create_node('usb_cam', context=context)
        publisher = node.create_publisher(kind, TOPIC, profile)
        executor = SingleThreadedExecutor(context=context)
        executor.add_node(node)

        def send() -> None:
            message = kind()
            if kind is Image:
                message = Image(height=4, width=4, encoding='rgb8', step=12, data=bytes(48))
            message.header.stamp = time_message(int(node.get_clock().now().nanoseconds))
            publisher.publish(message)

        node.create_timer(1.0 / 30.0, send)
        while not stop.is_set():
            executor.spin_once(timeout_sec=0.05)
        executor.shutdown()
        node.destroy_node()

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        rclpy.shutdown(context=context)


def heard(**camera_fields: Any) -> tuple[StreamRecord, list[Refusal]]:
    """Return what came from the camera and what is wrong with its topic."""
    cameras = {'head': CameraInput(topic=TOPIC, **camera_fields)}
    # No arm of this robot publishes; the bound of discovery holds for each of the two parts.
    found = probe_graph(ROBOT, cameras, seconds=2.0, discovery_s=4.0)
    assert found.cameras['head'].publishers == 1
    return found.cameras['head'], list(found.problems.get(TOPIC, ()))


def test_a_publisher_that_the_node_cannot_hear_is_named() -> None:
    with camera(Image, qos_profile_sensor_data):
        record, (problem,) = heard(reliability='reliable')
    assert not record.stamps_ns
    assert problem.reason == QOS_MISMATCH
    assert 'usb_cam offers other QoS than it asks for' in problem.detail
    assert 'eliab' in problem.detail


def test_a_publisher_of_another_type_is_named() -> None:
    with camera(CompressedImage, qos.SENSOR_OUTPUT):
        record, (problem,) = heard()
    assert not record.stamps_ns
    assert problem.reason == TYPE_MISMATCH
    for word in (
        TOPIC,
        'usb_cam',
        'sensor_msgs/msg/CompressedImage',
        'uses sensor_msgs/msg/Image',
    ):
        assert word in problem.detail


def test_the_topics_of_the_arms_are_judged_as_the_executor_judges_them() -> None:
    (arm,) = ROBOT.arms
    context = Context()
    rclpy.init(context=context)
    # One of them each, or two, in a type that is not the driver's
    driver = rclpy.create_node('driver', context=context)
    stray = rclpy.create_node('stray', context=context)
    for node in (driver, stray):
        node.create_publisher(JointState, arm.channels.feedback_topic, qos.SENSOR_OUTPUT)
    driver.create_publisher(String, arm.channels.status_topic, qos.STATUS)
    driver.create_subscription(String, arm.channels.command_topic, print, qos.COMMAND)
    try:
        found = probe_graph(ROBOT, {}, seconds=0.2, discovery_s=4.0)
    finally:
        rclpy.shutdown(context=context)
    assert {
        topic: [problem.reason for problem in problems]
        for topic, problems in found.problems.items()
    } == {
        arm.channels.feedback_topic: [SEVERAL_PUBLISHERS],
        arm.channels.status_topic: [TYPE_MISMATCH],
        arm.channels.command_topic: [TYPE_MISMATCH],
    }
    (stray_problem,) = found.problems[arm.channels.feedback_topic]
    assert '/stray' in stray_problem.detail
    (unread,) = found.problems[arm.channels.status_topic]
    assert 'std_msgs/msg/String by /driver' in unread.detail


def test_the_time_to_listen_begins_when_the_publisher_was_found() -> None:
    # The arms are looked for in the first 5 s; the camera appears 2 s after the second part began.
    with camera(Image, qos.SENSOR_OUTPUT, delay_s=7.0):
        record, problems = heard()
    assert problems == []
    assert len(record.stamps_ns) > 5


def test_a_middleware_that_is_not_installed_is_found_by_trying() -> None:
    missing = try_middleware({**os.environ, 'RMW_IMPLEMENTATION': 'rmw_of_nobody_cpp'})
    assert 'rmw_of_nobody_cpp' in missing.error
    assert try_middleware(os.environ).error == ''
