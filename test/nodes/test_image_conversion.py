# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""What is sent is decoded to the pixels that were sent."""

import numpy as np
import pytest

pytest.importorskip('rclpy')

from wla_ros.base.types import ImageArray  # noqa: E402 - not without rclpy
from wla_ros.nodes.images import camera_info_message  # noqa: E402
from wla_ros.nodes.images import image_message  # noqa: E402
from wla_ros.nodes.images import jpeg_message  # noqa: E402
from wla_ros.robots.images import decode_compressed  # noqa: E402
from wla_ros.robots.images import decode_image  # noqa: E402

RGB: ImageArray = np.random.default_rng(1).integers(0, 256, (6, 10, 3), dtype=np.uint8)


def test_rgb8_is_a_view_of_the_message() -> None:
    message = image_message(RGB, stamp_ns=5, frame_id='head')
    pixels = decode_image(message)
    assert isinstance(pixels, np.ndarray)
    assert np.shares_memory(pixels, np.frombuffer(message.data, np.uint8))


def test_a_jpeg_round_trip_keeps_the_picture() -> None:
    smooth = np.tile(np.linspace(0, 255, 64, dtype=np.uint8)[None, :, None], (48, 1, 3))
    smooth[:, :, 2] //= 2
    message = jpeg_message(smooth, stamp_ns=7, frame_id='head', quality=95)
    pixels = decode_compressed(message)
    assert isinstance(pixels, np.ndarray)
    assert np.abs(pixels.astype(int) - smooth).mean() < 3.0


def test_camera_info_carries_the_matrix_in_k_and_p() -> None:
    matrix = np.array([[500.0, 0.0, 319.5], [0.0, 500.0, 239.5], [0.0, 0.0, 1.0]])
    info = camera_info_message(matrix, width=640, height=480, stamp_ns=1, frame_id='x')
    assert info.k.reshape(3, 3).tolist() == matrix.tolist()
    assert info.p.reshape(3, 4)[:, :3].tolist() == matrix.tolist()
