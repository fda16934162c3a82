"""A tick in which something raises moves nothing by half."""

from typing import Any

import numpy as np
import pytest
from execution.arms import MS
from execution.arms import Run
from execution.arms import assert_counts_add_up
from execution.arms import moving_rows

from wla_ros.base.types import Mode
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
