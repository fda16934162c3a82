# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
import numpy as np
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from wla_ros.sim.expert.joined_rows import MotionState
from wla_ros.sim.expert.joined_rows import Quintic
from wla_ros.sim.expert.joined_rows import Settling

number = st.floats(-2.0, 2.0)
states = st.builds(
    lambda p, v, a: MotionState(
        position=np.array([p]), velocity=np.array([v]), acceleration=np.array([a])
    ),
    number,
    number,
    number,
)
STEP_S = 1e-4


def state_at(motion, time_s):
    before, now, after = motion.at(np.array([time_s - STEP_S, time_s, time_s + STEP_S]))
    return MotionState(
        position=now,
        velocity=(after - before) / (2 * STEP_S),
        acceleration=motion.acceleration(np.array([time_s]))[0],
    )


@settings(max_examples=50)
@given(start=states, end=states, duration_s=st.floats(0.3, 3.0))
def test_both_ends_are_met_in_position_velocity_and_acceleration(start, end, duration_s):
    motion = Quintic.between(start, end, duration_s)
    times = np.array([0.0, duration_s])
    np.testing.assert_allclose(motion.at(times), [start.position, end.position], atol=1e-9)
    np.testing.assert_allclose(
        motion.acceleration(times), [start.acceleration, end.acceleration], atol=1e-6
    )
    near = motion.at(np.array([STEP_S, duration_s - STEP_S]))
    np.testing.assert_allclose((near[0] - start.position) / STEP_S, start.velocity, atol=0.05)
    np.testing.assert_allclose((end.position - near[1]) / STEP_S, end.velocity, atol=0.05)


@settings(max_examples=50)
@given(start=states, end=states, duration_s=st.floats(0.5, 2.0), share=st.floats(0.1, 0.8))
def test_planned_again_from_a_state_on_the_way_it_is_the_same_curve(start, end, duration_s, share):
    first = Quintic.between(start, end, duration_s)
    then_s = share * duration_s
    again = Quintic.between(state_at(first, then_s), end, duration_s - then_s)
    times = np.linspace(0.0, duration_s - then_s, 7)
    np.testing.assert_allclose(again.at(times), first.at(times + then_s), atol=1e-4)


@settings(max_examples=50)
@given(start=states, goal=states, then_s=st.floats(0.05, 0.5))
def test_settling_planned_again_is_the_same_and_ends_on_the_goal(start, goal, then_s):
    first = Settling(start, goal, 0.1)
    moved = MotionState(
        position=goal.position + then_s * goal.velocity,
        velocity=goal.velocity,
        acceleration=goal.acceleration,
    )
    again = Settling(state_at(first, then_s), moved, 0.1)
    times = np.linspace(0.0, 0.5, 6)
    np.testing.assert_allclose(again.at(times), first.at(times + then_s), atol=1e-5)
    late = np.array([3.0])
    np.testing.assert_allclose(first.at(late)[0], goal.position + 3.0 * goal.velocity, atol=1e-5)


def test_after_its_end_a_quintic_goes_on_with_its_last_velocity():
    start = MotionState(position=np.zeros(1), velocity=np.zeros(1), acceleration=np.zeros(1))
    end = MotionState(position=np.ones(1), velocity=np.full(1, 0.5), acceleration=np.zeros(1))
    motion = Quintic.between(start, end, 1.0)
    np.testing.assert_allclose(motion.at(np.array([1.0, 2.0, 3.0]))[:, 0], [1.0, 1.5, 2.0])
