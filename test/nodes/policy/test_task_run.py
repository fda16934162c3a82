# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The course of a task: every end has a reason, and whatever moved ends in HOLD."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from wla_ros.base.timing import NS_PER_S
from wla_ros.base.types import Mode
from wla_ros.nodes.policy.tasks import Demand
from wla_ros.nodes.policy.tasks import Phase
from wla_ros.nodes.policy.tasks import TaskFacts
from wla_ros.nodes.policy.tasks import TaskLimits
from wla_ros.nodes.policy.tasks import TaskRun

LIMITS = TaskLimits(
    time_limit_ns=10 * NS_PER_S, ready_timeout_ns=2 * NS_PER_S, fault_timeout_ns=5 * NS_PER_S
)
READY = TaskFacts(ready=True, mode=Mode.HOLD)
MOVING = TaskFacts(ready=True, mode=Mode.AUTONOMY)


def _running() -> TaskRun:
    run = TaskRun(LIMITS, 0)
    assert run.update(READY, 1) is Demand.AUTONOMY
    assert run.update(MOVING, 2) is None
    assert run.phase is Phase.RUNNING
    return run


def _ended(run: TaskRun, facts: TaskFacts, now_ns: int) -> str:
    """Return the reason after HOLD was asked for and confirmed."""
    assert run.update(facts, now_ns) is Demand.HOLD
    assert run.update(replace(facts, mode=Mode.HOLD), now_ns + 1) is None
    assert run.phase is Phase.DONE
    return run.reason


def test_a_task_that_is_never_ready_is_refused_without_asking_for_anything() -> None:
    run = TaskRun(LIMITS, 0)
    waiting = TaskFacts(ready=False, refusal='head: stale')
    assert run.update(waiting, NS_PER_S) is None
    assert run.update(waiting, 2 * NS_PER_S) is None
    assert (run.phase, run.reason, run.message) == (Phase.DONE, 'refused', 'head: stale')


def test_the_executors_refusal_of_autonomy_is_the_message() -> None:
    run = TaskRun(LIMITS, 0)
    run.update(READY, 1)
    assert run.update(replace(READY, mode_refusal='arm_fault: left'), 2) is None
    assert (run.phase, run.reason, run.message) == (Phase.DONE, 'refused', 'arm_fault: left')


def test_an_executor_that_never_answers_is_asked_to_hold() -> None:
    run = TaskRun(LIMITS, 0)
    run.update(READY, 1)
    assert run.update(READY, 4 * NS_PER_S) is Demand.HOLD
    assert run.reason == 'refused'


@pytest.mark.parametrize(
    ('facts', 'now_ns', 'reason'),
    [
        (replace(MOVING, finished=True), 3, 'finished'),
        (replace(MOVING, cancel_requested=True), 3, 'cancelled'),
        (replace(MOVING, last_chunk_ns=10 * NS_PER_S), 10 * NS_PER_S + 2, 'time_limit'),
        (replace(MOVING, last_chunk_ns=NS_PER_S), 6 * NS_PER_S, 'fault'),
        (replace(MOVING, mode=Mode.HOLD, mode_reason='deviation: of an operator'), 3, 'preempted'),
        (replace(MOVING, mode=Mode.HOLD, mode_cause='deviation', mode_reason='left'), 3, 'fault'),
        (replace(MOVING, mode=Mode.ESTOP, mode_reason='button'), 3, 'fault'),
    ],
)
def test_every_end_has_its_reason(facts: TaskFacts, now_ns: int, reason: str) -> None:
    assert _ended(_running(), facts, now_ns) == reason


def test_silence_is_counted_from_the_begin_of_the_motion() -> None:
    run = _running()
    old = replace(MOVING, last_chunk_ns=-100 * NS_PER_S)
    assert run.update(old, 4 * NS_PER_S) is None
    assert _ended(run, old, 6 * NS_PER_S) == 'fault'


def test_a_hold_that_is_not_confirmed_is_said_in_the_message() -> None:
    run = _running()
    run.update(replace(MOVING, finished=True), 3)
    assert run.update(MOVING, 10 * NS_PER_S) is None
    assert run.phase is Phase.DONE
    assert 'did not confirm HOLD' in run.message


def test_abandoning_holds_once() -> None:
    run = _running()
    assert run.abandon('the node stops', 5) is Demand.HOLD
    assert run.abandon('the node stops', 6) is None
    assert run.reason == 'fault'


FACTS = st.builds(
    TaskFacts,
    ready=st.booleans(),
    mode=st.sampled_from([None, *Mode]),
    mode_refusal=st.sampled_from(['', 'no']),
    mode_cause=st.sampled_from(['', 'requested', 'deviation']),
    cancel_requested=st.booleans(),
    last_chunk_ns=st.integers(0, 20 * NS_PER_S),
    finished=st.booleans(),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(FACTS, st.integers(1, NS_PER_S)), min_size=1, max_size=60))
def test_whatever_happens_hold_is_asked_for_exactly_once_after_motion_was_possible(
    course: list[tuple[TaskFacts, int]],
) -> None:
    run, now_ns, demands, moved = TaskRun(LIMITS, 0), 0, [], False
    for facts, step_ns in course:
        now_ns += step_ns
        demand = run.update(facts, now_ns)
        moved = moved or run.phase is Phase.RUNNING
        if demand is not None:
            demands.append(demand)
    assert demands.count(Demand.AUTONOMY) <= 1
    assert demands.count(Demand.HOLD) <= 1
    if run.phase is Phase.DONE:
        assert run.reason
        if moved:
            assert demands == [Demand.AUTONOMY, Demand.HOLD]
