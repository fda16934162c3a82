"""
Camera subscriptions of a node: messages in, pixels or refusals out, in the thread that spins.

Owns topics, transport and decoding. Judges no stamps and keeps no images.
"""

import time
from collections.abc import Callable
from collections.abc import Mapping
from functools import partial
from typing import Any
from typing import Protocol

from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.qos import ReliabilityPolicy
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image

from wla_ros.core.publisher_gaps import PublisherGaps
from wla_ros.core.types import ImageArray
from wla_ros.core.types import Refusal
from wla_ros.evaluation.image_decoding import decode_compressed
from wla_ros.evaluation.image_decoding import decode_image
from wla_ros.ros.conversions import stamp_ns
from wla_ros.ros.message_numbers import note_number
from wla_ros.ros.policy_configuration import CameraInput
from wla_ros.ros.qos import IMAGE_INPUT


class ImageSink(Protocol):
    """Who takes the images."""

    def __call__(
        self, camera: str, stamp: int, receive_ns: int, pixels: ImageArray, decode_ns: int
    ) -> None:
        """Take one image [h, w, 3] RGB with header stamp and decoding time."""
        ...


class CameraInputs:
    """One subscription per camera on a host node."""

    def __init__(
        self,
        node: Node,
        cameras: Mapping[str, CameraInput],
        *,
        now_ns: Callable[[], int],
        on_image: ImageSink,
        on_refusal: Callable[[str, Refusal], object],
    ) -> None:
        """Subscribe; both callbacks run in the thread that spins the node."""
        self._now_ns = now_ns
        self._on_image = on_image
        self._on_refusal = on_refusal
        self.gaps = {name: PublisherGaps() for name in cameras}
        for name, camera in cameras.items():
            kind = CompressedImage if camera.transport == 'compressed' else Image
            node.create_subscription(
                kind, camera.topic, partial(self._take, name, camera), image_qos(camera)
            )

    def _take(
        self,
        name: str,
        camera: CameraInput,
        message: Image | CompressedImage,
        info: Mapping[str, Any],
    ) -> None:
        note_number(self.gaps[name], info)
        receive_ns = self._now_ns()
        start_ns = time.perf_counter_ns()
        if isinstance(message, Image):
            pixels = decode_image(message, camera.encoding)
        else:
            pixels = decode_compressed(message)
        if isinstance(pixels, Refusal):
            self._on_refusal(name, pixels)
            return
        decode_ns = time.perf_counter_ns() - start_ns
        self._on_image(name, stamp_ns(message.header.stamp), receive_ns, pixels, decode_ns)


def image_qos(camera: CameraInput) -> QoSProfile:
    """Return the profile of a camera subscription."""
    if camera.reliability == 'best_effort':
        return IMAGE_INPUT
    return QoSProfile(
        history=IMAGE_INPUT.history,
        depth=IMAGE_INPUT.depth,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=IMAGE_INPUT.durability,
    )
