# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The curve through the rows: exact where it can be, continuous everywhere."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from wla_ros.base.curve import HermiteInterpolation
from wla_ros.base.types import FloatArray

ZERO = np.zeros(3)
COLUMNS = 3


def random_knots(seed: int, count: int) -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(seed)
    times_ns = 10**18 + np.cumsum(rng.integers(5_000_000, 80_000_000, count))
    return times_ns, rng.normal(size=(count, COLUMNS))


@settings(max_examples=50)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 12))
def test_curve_passes_through_every_row(seed: int, count: int) -> None:
    times_ns, rows = random_knots(seed, count)
    curve = HermiteInterpolation(times_ns, rows)
    for time_ns, row in zip(times_ns.tolist(), rows, strict=True):
        sample = curve.sample(time_ns, ZERO)
        assert np.allclose(sample.position, row, atol=1e-9)
        assert not sample.outside.any()


@settings(max_examples=50)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(2, 12))
def test_constant_velocity_is_exact_for_any_spacing(seed: int, count: int) -> None:
    times_ns, _ = random_knots(seed, count)
    rate = np.array([0.3, -1.0, 2.0])
    rows = ((times_ns - times_ns[0]) * 1e-9)[:, None] * rate
    curve = HermiteInterpolation(times_ns, rows)
    first_ns, span_ns = int(times_ns[0]), int(times_ns[-1] - times_ns[0])
    for time_ns in (first_ns + span_ns * k // 16 for k in range(17)):
        sample = curve.sample(time_ns, ZERO)
        assert np.allclose(sample.position, (time_ns - times_ns[0]) * 1e-9 * rate, atol=1e-9)
        assert np.allclose(sample.velocity, rate, atol=1e-9)
        assert np.allclose(sample.acceleration, 0.0, atol=1e-5)


@settings(max_examples=50)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(3, 12))
def test_position_and_velocity_are_continuous_at_the_rows(seed: int, count: int) -> None:
    times_ns, rows = random_knots(seed, count)
    curve = HermiteInterpolation(times_ns, rows)
    for time_ns in times_ns[1:-1].tolist():
        before, after = curve.sample(time_ns - 1, ZERO), curve.sample(time_ns + 1, ZERO)
        assert np.allclose(before.position, after.position, atol=1e-5)
        assert np.allclose(before.velocity, after.velocity, atol=1e-3)


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1))
def test_velocity_and_acceleration_are_derivatives(seed: int) -> None:
    times_ns, rows = random_knots(seed, 6)
    curve = HermiteInterpolation(times_ns, rows)
    time_ns = int(times_ns[2] + times_ns[3]) // 2
    step_ns = 10_000
    before, here, after = (curve.sample(time_ns + k * step_ns, ZERO) for k in (-1, 0, 1))
    slope = (after.position - before.position) / (2e-9 * step_ns)
    assert np.allclose(slope, here.velocity, rtol=1e-3, atol=1e-2)
    change = (after.velocity - before.velocity) / (2e-9 * step_ns)
    assert np.allclose(change, here.acceleration, rtol=1e-3, atol=1.0)


def test_every_column_has_its_own_time_offset() -> None:
    times_ns, rows = random_knots(1, 8)
    curve = HermiteInterpolation(times_ns, rows)
    time_ns = int(times_ns[1])
    offset_s = np.array([0.0, 0.02, 0.1])
    mixed = curve.sample(time_ns, offset_s)
    for column, seconds in enumerate(offset_s):
        alone = curve.sample(time_ns + round(seconds * 1e9), ZERO)
        assert mixed.position[column] == pytest.approx(alone.position[column], abs=1e-9)
        assert mixed.velocity[column] == pytest.approx(alone.velocity[column], abs=1e-6)


def test_outside_the_rows_the_curve_rests_at_the_nearest_end() -> None:
    times_ns, rows = random_knots(2, 4)
    curve = HermiteInterpolation(times_ns, rows)
    for time_ns, row in ((times_ns[0] - 1000, rows[0]), (times_ns[-1] + 1000, rows[-1])):
        sample = curve.sample(int(time_ns), ZERO)
        assert np.allclose(sample.position, row, atol=1e-9)
        assert (sample.velocity == 0.0).all()
        assert sample.outside.all()


@pytest.mark.parametrize('times_ns', [[], [0, 0], [0, 5, 4], [0, 1, 2, 3]])
def test_times_that_are_no_order_are_refused(times_ns: list[int]) -> None:
    with pytest.raises(ValueError, match='ris|row'):
        HermiteInterpolation(
            np.array(times_ns, dtype=np.int64), np.zeros((3, COLUMNS))[: len(times_ns) or 3]
        )
