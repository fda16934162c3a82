# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wla_ros.base.timing import NS_PER_S
from wla_ros.base.timing import PassingTime
from wla_ros.base.timing import ns_to_seconds
from wla_ros.base.timing import period_ns
from wla_ros.base.timing import row_due_ns
from wla_ros.base.timing import seconds_to_ns


@given(st.integers(-(10**15), 10**15))
def test_a_stamp_of_days_survives_seconds_to_the_nanosecond_scale_of_a_double(stamp_ns):
    assert abs(seconds_to_ns(ns_to_seconds(stamp_ns)) - stamp_ns) <= 1


@pytest.mark.parametrize(('rate_hz', 'expected_ns'), [(200.0, 5_000_000), (30.0, 33_333_333)])
def test_a_rate_has_one_period(rate_hz, expected_ns):
    assert period_ns(rate_hz) == expected_ns


@pytest.mark.parametrize('rate_hz', [0.0, -1.0, 2e6, float('nan'), float('inf')])
def test_rates_without_a_period_are_mistakes(rate_hz):
    with pytest.raises(ValueError, match='rate_hz'):
        period_ns(rate_hz)


def test_rows_are_due_on_the_grid_from_the_anchor():
    assert [row_due_ns(100, 7, i) for i in range(3)] == [100, 107, 114]


@given(st.lists(st.integers(-(2**62), 2**62), min_size=1, max_size=30))
def test_time_passes_however_the_clock_is_set(clock_ns):
    time = PassingTime()
    passed = [time.read(shown) for shown in clock_ns]
    assert passed[0] == 0
    steps = [after - before for before, after in zip(passed, passed[1:], strict=False)]
    assert all(0 <= step <= NS_PER_S for step in steps)
    for step, before, after in zip(steps, clock_ns, clock_ns[1:], strict=False):
        if 0 <= after - before <= NS_PER_S:
            assert step == after - before
