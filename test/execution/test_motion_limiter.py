# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Limits hold for every stream of targets, and a stop is always possible."""

import numpy as np
import pytest
from execution.arms import JOINTS
from execution.arms import LIMITS
from execution.arms import REST
from execution.arms import WIDTH
from execution.arms import assert_within_limits
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from wla_ros.base.curve import CurveSample
from wla_ros.base.types import FloatArray
from wla_ros.base.types import JointCommand
from wla_ros.execution.limiter import MotionLimiter
from wla_ros.execution.limiter import RuckigPlanner
from wla_ros.execution.limiter import Stop
from wla_ros.execution.limiter import _Ease

PERIOD_S = 0.005
ZERO = np.zeros(WIDTH)
NONE = np.zeros(WIDTH, dtype=np.bool_)


def target(
    position: FloatArray, velocity: FloatArray = ZERO, acceleration: FloatArray = ZERO
) -> CurveSample:
    return CurveSample.of(position, velocity, acceleration, NONE)


def at(limiter: MotionLimiter) -> JointCommand:
    return JointCommand(
        stamp_ns=0,
        position=limiter.position,
        velocity=limiter.velocity,
        acceleration=limiter.acceleration,
    )


def stop_fully(limiter: MotionLimiter) -> list[JointCommand]:
    """Stop and return every state on the way."""
    states = [at(limiter)]
    for _ in range(1000):
        if limiter.at_rest:
            return states
        limiter.step(CurveSample.of(ZERO, ZERO, ZERO, ~NONE), PERIOD_S)
        states.append(at(limiter))
    raise AssertionError('still moving after 5 s')


def random_targets(seed: int, count: int) -> list[CurveSample]:
    """Return steps, ramps, dithering, targets at and beyond the bounds, and broken ones."""
    rng = np.random.default_rng(seed)
    targets: list[CurveSample] = []
    span = LIMITS.upper - LIMITS.lower
    while len(targets) < count:
        kind = rng.integers(6)
        hold = int(rng.integers(1, 60))
        base = rng.uniform(LIMITS.lower - 0.3 * span, LIMITS.upper + 0.3 * span)
        velocity = rng.uniform(-1.5, 1.5, WIDTH) * LIMITS.velocity
        acceleration = rng.uniform(-2.0, 2.0, WIDTH) * LIMITS.acceleration
        for k in range(hold):
            if kind == 0:
                targets.append(target(base))
            elif kind == 1:  # a ramp that leaves the bounds sooner or later
                targets.append(target(base + velocity * k * PERIOD_S, velocity))
            elif kind == 2:  # velocity and acceleration that contradict the position
                targets.append(target(base, velocity, acceleration))
            elif kind == 3:  # dither
                noise = rng.normal(0.0, 0.01, WIDTH)
                targets.append(target(base + noise, velocity, acceleration))
            elif kind == 4:  # along a bound, pointing outside
                bound = np.where(rng.random(WIDTH) < 0.5, LIMITS.lower, LIMITS.upper)
                targets.append(target(bound, velocity, acceleration))
            else:
                broken = base.copy()
                broken[rng.integers(WIDTH)] = rng.choice([np.nan, np.inf, -np.inf, 1e300])
                targets.append(target(broken, np.where(rng.random(WIDTH) < 0.1, np.nan, velocity)))
    return targets[:count]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_no_stream_of_targets_breaks_a_limit(seed: int) -> None:
    rng = np.random.default_rng(seed)
    limiter = MotionLimiter(LIMITS)
    limiter.seed(rng.uniform(LIMITS.lower, LIMITS.upper))
    states = [at(limiter)]
    for item in random_targets(seed, 300):
        limiter.step(item, PERIOD_S)
        states.append(at(limiter))
    assert_within_limits(states)
    assert_within_limits(stop_fully(limiter))


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_limits_hold_for_uneven_steps(seed: int) -> None:
    rng = np.random.default_rng(seed)
    limiter = MotionLimiter(LIMITS)
    limiter.seed(rng.uniform(LIMITS.lower, LIMITS.upper))
    for item in random_targets(seed, 200):
        duration_s = float(rng.choice([0.0, 0.0005, 0.005, 0.007, 0.01]))
        before = at(limiter)
        limiter.step(item, duration_s)
        if duration_s:
            assert_within_limits([before, at(limiter)], duration_s)
        else:
            assert np.allclose(before.position, limiter.position, atol=1e-12)
    assert_within_limits(stop_fully(limiter))


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_quick_tests_change_no_command(seed: int) -> None:
    """A limiter that plans every stop commands the same."""
    rng = np.random.default_rng(seed)
    quick, careful = MotionLimiter(LIMITS), MotionLimiter(LIMITS)
    careful._ease = Careful(LIMITS)
    start = rng.uniform(LIMITS.lower, LIMITS.upper)
    for limiter in (quick, careful):
        limiter.seed(start)
    for item in random_targets(seed, 200):
        for limiter in (quick, careful):
            limiter.step(item, PERIOD_S)
        assert np.abs(quick.state - careful.state).max() <= 1e-12


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), share=st.floats(0.0, 1.0))
def test_what_passes_the_quick_test_stops_inside(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    state = np.array(
        [
            rng.uniform(LIMITS.lower, LIMITS.upper),
            rng.uniform(-1.0, 1.0, WIDTH) * LIMITS.velocity * share,
            rng.uniform(-1.0, 1.0, WIDTH) * LIMITS.acceleration * share,
        ]
    )
    ease, stop = _Ease(LIMITS), RuckigPlanner(LIMITS).stop(state, 0.0)
    assert stop is not None
    for column in range(WIDTH):  # the test is for all columns at once: one at a time is stricter
        alone = ease._middle.copy()
        alone[:, column] = state[:, column]
        if ease.stops_inside(alone):
            assert stop.lowest[column] >= LIMITS.lower[column]
            assert stop.highest[column] <= LIMITS.upper[column]


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_every_state_on_the_way_can_stop_inside(seed: int) -> None:
    limiter, judge = MotionLimiter(LIMITS), RuckigPlanner(LIMITS)
    limiter.seed(REST)
    for item in random_targets(seed, 200):
        limiter.step(item, PERIOD_S)
        stop = judge.stop(limiter.state, 0.0)
        assert stop is not None
        assert (stop.lowest >= LIMITS.lower - 1e-8).all()
        assert (stop.highest <= LIMITS.upper + 1e-8).all()


@pytest.mark.parametrize('velocity', [0.05, 0.3, 1.0, 2.0])
def test_constant_velocity_is_followed_without_lag(velocity: float) -> None:
    limiter = MotionLimiter(LIMITS)
    start = np.array(REST)
    start[JOINTS] -= 0.5
    start = LIMITS.clamp(start)
    start[[1, 8]] = 0.1
    limiter.seed(start)
    rate = np.zeros(WIDTH)
    rate[[0, 1, 7, 8]] = velocity
    for k in range(1, 150):
        goal = start + rate * k * PERIOD_S
        limiter.step(target(goal, rate), PERIOD_S)
        if k * PERIOD_S > velocity / 3.0 + 0.35:  # time to get up to speed and catch up
            assert np.abs(limiter.position - goal).max() < 1e-6


@pytest.mark.parametrize(('peak', 'bound'), [(0.3, 1e-6), (1.0, 1e-4), (1.5, 1e-3)])
def test_a_feasible_smooth_path_is_followed_closely(peak: float, bound: float) -> None:
    """A minimum-jerk move of 1 rad with this peak velocity [rad/s], exact derivatives."""
    duration_s = 1.875 / peak
    limiter = MotionLimiter(LIMITS)
    limiter.seed(REST)
    for k in range(1, int(duration_s / PERIOD_S)):
        s = k * PERIOD_S / duration_s
        q = 10 * s**3 - 15 * s**4 + 6 * s**5
        v = (30 * s**2 - 60 * s**3 + 30 * s**4) / duration_s
        a = (60 * s - 180 * s**2 + 120 * s**3) / duration_s**2
        one = np.zeros(WIDTH)
        one[[0, 7]] = 1.0
        limiter.step(target(REST + q * one, v * one, a * one), PERIOD_S)
        assert np.abs(limiter.position - REST - q * one).max() < bound


def test_stopping_columns_stop_while_others_go_on() -> None:
    limiter = MotionLimiter(LIMITS)
    limiter.seed(REST)
    goal = REST + 0.5 * np.isin(np.arange(WIDTH), [0, 7])
    for _ in range(30):
        limiter.step(target(goal), PERIOD_S)
    stop = np.arange(WIDTH) == 0
    for _ in range(400):
        limiter.step(CurveSample.of(goal, ZERO, ZERO, stop), PERIOD_S)
    assert limiter.position[0] < REST[0] + 0.4
    assert limiter.position[7] == pytest.approx(REST[7] + 0.5)
    assert limiter.at_rest


@pytest.mark.parametrize('step_rad', [0.1, 0.1 + 1e-16, 0.1 + 3e-16, -0.1 - 1e-16])
def test_a_distance_between_two_shapes_of_motion_is_no_dead_end(step_rad: float) -> None:
    limiter = MotionLimiter(LIMITS)
    limiter.seed(np.zeros(WIDTH))
    goal = np.where(np.isin(np.arange(WIDTH), [0, 3, 7, 10]), step_rad, 0.0)
    for _ in range(300):
        limiter.step(target(goal), PERIOD_S)
    assert limiter.planner_failures == 0
    assert np.abs(limiter.position - goal).max() < 1e-6


def test_lower_speed_is_kept() -> None:
    limiter = MotionLimiter(LIMITS)
    limiter.seed(REST)
    slow = np.minimum(LIMITS.velocity, 0.2)
    for _ in range(300):
        limiter.step(target(REST + 0.2 * (np.arange(WIDTH) == 0)), PERIOD_S, slow)
        assert abs(limiter.velocity[0]) <= 0.2 + 1e-9
    assert limiter.position[0] == pytest.approx(REST[0] + 0.2)


def test_an_arm_seeded_outside_its_bounds_comes_in_and_never_goes_further_out() -> None:
    limiter = MotionLimiter(LIMITS)
    outside = np.array(REST)
    outside[1] = LIMITS.lower[1] - 0.05
    limiter.seed(outside)
    for _ in range(100):
        limiter.step(target(REST - 1.0), PERIOD_S)
        assert limiter.position[1] >= outside[1] - 1e-9
    for _ in range(400):
        before = limiter.position[1]
        limiter.step(target(REST), PERIOD_S)
        assert limiter.position[1] >= before - 1e-9
    for _ in range(400):
        limiter.step(target(REST - 2.0), PERIOD_S)
    assert limiter.position[1] == pytest.approx(LIMITS.lower[1])


OUTSIDE_RAD = 0.05


def outside_limiter(side: str, how: str) -> MotionLimiter:
    """Return a limiter whose columns 1 and 8 rest outside the bound of that side."""
    position = np.array(REST)
    bound, sign = (LIMITS.lower, -1.0) if side == 'lower' else (LIMITS.upper, 1.0)
    position[[1, 8]] = bound[[1, 8]] + sign * OUTSIDE_RAD
    limiter = MotionLimiter(LIMITS)
    if how == 'seed':
        limiter.seed(position)
    else:
        limiter.seed(REST)
        limiter.place(np.array([1, 8]), position)
    return limiter


@pytest.mark.parametrize('how', ['seed', 'place'])
@pytest.mark.parametrize(('side', 'sign'), [('lower', -1.0), ('upper', 1.0)])
def test_the_bound_of_an_arm_outside_is_where_it_stands_and_follows_it_inward(
    side: str, sign: float, how: str
) -> None:
    limiter = outside_limiter(side, how)
    start = limiter.position.copy()
    further = target(start + sign * np.isin(np.arange(WIDTH), [1, 8]))
    np.testing.assert_array_equal(limiter.nearest(start), start)
    np.testing.assert_array_equal(limiter.nearest(further.values[0]), start)
    for _ in range(50):  # outward: it is held
        limiter.step(further, PERIOD_S)
        np.testing.assert_allclose(limiter.position, start, atol=1e-9)
    inward = target(start - sign * 0.6 * OUTSIDE_RAD * np.isin(np.arange(WIDTH), [1, 8]))
    for _ in range(100):
        limiter.step(inward, PERIOD_S)
    innermost = limiter.position.copy()
    assert (sign * (start - innermost)[[1, 8]] > 0.5 * OUTSIDE_RAD).all()
    for _ in range(100):  # outward again: it stays as far in as it has come
        limiter.step(further, PERIOD_S)
        np.testing.assert_allclose(limiter.position, innermost, atol=1e-7)
    np.testing.assert_allclose(limiter.nearest(further.values[0]), innermost, atol=1e-7)


@pytest.mark.parametrize('side', ['lower', 'upper'])
def test_an_arm_that_came_in_has_the_bounds_of_all(side: str) -> None:
    limiter = outside_limiter(side, 'seed')
    middle = target((LIMITS.lower + LIMITS.upper) / 2.0)
    for _ in range(600):
        limiter.step(middle, PERIOD_S)
    for far in (LIMITS.lower - 9.0, LIMITS.upper + 9.0):
        np.testing.assert_allclose(limiter.nearest(far), LIMITS.clamp(far), atol=1e-12)


class RoundingPlanner:
    """Arrives at once, by a rounding beyond the place it was sent to."""

    def __init__(self, beyond: float) -> None:
        self._beyond = beyond

    def approach(
        self, state: FloatArray, goal: FloatArray, speed: FloatArray, duration_s: float
    ) -> FloatArray | None:
        return np.array([goal[0] + self._beyond, ZERO, ZERO + 1e-3])

    def stop(self, state: FloatArray, duration_s: float) -> Stop | None:
        return Stop(state, state[0], state[0])


@pytest.mark.parametrize('beyond', [-5e-10, 5e-10])
def test_no_rounding_of_the_planner_leads_beyond_a_bound(beyond: float) -> None:
    limiter = MotionLimiter(LIMITS, RoundingPlanner(beyond))
    bound = LIMITS.lower if beyond < 0.0 else LIMITS.upper
    limiter.step(target(bound), PERIOD_S)
    np.testing.assert_array_equal(limiter.state, [bound, ZERO, ZERO + 1e-3])


def test_placing_columns_stops_them_there_and_leaves_the_others_in_motion() -> None:
    limiter = MotionLimiter(LIMITS)
    limiter.seed(REST)
    goal = REST + 0.3 * np.isin(np.arange(WIDTH), [0, 7])
    for _ in range(30):
        limiter.step(target(goal), PERIOD_S)
    before, there = limiter.state.copy(), REST + 0.01
    assert before[1, 0] > 0.1
    there[3] = np.nan  # of a column that is not placed
    limiter.place(np.array([0, 1]), there)
    np.testing.assert_array_equal(limiter.state[:, [0, 1]], [there[:2], [0.0] * 2, [0.0] * 2])
    np.testing.assert_array_equal(limiter.state[:, 2:], before[:, 2:])
    with pytest.raises(ValueError, match='finite'):
        limiter.place(np.array([2, 3]), there)
    np.testing.assert_array_equal(limiter.state[:, 2:], before[:, 2:])
    limiter.halt()
    assert limiter.at_rest


class Careful(_Ease):
    """Lets nothing pass."""

    def reachable(self, target: FloatArray) -> bool:
        return False

    def stops_inside(self, state: FloatArray) -> bool:
        return False


class FailingPlanner:
    """Ruckig that fails in the ways it can."""

    def __init__(self, *, approach: bool, stop: bool, broken: bool = False) -> None:
        self.fail_approach, self.fail_stop, self.broken = approach, stop, broken
        self._real = RuckigPlanner(LIMITS)

    def approach(
        self, state: FloatArray, goal: FloatArray, speed: FloatArray, duration_s: float
    ) -> FloatArray | None:
        if self.fail_approach:
            return None
        if self.broken:
            return np.full((3, WIDTH), np.nan)
        return self._real.approach(state, goal, speed, duration_s)

    def stop(self, state: FloatArray, duration_s: float) -> Stop | None:
        return None if self.fail_stop else self._real.stop(state, duration_s)


@pytest.mark.parametrize(
    ('approach', 'stop', 'broken'),
    [(True, False, False), (True, True, False), (False, True, False), (False, False, True)],
)
def test_a_failing_planner_ends_in_a_stop_within_the_limits(
    approach: bool, stop: bool, broken: bool
) -> None:
    planner = FailingPlanner(approach=False, stop=False)
    limiter = MotionLimiter(LIMITS, planner)
    limiter.seed(REST)
    goal = target(np.where(np.arange(WIDTH) % 7 == 0, LIMITS.upper, REST))
    states = []
    for _ in range(80):
        limiter.step(goal, PERIOD_S)
        states.append(at(limiter))
    assert limiter.velocity.max() > 0.5
    planner.fail_approach, planner.fail_stop, planner.broken = approach, stop, broken
    for _ in range(400):
        limiter.step(goal, PERIOD_S)
        states.append(at(limiter))
    assert limiter.at_rest
    position = np.array([state.position for state in states])
    velocity = np.array([state.velocity for state in states])
    assert np.isfinite(position).all()
    assert (position <= LIMITS.upper + 1e-9).all()
    assert (position >= LIMITS.lower - 1e-9).all()
    room = 1.0 + 1e-6
    assert (np.abs(np.diff(velocity, axis=0)) <= LIMITS.acceleration * PERIOD_S * room).all()


def test_a_seed_that_is_not_finite_is_refused() -> None:
    limiter = MotionLimiter(LIMITS)
    with pytest.raises(ValueError, match='finite'):
        limiter.seed(np.full(WIDTH, np.nan))


def test_commanded_arrays_cannot_be_written() -> None:
    limiter = MotionLimiter(LIMITS)
    with pytest.raises(ValueError, match='read-only'):
        limiter.position[0] = 1.0


def test_behind_a_late_step_the_speed_of_a_gripper_keeps_its_limit() -> None:
    """A plan that turns meanwhile: acceleration takes time to fall, speed rises until then."""
    limiter = MotionLimiter(LIMITS)
    start = 0.5 * (LIMITS.lower + LIMITS.upper)
    start[6] = 0.01345
    limiter.seed(start)
    course = [  # width [m], its rate [m/s] and acceleration [m/s^2] at the end of a step [s]
        (0.0504, 0.648, 18.1, 0.0050),
        (0.0541, 0.728, 11.7, 0.0053),
        (0.0580, 0.772, 5.5, 0.0052),
        (0.0622, 0.784, -1.1, 0.0054),
        (0.0664, 0.761, -7.6, 0.0054),
        (0.0699, 0.710, -13.4, 0.0048),
        (0.0249, 0.168, 36.9, 0.0994),
        (0.0261, 0.324, 28.0, 0.0048),
        (0.0280, 0.441, 18.8, 0.0050),
        (0.0306, 0.515, 9.1, 0.0053),
        (0.0333, 0.537, -0.3, 0.0051),
    ]
    fastest = 0.0
    for width, rate, acceleration, duration_s in course:
        values = np.array([start, ZERO, ZERO])
        values[:, 6] = width, rate, acceleration
        limiter.step(CurveSample(values, NONE), duration_s)
        fastest = max(fastest, float(limiter.state[1, 6]))
    assert fastest <= LIMITS.velocity[6] * (1.0 + 1e-6)
    assert fastest > 0.5 * LIMITS.velocity[6]
