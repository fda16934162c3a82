# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Every understood encoding gives the same RGB pixels, every other and every damage is refused.

Each case runs as a message of a bag and, where ROS 2 is there, as one of a topic: what one side
takes or refuses, the other does too.
"""

import array

import cv2
import numpy as np
import pytest
from bags import messages

from wla_ros.bags.reading import BagError
from wla_ros.bags.reading import image_pixels
from wla_ros.base.types import Refusal
from wla_ros.robots.images import BYTES_PER_PIXEL
from wla_ros.robots.images import decode_compressed
from wla_ros.robots.images import decode_image

HEIGHT, WIDTH = 6, 10
RGB = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
ALPHA = np.full((HEIGHT, WIDTH, 1), 77, dtype=np.uint8)
GREY = RGB[:, :, :1]
ENCODED = {
    'rgb8': RGB,
    'bgr8': RGB[:, :, ::-1],
    '8UC3': RGB[:, :, ::-1],
    'rgba8': np.concatenate([RGB, ALPHA], axis=2),
    'bgra8': np.concatenate([RGB[:, :, ::-1], ALPHA], axis=2),
}
# the four corners of the pattern that repeats, as the name spells them
BAYER = ['bayer_rggb8', 'bayer_bggr8', 'bayer_gbrg8', 'bayer_grbg8']
DEPTHS = ['16UC1', '32FC1', 'mono16', '16UC1; png compressed', '16UC1; compressedDepth png']


def of_bag(name: str, **fields):
    return messages.make(f'sensor_msgs/msg/{name}', header=messages.header(0), **fields)


def of_topic(name: str, **fields):
    module = pytest.importorskip('sensor_msgs.msg')
    data = fields.pop('data')
    message = getattr(module, name)(**fields)
    message.data = array.array('B', np.asarray(data, dtype=np.uint8).tobytes())
    return message


SIDES = pytest.mark.parametrize('make', [of_bag, of_topic])


def raw(make, encoding: str, pixels: np.ndarray, *, padding: int = 0, big_endian: int = 0):
    height, width = pixels.shape[:2]
    rows = np.pad(pixels.reshape(height, -1), ((0, 0), (0, padding)), constant_values=255)
    return make(
        'Image',
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=big_endian,
        step=rows.shape[1],
        data=rows.reshape(-1),
    )


def compressed(make, description: str, data):
    return make('CompressedImage', format=description, data=np.frombuffer(bytes(data), np.uint8))


def encode(extension: str, pixels: np.ndarray, *options: int) -> np.ndarray:
    done, data = cv2.imencode(extension, pixels, options)
    assert done
    return data.reshape(-1)


def photograph(height: int = 96, width: int = 128) -> np.ndarray:
    """Return BGR pixels with the detail of a camera image, so that a JPEG of it is long."""
    random = np.random.default_rng(3)
    coarse = random.integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(smooth + random.normal(0, 6, smooth.shape), 0, 255).astype(np.uint8)


def mosaic(pixels: np.ndarray, encoding: str) -> np.ndarray:
    """Return what a sensor with that pattern sees of RGB `pixels`."""
    names = encoding.removeprefix('bayer_').removesuffix('8')
    seen = np.empty((*pixels.shape[:2], 1), dtype=np.uint8)
    for index, colour in enumerate(names):
        rows, columns = slice(index // 2, None, 2), slice(index % 2, None, 2)
        seen[rows, columns, 0] = pixels[rows, columns, 'rgb'.index(colour)]
    return seen


@SIDES
@pytest.mark.parametrize('encoding', ENCODED)
@pytest.mark.parametrize('padding', [0, 5])
@pytest.mark.parametrize('big_endian', [0, 1])
def test_colour_encodings_give_rgb(make, encoding, padding, big_endian):
    message = raw(make, encoding, ENCODED[encoding], padding=padding, big_endian=big_endian)
    assert np.array_equal(decode_image(message), RGB)
    assert message.encoding == encoding


@SIDES
@pytest.mark.parametrize('encoding', ['mono8', '8UC1'])
def test_grey_images_give_three_equal_channels(make, encoding):
    pixels = decode_image(raw(make, encoding, GREY))
    assert np.array_equal(pixels, np.repeat(GREY, 3, axis=2))


@SIDES
@pytest.mark.parametrize('encoding', BAYER)
def test_bayer_patterns_give_the_colours_that_the_sensor_saw(make, encoding):
    flat = np.full((8, 8, 3), (200, 120, 40), dtype=np.uint8)
    assert np.array_equal(decode_image(raw(make, encoding, mosaic(flat, encoding))), flat)


@SIDES
@pytest.mark.parametrize(
    ('encoding', 'order'),
    [('yuv422', 'uyvy'), ('uyvy', 'uyvy'), ('yuv422_yuy2', 'yuyv'), ('yuyv', 'yuyv')],
)
def test_yuv_gives_the_colours_that_were_encoded(make, encoding, order):
    red, grey = {'y': 81, 'u': 90, 'v': 240}, {'y': 126, 'u': 128, 'v': 128}
    for colour, expected in ((red, (254, 0, 0)), (grey, (128, 128, 128))):
        pair = np.array([colour[letter] for letter in order], dtype=np.uint8)
        pixels = np.tile(pair, (4, 3)).reshape(4, 6, 2)
        decoded = decode_image(raw(make, encoding, pixels, padding=4))
        assert decoded.shape == (4, 6, 3)
        assert np.abs(decoded.astype(int) - expected).max() <= 3


@pytest.mark.parametrize('encoding', sorted(BYTES_PER_PIXEL))
def test_every_encoding_is_converted_as_cv_bridge_does(encoding):
    """The one of PyPI lacks yuv422 and has bayer_grbg8 misspelt; a distribution's has them all."""
    bridge = pytest.importorskip('cv_bridge').CvBridge()
    size = BYTES_PER_PIXEL[encoding]
    pixels = np.random.default_rng(2).integers(0, 256, (HEIGHT, WIDTH, size), dtype=np.uint8)
    message = raw(of_topic, encoding, pixels)
    try:
        expected = bridge.imgmsg_to_cv2(message, 'rgb8')
    except (KeyError, TypeError, RuntimeError) as error:
        pytest.skip(f'not known to this cv_bridge: {error}')
    if encoding in {'8UC1', '8UC3'}:
        pytest.skip('cv_bridge takes it for no colour, drivers for BGR')
    assert np.array_equal(decode_image(message), expected)


@SIDES
@pytest.mark.parametrize(
    'encoding', ['16UC1', 'mono16', 'rgb16', 'nv21', 'bayer_rggb16', '', 'RGB8']
)
def test_other_encodings_are_named_in_the_refusal(make, encoding):
    refusal = decode_image(raw(make, encoding, RGB))
    assert isinstance(refusal, Refusal)
    assert refusal.reason == 'encoding'
    assert repr(encoding) in refusal.detail


@SIDES
def test_an_encoding_that_was_not_expected_is_refused(make):
    refusal = decode_image(raw(make, 'bgr8', RGB), 'rgb8')
    assert isinstance(refusal, Refusal)
    assert "'bgr8' is not usable, expected rgb8" in refusal.detail


@SIDES
@pytest.mark.parametrize(('height', 'step'), [(7, 30), (6, 29), (6, 31)])
def test_data_that_do_not_fill_the_image_are_refused(make, height, step):
    message = raw(make, 'rgb8', RGB)
    message.height, message.step = height, step
    refusal = decode_image(message)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == 'image_size'


@SIDES
def test_half_a_pair_of_yuv_pixels_is_refused(make):
    refusal = decode_image(raw(make, 'yuv422', np.zeros((4, 5, 2), dtype=np.uint8)))
    assert isinstance(refusal, Refusal)
    assert refusal.reason == 'image_size'


@SIDES
@pytest.mark.parametrize('extension', ['.png', '.jpg', '.webp', '.bmp'])
@pytest.mark.parametrize('description', ['', 'jpeg', 'png', 'rgb8; jpeg compressed bgr8', 'bgr8'])
def test_compressed_colours_are_rgb_whatever_the_codec_and_its_name(make, extension, description):
    flat = np.full((16, 16, 3), (40, 120, 200), dtype=np.uint8)
    pixels = decode_compressed(compressed(make, description, encode(extension, flat)))
    assert np.abs(pixels.astype(int) - (200, 120, 40)).max() <= 2


@SIDES
@pytest.mark.parametrize('extension', ['.png', '.jpg'])
def test_compressed_grey_has_three_equal_channels(make, extension):
    grey = np.full((16, 16), 99, dtype=np.uint8)
    pixels = decode_compressed(compressed(make, 'mono8; codec', encode(extension, grey)))
    assert np.array_equal(pixels, np.full((16, 16, 3), 99))


@SIDES
@pytest.mark.parametrize('extension', ['.png', '.jpg'])
@pytest.mark.parametrize('encoding', BAYER)
def test_a_compressed_mosaic_gives_colours(make, encoding, extension):
    flat = np.full((16, 16, 3), (120, 120, 120), dtype=np.uint8)
    data = encode(extension, mosaic(flat, encoding)[:, :, 0])
    pixels = decode_compressed(compressed(make, f'{encoding}; codec compressed', data))
    assert np.abs(pixels.astype(int) - flat).max() <= 2


@SIDES
def test_transparency_is_dropped(make):
    pixels = decode_compressed(compressed(make, 'png', encode('.png', ENCODED['bgra8'])))
    assert np.array_equal(pixels, RGB)


@SIDES
@pytest.mark.parametrize('description', DEPTHS)
@pytest.mark.parametrize('extension', ['.png', '.jpg'])
def test_what_is_refused_raw_is_refused_compressed(make, description, extension):
    """A depth image as a picture, also where its codec could only keep eight bits of it."""
    data = encode(extension, np.full((16, 16), 99, dtype=np.uint8))
    refusal = decode_compressed(compressed(make, description, data))
    assert isinstance(refusal, Refusal)
    assert refusal.reason == 'encoding'
    assert repr(description) in refusal.detail


@SIDES
@pytest.mark.parametrize('description', ['png', '', 'mono8; png compressed'])
def test_sixteen_bits_are_no_picture_whatever_their_format_says(make, description):
    data = encode('.png', np.full((16, 16), 1234, dtype=np.uint16))
    refusal = decode_compressed(compressed(make, description, data))
    assert isinstance(refusal, Refusal)
    assert 'uint16' in refusal.detail


@SIDES
@pytest.mark.parametrize('data', [b'', b'no picture at all', b'\xff\xd8', b'\xff\xd8\xff\xd9'])
def test_data_that_are_no_picture_are_refused(make, data):
    assert isinstance(decode_compressed(compressed(make, 'jpeg', data)), Refusal)


@SIDES
@pytest.mark.parametrize('extension', ['.jpg', '.png'])
def test_a_hole_in_the_data_is_refused(make, extension):
    """1 KiB of zeros, as a lost packet leaves it: OpenCV alone returns two thirds wrong pixels."""
    whole = encode(extension, photograph())
    random = np.random.default_rng(5)
    for start in random.integers(700, len(whole) - 1100, 40):
        broken = whole.copy()
        broken[start : start + 1024] = 0
        assert isinstance(decode_compressed(compressed(make, 'jpeg', broken)), Refusal)


@SIDES
@pytest.mark.parametrize('extension', ['.jpg', '.png', '.webp'])
@pytest.mark.parametrize('lost', [1, 2, 50, 2000])
def test_a_shortened_image_is_refused(make, extension, lost):
    whole = encode(extension, photograph())
    assert isinstance(decode_compressed(compressed(make, 'jpeg', whole[:-lost])), Refusal)


@SIDES
@pytest.mark.parametrize('padding', [0, 1, 8, 14])
def test_bytes_that_cameras_leave_before_the_end_do_no_harm(make, padding):
    whole = encode('.jpg', photograph())
    padded = np.concatenate([whole[:-2], np.zeros(padding, np.uint8), whole[-2:], [0, 0]])
    pixels = decode_compressed(compressed(make, 'jpeg', padded.astype(np.uint8)))
    assert np.array_equal(pixels, decode_compressed(compressed(make, 'jpeg', whole)))


def test_a_healthy_jpeg_has_the_pixels_that_opencv_gives():
    whole = encode('.jpg', photograph())
    expected = cv2.cvtColor(cv2.imdecode(whole, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    difference = decode_compressed(compressed(of_bag, 'jpeg', whole)).astype(int) - expected
    assert np.abs(difference).max() <= 2


def test_data_on_another_device_are_refused_by_the_name_of_their_buffer():
    class DeviceBuffer:
        """Offers no memory of this process."""

    message = raw(of_bag, 'rgb8', RGB)
    message.data = DeviceBuffer()
    for refusal in (
        decode_image(message),
        decode_compressed(of_bag('CompressedImage', format='jpeg', data=DeviceBuffer())),
    ):
        assert isinstance(refusal, Refusal)
        assert 'DeviceBuffer' in refusal.detail


def test_a_bag_refuses_with_the_words_of_the_node():
    message = raw(of_bag, '16UC1', RGB)
    with pytest.raises(BagError) as error:
        image_pixels(message)
    assert str(error.value) == decode_image(message).detail
