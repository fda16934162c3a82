"""The weights of a guided prefix."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wla_ros.core.prefix_weights import prefix_weights

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


@given(SIZES)
def test_weights_never_rise(sizes):
    assert np.all(np.diff(prefix_weights(*sizes)) <= 0.0)


@pytest.mark.parametrize('sizes', [(-1, 2, 4), (0, 5, 4), (0, -1, 4), (0, 0, 0)])
def test_impossible_sizes_are_refused(sizes):
    with pytest.raises(ValueError, match='overlap'):
        prefix_weights(*sizes)
