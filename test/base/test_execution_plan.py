# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""What the policy is told: the rows to come, the rows of the last second, and what changed."""

from dataclasses import replace

import numpy as np
import pytest
from execution.arms import CONFIG
from execution.arms import DT_NS
from execution.arms import GRIPPERS
from execution.arms import JOINTS
from execution.arms import LAYOUT
from execution.arms import MS
from execution.arms import PERIOD_NS
from execution.arms import REST
from execution.arms import WIDTH
from execution.arms import Run
from execution.arms import held_rows
from execution.arms import moving_rows

from wla_ros.base.types import Mode
from wla_ros.execution.config import ArmExecution


def test_before_the_first_chunk_the_arms_rest_and_nothing_is_planned() -> None:
    run = Run()
    plan = run.executor.execution_plan(run.now_ns)
    assert not plan.accepting
    assert not plan.resting  # nothing is commanded yet
    run.start()
    plan = run.executor.execution_plan(run.now_ns)
    assert plan.accepting
    assert plan.resting
    assert plan.rows.shape == (0, WIDTH)
    assert plan.due_ns.shape == (0,)
    assert plan.splice is None
    assert plan.strategy == 'auto'


def test_rows_of_the_last_second_stay() -> None:
    run = Run()
    run.start()
    for k in range(6):
        run.offer(moving_rows(0.1, k * 500 * MS))
        run.tick(100)
    plan = run.executor.execution_plan(run.now_ns)
    past = plan.due_ns < run.now_ns
    assert plan.due_ns[past].min() < run.now_ns - 1000 * MS + 2 * DT_NS
    assert plan.due_ns.min() >= run.now_ns - 1000 * MS
    assert (np.diff(plan.due_ns) > 0).all()
    seconds = (plan.due_ns - run.now_ns) * 1e-9
    now = run.commands[-1].position[0]
    assert plan.rows[:, 0] == pytest.approx(now + 0.1 * seconds, abs=1e-6)


def test_rows_are_where_the_executed_curve_passes_bridge_included() -> None:
    run = Run()
    run.start()
    run.offer(held_rows())
    run.tick(20)
    run.offer(held_rows(REST + 0.02 * np.isin(np.arange(WIDTH), JOINTS)))
    plan = run.executor.execution_plan(run.now_ns)
    ahead = plan.due_ns >= run.now_ns
    assert 0.0 < plan.rows[ahead][2, 0] - REST[0] < 0.02
    for due_ns, row in zip(plan.due_ns[ahead].tolist(), plan.rows[ahead], strict=True):
        assert run.executor._plan.sample(due_ns).position == pytest.approx(row, abs=1e-12)


def test_after_starvation_the_executed_rows_are_still_told() -> None:
    run = Run()
    run.start()
    run.offer(moving_rows(0.1, 0, count=10))
    run.tick(100)
    plan = run.executor.execution_plan(run.now_ns)
    assert len(plan.due_ns) == 10
    assert (plan.due_ns < run.now_ns).all()
    assert plan.resting
    run.enter(Mode.HOLD)
    plan = run.executor.execution_plan(run.now_ns)
    assert not len(plan.due_ns)
    assert not plan.accepting


def test_the_delay_runs_from_the_observation_to_the_first_row_in_time() -> None:
    arms = {arm: ArmExecution(action_latency_s=0.04, gripper_latency_s=0.1) for arm in LAYOUT.arms}
    run = Run(replace(CONFIG, arms=arms))
    run.start()
    run.tick(60)
    run.offer(held_rows(), age_ns=150 * MS, epoch=3)
    splice = run.executor.execution_plan(run.now_ns).splice
    assert splice is not None
    assert (splice.epoch, splice.sequence, splice.delay_ns) == (3, 0, 190 * MS)


def test_the_tracking_error_is_taken_at_the_time_of_the_measurement() -> None:
    """An arm that follows exactly, only later, has no error; one that sags does."""
    latency = 8  # ticks
    arms = {arm: ArmExecution(action_latency_s=latency * 0.005) for arm in LAYOUT.arms}
    arms = {name: replace(arm, gripper_latency_s=latency * 0.005) for name, arm in arms.items()}
    run = Run(replace(CONFIG, arms=arms), lag=0.0)
    run.start()
    run.offer(moving_rows(0.3, 0))
    for _ in range(80):
        run.tick(1)
        # What is measured a millisecond before the next tick was commanded 8 ticks before that.
        told = [command.position for command in run.commands[-latency - 1 :]]
        run.measured = told[0] + (told[1] - told[0]) * 0.8 if len(told) > latency else REST.copy()
    error = run.executor.execution_plan(run.now_ns).tracking_error
    assert np.abs(error).max() < 2e-3
    run.measured = run.measured - 0.03
    run.tick(1)
    error = run.executor.execution_plan(run.now_ns).tracking_error
    assert error[JOINTS] == pytest.approx(-0.03, abs=2e-3)


def test_columns_without_feedback_have_no_tracking_error() -> None:
    run = Run()
    run.silent = {'right'}
    run.tick(80)
    assert not run.executor.execution_plan(run.now_ns).tracking_error[7:].any()


def test_the_revision_rises_with_every_change_and_with_nothing_else() -> None:
    run = Run()
    run.start()
    seen = [run.executor.plan_revision]

    def changed() -> bool:
        seen.append(run.executor.plan_revision)
        return seen[-1] > seen[-2]

    run.tick(5)
    changed()
    run.tick(20)
    assert not changed()
    run.offer(held_rows())
    assert changed()
    run.tick(1)
    assert changed()  # it no longer rests
    run.tick(100)
    assert not changed()
    run.tick(120)
    assert changed()  # starved
    run.tick(100)
    changed()
    run.silent = {'left'}
    run.tick(40)
    assert changed()  # not accepting
    run.silent = set()
    run.tick(100)
    assert changed()
    run.enter(Mode.HOLD)
    assert changed()
    assert seen == sorted(seen)


def test_reports_are_taken_once_and_bounded() -> None:
    run = Run()
    run.start()
    for _ in range(300):
        run.offer(held_rows())
    reports = run.executor.take_splices()
    assert len(reports) == 256
    assert reports[-1].sequence == 299
    assert run.executor.take_splices() == ()


def test_a_chunk_that_never_came_is_counted() -> None:
    run = Run()
    run.start()
    run.offer(held_rows())
    run.sequence += 3
    run.offer(held_rows())
    run.sequence += 2
    run.offer(held_rows(), epoch=2)  # a new epoch starts where it likes
    assert run.snapshot.counts.chunks_missed == 3


def test_a_gripper_further_along_is_told_at_the_same_plan_time() -> None:
    arms = {arm: ArmExecution(gripper_latency_s=0.1) for arm in LAYOUT.arms}
    run = Run(replace(CONFIG, arms=arms))
    run.start()
    rows = held_rows()
    rows[:, GRIPPERS] = np.linspace(0.03, 0.06, 32)[:, None]
    run.offer(rows)
    run.tick(200 * MS // PERIOD_NS)
    before = run.executor.execution_plan(run.now_ns)
    run.offer(held_rows())
    after = run.executor.execution_plan(run.now_ns)
    # The gripper has been told its next tenth of a second already.
    within = (after.due_ns >= run.now_ns) & (after.due_ns < run.now_ns + 95 * MS)
    told = np.interp(after.due_ns[within], before.due_ns, before.rows[:, 6])
    assert within.sum() == 3
    assert after.rows[within][:, 6] == pytest.approx(told, abs=1e-6)
    assert after.rows[within][:, 0] == pytest.approx(REST[0], abs=1e-9)
