# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The motion stays within limits and rates and begins and ends at rest where it started."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from wla_ros.base.types import Refusal
from wla_ros.calibration.excitation import Excitation
from wla_ros.calibration.excitation import ExcitationBounds
from wla_ros.calibration.excitation import in_turn
from wla_ros.calibration.excitation import plan_excitation

BOUNDS = ExcitationBounds(
    amplitude=0.05, least_amplitude=0.01, velocity=0.3, acceleration=1.5, jerk=20.0
)


@settings(max_examples=60, deadline=None)
@given(
    start=st.floats(-1.0, 1.0),
    below=st.floats(0.0, 0.2),
    above=st.floats(0.0, 0.2),
    amplitude=st.floats(0.02, 0.3),
    velocity=st.floats(0.05, 1.0),
    acceleration=st.floats(0.2, 5.0),
    duration_s=st.floats(4.0, 12.0),
)
def test_limits_and_rates_hold(start, below, above, amplitude, velocity, acceleration, duration_s):
    bounds = ExcitationBounds(
        amplitude=amplitude,
        least_amplitude=0.005,
        velocity=velocity,
        acceleration=acceleration,
        jerk=30.0,
    )
    lower, upper = start - below, start + above
    motion = plan_excitation(
        start=start, lower=lower, upper=upper, bounds=bounds, duration_s=duration_s
    )
    if isinstance(motion, Refusal):
        assert motion.reason == 'no_room'
        return
    low, high = motion.reach()
    assert lower - 1e-9 <= low
    assert high <= upper + 1e-9
    assert motion.amplitude <= amplitude
    rates = motion.largest_rates()
    assert rates[0] <= velocity
    assert rates[1] <= acceleration
    assert rates[2] <= 30.0
    ends = motion.position(np.array([-1.0, 0.0, duration_s, duration_s + 1.0]))
    assert np.allclose(ends, start)
    assert high - low > 1.2 * motion.amplitude


def test_a_column_on_its_limit_moves_inward():
    motion = plan_excitation(start=0.0, lower=0.0, upper=3.0, bounds=BOUNDS, duration_s=6.0)
    assert isinstance(motion, Excitation)
    assert motion.offset == pytest.approx(motion.amplitude)
    assert motion.reach()[0] >= -1e-12


@pytest.mark.parametrize(
    ('start', 'upper', 'reason'), [(0.5, 0.4, 'out_of_range'), (0.005, 0.01, 'no_room')]
)
def test_no_room_is_refused(start, upper, reason):
    refusal = plan_excitation(start=start, lower=0.0, upper=upper, bounds=BOUNDS, duration_s=6.0)
    assert refusal.reason == reason


def test_nan_is_no_start():
    refusal = plan_excitation(start=np.nan, lower=0.0, upper=1.0, bounds=BOUNDS, duration_s=6.0)
    assert refusal.reason == 'out_of_range'


def test_columns_move_in_turn_and_rest_otherwise():
    start = np.array([0.1, 0.2, 0.3])
    motion = {
        column: plan_excitation(
            start=start[column], lower=-1.0, upper=1.0, bounds=BOUNDS, duration_s=4.0
        )
        for column in (2, 0)
    }
    plan = in_turn(start, motion, rest_s=0.5)
    times = np.arange(-1.0, plan.duration_s + 1.0, 0.01)
    rows = plan.rows(times)
    assert plan.duration_s == pytest.approx(0.5 + 4.0 + 0.5 + 4.0 + 0.5)
    assert np.all(rows[:, 1] == 0.2)
    moving = np.abs(rows - start) > 1e-9
    assert not np.any(moving[:, 0] & moving[:, 2])
    assert moving[:, 0].any()
    assert moving[:, 2].any()
    assert np.allclose(rows[times < 0.5], start)
    assert np.allclose(rows[times > plan.duration_s - 0.5], start)
