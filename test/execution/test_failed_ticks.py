# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""A tick in which something raises moves nothing by half."""

from typing import Any

import numpy as np
import pytest
from execution.arms import JOINTS
from execution.arms import LAYOUT
from execution.arms import LIMITS
from execution.arms import MS
from execution.arms import REST
from execution.arms import Run
from execution.arms import assert_counts_add_up
from execution.arms import moving_rows
from execution.arms import sample
from execution.emission_oracle import EmissionOracle

from wla_ros.base.types import Mode
from wla_ros.base.types import Refusal
from wla_ros.execution.graph import GraphCondition
from wla_ros.execution.report import ExecutorState


class BrokenError(Exception):
    pass


def fail(*_: Any, **__: Any) -> Any:
    raise BrokenError('what nobody thought of')


def moving() -> Run:
    run = Run()
    run.start()
    run.offer(moving_rows(0.5, 0))
    run.tick(60)
    assert run.snapshot.state == ExecutorState.TRACKING
    return run


def test_a_tick_that_fails_halfway_has_moved_nothing() -> None:
    run = moving()
    before = run.commands[-1]
    step = run.executor._motion.limiter.step

    def half_a_step(*arguments: Any) -> None:
        step(*arguments)
        fail()

    run.executor._motion.limiter.step = half_a_step  # type: ignore[method-assign]
    for _ in range(3):
        run.now_ns += 5 * MS
        with pytest.raises(BrokenError):
            run.executor.tick(run.now_ns)
        run.executor.hold_after_failure(run.now_ns, 'broken')
    assert_counts_add_up(run.snapshot)
    assert run.executor.mode == Mode.HOLD
    assert np.array_equal(run.executor._motion.position, before.position)
    del run.executor._motion.limiter.step  # type: ignore[method-assign]
    run.commands = run.commands[-60:]
    after = run.tick(1)
    assert after is not None
    # 20 ms lie between the two commands, and so much of the stop does.
    elapsed_s = (after.stamp_ns - before.stamp_ns) * 1e-9
    way_rad = after.position[0] - before.position[0]
    assert way_rad == pytest.approx(before.velocity[0] * elapsed_s, rel=0.05)


def fail_once(run: Run) -> None:
    """Let the next command that is made be lost in an error."""
    add = run.executor._motion._rates.add

    def once(*_: Any) -> None:
        run.executor._motion._rates.add = add  # type: ignore[method-assign]
        fail()

    run.executor._motion._rates.add = once  # type: ignore[method-assign]


def tick_through_failure(run: Run, count: int) -> int:
    """Tick, holding after each failure; return how many there were."""
    failures = 0
    for _ in range(count):
        try:
            run.tick()
        except BrokenError:
            failures += 1
            run.executor.hold_after_failure(run.now_ns, 'broken')
    return failures


def test_a_first_tick_that_fails_has_not_started_from_anywhere() -> None:
    """The command once was the middle of the limits then, 0.57 rad from the arms."""
    run = Run()
    fail_once(run)
    assert tick_through_failure(run, 80) == 1
    assert len(run.commands) > 20
    assert np.array_equal(run.positions(), np.tile(REST, (len(run.commands), 1)))


def test_a_tick_that_fails_behind_a_silence_goes_nowhere_back() -> None:
    """The command once was that from before the silence, wherever the arms were by then."""
    run = Run()
    run.start()
    several = Refusal(reason='several_publishers', detail='two')
    run.executor.accept_graph(GraphCondition(problem=several, silent=True))
    run.tick(5)
    for _ in range(10):
        run.measured[JOINTS] += 0.03
        run.tick(1)
    run.tick(100)
    run.executor.accept_graph(GraphCondition())
    run.commands.clear()
    fail_once(run)
    assert tick_through_failure(run, 100) == 1
    assert np.array_equal(run.positions(), np.tile(run.measured, (len(run.commands), 1)))


@pytest.mark.parametrize('unsent', [1, 5, 20, 200])
@pytest.mark.parametrize('decimated', [1, 3])
def test_what_was_not_sent_has_moved_nothing(unsent: int, decimated: int) -> None:
    """Sending failed for a second; then the drivers were told to leap by 0.35 rad."""
    run, oracle = Run(), EmissionOracle(LIMITS)
    run.start()
    assert run.offer(moving_rows(1.0, 0)) is None
    at_driver = run.measured
    for tick in range(80 + decimated * unsent + 200):
        leaves, fails = tick % decimated == 0, 80 <= tick < 80 + decimated * unsent
        run.now_ns += 5 * MS
        for arm in LAYOUT.arms:
            run.executor.accept_feedback(sample(arm, run.measured, run.now_ns - MS))
        command = run.executor.tick(run.now_ns, leaves=leaves)
        assert command is not None
        if leaves and fails:
            run.executor.go_back()
            run.executor.hold_after_failure(run.now_ns, 'not sent')
        elif leaves:
            at_driver = command.position
            oracle.see(command.stamp_ns, command.position)
        run.measured = run.measured + 0.3 * (at_driver - run.measured)
    oracle.close()
    assert not oracle.violations
    assert run.executor.mode == Mode.HOLD
