# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Bridges begin with the step, end with nothing, and are as short as their shares allow."""

import numpy as np
import pytest
from execution.arms import LIMITS
from execution.arms import WIDTH
from execution.splices import random_step

from wla_ros.base.curve import CurveSample
from wla_ros.base.types import FloatArray
from wla_ros.execution.bridge import BridgeFit
from wla_ros.execution.bridge import BridgeFitter
from wla_ros.execution.bridge import SpliceBridge
from wla_ros.execution.bridge import bridge_over
from wla_ros.execution.config import BridgeConfig

CONFIG = BridgeConfig()
ZERO = np.zeros(WIDTH)
START = ZERO + 3.0
STILL = np.zeros((2, 3, WIDTH))  # no bridge is running


def step(position: float = 0.0, velocity: float = 0.0, acceleration: float = 0.0) -> CurveSample:
    return CurveSample.of(*(np.full(WIDTH, value) for value in (position, velocity, acceleration)))


def durations(item: CurveSample, config: BridgeConfig = CONFIG) -> FloatArray:
    return BridgeFitter(config, LIMITS).fit(item, STILL).duration_s


def over(item: CurveSample, duration_s: FloatArray) -> SpliceBridge:
    """Return a bridge over `item` that takes `duration_s`, the acceleration 40 ms."""
    parts = np.zeros((2, 3, WIDTH))
    parts[0, :2], parts[1, 2] = item.values[:2], item.values[2]
    return bridge_over(BridgeFit(parts, duration_s, ZERO + 0.04, ZERO > 0.0), start_s=START)


@pytest.mark.parametrize('seed', range(5))
def test_a_bridge_leads_from_the_residual_to_zero_without_steps(seed: int) -> None:
    residual = random_step(np.random.default_rng(seed), 1.0)
    duration_s = np.linspace(0.1, 0.7, WIDTH)
    bridge = over(residual, duration_s)
    assert bridge.at(START) == pytest.approx(residual.values, abs=1e-12)
    almost = bridge.at(START + duration_s * (1.0 - 1e-9))
    assert np.abs(almost).max() < 1e-5
    assert not bridge.at(START + duration_s + 1e-9).any()
    assert not bridge.at(ZERO + 9.0).any()


def test_velocity_and_acceleration_are_derivatives() -> None:
    residual = random_step(np.random.default_rng(1), 1.0)
    bridge = over(residual, ZERO + 0.4)
    for time_s in (0.02, 0.2):
        before, here, after = (bridge.at(START + time_s + k * 1e-5) for k in (-1, 0, 1))
        assert (after - before)[:2] / 2e-5 == pytest.approx(here[1:], abs=1e-4)


def test_a_step_of_the_acceleration_hardly_leads_astray() -> None:
    item = step(acceleration=3.0)
    fit = BridgeFitter(CONFIG, LIMITS).fit(item, STILL)
    assert fit.duration_s.max() <= 0.05
    bridge = bridge_over(fit, ZERO)
    course = bridge.at(np.linspace(0.0, 0.05, 200)[:, None] + ZERO)
    assert course[2, 0] == pytest.approx(3.0)
    assert np.abs(course[0]).max() < 3e-4
    assert np.abs(course[1]).max() < 0.02


def test_no_step_needs_no_bridge() -> None:
    assert not durations(step()).any()
    assert not durations(step(1e-9, 1e-8, 1e-6)).any()


def test_columns_without_plan_have_no_bridge() -> None:
    outside = np.arange(WIDTH) == 3
    item = CurveSample(step(0.05).values, outside)
    found = durations(item)
    assert found[3] == 0.0
    assert (found[~outside] > 0.0).all()


def test_larger_steps_take_longer() -> None:
    small, large = durations(step(0.002)), durations(step(0.05))
    assert (large > small).all()
    assert small.min() >= CONFIG.min_s
    assert large.max() <= CONFIG.max_s


def test_the_shortest_duration_within_the_shares_is_found() -> None:
    """Of a step of 0.02 rad the peak velocity is 15/8 of it, the acceleration 10/sqrt(3)."""
    config = BridgeConfig(jerk_share=1.0, acceleration_share=0.4, velocity_share=0.5)
    joint = durations(step(0.02), config)[0]
    jerk = (60.0 * 0.02 / LIMITS.jerk[0]) ** (1 / 3)
    acceleration = np.sqrt(10.0 / np.sqrt(3.0) * 0.02 / (0.4 * LIMITS.acceleration[0]))
    velocity = 15.0 / 8.0 * 0.02 / (0.5 * LIMITS.velocity[0])
    assert joint == pytest.approx(max(jerk, acceleration, velocity), rel=0.05)


def test_jerk_gives_way_before_velocity_and_acceleration_do() -> None:
    fit = BridgeFitter(BridgeConfig(jerk_share=0.01), LIMITS).fit(step(0.05), STILL)
    assert not fit.steep.any()


def test_a_step_too_large_for_the_longest_bridge_is_steep() -> None:
    fit = BridgeFitter(BridgeConfig(max_s=0.1), LIMITS).fit(step(0.2), STILL)
    assert fit.steep.all()
    assert fit.duration_s == pytest.approx(0.1)


def test_a_bridge_over_a_running_one_goes_on_as_it_moves() -> None:
    """Splices every 20 ms with hardly a step: the bridge over the first step still arrives."""
    fitter = BridgeFitter(CONFIG, LIMITS)
    running = STILL
    first = fitter.fit(step(0.03, 0.1, 1.0), STILL).duration_s.max()
    elapsed_s, item = 0.0, step(0.03, 0.1, 1.0)
    while elapsed_s < 1.3 * first:
        fit = fitter.fit(item, running)
        bridge = bridge_over(fit, ZERO)
        assert bridge.at(ZERO) == pytest.approx(item.values + running.sum(axis=0), abs=1e-9)
        running = bridge.parts(ZERO + 0.02)
        elapsed_s, item = elapsed_s + 0.02, step(2e-8)
    assert np.abs(running.sum(axis=0)[0]).max() < 5e-4


@pytest.mark.parametrize(('distance', 'velocity'), [(0.0, 0.3), (0.02, 0.1), (0.05, 0.0)])
def test_a_run_up_from_rest_neither_backs_up_nor_overtakes(
    distance: float, velocity: float
) -> None:
    """Row 0 lies `distance` ahead and moves on with `velocity`."""
    fitter = BridgeFitter(CONFIG, LIMITS)
    gap = step(-distance)
    rate = np.full(WIDTH, velocity)
    run_up_s = fitter.run_up_s(gap, rate)
    assert 0.0 < run_up_s <= CONFIG.max_s / 2.0
    residual = CurveSample.of(gap.position + rate * run_up_s, -rate, ZERO)
    bridge = over(residual, ZERO + 2.0 * run_up_s)
    instants = np.linspace(0.0, 2.0 * run_up_s, 200)
    speed = bridge.at(instants[:, None] + START)[1] + velocity
    assert speed.min() > -1e-9
    assert speed[:, 0].max() <= max(velocity, CONFIG.velocity_share * LIMITS.velocity[0]) + 1e-9


def test_arms_that_rest_where_the_plan_begins_need_no_run_up() -> None:
    assert BridgeFitter(CONFIG, LIMITS).run_up_s(step(), ZERO) == 0.0
