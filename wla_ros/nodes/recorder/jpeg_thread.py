# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Images to JPEG in a thread of its own, as many as it can.

Owns the queue and its bound. Every image that is not encoded is told, with the reason.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image

from wla_ros.base.types import Refusal
from wla_ros.nodes.images import jpeg_message
from wla_ros.nodes.messages import stamp_ns
from wla_ros.robots.images import decode_image

# Images that may wait for the encoder; a slow machine then costs images, not memory.
_MOST_WAITING = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingImage:
    """An image that waits for the encoder."""

    topic: str
    message: Image
    receive_ns: int
    quality: int


class JpegThread:
    """Encodes what is offered, in order."""

    def __init__(
        self, on_jpeg: Callable[[str, int, bytes], None], on_loss: Callable[[str, str], None]
    ) -> None:
        """
        Start the thread, which calls both.

        `on_jpeg` gets topic, time of receiving and the serialized CompressedImage, `on_loss` topic
        and reason of an image that cannot be encoded.
        """
        self._on_jpeg = on_jpeg
        self._on_loss = on_loss
        self._images: deque[WaitingImage] = deque()
        self._ready = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name='jpeg', daemon=True)
        self._thread.start()

    def offer(self, image: WaitingImage) -> bool:
        """Queue an image; False if too many wait already."""
        with self._ready:
            if len(self._images) >= _MOST_WAITING:
                return False
            self._images.append(image)
            self._ready.notify()
            return True

    def stop(self) -> None:
        """Return when all that wait are encoded."""
        with self._ready:
            self._stopping = True
            self._ready.notify()
        self._thread.join()

    def _run(self) -> None:
        while (image := self._next()) is not None:
            try:
                pixels = decode_image(image.message)
                if isinstance(pixels, Refusal):
                    self._on_loss(image.topic, pixels.detail)
                    continue
                header = image.message.header
                jpeg = jpeg_message(
                    pixels,
                    stamp_ns=stamp_ns(header.stamp),
                    frame_id=header.frame_id,
                    quality=image.quality,
                )
                self._on_jpeg(image.topic, image.receive_ns, serialize_message(jpeg))
            except Exception as error:  # one image that no library can take ends no recording
                self._on_loss(image.topic, f'{type(error).__name__}: {error}')

    def _next(self) -> WaitingImage | None:
        """Return the oldest waiting image; None when stopping and all are encoded."""
        with self._ready:
            while not self._images and not self._stopping:
                self._ready.wait()
            return self._images.popleft() if self._images else None
