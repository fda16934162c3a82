# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from wla_ros.sim.expert.motion import MAX_ACCELERATION_RAD_S2
from wla_ros.sim.expert.motion import MAX_JERK_RAD_S3
from wla_ros.sim.expert.motion import MAX_SPEED_RAD_S
from wla_ros.sim.expert.motion import Motion
from wla_ros.sim.expert.motion import still
from wla_ros.sim.expert.motion import straight
from wla_ros.sim.expert.plan import Plan
from wla_ros.sim.expert.plan import Stage

ROWS = st.lists(st.floats(-2.0, 2.0), min_size=6, max_size=6).map(np.array)


@given(start=ROWS, end=ROWS)
@settings(max_examples=50, deadline=None)
def test_straight_moves_keep_speed_acceleration_and_jerk(start, end):
    motion = straight(start, end)
    times = np.linspace(0.0, motion.duration_s, 2001)
    step = times[1]
    rows = motion.positions_at(times)
    speed = np.diff(rows, axis=0) / step
    assert np.max(np.abs(speed)) <= MAX_SPEED_RAD_S * 1.01
    acceleration = np.diff(speed, axis=0) / step
    assert np.max(np.abs(acceleration)) <= MAX_ACCELERATION_RAD_S2 * 1.02
    jerk = np.diff(acceleration, axis=0) / step
    assert np.max(np.abs(jerk)) <= MAX_JERK_RAD_S3 * 1.05 + 1e-3
    np.testing.assert_allclose(rows[[0, -1]], [start, end], atol=1e-12)


def test_before_and_after_a_motion_are_its_ends():
    motion = straight(np.zeros(6), np.ones(6))
    rows = motion.positions_at(np.array([-1.0, motion.duration_s + 1.0]))
    np.testing.assert_array_equal(rows, [np.zeros(6), np.ones(6)])


def test_a_curved_path_goes_through_its_rows():
    path = np.sin(np.linspace(0, 1, 33))[:, None] * np.arange(1, 7)
    motion = Motion(path=path, duration_s=1.0)
    course = np.linspace(0, 1, 2001)
    rows = motion.positions_at(course)
    for row in path:
        assert np.min(np.max(np.abs(rows - row), axis=1)) < 0.02


def stage(start, end, subtask, width=(0.0, 0.07)):
    return Stage(
        subtask=subtask,
        motion=straight(start, end),
        width_start_m=width[0],
        width_end_m=width[1],
        width_duration_s=0.5,
    )


def test_a_plan_is_the_same_motion_whenever_it_is_sampled():
    a, b, c = np.zeros(6), np.full(6, 0.5), np.full(6, -0.2)
    plan = Plan(1_000_000_000, [stage(a, b, 'out'), stage(b, c, 'back', (0.07, 0.03))])
    grid = np.arange(0, 6_000_000_000, 10_000_000)
    whole = plan.rows_at(grid)
    np.testing.assert_array_equal(plan.rows_at(grid[137:210]), whole[137:210])
    np.testing.assert_array_equal(whole[0], [*a, 0.0])
    np.testing.assert_array_equal(whole[-1], [*c, 0.03])
    np.testing.assert_array_equal(plan.end_row, [*c, 0.03])
    assert np.max(np.abs(np.diff(whole, axis=0))) < 0.025
    assert plan.subtask_at(0) == 'out'
    assert plan.subtask_at(plan.end_ns) == 'back'


def test_stages_that_do_not_join_are_refused():
    first, second = still(np.zeros(6), 1.0), still(np.ones(6), 1.0)
    stages = [
        Stage(subtask=name, motion=motion, width_start_m=0.0, width_end_m=0.0)
        for name, motion in (('here', first), ('there', second))
    ]
    with pytest.raises(ValueError, match='there'):
        Plan(0, stages)
    with pytest.raises(ValueError, match='at least one'):
        Plan(0, [])
