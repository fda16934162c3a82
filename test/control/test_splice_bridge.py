"""Bridges begin with the step, end with nothing, and are as short as their shares allow."""

import numpy as np
import pytest
from control.arms import LIMITS
from control.arms import WIDTH
from control.splices import random_step

from wla_ros.control.curve_sample import CurveSample
from wla_ros.control.executor_config import BridgeConfig
from wla_ros.control.splice_bridge import BridgeFitter
from wla_ros.control.splice_bridge import bridge_over
from wla_ros.core.types import FloatArray

CONFIG = BridgeConfig()
ZERO = np.zeros(WIDTH)


def step(position: float = 0.0, velocity: float = 0.0, acceleration: float = 0.0) -> CurveSample:
    return CurveSample.of(*(np.full(WIDTH, value) for value in (position, velocity, acceleration)))


def durations(item: CurveSample, config: BridgeConfig = CONFIG) -> FloatArray:
    return BridgeFitter(config, LIMITS).fit(item, item).duration_s


@pytest.mark.parametrize('seed', range(5))
def test_a_bridge_leads_from_the_residual_to_zero_without_steps(seed: int) -> None:
    residual = random_step(np.random.default_rng(seed), 1.0)
    duration_s = np.linspace(0.1, 0.7, WIDTH)
    bridge = bridge_over(residual, ZERO + 3.0, duration_s)
    assert bridge.at(ZERO + 3.0) == pytest.approx(residual.values, abs=1e-12)
    almost = bridge.at(3.0 + duration_s * (1.0 - 1e-9))
    assert np.abs(almost).max() < 1e-5
    assert not bridge.at(3.0 + duration_s + 1e-9).any()
    assert not bridge.at(ZERO + 9.0).any()


def test_velocity_and_acceleration_are_derivatives() -> None:
    residual = random_step(np.random.default_rng(1), 1.0)
    bridge = bridge_over(residual, ZERO, ZERO + 0.4)
    before, here, after = (bridge.at(ZERO + 0.2 + k * 1e-5) for k in (-1, 0, 1))
    assert (after - before)[:2] / 2e-5 == pytest.approx(here[1:], abs=1e-4)


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
    fit = BridgeFitter(BridgeConfig(jerk_share=0.01), LIMITS).fit(step(0.05), step(0.05))
    assert not fit.steep.any()


def test_a_step_too_large_for_the_longest_bridge_is_steep() -> None:
    fit = BridgeFitter(BridgeConfig(max_s=0.1), LIMITS).fit(step(0.2), step(0.2))
    assert fit.steep.all()
    assert fit.duration_s == pytest.approx(0.1)


def test_what_is_left_of_a_running_bridge_is_part_of_the_next() -> None:
    fitter = BridgeFitter(CONFIG, LIMITS)
    alone, both = (fitter.fit(step(0.001), each) for each in (step(0.001), step(0.05)))
    assert (both.duration_s > alone.duration_s).all()


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
    bridge = bridge_over(residual, ZERO, ZERO + 2.0 * run_up_s)
    instants = np.linspace(0.0, 2.0 * run_up_s, 200)
    speed = bridge.at(instants[:, None] + ZERO)[1] + velocity
    assert speed.min() > -1e-9
    assert speed[:, 0].max() <= max(velocity, CONFIG.velocity_share * LIMITS.velocity[0]) + 1e-9


def test_arms_that_rest_where_the_plan_begins_need_no_run_up() -> None:
    assert BridgeFitter(CONFIG, LIMITS).run_up_s(step(), ZERO) == 0.0
