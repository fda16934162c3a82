# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""A gripper that squeezes does not let go because the executor fell silent and starts again."""

import numpy as np
import pytest
from execution.arms import LAYOUT
from execution.arms import REST
from execution.arms import Run
from execution.arms import held_rows

from wla_ros.base.types import Refusal
from wla_ros.execution.graph import GraphCondition

LEFT = LAYOUT.gripper_indices[0]
OBJECT_M, COMMANDED_M = 0.03, 0.01
SILENT = GraphCondition(problem=Refusal(reason='several_publishers', detail='two'), silent=True)


def squeezing() -> Run:
    """Return a run whose left gripper is stopped by an object on its way to COMMANDED_M."""
    start = REST.copy()
    start[LEFT] = OBJECT_M
    run = Run(position=start)
    run.stuck = {LEFT}
    run.start()
    rows = held_rows(start)
    rows[:, LEFT] = COMMANDED_M
    for _ in range(4):
        assert run.offer(rows) is None
        run.tick(30)
    assert run.commands[-1].position[LEFT] == pytest.approx(COMMANDED_M, abs=1e-4)
    return run


def starts_again(run: Run, meanwhile: float | None = None) -> float:
    """Return the first width that is commanded behind a silence."""
    run.executor.accept_graph(SILENT)
    run.tick(20)
    if meanwhile is not None:
        run.measured[LEFT] = meanwhile
    run.tick(100)
    run.executor.accept_graph(GraphCondition())
    run.commands.clear()
    run.tick(60)
    widths = run.positions()[:, LEFT]
    assert np.ptp(widths) == 0.0
    return float(widths[0])


def test_a_grasp_is_kept() -> None:
    assert starts_again(squeezing()) == pytest.approx(COMMANDED_M, abs=1e-4)


@pytest.mark.parametrize('width', [0.07, 0.02], ids=['opened by somebody', 'the object is gone'])
def test_a_width_that_has_changed_meanwhile_is_taken_over(width: float) -> None:
    assert starts_again(squeezing(), meanwhile=width) == width


def test_a_gripper_that_holds_nothing_starts_where_it_is() -> None:
    run = Run()
    run.start()
    assert starts_again(run) == REST[LEFT]


def test_an_arm_that_was_released_starts_where_it_is() -> None:
    run = squeezing()
    run.executor.accept_graph(SILENT)
    for _ in range(200):
        run.condition('left', 'disabled', released=True)
        run.tick()
    run.executor.accept_graph(GraphCondition())
    run.commands.clear()
    for _ in range(60):
        run.condition('left', 'disabled', released=True)
        run.tick()
    assert run.positions()[0, LEFT] == OBJECT_M
