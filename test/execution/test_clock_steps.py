# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""A clock that is set changes nothing about what is known of the arms, however far it is set."""

import numpy as np
import pytest
from execution.arms import REST
from execution.arms import Run

from wla_ros.base import reasons
from wla_ros.base.types import Mode

HOUR_NS = 3600 * 10**9
STEPS = pytest.mark.parametrize('step_ns', [0, -3 * 10**9, -HOUR_NS, HOUR_NS])


def late_run() -> Run:
    """Return a run of two hours after the epoch, so that the clock can be set back."""
    run = Run()
    run.now_ns += 2 * HOUR_NS
    run.tick(200)
    return run


def step(run: Run, step_ns: int) -> None:
    if step_ns:
        run.now_ns += step_ns
        run.executor.notify_clock_jump(run.now_ns, step_ns)


@STEPS
def test_a_held_command_follows_an_arm_that_stands_elsewhere(step_ns: int) -> None:
    """Set back by an hour, it once did not for an hour."""
    run = late_run()
    step(run, step_ns)
    run.tick(200)
    run.measured[0] += 0.15
    run.lag = 0.0
    run.tick(400)
    assert run.commands[-1].position[0] == pytest.approx(REST[0] + 0.15)


@STEPS
def test_the_command_of_an_arm_moved_by_hand_is_where_the_arm_is(step_ns: int) -> None:
    """Set back by an hour, the arm once was thrown by a radian when it was enabled again."""
    run = late_run()

    def ticks(count: int) -> None:
        for _ in range(count):
            run.condition('left', 'disabled', released=True)
            run.condition('right')
            run.tick()

    ticks(100)
    step(run, step_ns)
    ticks(200)
    run.lag = 0.0
    for _ in range(200):
        run.measured[1] += 0.005
        ticks(1)
    ticks(10)
    assert np.abs(run.commands[-1].position - run.measured).max() < 0.1


@STEPS
def test_a_driver_that_falls_silent_is_noticed(step_ns: int) -> None:
    """Set back by an hour, its last status once was fresh for an hour."""
    run = late_run()
    run.condition('left')
    run.condition('right')
    run.tick()
    step(run, step_ns)
    run.tick(1200)
    refusal = run.enter(Mode.AUTONOMY)
    assert refusal is not None
    assert refusal.reason == reasons.ARM_FAULT


def test_one_status_on_either_side_of_a_step_is_no_series() -> None:
    run = late_run()
    run.condition('left', 'disabled', released=True)
    run.tick()
    step(run, HOUR_NS)
    run.condition('left', 'disabled', released=True)
    assert not run.executor._feedback.released_arms(run.now_ns)
