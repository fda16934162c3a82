# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The limits hold in time of emission, for any gap between two ticks."""

import numpy as np
import pytest
from execution.arms import JOINTS
from execution.arms import LIMITS
from execution.arms import MS
from execution.arms import PERIOD_NS
from execution.arms import REST
from execution.arms import Run
from execution.arms import moving_rows
from execution.emission_oracle import EmissionOracle
from execution.examples import examples
from execution.test_executor_properties import random_chunk
from hypothesis import given
from hypothesis import strategies as st

from wla_ros.base.types import JointCommand
from wla_ros.base.types import Mode


def judged(commands: list[JointCommand]) -> EmissionOracle:
    oracle = EmissionOracle(LIMITS)
    for command in commands:
        oracle.see(command.stamp_ns, command.position)
    oracle.close()
    return oracle


def fast() -> Run:
    """Return a run in which the joints move at 2.6 rad/s."""
    run = Run(lag=0.9)
    run.measured[JOINTS] = [-2.0, 0.4, -2.4, -1.6, -1.1, -1.8] * 2
    run.tick(60)
    assert run.enter(Mode.AUTONOMY) is None
    times_s = np.arange(32) / 30
    rows = np.tile(run.commands[-1].position, (32, 1))
    rows[:, [0, 7]] += np.minimum(np.cumsum(np.minimum(4.0 * times_s, 2.6)) / 30, 4.0)[:, None]
    run.offer(rows)
    run.tick(150)
    assert run.commands[-1].velocity[0] > 2.4
    return run


@pytest.mark.parametrize('gap_ms', [5, 7, 15, 40, 60, 95, 100])
def test_behind_a_late_tick_the_command_is_where_the_motion_has_led_by_then(gap_ms: int) -> None:
    """It went on as if 10 ms had passed: 182 to 477 rad/s^2 by the clock."""
    run = fast()
    run.tick(1, gap_ms * MS)
    run.tick(60)
    oracle = judged(run.commands)
    assert not oracle.violations, oracle.violations[:3]
    assert run.snapshot.worst_rates.acceleration_rad_s2 <= LIMITS.acceleration[0] * 1.001
    assert run.snapshot.worst_rates.velocity_rad_s > 2.4
    assert run.snapshot.counts.stalls == 0


@pytest.mark.parametrize('gap_ms', [101, 300, 5000])
def test_behind_a_stall_the_command_stays_and_starts_from_rest(gap_ms: int) -> None:
    run = fast()
    before = run.commands[-1]
    run.tick(1, gap_ms * MS)
    after = run.commands[-1]
    assert np.abs(after.position - before.position).max() < 1e-9
    assert not after.velocity.any()
    run.tick(60)
    assert not judged(run.commands).violations
    assert run.snapshot.counts.stalls == 1
    assert run.snapshot.worst_rates.acceleration_rad_s2 <= LIMITS.acceleration[0] * 1.001


def test_a_clock_that_was_set_does_not_change_the_motion() -> None:
    """The time that passed is known: the arms come to rest within the limits by it."""
    for step_ns in (-3_000 * MS, 80 * MS, 10_000 * MS):
        run = fast()
        stamps = [command.stamp_ns for command in run.commands]
        run.now_ns += step_ns
        run.executor.notify_clock_jump(run.now_ns, step_ns)
        before = len(run.commands)
        run.tick(1, 30 * MS)  # and this tick was late as well
        run.tick(150)
        stamps += [command.stamp_ns - step_ns for command in run.commands[before:]]
        oracle = EmissionOracle(LIMITS)
        for stamp_ns, command in zip(stamps, run.commands, strict=True):
            oracle.see(stamp_ns, command.position)
        oracle.close()
        assert not oracle.violations
        assert run.executor._motion.limiter.at_rest


@examples(25)
@given(
    seed=st.integers(0, 2**31),
    gaps_us=st.lists(st.integers(50, 130_000), min_size=40, max_size=40),
)
def test_limits_hold_in_time_of_emission(seed: int, gaps_us: list[int]) -> None:
    run = Run(lag=0.9)
    run.start()
    rng = np.random.default_rng(seed)
    for gap_us in gaps_us:
        if rng.random() < 0.4:
            run.executor.accept_chunk(random_chunk(run, rng, 1), run.now_ns)
        run.tick(1, gap_us * 1000)
        run.tick(int(rng.integers(0, 8)))
    oracle = judged(run.commands)
    assert not oracle.violations, oracle.violations[:3]


def test_the_worst_rates_are_those_of_the_stamps() -> None:
    run = Run()
    run.start()
    assert run.snapshot.worst_rates.velocity_rad_s == pytest.approx(0.0, abs=1e-6)
    run.offer(moving_rows(0.4, 0))
    run.tick(150)
    worst = run.snapshot.worst_rates
    moved = run.positions()[:, JOINTS]
    speeds = np.abs(np.diff(moved, axis=0)).max() / (PERIOD_NS * 1e-9)
    assert worst.velocity_rad_s == pytest.approx(speeds, rel=1e-4)
    assert 0.0 < worst.acceleration_rad_s2 <= LIMITS.acceleration[0] * 1.001
    assert 0.0 < worst.jerk_rad_s3 <= LIMITS.jerk[0] * 1.01
    assert REST[0] < moved[-1, 0]
