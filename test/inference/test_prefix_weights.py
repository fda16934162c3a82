# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The weights of a guided prefix."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wla_ros.inference.conditioning import prefix_weights
from wla_ros.inference.strategy import MASKS

SIZES = st.integers(1, 80).flatmap(
    lambda horizon: st.tuples(st.integers(0, 100), st.integers(0, horizon), st.just(horizon))
)


def test_the_ramp_of_the_published_example():
    """With d = 2, e = 6: c = 1 1 4/5 3/5 2/5 1/5 0, then bent."""
    c = np.array([1.0, 1.0, 0.8, 0.6, 0.4, 0.2, 0.0, 0.0])
    expected = c * (np.exp(c) - 1.0) / (math.e - 1.0)
    np.testing.assert_allclose(prefix_weights(2, 6, 8), expected)


@given(SIZES)
def test_committed_rows_are_frozen_and_rows_without_counterpart_free(sizes):
    committed, overlap, horizon = sizes
    weights = prefix_weights(committed, overlap, horizon)
    frozen = min(committed, overlap)
    assert weights.shape == (horizon,)
    assert np.all(weights[:frozen] == 1.0)
    assert np.all(weights[overlap:] == 0.0)
    assert np.all((weights[frozen:overlap] > 0.0) & (weights[frozen:overlap] < 1.0))


@given(SIZES, st.sampled_from(MASKS))
def test_every_mask_freezes_the_committed_rows_only_and_never_rises(sizes, mask):
    committed, overlap, _ = sizes
    weights = prefix_weights(*sizes, mask)
    frozen = min(committed, overlap)
    assert np.all(weights[:frozen] == 1.0)
    assert np.all((weights[frozen:] >= 0.0) & (weights[frozen:] < 1.0))
    assert np.all(weights[overlap:] == 0.0)
    assert np.all(np.diff(weights) <= 0.0)


def test_masks_differ_between_the_committed_rows_and_the_end_of_the_overlap():
    ramps = {mask: prefix_weights(1, 4, 5, mask)[1:4] for mask in MASKS}
    np.testing.assert_allclose(ramps['hard'], 0.0)
    np.testing.assert_allclose(ramps['soft'], 1.0, atol=1e-5)
    np.testing.assert_allclose(ramps['linear'], [0.75, 0.5, 0.25])
    assert np.all(ramps['exponential'] < ramps['linear'])


def test_an_unknown_mask_is_refused():
    with pytest.raises(ValueError, match="'sof'"):
        prefix_weights(1, 2, 3, 'sof')


@pytest.mark.parametrize('sizes', [(-1, 2, 4), (0, 5, 4), (0, -1, 4), (0, 0, 0)])
def test_impossible_sizes_are_refused(sizes):
    with pytest.raises(ValueError, match='overlap'):
        prefix_weights(*sizes)
