# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The load of a full rig without its physics: cameras and joint feedback at their real rates.

Publishes as the driver and the camera nodes do (same topics, types and quality of service), with
fresh content in every image and constant joints, and takes the joint commands. What it costs is
not part of what is measured; it is a process of its own.
"""

import argparse
import threading
import time
from collections.abc import Callable
from collections.abc import Sequence

import numpy as np
import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import Image
from sensor_msgs.msg import JointState

from wla_ros.base.timing import NS_PER_S
from wla_ros.base.timing import period_ns
from wla_ros.nodes import qos
from wla_ros.nodes.images import image_message
from wla_ros.nodes.lifecycle import prefer_local_transport
from wla_ros.nodes.messages import time_message
from wla_ros.nodes.starter_watch import watch_starter

# Frames made in advance: enough that no two in a row are equal, few enough to stay in memory.
_FRAMES = 8
# A pose inside all limits, gripper half open.
_POSE = (0.1, 0.8, -0.9, 0.1, 0.5, 0.1, 0.035)
_NAMES = ('joint1', 'joint2', 'joint3', 'joint4', 'joint5', 'joint6', 'gripper')


class BenchmarkSource:
    """Two threads that publish on time; commands are received by the spinning thread."""

    def __init__(self, node: Node, arguments: argparse.Namespace) -> None:
        """Create publishers and prepare the frames."""
        generator = np.random.default_rng(0)
        shape = (arguments.height, arguments.width, 3)
        self._frames = [generator.integers(0, 256, shape, dtype=np.uint8) for _ in range(_FRAMES)]
        self._node = node
        self._stop = threading.Event()
        self._images = [
            node.create_publisher(Image, topic, qos.SENSOR_OUTPUT) for topic in arguments.images
        ]
        self._states = [
            node.create_publisher(JointState, topic, qos.SENSOR_OUTPUT)
            for topic in arguments.states
        ]
        for topic in arguments.commands:
            node.create_subscription(JointState, topic, lambda _: None, qos.COMMAND)
        self._threads = [
            threading.Thread(target=self._pace, args=(period_ns(30.0), self._publish_images)),
            threading.Thread(target=self._pace, args=(period_ns(200.0), self._publish_states)),
        ]

    def start(self) -> None:
        """Start publishing."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop publishing and wait for the threads."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _pace(self, period: int, publish: Callable[[int], None]) -> None:
        """Call `publish(index)` at absolute deadlines."""
        due, index = time.monotonic_ns(), 0
        while not self._stop.wait(max(0, due - time.monotonic_ns()) / NS_PER_S):
            publish(index)
            due, index = due + period, index + 1

    def _publish_images(self, index: int) -> None:
        """All cameras expose at one instant, as hardware-synchronised ones do."""
        stamp = self._node.get_clock().now().nanoseconds
        for offset, publisher in enumerate(self._images):
            pixels = self._frames[(index + offset) % _FRAMES]
            publisher.publish(image_message(pixels, stamp_ns=stamp, frame_id='benchmark'))

    def _publish_states(self, index: int) -> None:
        # The last bit moves: feedback that never changes is what a dead bus looks like.
        wobble = 1e-5 * (index % 2)
        stamp = time_message(self._node.get_clock().now().nanoseconds)
        for publisher in self._states:
            message = JointState(name=list(_NAMES), position=[value + wobble for value in _POSE])
            message.velocity, message.effort = [0.0] * 6, [0.0] * 7
            message.header.stamp = stamp
            publisher.publish(message)


def main(arguments: Sequence[str] | None = None) -> int:
    """Publish until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--images', nargs='*', default=[], help='image topics')
    parser.add_argument('--states', nargs='*', default=[], help='joint feedback topics')
    parser.add_argument('--commands', nargs='*', default=[], help='joint command topics to take')
    parser.add_argument('--width', type=int, default=640)
    parser.add_argument('--height', type=int, default=480)
    parsed, _ = parser.parse_known_args(arguments)
    prefer_local_transport()
    rclpy.init()
    watch_starter()
    node = rclpy.create_node('benchmark_source')
    source = BenchmarkSource(node, parsed)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    source.start()
    try:
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        source.stop()
        executor.shutdown()
        node.destroy_node()
        rclpy.try_shutdown()
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
