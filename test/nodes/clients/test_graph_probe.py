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

from wla_ros.nodes import qos  # noqa: E402
from wla_ros.nodes.clients.graph_probe import StreamRecord  # noqa: E402
from wla_ros.nodes.clients.graph_probe import probe_graph  # noqa: E402
from wla_ros.nodes.clients.middleware_trial import try_middleware  # noqa: E402
from wla_ros.nodes.messages import time_message  # noqa: E402
from wla_ros.nodes.policy.config import CameraInput  # noqa: E402
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


def heard(**camera_fields: Any) -> StreamRecord:
    cameras = {'head': CameraInput(topic=TOPIC, **camera_fields)}
    # No arm of this robot publishes; the bound of discovery holds for each of the two parts.
    record = probe_graph(ROBOT, cameras, seconds=2.0, discovery_s=4.0).cameras['head']
    assert record.publishers == 1
    return record


def test_a_publisher_that_the_node_cannot_hear_is_named() -> None:
    with camera(Image, qos_profile_sensor_data):
        record = heard(reliability='reliable')
    assert not record.stamps_ns
    assert 'usb_cam offers other QoS than the node asks for' in record.mismatch
    assert 'eliab' in record.mismatch


def test_a_publisher_of_another_type_is_named() -> None:
    with camera(CompressedImage, qos.SENSOR_OUTPUT):
        record = heard()
    assert not record.stamps_ns
    wanted = (
        'usb_cam publishes sensor_msgs/msg/CompressedImage, the node wants sensor_msgs/msg/Image'
    )
    assert record.mismatch == wanted


def test_the_time_to_listen_begins_when_the_publisher_was_found() -> None:
    # The arms are looked for in the first 5 s; the camera appears 2 s after the second part began.
    with camera(Image, qos.SENSOR_OUTPUT, delay_s=7.0):
        record = heard()
    assert record.mismatch == ''
    assert len(record.stamps_ns) > 5


def test_a_middleware_that_is_not_installed_is_found_by_trying() -> None:
    missing = try_middleware({**os.environ, 'RMW_IMPLEMENTATION': 'rmw_of_nobody_cpp'})
    assert 'rmw_of_nobody_cpp' in missing.error
    assert try_middleware(os.environ).error == ''
