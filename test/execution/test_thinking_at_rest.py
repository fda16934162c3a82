# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Where the policy is asked only while the arms rest (sync) they always come to rest."""

from dataclasses import replace

import numpy as np
import pytest
from execution.arms import CONFIG
from execution.arms import GRIPPERS
from execution.arms import LIMITS
from execution.arms import MS
from execution.arms import REST
from execution.arms import Run
from execution.arms import assert_within_limits
from execution.arms import held_rows
from execution.arms import moving_rows

from wla_ros.base import reasons
from wla_ros.base.types import FloatArray
from wla_ros.inference.strategy import StrategyConfig


def started() -> Run:
    run = Run(replace(CONFIG, strategy=StrategyConfig(name='sync')), lag=1.0)
    run.start()
    return run


def beyond(column: int, bound: float, excess: float) -> FloatArray:
    """Return rows that lead one column to `excess` behind the `bound` of its range."""
    rows = held_rows()
    rows[:, column] = np.linspace(REST[column], bound + excess, len(rows))
    return rows


@pytest.mark.parametrize(
    ('column', 'bound', 'excess'),
    [
        (6, float(LIMITS.upper[6]), 0.01),
        (13, float(LIMITS.lower[13]), -0.015),
        (2, float(LIMITS.upper[2]), 0.1),
        (9, float(LIMITS.upper[9]), 0.1),
    ],
)
def test_a_last_row_outside_the_limits_ends_at_the_limit_and_the_arms_rest(
    column: int, bound: float, excess: float
) -> None:
    run = started()
    assert run.offer(beyond(column, bound, excess)) is None
    run.tick(600)
    assert run.commands[-1].position[column] == pytest.approx(bound, abs=1e-6)
    assert run.snapshot.reason == reasons.WAITING_FOR_CHUNK
    assert run.executor.execution_plan(run.now_ns).resting
    assert_within_limits(run.commands)


def test_all_rows_of_a_chunk_that_finishes_the_task_are_executed() -> None:
    run = started()
    rows = moving_rows(0.1, 0)
    assert run.offer(rows, finished=True) is None
    run.tick(500)
    assert run.commands[-1].position[0] == pytest.approx(rows[-1, 0], abs=1e-6)
    assert run.snapshot.reason == reasons.FINISHED


@pytest.mark.parametrize('way_m', [0.0, 0.01, 0.06])
def test_joints_wait_for_no_gripper(way_m: float) -> None:
    run = started()
    rows = held_rows()
    rows[:, GRIPPERS] = 0.065
    assert run.offer(rows) is None
    run.tick(400)
    rows = moving_rows(0.1, 0)
    rows[:, GRIPPERS] = 0.065 - way_m
    assert run.offer(rows) is None
    due_ns, _ = run.executor.planned_path(run.now_ns)
    assert due_ns[0] - run.now_ns < 80 * MS
    before = len(run.commands)
    run.tick(100)
    width = np.array([command.position[GRIPPERS[0]] for command in run.commands[before:]])
    # Full speed and two ramps: 0.25 / 2.5 + 2.5 / 50 s
    assert np.argmax(np.abs(width - (0.065 - way_m)) < 0.001) * 0.005 < way_m / 0.25 + 0.16
    assert_within_limits(run.commands)


def test_a_chunk_that_saw_the_arms_where_they_rested_before_does_not_lead_them_back() -> None:
    """The first chunk was thought lost and asked for again; then both arrive."""
    run = started()
    run.tick(40)
    assert run.offer(moving_rows(0.2, 0), age_ns=150 * MS) is None
    run.tick(60)
    refusal = run.offer(moving_rows(0.2, 0), age_ns=310 * MS)
    assert refusal is not None
    assert refusal.reason == reasons.ANCHOR_STALE
    run.tick(400)
    course = np.array([command.position[0] for command in run.commands])
    back = np.maximum.accumulate(course) - course
    assert back.max() < 1e-3  # the corner of a stop is rounded, 30 mrad would lead them back
    assert run.offer(moving_rows(0.2, 500 * MS)) is None
