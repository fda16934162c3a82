# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Forward kinematics against AgileX's URDF, the SDK's zero poses and finite differences."""

import math

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from wla_ros.base.geometry import matrix_to_rpy
from wla_ros.base.geometry import rotation_angle
from wla_ros.robots.piper.forward_kinematics import ZeroConvention
from wla_ros.robots.piper.forward_kinematics import convert_zero
from wla_ros.robots.piper.forward_kinematics import flange_pose
from wla_ros.robots.piper.forward_kinematics import jacobian
from wla_ros.robots.piper.forward_kinematics import link_frames
from wla_ros.robots.piper.limits import JOINT_LOWER_RAD
from wla_ros.robots.piper.limits import JOINT_UPPER_RAD

ROWS = np.random.default_rng(3).uniform(JOINT_LOWER_RAD, JOINT_UPPER_RAD, (2000, 6))

# piper_description.urdf, firmware S-V1.6-3 and later: xyz [m], rpy [rad] of each joint, axes +z.
URDF = (
    ((0, 0, 0.123), (0, 0, 0)),
    ((0, 0, 0), (1.5708, -0.1359, -3.1416)),
    ((0.28503, 0, 0), (0, 0, -1.7939)),
    ((-0.021984, -0.25075, 0), (1.5708, 0, 0)),
    ((0, 0, 0), (-1.5708, 0, 0)),
    ((8.8259e-05, -0.091, 0), (1.5708, 0, 0)),
)


def urdf_flange(joints):
    pose = np.broadcast_to(np.eye(4), (len(joints), 4, 4))
    for i, (xyz, rpy) in enumerate(URDF):
        origin = np.eye(4)
        origin[:3, :3] = Rotation.from_euler('xyz', rpy).as_matrix()
        origin[:3, 3] = xyz
        turn = np.broadcast_to(np.eye(4), (len(joints), 4, 4)).copy()
        turn[:, :3, :3] = Rotation.from_rotvec(joints[:, [i]] * [0, 0, 1]).as_matrix()
        pose = pose @ origin @ turn
    return pose


@pytest.mark.parametrize(
    ('zero', 'position'),
    [
        (ZeroConvention.NEW, (0.056128, 0.0, 0.213266)),
        (ZeroConvention.OLD, (0.054953, 0.0, 0.203387)),
    ],
)
def test_zero_pose_is_that_of_the_sdk(zero, position):
    pose = flange_pose(np.zeros(6), zero=zero)
    np.testing.assert_allclose(pose[:3, 3], position, atol=5e-7)
    np.testing.assert_allclose(matrix_to_rpy(pose[:3, :3]), [0, math.radians(85), 0], atol=1e-12)


def test_new_urdf_is_within_a_seventh_of_a_millimetre():
    ours, theirs = flange_pose(ROWS), urdf_flange(ROWS)
    assert np.linalg.norm(ours[:, :3, 3] - theirs[:, :3, 3], axis=1).max() < 0.145e-3
    assert rotation_angle(ours, theirs).max() < math.radians(0.0045)


def test_wrong_zero_convention_is_ten_millimetres_off():
    new, old = flange_pose(ROWS), flange_pose(ROWS, zero=ZeroConvention.OLD)
    distance = np.linalg.norm(new[:, :3, 3] - old[:, :3, 3], axis=1)
    assert 9.5e-3 < distance.mean() < 10.5e-3


def test_converted_joints_reach_the_same_pose_in_the_other_convention():
    old = convert_zero(ROWS, source=ZeroConvention.NEW, target=ZeroConvention.OLD)
    np.testing.assert_allclose(
        flange_pose(old, zero=ZeroConvention.OLD), flange_pose(ROWS), atol=1e-12
    )
    back = convert_zero(old, source=ZeroConvention.OLD, target=ZeroConvention.NEW)
    np.testing.assert_allclose(back, ROWS, atol=1e-12)
    same = convert_zero(ROWS, source=ZeroConvention.OLD, target=ZeroConvention.OLD)
    assert same is not ROWS


def test_gripper_column_survives_the_conversion():
    row = np.array([0, 1, -1, 0, 0, 0, 0.05])
    converted = convert_zero(row, source=ZeroConvention.NEW, target=ZeroConvention.OLD)
    two = math.radians(2)
    np.testing.assert_allclose(converted - row, [0, two, -two, 0, 0, 0, 0], atol=1e-15)


def test_tool_lies_along_the_z_axis_of_the_flange():
    flange, tool = flange_pose(ROWS), flange_pose(ROWS, tool_offset_m=0.132)
    offset = np.linalg.inv(flange) @ tool
    expected = np.eye(4)
    expected[2, 3] = 0.132
    np.testing.assert_allclose(offset, np.broadcast_to(expected, offset.shape), atol=1e-12)


def test_link_frames_start_at_the_base_and_end_at_the_flange():
    frames = link_frames(ROWS)
    assert frames.shape == (2000, 7, 4, 4)
    np.testing.assert_array_equal(frames[:, 0], np.broadcast_to(np.eye(4), (2000, 4, 4)))
    np.testing.assert_array_equal(frames[:, 6], flange_pose(ROWS))
    np.testing.assert_allclose(frames[:, 1, :3, 3], np.tile([0, 0, 0.123], (2000, 1)))


def test_reach_from_the_shoulder_is_that_of_the_datasheet():
    reach = np.linalg.norm(flange_pose(ROWS)[:, :3, 3] - [0, 0, 0.123], axis=1)
    assert reach.max() < 0.6278


@pytest.mark.parametrize('zero', list(ZeroConvention))
def test_jacobian_agrees_with_finite_differences(zero):
    step = 1e-6
    for joints in ROWS[:50]:
        analytic = jacobian(joints, zero=zero, tool_offset_m=0.13)
        for i in range(6):
            shift = step * np.eye(6)[i]
            before = flange_pose(joints - shift, zero=zero, tool_offset_m=0.13)
            after = flange_pose(joints + shift, zero=zero, tool_offset_m=0.13)
            linear = (after[:3, 3] - before[:3, 3]) / (2 * step)
            turn = Rotation.from_matrix(after[:3, :3] @ before[:3, :3].T).as_rotvec() / (2 * step)
            np.testing.assert_allclose(analytic[:, i], [*linear, *turn], atol=1e-7)


def test_five_joints_are_refused():
    with pytest.raises(ValueError, match='got shape'):
        flange_pose(np.zeros(5))
