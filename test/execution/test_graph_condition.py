# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Two sources of anything: the arms hold where they are, and whose chunks count is decided."""

import dataclasses

import numpy as np
import pytest
from execution.arms import JOINTS
from execution.arms import LAYOUT
from execution.arms import MS
from execution.arms import REST
from execution.arms import Run
from execution.arms import assert_counts_add_up
from execution.arms import assert_within_limits
from execution.arms import chunk
from execution.arms import held_rows
from execution.arms import moving_rows
from execution.arms import sample

from wla_ros.base import reasons
from wla_ros.base.reasons import SEVERAL_PUBLISHERS
from wla_ros.base.types import Mode
from wla_ros.base.types import Refusal
from wla_ros.execution.graph import GraphCondition
from wla_ros.execution.report import ExecutorState

SECOND = Refusal(reason=SEVERAL_PUBLISHERS, detail='2 publishers on joint_states_left')
FOREIGN = GraphCondition(problem=SECOND)
BLIND = GraphCondition(problem=SECOND, blind=SECOND.detail)
SILENT = GraphCondition(problem=SECOND, silent=True)


@pytest.mark.parametrize('condition', [FOREIGN, BLIND])
def test_autonomy_ends_within_the_limits_and_does_not_resume(condition):
    run = Run()
    run.start()
    assert run.offer(moving_rows(0.8, 0)) is None
    run.tick(40)
    run.executor.accept_graph(condition)
    run.tick(200)
    assert (run.snapshot.mode.mode, run.snapshot.mode.cause) == (Mode.HOLD, SEVERAL_PUBLISHERS)
    assert (run.snapshot.state, run.snapshot.reason) == (ExecutorState.HOLDING, SEVERAL_PUBLISHERS)
    assert run.enter(Mode.AUTONOMY) == SECOND
    assert run.enter(Mode.HOMING) == SECOND

    run.executor.accept_graph(GraphCondition())
    rested = run.tick(200).position
    assert run.snapshot.mode.mode == Mode.HOLD
    assert np.array_equal(run.tick(100).position, rested)
    assert_within_limits(run.commands)
    assert_counts_add_up(run.snapshot)
    assert run.enter(Mode.AUTONOMY) is None


def test_homing_ends_as_well():
    run = Run()
    run.tick(60)
    assert run.enter(Mode.HOMING) is None
    run.tick(20)
    run.executor.accept_graph(FOREIGN)
    run.tick()
    assert run.snapshot.mode.mode == Mode.HOLD


@pytest.mark.parametrize('mode', [Mode.HOLD, Mode.ESTOP])
def test_feedback_of_two_sources_never_moves_what_is_held(mode):
    run = Run()
    run.tick(60)
    if mode == Mode.ESTOP:
        assert run.enter(mode) is None
        run.tick(100)
    held = run.tick().position
    run.executor.accept_graph(BLIND)
    elsewhere = REST.copy()
    elsewhere[JOINTS] += 0.5
    for i in range(400):
        run.now_ns += 5 * MS
        for arm in LAYOUT.arms:
            position = elsewhere if i % 2 else REST
            run.executor.accept_feedback(sample(arm, position, run.now_ns - MS))
        command = run.executor.tick(run.now_ns)
        assert np.array_equal(command.position, held)
    assert run.snapshot.mode.mode == mode


def test_nothing_is_sent_into_a_topic_of_somebody_else_and_the_start_is_where_the_arms_are_then():
    run = Run()
    run.executor.accept_graph(SILENT)
    assert run.tick(300) is None
    assert (run.snapshot.state, run.snapshot.reason) == (
        ExecutorState.NOT_READY,
        SEVERAL_PUBLISHERS,
    )
    assert run.enter(Mode.AUTONOMY) == SECOND
    assert_counts_add_up(run.snapshot)

    run.executor.accept_graph(GraphCondition())
    assert run.tick(60) is not None
    run.start()
    assert run.offer(moving_rows(0.5, 0)) is None
    run.tick(20)
    run.executor.accept_graph(SILENT)
    assert run.tick(50) is None
    assert run.snapshot.mode.mode == Mode.HOLD
    run.measured = REST.copy()
    run.measured[JOINTS] += 0.2  # whoever commanded meanwhile left the arms there
    run.executor.accept_graph(GraphCondition())
    assert run.tick() is None  # nobody saw the arms go there: samples have to agree first
    assert np.array_equal(run.tick(120).position, run.measured)
    assert_counts_add_up(run.snapshot)


def test_an_emergency_stop_stays_latched_through_the_silence():
    run = Run()
    run.tick(60)
    assert run.enter(Mode.ESTOP) is None
    run.executor.accept_graph(SILENT)
    run.tick(10)
    run.executor.accept_graph(GraphCondition())
    run.tick(100)
    assert run.snapshot.mode.mode == Mode.ESTOP


def test_silence_needs_a_reason():
    for condition in ({'silent': True}, {'blind': 'two drivers'}):
        with pytest.raises(ValueError, match='without a problem'):
            GraphCondition(**condition)


def of_session(run, session, *, epoch=1, sequence=0):
    item = chunk(held_rows(), run.now_ns, epoch=epoch, sequence=sequence)
    return run.executor.accept_chunk(dataclasses.replace(item, session=session), run.now_ns)


def test_of_two_policies_that_alternate_only_one_is_executed():
    run = Run()
    run.start()
    answers = {7: [], 8: []}
    for sequence in range(30):
        for session, epoch in ((7, 1), (8, 2)):
            run.tick(3)
            answers[session].append(of_session(run, session, epoch=epoch, sequence=sequence))
    assert answers[7] == [None] * 30
    assert {refusal.reason for refusal in answers[8]} == {reasons.OTHER_SESSION}
    assert run.snapshot.session == 7
    assert run.snapshot.counts.chunks_missed == 0
    assert_counts_add_up(run.snapshot)


def test_autonomy_can_be_given_to_a_session_before_its_first_chunk():
    run = Run()
    run.tick(60)
    assert run.executor.set_mode(Mode.AUTONOMY, run.now_ns, 'task', session=8) is None
    run.tick()
    assert of_session(run, 7).reason == reasons.OTHER_SESSION
    assert of_session(run, 0).reason == reasons.OTHER_SESSION
    assert of_session(run, 8) is None


def test_a_second_task_does_not_take_the_arms_over_unnoticed():
    run = Run()
    run.tick(60)

    def autonomy(session):
        return run.executor.set_mode(Mode.AUTONOMY, run.now_ns, 'task', session=session)

    assert autonomy(8) is None
    assert autonomy(8) is None
    assert autonomy(7).reason == reasons.OTHER_SESSION
    assert run.enter(Mode.AUTONOMY) is None  # asks for nobody in particular: it is as it is
    assert run.enter(Mode.HOLD) is None
    assert autonomy(7) is None
    run.tick()
    assert of_session(run, 7) is None


def test_with_two_policies_autonomy_must_say_which():
    run = Run()
    run.tick(60)
    run.executor.accept_graph(GraphCondition(chunk_sources=2))
    assert run.enter(Mode.AUTONOMY).reason == reasons.SEVERAL_POLICIES
    assert run.enter(Mode.HOMING) is None
    assert run.enter(Mode.HOLD) is None
    assert run.executor.set_mode(Mode.AUTONOMY, run.now_ns, 'task', session=8) is None


def test_autonomy_that_runs_for_nobody_is_given_to_the_session_that_asks():
    """It was told that the arms are its own; then the chunks of another were executed."""
    run = Run()
    run.start()
    assert run.executor.set_mode(Mode.AUTONOMY, run.now_ns, 'task', session=8) is None
    run.tick()
    assert of_session(run, 7).reason == reasons.OTHER_SESSION
    assert run.executor.set_mode(Mode.AUTONOMY, run.now_ns, 'task', session=7) is not None
    assert of_session(run, 8) is None


def test_where_a_second_policy_comes_before_the_first_chunk_neither_is_executed():
    run = Run()
    run.start()
    run.executor.accept_graph(GraphCondition(chunk_sources=2))
    run.tick()
    assert of_session(run, 7).reason == reasons.SEVERAL_POLICIES
    assert of_session(run, 8).reason == reasons.SEVERAL_POLICIES
    run.executor.accept_graph(GraphCondition())
    assert of_session(run, 7) is None
    run.executor.accept_graph(GraphCondition(chunk_sources=2))
    assert of_session(run, 8).reason == reasons.OTHER_SESSION
