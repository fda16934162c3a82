"""
Camera messages to RGB pixels and back, with cv_bridge.

Owns which encodings are understood and the fast paths around the element-wise checks of generated
messages. What cannot be understood is refused by name, never guessed.
"""

import array

import cv2
import numpy as np
from cv_bridge import CvBridge
from cv_bridge import CvBridgeError
from sensor_msgs.msg import CameraInfo
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image

from wla_ros.core.types import FloatArray
from wla_ros.core.types import ImageArray
from wla_ros.core.types import Refusal
from wla_ros.ros.conversions import time_message
from wla_ros.ros.image_encodings import ANY_ENCODING
from wla_ros.ros.image_encodings import CHANNELS
from wla_ros.ros.image_encodings import MEANING

JPEG_QUALITY = 90
_bridge = CvBridge()


def decode_image(message: Image, expected: str = ANY_ENCODING) -> ImageArray | Refusal:
    """
    Return pixels [h, w, 3] RGB of a raw image, or why not.

    rgb8 without row padding is a view of the message's data (1 us); other encodings are converted.
    """
    encoding = message.encoding
    if encoding not in CHANNELS or expected not in (ANY_ENCODING, encoding):
        wanted = ', '.join(CHANNELS) if expected == ANY_ENCODING else expected
        return Refusal(
            reason='encoding', detail=f'encoding {encoding!r} is not usable, expected {wanted}'
        )
    row = message.width * CHANNELS[encoding]
    step = message.step or row
    if row == 0 or step < row or len(message.data) != step * message.height:
        return Refusal(
            reason='image_size',
            detail=f'{len(message.data)} bytes with step {message.step} do not make '
            f'{message.width}x{message.height} {encoding}',
        )
    if encoding == 'rgb8':
        rows = np.frombuffer(message.data, np.uint8).reshape(message.height, step)
        return rows[:, :row].reshape(message.height, message.width, 3)
    try:
        return np.ascontiguousarray(_bridge.imgmsg_to_cv2(_compact(message, row, step), 'rgb8'))
    except (CvBridgeError, cv2.error) as error:
        return Refusal(reason='encoding', detail=f'{encoding!r} could not be converted: {error}')


def _compact(message: Image, row: int, step: int) -> Image:
    """
    Return the image without row padding, with an encoding that names its colours; the argument
    stays as it is.

    The cv_bridge of PyPI ignores the row step, and its byte swap fails with NumPy 2 for images
    marked big-endian although a byte has no order.
    """
    compact = Image(
        height=message.height,
        width=message.width,
        encoding=MEANING.get(message.encoding, message.encoding),
        step=row,
    )
    if step == row:
        compact.data = message.data
    else:
        rows = np.frombuffer(message.data, np.uint8).reshape(message.height, step)[:, :row]
        data = array.array('B')
        data.frombytes(rows.tobytes())
        compact.data = data
    return compact


def decode_compressed(message: CompressedImage) -> ImageArray | Refusal:
    """Return pixels [h, w, 3] RGB of a compressed image, or why not."""
    if not len(message.data):
        return Refusal(reason='image_size', detail='compressed image without data')
    try:
        pixels = _bridge.compressed_imgmsg_to_cv2(message, 'passthrough')
    except (CvBridgeError, cv2.error) as error:
        return Refusal(
            reason='encoding', detail=f'format {message.format!r} could not be decoded: {error}'
        )
    if pixels is None or pixels.dtype != np.uint8:
        return Refusal(
            reason='encoding', detail=f'format {message.format!r} could not be decoded to 8 bits'
        )
    return cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB if pixels.ndim == 2 else cv2.COLOR_BGR2RGB)


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
