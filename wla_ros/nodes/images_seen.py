# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Which images a node has taken, told to a rig whose clock waits for that.

Only in simulated time: a camera waits for nobody.
"""

from rclpy.node import Node
from std_msgs.msg import Header

from wla_ros.nodes import qos
from wla_ros.nodes.messages import time_message

IMAGES_SEEN = 'sim/images_seen'


class ImagesSeen:
    """One thread."""

    def __init__(self, node: Node) -> None:
        """Create the publisher on `node`."""
        self._publisher = node.create_publisher(Header, IMAGES_SEEN, qos.SENSOR_OUTPUT)

    def tell(self, camera: str, stamp_ns: int) -> None:
        """Tell that the image of `camera` exposed at `stamp_ns` was taken."""
        self._publisher.publish(Header(stamp=time_message(stamp_ns), frame_id=camera))
