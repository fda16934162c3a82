# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Letterbox, value range and patch order; bit for bit against the official processor."""

import math

import numpy as np
import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('tokenizers')

from policies.wla.golden_data import FOLDERS  # noqa: E402
from policies.wla.golden_data import read_golden  # noqa: E402
from policies.wla.small_checkpoint import small_config  # noqa: E402

from wla_ros.policies.wla.images import letterbox  # noqa: E402
from wla_ros.policies.wla.images import patches  # noqa: E402
from wla_ros.policies.wla.images import prepare_images  # noqa: E402
from wla_ros.policies.wla.prompt_plan import ImageGrid  # noqa: E402

CPU = torch.device('cpu')
VISION = small_config().vision


@pytest.mark.parametrize('folder', FOLDERS, ids=lambda folder: folder.name)
def test_pixel_rows_equal_those_of_the_official_processor_bit_for_bit(folder):
    golden = read_golden(folder)
    images = golden['images'].numpy()
    prepared = prepare_images([(image, image.shape[0]) for image in images], VISION, device=CPU)
    assert torch.equal(prepared.pixels, golden['pixel_values'])
    assert prepared.grids == golden.grids


@pytest.mark.parametrize(
    ('size', 'side', 'inner', 'margins'),
    [
        ((480, 640), 256, (192, 256), (32, 32, 0, 0)),
        ((240, 320), 256, (192, 256), (32, 32, 0, 0)),
        ((640, 480), 256, (256, 192), (0, 0, 32, 32)),
        ((41, 100), 50, (20, 50), (15, 15, 0, 0)),  # 20.5 rows are truncated
        ((90, 100), 50, (45, 50), (2, 3, 0, 0)),  # the odd row goes below
        ((100, 90), 50, (50, 45), (0, 0, 2, 3)),  # the odd column goes right
        ((256, 256), 256, (256, 256), (0, 0, 0, 0)),
    ],
)
def test_letterbox_centres_the_image_and_puts_the_odd_pixel_right_or_below(
    size, side, inner, margins
):
    square = letterbox(torch.ones(3, *size), side)
    filled = square[0] > 0
    rows, columns = filled.any(1).nonzero().flatten(), filled.any(0).nonzero().flatten()
    assert square.shape == (3, side, side)
    assert (len(rows), len(columns)) == inner
    top, bottom = int(rows[0]), side - 1 - int(rows[-1])
    left, right = int(columns[0]), side - 1 - int(columns[-1])
    assert (top, bottom, left, right) == margins


def test_an_image_of_the_right_size_is_not_touched():
    image = torch.rand(3, 64, 64)
    assert torch.equal(letterbox(image, 64), image)


def test_an_image_that_vanishes_is_refused():
    with pytest.raises(ValueError, match='no pixels left'):
        letterbox(torch.zeros(3, 1, 1000), 64)


def triangle_resize(values, size):
    """Antialiased bilinear scaling of one axis as Pillow and torchvision define it."""
    scale = len(values) / size
    support = max(scale, 1.0)
    result = []
    for out in range(size):
        centre = (out + 0.5) * scale
        first = max(int(centre - support + 0.5), 0)
        last = min(int(centre + support + 0.5), len(values))
        weights = [max(0.0, 1.0 - abs((i + 0.5 - centre) / support)) for i in range(first, last)]
        result.append(np.dot(weights, values[first:last]) / math.fsum(weights))
    return np.array(result)


@pytest.mark.parametrize('size', [(24, 40), (40, 24), (100, 70), (20, 31)])
def test_scaling_is_the_antialiased_bilinear_filter_of_torchvision(size):
    image = np.random.default_rng(0).random(size)
    square = letterbox(torch.from_numpy(image)[None].float(), 32)
    scale = 32 / max(size)
    height, width = int(size[0] * scale), int(size[1] * scale)
    expected = np.stack([triangle_resize(row, width) for row in image])
    expected = np.stack([triangle_resize(column, height) for column in expected.T]).T
    top, left = (32 - height) // 2, (32 - width) // 2
    found = square[0, top : top + height, left : left + width].numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_patches_of_one_token_stand_together_and_the_frame_is_repeated():
    height, width = 64, 96
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing='ij')
    numbers = (rows // 16) * (width // 16) + columns // 16  # raster number of the patch
    image = torch.stack([numbers, numbers + 100, numbers + 200]).float()
    found = patches(image, VISION).view(-1, 3, 2, 16, 16)
    assert torch.equal(found[:, :, 0], found[:, :, 1])
    assert torch.equal(found[:, 0, 0, 0, 0] + 200, found[:, 2, 1, 15, 15])
    assert found[:8, 0, 0, 0, 0].tolist() == [0, 1, 6, 7, 2, 3, 8, 9]


def test_a_size_that_is_not_made_of_tokens_is_refused():
    with pytest.raises(ValueError, match='not made of'):
        patches(torch.zeros(3, 48, 64), VISION)


def test_each_image_has_its_own_size_and_black_is_minus_one():
    images = [np.zeros((30, 40, 3), np.uint8), np.full((40, 30, 3), 255, np.uint8)]
    prepared = prepare_images([(images[0], 64), (images[1], 96)], VISION, device=CPU)
    assert prepared.grids == (ImageGrid(4, 4), ImageGrid(6, 6))
    assert prepared.pixels.shape == (16 + 36, 1536)
    assert prepared.pixels[:16].unique().tolist() == [-1.0]
    assert prepared.pixels.max() == 1.0


def test_an_image_with_another_shape_is_refused():
    with pytest.raises(ValueError, match=r'\[h, w, 3\]'):
        prepare_images([(np.zeros((4, 4), np.uint8), 64)], VISION, device=CPU)
