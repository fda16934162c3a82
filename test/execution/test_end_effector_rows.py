# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""End-effector chunks become joint rows, or are refused with the row and the reason."""

import numpy as np
import pytest
from execution.arms import CONFIG
from execution.arms import JOINTS
from execution.arms import LAYOUT
from execution.arms import LIMITS
from execution.arms import REST
from execution.arms import Run
from execution.arms import assert_within_limits
from execution.arms import chunk
from execution.arms import moving_rows

from wla_ros.base import reasons
from wla_ros.base.types import FloatArray
from wla_ros.base.types import Refusal
from wla_ros.base.types import Representation
from wla_ros.execution.executor import ChunkExecutor
from wla_ros.execution.poses import EndEffectorRows
from wla_ros.execution.poses import unit_quaternions
from wla_ros.robots.piper.kinematics import PiperKinematics

BRIDGED = 16  # the first rows lead from rest to the plan
KINEMATICS = {arm: PiperKinematics() for arm in LAYOUT.arms}


def quaternion(rotation: FloatArray) -> FloatArray:
    """Return x y z w of a rotation by less than 180 degrees."""
    w = np.sqrt(max(1.0 + np.trace(rotation), 1e-12)) / 2.0
    skew = rotation - rotation.T
    return np.array([skew[2, 1], skew[0, 2], skew[1, 0], 4.0 * w * w]) / (4.0 * w)


def poses_of(rows: FloatArray) -> FloatArray:
    """Return the end-effector rows that joint rows lead to."""
    poses = np.empty((len(rows), 8 * len(LAYOUT.arms)))
    for arm in LAYOUT.arms:
        joints = rows[:, LAYOUT.arm_slice(arm)]
        matrices = KINEMATICS[arm].pose(joints[:, :6])
        turns = np.array([quaternion(matrix[:3, :3]) for matrix in matrices])
        poses[:, LAYOUT.pose_slice(arm)] = np.column_stack(
            [matrices[:, :3, 3], turns, joints[:, 6]]
        )
    return poses


@pytest.fixture
def run() -> Run:
    run = Run(executor=ChunkExecutor(CONFIG, LAYOUT, LIMITS, KINEMATICS))
    run.start()
    return run


def offer(run: Run, poses: FloatArray) -> Refusal | None:
    item = chunk(
        poses,
        run.now_ns,
        columns=LAYOUT.pose_columns,
        representation=Representation.END_EFFECTOR_POSE,
    )
    return run.executor.accept_chunk(item, run.now_ns)


def test_poses_are_followed_by_the_joints_that_reach_them(run: Run) -> None:
    rows = moving_rows(0.15, 0)
    assert offer(run, poses_of(rows)) is None
    _, planned = run.executor.planned_path(run.now_ns)
    assert np.allclose(planned[BRIDGED:], rows[BRIDGED:], atol=1e-6)
    begin_ns = run.now_ns
    run.tick(150)
    expected = REST[JOINTS] + 0.15 * (run.now_ns - begin_ns) * 1e-9
    assert np.allclose(run.commands[-1].position[JOINTS], expected, atol=1e-5)
    assert_within_limits(run.commands)


def test_quaternions_may_change_sign_and_lose_digits(run: Run) -> None:
    rows = moving_rows(0.15, 0)
    poses = poses_of(rows)
    poses[::2, 3:7] *= -1.001
    poses[5:, 11:15] *= 0.98
    assert offer(run, poses) is None
    _, planned = run.executor.planned_path(run.now_ns)
    assert np.allclose(planned[BRIDGED:], rows[BRIDGED:], atol=1e-5)


def test_an_unreachable_row_refuses_the_chunk_by_name(run: Run) -> None:
    poses = poses_of(moving_rows(0.1, 0))
    poses[12, 8] = 2.0
    refusal = offer(run, poses)
    assert refusal is not None
    assert refusal.reason == reasons.POSE_UNREACHABLE
    assert 'right' in refusal.detail
    assert 'row 12' in refusal.detail
    assert run.snapshot.rows.received == 0


def test_a_pose_that_jumps_is_refused(run: Run) -> None:
    rows = moving_rows(0.1, 0)
    rows[10:, 0] += 1.0
    refusal = offer(run, poses_of(rows))
    assert refusal is not None
    assert 'row 10' in refusal.detail


@pytest.mark.parametrize('value', [np.nan, np.inf])
def test_broken_numbers_are_named(run: Run, value: float) -> None:
    poses = poses_of(moving_rows(0.1, 0))
    poses[3, 4] = value
    refusal = offer(run, poses)
    assert refusal is not None
    assert refusal.reason == reasons.NOT_FINITE
    assert 'left/qy of row 3' in refusal.detail


def test_what_is_no_quaternion_is_refused(run: Run) -> None:
    poses = poses_of(moving_rows(0.1, 0))
    poses[4, 3:7] = 0.0
    refusal = offer(run, poses)
    assert refusal is not None
    assert 'row 4' in refusal.detail
    assert 'length 0.000' in refusal.detail


def test_unit_quaternions_are_continuous_in_sign() -> None:
    turns = np.array([[0, 0, 0.1, 1], [0, 0, -0.2, -1], [0, 0, 0.3, 1]], dtype=np.float64)
    turns /= np.linalg.norm(turns, axis=1)[:, None]
    units = unit_quaternions(turns)
    assert isinstance(units, np.ndarray)
    assert (units[:, 3] > 0).all()


def test_every_arm_needs_kinematics() -> None:
    with pytest.raises(ValueError, match='right'):
        EndEffectorRows(LAYOUT, {'left': KINEMATICS['left']})
