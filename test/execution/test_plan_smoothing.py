# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The command follows the course of a plan, not the jitter of its rows."""

import numpy as np
import pytest
from execution.arms import DT_NS
from execution.arms import GRIPPERS
from execution.arms import JOINTS
from execution.arms import LIMITS
from execution.arms import REST
from execution.arms import WIDTH
from execution.arms import Run
from execution.arms import assert_within_limits
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from wla_ros.base.curve import CurveSample
from wla_ros.base.curve import HermiteInterpolation
from wla_ros.execution.config import ExecutorConfig
from wla_ros.execution.config import MotionConfig
from wla_ros.execution.limiter import MotionLimiter
from wla_ros.execution.path import PlannedCurve
from wla_ros.execution.path import PlanSmoothing

START_NS = 10**9
WINDOW_S = 0.1
ARMS = np.isin(np.arange(WIDTH), JOINTS)
EVERYTHING = np.ones(WIDTH, dtype=np.bool_)


def curve_through(rows, starts_s=None):
    """Return the curve of one plan through `rows` from START_NS on, followed from `starts_s`."""
    times_ns = START_NS + DT_NS * np.arange(len(rows))
    starts_s = np.zeros(WIDTH) if starts_s is None else starts_s
    return PlannedCurve().spliced(
        HermiteInterpolation(times_ns, rows), starts_s, None, keep_from_ns=START_NS
    )


def at(seconds):
    return START_NS + round(seconds * 1e9)


def wave(seconds, amplitude=0.25, rate=2.2):
    return REST + amplitude * np.sin(rate * np.asarray(seconds))[..., None] * ARMS


def executed(rows, window_s, seconds):
    """Return the commands [n, D] of a limiter that follows `rows`, and their times [n]."""
    curve, smoothing = curve_through(rows), PlanSmoothing(window_s, ARMS)
    limiter = MotionLimiter(MotionConfig().scaled(LIMITS))
    limiter.seed(REST)
    times = np.arange(0.005, seconds, 0.005)
    course = []
    for time in times:
        limiter.step(smoothing.sample(curve, at(time), None), 0.005)
        course.append(limiter.position)
    return times, np.array(course)


@pytest.mark.parametrize(('jitter_rad', 'most_rad'), [(0.0005, 0.002), (0.002, 0.010)])
def test_rows_that_jitter_are_followed_in_the_middle(jitter_rad, most_rad):
    random = np.random.default_rng(5)
    count = round(6.0 / (DT_NS * 1e-9))
    clean = wave(np.arange(count) * DT_NS * 1e-9)
    rows = clean + random.normal(0.0, jitter_rad, clean.shape) * ARMS
    times, course = executed(rows, WINDOW_S, 5.8)
    settled = times > 1.0
    beside = np.abs(course - wave(times))[settled][:, JOINTS]
    assert beside.max() < most_rad
    # That is what it is for: going after every row ends far beside all of them.
    times, course = executed(rows, 0.0, 5.8)
    assert np.abs(course - wave(times))[settled][:, JOINTS].max() > 5.0 * most_rad


def test_a_smooth_plan_is_followed_within_a_millirad():
    count = round(6.0 / (DT_NS * 1e-9))
    times, course = executed(wave(np.arange(count) * DT_NS * 1e-9), WINDOW_S, 5.8)
    assert np.abs(course - wave(times))[times > 1.0].max() < 1e-3


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    seconds=st.floats(0.0, 1.0),
    offset_s=st.sampled_from([None, 0.0, 0.03]),
)
def test_constant_acceleration_is_reproduced_wherever_it_is_asked_for(seed, seconds, offset_s):
    random = np.random.default_rng(seed)
    place, speed, bend = random.uniform(-1.0, 1.0, (3, WIDTH))
    t = np.arange(31) * DT_NS * 1e-9

    def truth(instant):
        return place + speed * instant + bend * instant**2 / 2

    rows = np.array([truth(instant) for instant in t])
    offsets = None if offset_s is None else np.full(WIDTH, offset_s)
    sample = PlanSmoothing(WINDOW_S, EVERYTHING).sample(curve_through(rows), at(seconds), offsets)
    instant = seconds + (offset_s or 0.0)
    if instant > t[-1]:
        assert sample.outside.all()
        return
    # The ends of the interpolation itself are straight.
    if 0.04 < instant < t[-1] - 0.04:
        np.testing.assert_allclose(sample.position, truth(instant), atol=2e-4)
    if 0.15 < instant < t[-1] - 0.15:
        np.testing.assert_allclose(sample.position, truth(instant), atol=1e-9)
        np.testing.assert_allclose(sample.velocity, speed + bend * instant, atol=1e-7)
        np.testing.assert_allclose(sample.acceleration, bend, atol=1e-5)


def test_both_ways_to_sample_agree():
    rows = wave(np.arange(40) * DT_NS * 1e-9)
    rows[:, JOINTS] += np.random.default_rng(1).normal(0.0, 0.002, (40, len(JOINTS)))
    curve, smoothing = curve_through(rows), PlanSmoothing(WINDOW_S, ARMS)
    for seconds in (0.0, 0.06, 0.5, 1.25, 1.29):
        fast = smoothing.sample(curve, at(seconds), None)
        slow = smoothing.sample(curve, at(seconds), np.zeros(WIDTH))
        np.testing.assert_allclose(fast.values, slow.values, atol=1e-9)


def test_grippers_close_when_the_plan_says_so():
    rows = np.tile(REST, (40, 1))
    rows[20:, GRIPPERS] = 0.0
    curve = curve_through(rows)
    for seconds in np.arange(0.0, 1.2, 0.01):
        plain, smooth = (
            PlanSmoothing(window_s, ARMS).sample(curve, at(seconds), None)
            for window_s in (0.0, WINDOW_S)
        )
        np.testing.assert_array_equal(smooth.values, plain.values)


def test_nothing_before_the_plan_began_counts():
    """Rows that were late never moved the arms: they must not bend the course of the others."""
    rows = np.tile(REST, (40, 1))
    rows[:10, JOINTS] += 0.3
    began = np.full(WIDTH, 0.4)
    curve = curve_through(rows, began)
    sample = PlanSmoothing(WINDOW_S, ARMS).sample(curve, at(0.41), None)
    np.testing.assert_allclose(sample.position, REST, atol=1e-12)


def test_arms_that_rest_stay_where_they_are_to_the_last_bit():
    sample = PlanSmoothing(WINDOW_S, ARMS).sample(
        curve_through(np.tile(REST, (40, 1))), at(0.5), None
    )
    assert isinstance(sample, CurveSample)
    np.testing.assert_array_equal(sample.position, REST)
    assert not sample.values[1:].any()


def test_an_executor_keeps_to_the_middle_of_chunks_that_jitter():
    beside = {window_s: _beside(window_s) for window_s in (WINDOW_S, 0.0)}
    # Every chunk jitters anew, so the seams do as well.
    assert beside[WINDOW_S] < 0.008
    assert beside[0.0] > 2.0 * beside[WINDOW_S]


def _beside(window_s):
    """Return how far commands are beside the course, at most, after one second."""
    random = np.random.default_rng(3)
    run = Run(ExecutorConfig(motion=MotionConfig(smoothing_s=window_s)), lag=0.9)
    run.start()
    began_ns = run.now_ns
    beside = []
    for _ in range(20):
        elapsed_s = (run.now_ns - began_ns) * 1e-9
        rows = wave(elapsed_s + np.arange(32) * DT_NS * 1e-9)
        rows[:, JOINTS] += random.normal(0.0, 0.0005, (32, len(JOINTS)))
        assert run.offer(rows) is None
        for _ in range(53):
            run.tick(1)
            now_s = (run.now_ns - began_ns) * 1e-9
            beside.append(np.abs(run.commands[-1].position - wave(np.array([now_s]))[0])[JOINTS])
    assert_within_limits(run.commands)
    return np.array(beside)[400:].max()
