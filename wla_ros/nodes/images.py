# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Pictures to image messages, raw and as JPEG. Decoding is `robots.images`."""

import array

import cv2
import numpy as np
from sensor_msgs.msg import CameraInfo
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image

from wla_ros.base.types import FloatArray
from wla_ros.base.types import ImageArray
from wla_ros.nodes.messages import time_message

JPEG_QUALITY = 90


def image_message(pixels: ImageArray, *, stamp_ns: int, frame_id: str) -> Image:
    """Return pixels [h, w, 3] RGB as a raw rgb8 message; the data are copied."""
    height, width = pixels.shape[:2]
    message = Image(height=height, width=width, encoding='rgb8', step=3 * width)
    message.header.stamp = time_message(stamp_ns)
    message.header.frame_id = frame_id
    # Assigning bytes is checked element by element (142 ms for 0.9 MB); an array of the right type
    # is not.
    data = array.array('B')
    data.frombytes(memoryview(np.ascontiguousarray(pixels)).cast('B'))
    message.data = data
    return message


def jpeg_message(
    pixels: ImageArray, *, stamp_ns: int, frame_id: str, quality: int = JPEG_QUALITY
) -> CompressedImage:
    """Return pixels [h, w, 3] RGB as a JPEG message. Raises ValueError if OpenCV cannot."""
    done, encoded = cv2.imencode(
        '.jpg', cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    if not done:
        raise ValueError(f'OpenCV could not encode an image of shape {pixels.shape} as JPEG')
    message = CompressedImage(format='rgb8; jpeg compressed bgr8')
    message.header.stamp = time_message(stamp_ns)
    message.header.frame_id = frame_id
    data = array.array('B')
    data.frombytes(encoded.data)
    message.data = data
    return message


def camera_info_message(
    matrix: FloatArray, *, width: int, height: int, stamp_ns: int, frame_id: str
) -> CameraInfo:
    """Return the intrinsics of a camera without distortion; `matrix` is K [3, 3] in pixels."""
    k = [float(value) for value in matrix.reshape(-1)]
    message = CameraInfo(height=height, width=width, distortion_model='plumb_bob')
    message.header.stamp = time_message(stamp_ns)
    message.header.frame_id = frame_id
    message.d = [0.0] * 5
    message.k = k
    message.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    message.p = [*k[0:3], 0.0, *k[3:6], 0.0, *k[6:9], 0.0]
    return message
