# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Poses between rows and between chunks: on a line and on the sphere, whatever the sign."""

import numpy as np
import pytest

from wla_ros.base.types import FloatArray
from wla_ros.execution.poses import mean_poses
from wla_ros.execution.poses import mixed_poses
from wla_ros.execution.poses import poses_at


def pose(x: float, angle: float, gripper: float = 0.02) -> FloatArray:
    """Return one row of one arm: turned by `angle` about z."""
    return np.array([x, 0.0, 0.3, 0.0, 0.0, np.sin(angle / 2), np.cos(angle / 2), gripper])


def angle_of(row: FloatArray) -> float:
    """Return the angle about z."""
    return float(2.0 * np.arctan2(row[5] * np.sign(row[6]), abs(row[6])))


def test_halfway_is_half_the_way_and_half_the_angle() -> None:
    half = np.full((1, 1), 0.5)
    mixed = mixed_poses(pose(0.1, 0.2)[None], pose(0.3, 0.6, 0.06)[None], half, half)[0]
    assert mixed[0] == pytest.approx(0.2)
    assert angle_of(mixed) == pytest.approx(0.4)
    assert mixed[7] == pytest.approx(0.04)


def test_the_shorter_arc_is_taken_whatever_the_signs() -> None:
    flipped = pose(0.3, 0.6)
    flipped[3:7] *= -1.0
    half = np.full((1, 1), 0.5)
    mixed = mixed_poses(pose(0.1, 0.2)[None], flipped[None], half, half)[0]
    assert angle_of(mixed) == pytest.approx(0.4)


def test_arms_and_grippers_have_their_own_weights() -> None:
    old = np.concatenate([pose(0.0, 0.0, 0.0), pose(0.0, 0.0, 0.0)])[None]
    new = np.concatenate([pose(1.0, 1.0, 0.1), pose(1.0, 1.0, 0.1)])[None]
    mixed = mixed_poses(old, new, np.array([[0.0, 1.0]]), np.array([[1.0, 0.5]]))[0]
    assert mixed[[0, 7, 8, 15]] == pytest.approx([0.0, 0.1, 1.0, 0.05])


def test_rows_are_interpolated_inside_their_times_only() -> None:
    times_ns = np.array([0, 100, 200])
    rows = np.array([pose(0.0, 0.0), pose(0.1, 0.2), pose(0.3, 0.2)])
    found = poses_at(times_ns, rows, np.array([-1, 0, 50, 150, 200, 201]))
    assert np.isnan(found[[0, 5]]).all()
    assert found[1:5, 0] == pytest.approx([0.0, 0.05, 0.2, 0.3])
    assert [angle_of(row) for row in found[1:5]] == pytest.approx([0.0, 0.1, 0.2, 0.2])


def test_rows_without_pose_are_unknown_and_so_is_what_lies_beside_them() -> None:
    rows = np.array([pose(0.0, 0.0), pose(0.1, 0.2), np.full(8, np.nan)])
    found = poses_at(np.array([0, 100, 200]), rows, np.array([50, 150]))
    assert np.isfinite(found[0]).all()
    assert np.isnan(found[1]).all()
    assert np.isnan(poses_at(np.array([0]), rows[:1], np.array([1]))).all()


@pytest.mark.parametrize('signs', [(1, 1, 1), (1, -1, 1), (-1, -1, 1)])
def test_the_mean_of_rotations_does_not_see_signs(signs: tuple[int, int, int]) -> None:
    stack = np.array([pose(0.1 * i, 0.1 * i) for i in range(3)])[:, None]
    stack[..., 3:7] *= np.array(signs)[:, None, None]
    mean = mean_poses(stack, *[np.full((3, 1, 1), 1 / 3)] * 2)[0]
    assert mean[0] == pytest.approx(0.1)
    assert angle_of(mean) == pytest.approx(0.1)
    assert np.linalg.norm(mean[3:7]) == pytest.approx(1.0)


def test_a_mean_of_one_is_that_one_and_weightless_rows_may_be_unknown() -> None:
    stack = np.array([pose(0.4, 0.7), np.full(8, np.nan)])[:, None]
    mean = mean_poses(stack, *[np.array([[[1.0]], [[0.0]]])] * 2)[0]
    assert mean[0] == pytest.approx(0.4)
    assert angle_of(mean) == pytest.approx(0.7)
