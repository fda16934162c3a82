"""Every understood encoding gives the same RGB pixels; every other is refused by name."""

import array

import numpy as np
import pytest

pytest.importorskip('rclpy')

from sensor_msgs.msg import CompressedImage  # noqa: E402 - not without rclpy
from sensor_msgs.msg import Image  # noqa: E402

from wla_ros.core.types import ImageArray  # noqa: E402
from wla_ros.core.types import Refusal  # noqa: E402
from wla_ros.ros.image_conversion import camera_info_message  # noqa: E402
from wla_ros.ros.image_conversion import decode_compressed  # noqa: E402
from wla_ros.ros.image_conversion import decode_image  # noqa: E402
from wla_ros.ros.image_conversion import image_message  # noqa: E402
from wla_ros.ros.image_conversion import jpeg_message  # noqa: E402

RGB: ImageArray = np.random.default_rng(1).integers(0, 256, (6, 10, 3), dtype=np.uint8)
ALPHA = np.full((6, 10, 1), 77, dtype=np.uint8)
ENCODED = {
    'rgb8': RGB,
    'bgr8': RGB[:, :, ::-1],
    '8UC3': RGB[:, :, ::-1],
    'rgba8': np.concatenate([RGB, ALPHA], axis=2),
    'bgra8': np.concatenate([RGB[:, :, ::-1], ALPHA], axis=2),
}


def _message(encoding: str, pixels: np.ndarray, *, padding: int = 0, big_endian: int = 0) -> Image:
    height, width = pixels.shape[:2]
    rows = pixels.reshape(height, -1)
    rows = np.pad(rows, ((0, 0), (0, padding)), constant_values=255)
    message = Image(height=height, width=width, encoding=encoding, step=rows.shape[1])
    message.is_bigendian = big_endian
    message.data = array.array('B', rows.tobytes())
    return message


@pytest.mark.parametrize('encoding', ENCODED)
@pytest.mark.parametrize('padding', [0, 5])
@pytest.mark.parametrize('big_endian', [0, 1])
def test_colour_encodings_give_rgb(encoding: str, padding: int, big_endian: int) -> None:
    message = _message(encoding, ENCODED[encoding], padding=padding, big_endian=big_endian)
    pixels = decode_image(message)
    assert isinstance(pixels, np.ndarray)
    assert np.array_equal(pixels, RGB)
    assert message.encoding == encoding


@pytest.mark.parametrize('encoding', ['mono8', '8UC1'])
def test_grey_images_give_three_equal_channels(encoding: str) -> None:
    grey = RGB[:, :, :1]
    pixels = decode_image(_message(encoding, grey))
    assert np.array_equal(pixels, np.repeat(grey, 3, axis=2))


@pytest.mark.parametrize('encoding', ['16UC1', 'bayer_rggb8', 'yuv422', '', 'RGB8'])
def test_other_encodings_are_named_in_the_refusal(encoding: str) -> None:
    refusal = decode_image(Image(height=6, width=10, encoding=encoding, step=30))
    assert isinstance(refusal, Refusal)
    assert refusal.reason == 'encoding'
    assert repr(encoding) in refusal.detail


def test_an_encoding_that_was_not_expected_is_refused() -> None:
    refusal = decode_image(_message('bgr8', RGB), 'rgb8')
    assert isinstance(refusal, Refusal)
    assert "'bgr8' is not usable, expected rgb8" in refusal.detail


@pytest.mark.parametrize(('height', 'step'), [(7, 30), (6, 29), (6, 31)])
def test_data_that_do_not_fill_the_image_are_refused(height: int, step: int) -> None:
    message = _message('rgb8', RGB)
    message.height, message.step = height, step
    refusal = decode_image(message)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == 'image_size'


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


def test_compressed_data_that_are_no_picture_are_refused() -> None:
    for data in (b'', b'no picture at all'):
        message = CompressedImage(format='jpeg', data=array.array('B', data))
        assert isinstance(decode_compressed(message), Refusal)


def test_camera_info_carries_the_matrix_in_k_and_p() -> None:
    matrix = np.array([[500.0, 0.0, 319.5], [0.0, 500.0, 239.5], [0.0, 0.0, 1.0]])
    info = camera_info_message(matrix, width=640, height=480, stamp_ns=1, frame_id='x')
    assert info.k.reshape(3, 3).tolist() == matrix.tolist()
    assert info.p.reshape(3, 4)[:, :3].tolist() == matrix.tolist()
