# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Inverse kinematics beside the ticks: solved from the command, judged when it is accepted."""

from typing import Any

import numpy as np
import pytest
from execution.arms import CONFIG
from execution.arms import LAYOUT
from execution.arms import LIMITS
from execution.arms import REST
from execution.arms import Run
from execution.arms import chunk
from execution.arms import held_rows
from execution.arms import moving_rows
from execution.test_end_effector_rows import poses_of

from wla_ros.base import reasons
from wla_ros.base.types import ActionChunk
from wla_ros.base.types import FloatArray
from wla_ros.base.types import Mode
from wla_ros.base.types import Refusal
from wla_ros.base.types import Representation
from wla_ros.execution.executor import ChunkExecutor
from wla_ros.robots.piper.kinematics import JointPath
from wla_ros.robots.piper.kinematics import PiperKinematics


class CountingKinematics:
    """Solves, and counts how often it was asked to."""

    def __init__(self) -> None:
        self.calls = 0
        self._kinematics = PiperKinematics()

    def solve_path(self, poses: FloatArray, seed: FloatArray, **bounds: Any) -> JointPath:
        self.calls += 1
        return self._kinematics.solve_path(poses, seed, **bounds)


def posed(run: Run, poses: FloatArray) -> ActionChunk:
    return chunk(
        poses,
        run.now_ns,
        columns=LAYOUT.pose_columns,
        representation=Representation.END_EFFECTOR_POSE,
    )


@pytest.fixture
def kinematics() -> dict[str, CountingKinematics]:
    return {arm: CountingKinematics() for arm in LAYOUT.arms}


@pytest.fixture
def run(kinematics: dict[str, CountingKinematics]) -> Run:
    run = Run(executor=ChunkExecutor(CONFIG, LAYOUT, LIMITS, kinematics))
    run.start()
    return run


def test_a_solved_chunk_is_accepted_without_solving_again_though_ticks_have_passed(
    run: Run, kinematics: dict[str, CountingKinematics]
) -> None:
    rows = moving_rows(0.1, 0)
    item = posed(run, poses_of(rows))
    solved = run.executor.solve_poses(item)
    assert isinstance(solved, np.ndarray)
    assert np.allclose(solved, rows, atol=1e-6)
    run.tick(3)  # they do not wait for the solution
    assert run.executor.accept_chunk(item, run.now_ns, solved=solved) is None
    assert [each.calls for each in kinematics.values()] == [1, 1]
    run.tick(150)
    assert np.allclose(
        run.commands[-1].position, moving_rows(0.1, run.now_ns - item.stamp_ns)[0], atol=1e-3
    )


def test_what_happened_meanwhile_is_judged_at_acceptance(run: Run) -> None:
    item = posed(run, poses_of(held_rows()))
    solved = run.executor.solve_poses(item)
    assert run.enter(Mode.HOLD) is None
    refusal = run.executor.accept_chunk(item, run.now_ns, solved=solved)
    assert refusal is not None
    assert refusal.reason == reasons.WRONG_MODE
    run.tick()
    assert run.enter(Mode.AUTONOMY) is None
    refusal = run.executor.accept_chunk(item, run.now_ns, solved=solved)
    assert refusal is not None
    assert refusal.reason == reasons.ANCHOR_STALE
    assert run.snapshot.counts.chunks_rejected == 2


def test_a_refused_solution_refuses_the_chunk_once_and_by_name(run: Run) -> None:
    poses = poses_of(held_rows())
    poses[5, :3] = 2.0, 0.0, 0.5
    item = posed(run, poses)
    solved = run.executor.solve_poses(item)
    assert isinstance(solved, Refusal)
    assert run.executor.accept_chunk(item, run.now_ns, solved=solved) is solved
    assert run.snapshot.rejections == ((reasons.POSE_UNREACHABLE, 1),)


def test_there_is_nothing_to_solve_for_joints_and_for_what_is_refused_anyway(
    run: Run, kinematics: dict[str, CountingKinematics]
) -> None:
    poses = poses_of(held_rows())
    poses[3, 2] = np.nan
    wrong = chunk(
        poses_of(held_rows())[:, :8],
        run.now_ns,
        columns=LAYOUT.pose_columns,
        representation=Representation.END_EFFECTOR_POSE,
    )
    for item in (chunk(held_rows(), run.now_ns), posed(run, poses), wrong):
        assert run.executor.solve_poses(item) is None
    assert not any(each.calls for each in kinematics.values())
    bare = ChunkExecutor(CONFIG, LAYOUT, LIMITS)
    assert bare.solve_poses(posed(run, poses_of(np.tile(REST, (4, 1))))) is None
