# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from wla_ros.sim.exposure import SensorNoise

SIZE = {'width': 64, 'height': 48}


def grey(level):
    return np.full((48, 64, 3), level, dtype=np.uint8)


def test_images_in_a_row_never_repeat():
    noise = SensorNoise(**SIZE, sigma=1.5, seed=1)
    images = [noise.applied_to(grey(128)).tobytes() for _ in range(97)]
    assert len(set(images)) == 97


def test_noise_has_the_stated_strength_and_no_bias():
    noisy = SensorNoise(**SIZE, sigma=2.0, seed=1).applied_to(grey(128)).astype(float)
    assert noisy.std() == pytest.approx(2.0, rel=0.05)
    assert noisy.mean() == pytest.approx(128.0, abs=0.1)


@pytest.mark.parametrize('level', [0, 255])
def test_black_and_white_do_not_wrap_around(level):
    noisy = SensorNoise(**SIZE, sigma=5.0, seed=1).applied_to(grey(level)).astype(int)
    assert np.max(np.abs(noisy - level)) <= 30


def test_the_original_is_left_alone():
    pixels = grey(100)
    SensorNoise(**SIZE, sigma=2.0, seed=1).applied_to(pixels)
    assert np.all(pixels == 100)


def test_the_same_seed_gives_the_same_noise():
    first, second = (SensorNoise(**SIZE, sigma=2.0, seed=4) for _ in range(2))
    np.testing.assert_array_equal(first.applied_to(grey(9)), second.applied_to(grey(9)))


@pytest.mark.parametrize('sigma', [0.0, -1.0, 31.0, float('nan')])
def test_strength_out_of_range_is_refused(sigma):
    with pytest.raises(ValueError, match='sigma'):
        SensorNoise(**SIZE, sigma=sigma, seed=0)
