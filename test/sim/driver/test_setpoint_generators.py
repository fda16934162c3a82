# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from wla_ros.sim.driver.generators import StreamGenerator
from wla_ros.sim.driver.generators import TrapezoidGenerator
from wla_ros.sim.driver.generators import braking_speed

ACCELERATION = 5.0
STEP_NS = 2_500_000
STEP_S = STEP_NS * 1e-9
KINDS = (StreamGenerator, TrapezoidGenerator)


class Trace:
    """Set-points of all steps."""

    def __init__(self, generator):
        self.generator = generator
        self.now_ns = 0
        self.positions, self.velocities = [], []

    def aim(self, target, *, speed=3.0, at_ns=None):
        at_ns = self.now_ns if at_ns is None else at_ns
        self.generator.aim(np.asarray(target), max_speed_rad_s=speed, now_ns=at_ns)

    def run(self, seconds):
        for _ in range(round(seconds / STEP_S)):
            self.now_ns += STEP_NS
            self.generator.advance(self.now_ns, STEP_S)
            self.positions.append(self.generator.position[0])
            self.velocities.append(self.generator.velocity[0])


def start(kind, position=0.0):
    generator = kind(acceleration_rad_s2=ACCELERATION)
    generator.reset(np.full(6, position))
    return Trace(generator)


def follow(kind, path, *, rate_hz=200.0, seconds=2.0, jitter_ns=0):
    """Feed a path at a rate, each target due when it is sent, and return times and errors."""
    random = np.random.default_rng(3)
    trace = start(kind, path(0.0))
    period_ns = round(1e9 / rate_hz)
    sent = 0
    times = []
    while trace.now_ns < seconds * 1e9:
        while sent * period_ns <= trace.now_ns:
            late_ns = int(random.integers(0, jitter_ns + 1))
            trace.aim(np.full(6, path(sent * period_ns * 1e-9)), at_ns=sent * period_ns + late_ns)
            sent += 1
        trace.run(STEP_S)
        times.append(trace.now_ns * 1e-9)
    path_positions = np.array([path(time) for time in times])
    return trace, np.array(times), np.array(trace.positions) - path_positions


def minimum_jerk(time_s):
    s = min(max(time_s / 1.5, 0.0), 1.0)
    return 10 * s**3 - 15 * s**4 + 6 * s**5


def lag_s(times, trace, path):
    """Return the shift that explains the set-points best."""
    shifts = np.arange(-0.01, 0.2, 0.001)
    costs = [
        np.mean((trace.positions - np.array([path(time - shift) for time in times])) ** 2)
        for shift in shifts
    ]
    return shifts[int(np.argmin(costs))]


targets = st.lists(
    st.tuples(st.floats(-2.5, 2.5), st.integers(1, 100), st.floats(0.0, 0.5)),
    min_size=1,
    max_size=6,
)


@pytest.mark.parametrize('kind', KINDS)
@settings(max_examples=40, deadline=None)
@given(plan=targets)
def test_speed_and_acceleration_stay_within_limits_whatever_is_commanded(kind, plan):
    trace = start(kind)
    allowed = 0.0
    for target, percent, pause_s in plan:
        speed = 3.0 * percent / 100
        before = len(trace.velocities)
        trace.aim(np.full(6, target), speed=speed)
        trace.run(pause_s)
        for velocity in trace.velocities[before:]:
            # Slowed down while moving, the joint brakes to the new speed.
            allowed = max(speed, allowed - ACCELERATION * STEP_S)
            assert abs(velocity) <= allowed + 1e-9
    changes = np.abs(np.diff([0.0, *trace.velocities]))
    assert np.all(changes <= ACCELERATION * STEP_S + 1e-9)


@pytest.mark.parametrize('kind', KINDS)
@settings(max_examples=30, deadline=None)
@given(plan=targets)
def test_the_last_target_is_reached_and_kept(kind, plan):
    trace = start(kind)
    for target, _, pause_s in plan:
        trace.aim(np.full(6, target))
        trace.run(pause_s)
    trace.run(5.0)
    assert trace.positions[-1] == pytest.approx(plan[-1][0], abs=1e-6)
    assert trace.velocities[-1] == pytest.approx(0.0, abs=1e-5)


@pytest.mark.parametrize('kind', KINDS)
@settings(max_examples=30, deadline=None)
@given(target=st.floats(-2.5, 2.5), percent=st.integers(1, 100))
def test_a_resting_target_is_not_overshot(kind, target, percent):
    trace = start(kind)
    trace.aim(np.full(6, target), speed=3.0 * percent / 100)
    trace.run(2.0)
    beyond = np.max(np.array(trace.positions) * math.copysign(1.0, target)) - abs(target)
    assert beyond <= 1e-9


def test_trapezoid_repeated_targets_do_not_change_the_motion():
    once, often = start(TrapezoidGenerator), start(TrapezoidGenerator)
    once.aim(np.full(6, 1.2))
    once.run(1.5)
    for _ in range(300):
        often.aim(np.full(6, 1.2))
        often.run(0.005)
    assert often.positions == once.positions


def test_trapezoid_takes_the_time_of_the_ideal_profile():
    trace = start(TrapezoidGenerator)
    trace.aim(np.full(6, 1.2))
    trace.run(1.5)
    arrived_s = (np.argmax(np.array(trace.positions) > 1.2 - 1e-6) + 1) * STEP_S
    assert arrived_s == pytest.approx(2 * math.sqrt(1.2 / ACCELERATION), abs=0.01)


def test_trapezoid_lags_a_moving_target_by_its_braking_distance():
    _, _, errors = follow(TrapezoidGenerator, lambda time: 0.5 * time)
    assert errors[-1] == pytest.approx(-0.5 * 0.5 / (2 * ACCELERATION), rel=0.1)


def test_trapezoid_lags_a_path_by_about_a_tenth_of_a_second():
    trace, times, _ = follow(TrapezoidGenerator, minimum_jerk)
    assert 0.08 <= lag_s(times, trace, minimum_jerk) <= 0.12


def test_stream_follows_200_hz_without_lag():
    trace, times, errors = follow(StreamGenerator, minimum_jerk)
    assert np.max(np.abs(errors)) < 0.0015
    assert abs(lag_s(times, trace, minimum_jerk)) <= 0.001


def test_stream_follows_30_hz_without_lag():
    trace, times, errors = follow(StreamGenerator, minimum_jerk, rate_hz=30.0)
    assert np.max(np.abs(errors)) < 0.008
    assert abs(lag_s(times, trace, minimum_jerk)) <= 0.003


def test_stream_bears_jitter_of_arrival():
    _, _, errors = follow(StreamGenerator, minimum_jerk, jitter_ns=1_000_000)
    assert np.max(np.abs(errors)) < 0.004


def test_stream_that_ends_returns_to_its_last_target():
    trace, _, _ = follow(StreamGenerator, lambda time: 0.5 * time, seconds=1.0)
    last = 0.5 * 0.995
    trace.run(1.0)
    # A joint at 0.5 rad/s needs 25 mrad to stop, and the stream is believed for 1.5 intervals.
    assert np.max(trace.positions) <= last + 0.5**2 / (2 * ACCELERATION) + 0.015
    assert trace.positions[-1] == pytest.approx(last, abs=1e-6)


def test_stream_jump_within_a_stream_is_not_taken_for_speed():
    trace = start(StreamGenerator)
    for _ in range(10):
        trace.aim(np.zeros(6))
        trace.run(0.005)
    for _ in range(400):
        trace.aim(np.full(6, 0.8))
        trace.run(0.005)
    assert np.max(trace.positions) <= 0.8 + 1e-9


@pytest.mark.parametrize('kind', KINDS)
def test_reset_forgets_motion_and_targets(kind):
    trace = start(kind)
    trace.aim(np.full(6, 1.0))
    trace.run(0.3)
    trace.generator.reset(np.full(6, -0.4))
    trace.run(0.5)
    assert trace.positions[-1] == -0.4
    assert trace.velocities[-1] == 0.0


@given(distance=st.floats(0.0, 3.0), dt_s=st.sampled_from([0.001, 0.0025, 0.005, 0.01]))
def test_braking_speed_lets_the_joint_stop_exactly_on_target(distance, dt_s):
    speed = braking_speed(np.array([distance]), acceleration=ACCELERATION, dt_s=dt_s)[0]
    assert speed >= 0.0
    travelled, step = 0.0, speed
    while step > 1e-12:
        travelled += step * dt_s
        step -= ACCELERATION * dt_s
    assert travelled == pytest.approx(distance, abs=1e-9)
