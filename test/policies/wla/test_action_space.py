# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Robot columns to the columns of a data set and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from wla_ros.base.geometry import matrix_to_pose7
from wla_ros.base.joints import JointLayout
from wla_ros.base.types import Representation
from wla_ros.policies.wla.columns import ActionSpace
from wla_ros.policies.wla.columns import Reference
from wla_ros.robots.piper.forward_kinematics import flange_pose

BOTH = JointLayout(('left', 'right'))
POSE = Representation.END_EFFECTOR_POSE
KINEMATICS = dict.fromkeys(BOTH.arms, lambda joints: matrix_to_pose7(flange_pose(joints)))

angles = st.floats(-1.5, 1.5, width=32)


def joint_rows(rows):
    return arrays(np.float64, (rows, 14), elements=angles).map(with_grippers)


def with_grippers(rows):
    rows = rows.copy()
    rows[:, [6, 13]] = np.abs(rows[:, [6, 13]]) * 0.06
    return rows


def test_absolute_joints_in_metres_are_unchanged():
    space = ActionSpace(layout=BOTH)
    rows = np.arange(28.0).reshape(2, 14)
    np.testing.assert_array_equal(space.rows(rows, np.zeros(14)), rows)
    np.testing.assert_array_equal(space.state(rows[0]), rows[0])
    assert space.columns == BOTH.columns


def test_grippers_are_in_units_of_the_data_set():
    space = ActionSpace(layout=BOTH, gripper_m_per_unit=0.07)
    joints = np.zeros(14)
    joints[[6, 13]] = 0.07, 0.035
    assert space.state(joints)[[6, 13]].tolist() == [1.0, 0.5]
    np.testing.assert_allclose(space.rows(np.ones((1, 14)), joints)[0, [6, 13]], 0.07)
    assert joints[6] == 0.07  # nothing is written into the caller's array


def test_relative_joints_start_at_the_reference_and_grippers_stay_absolute():
    space = ActionSpace(layout=BOTH, reference=Reference.OBSERVATION)
    reference = np.linspace(0.1, 1.4, 14)
    row = space.rows(np.zeros((1, 14)), reference)[0]
    np.testing.assert_array_equal(
        row[list(BOTH.joint_indices)], reference[list(BOTH.joint_indices)]
    )
    assert row[[6, 13]].tolist() == [0.0, 0.0]


def test_the_state_is_absolute_even_if_actions_are_relative():
    space = ActionSpace(layout=BOTH, reference=Reference.OBSERVATION)
    assert space.state(np.ones(14)).tolist() == [1.0] * 14


def test_poses_of_the_data_set_may_have_the_scalar_first():
    last = ActionSpace(layout=BOTH, representation=POSE, kinematics=KINEMATICS)
    first = ActionSpace(
        layout=BOTH, representation=POSE, kinematics=KINEMATICS, scalar_first_quaternions=True
    )
    joints = np.full(14, 0.3)
    xyzw, wxyz = last.state(joints)[3:7], first.state(joints)[3:7]
    assert wxyz.tolist() == [xyzw[3], *xyzw[:3]]
    assert wxyz[0] >= 0.0


def test_quaternions_of_both_arms_are_made_unit_length():
    space = ActionSpace(layout=BOTH, representation=POSE, kinematics=KINEMATICS)
    actions = np.tile([0.1, 0.2, 0.3, 0.0, 0.0, 0.6, 0.9, 0.04] * 2, (3, 1))
    rows = space.rows(actions, np.zeros(14))
    for part in (slice(3, 7), slice(11, 15)):
        np.testing.assert_allclose(np.linalg.norm(rows[:, part], axis=1), 1.0)
    np.testing.assert_array_equal(rows[:, [0, 1, 2, 7]], actions[:, [0, 1, 2, 7]])


@pytest.mark.parametrize('quaternion', [[0.0] * 4, [np.nan] * 4])
def test_a_quaternion_without_direction_is_refused(quaternion):
    space = ActionSpace(layout=BOTH, representation=POSE, kinematics=KINEMATICS)
    actions = np.ones((2, 16))
    actions[1, 11:15] = quaternion
    with pytest.raises(ValueError, match='quaternion'):
        space.rows(actions, np.zeros(14))


@settings(max_examples=40, deadline=None)
@given(joint_rows(4), joint_rows(1), st.sampled_from(Reference))
def test_joint_rows_survive_the_way_to_the_model_and_back(rows, reference, kind):
    space = ActionSpace(layout=BOTH, reference=kind, gripper_m_per_unit=0.07)
    back = space.rows(space.actions_of(rows, reference[0]), reference[0])
    np.testing.assert_allclose(back, rows, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(joint_rows(4), joint_rows(1), st.sampled_from(Reference), st.booleans())
def test_pose_rows_survive_the_way_to_the_model_and_back(rows, reference, kind, scalar_first):
    space = ActionSpace(
        layout=BOTH,
        representation=POSE,
        reference=kind,
        gripper_m_per_unit=0.07,
        scalar_first_quaternions=scalar_first,
        kinematics=KINEMATICS,
    )
    back = space.rows(space.actions_of(rows, reference[0]), reference[0])
    for arm, start in (('left', 0), ('right', 8)):
        joints = rows[:, BOTH.arm_slice(arm)]
        pose = matrix_to_pose7(flange_pose(joints[:, :6]))
        found = back[:, start : start + 8]
        np.testing.assert_allclose(found[:, :3], pose[:, :3], atol=1e-9)
        # A rotation has two quaternions.
        aligned = found[:, 3:7] * np.sign(np.sum(found[:, 3:7] * pose[:, 3:], axis=1))[:, None]
        np.testing.assert_allclose(aligned, pose[:, 3:], atol=1e-9)
        np.testing.assert_allclose(found[:, 7], joints[:, 6], atol=1e-12)


@settings(deadline=None)
@given(joint_rows(2), st.sampled_from(Reference))
def test_quaternions_of_a_prefix_change_no_sign_on_the_way(ends, kind):
    share = np.linspace(0.0, 1.0, 60)[:, None]
    rows = ends[0] + share * (ends[1] - ends[0])
    space = ActionSpace(layout=BOTH, representation=POSE, reference=kind, kinematics=KINEMATICS)
    columns = space.actions_of(rows, rows[0])
    for start in (3, 11):
        quaternions = columns[:, start : start + 4]
        assert np.all(np.sum(quaternions[1:] * quaternions[:-1], axis=1) > 0.0)
        if kind is not Reference.NOTHING:
            assert quaternions[0, 3] > 0.999


def test_relative_poses_add_the_way_without_turning_it():
    space = ActionSpace(
        layout=JointLayout(('arm',)),
        representation=POSE,
        reference=Reference.EPISODE,
        kinematics={'arm': lambda joints: matrix_to_pose7(flange_pose(joints))},
    )
    start = np.array([0.3, 0.9, -0.8, 0.1, 0.4, 0.2, 0.03])
    step = np.array([[0.01, 0.02, 0.03, 0.0, 0.0, 0.0, 1.0, 0.05]])
    row = space.rows(step, start)[0]
    pose = matrix_to_pose7(flange_pose(start[:6]))
    np.testing.assert_allclose(row[:3], pose[:3] + step[0, :3])
    np.testing.assert_allclose(row[3:7], pose[3:], atol=1e-12)
    assert row[7] == 0.05


def test_one_arm_has_half_the_columns():
    assert ActionSpace(layout=JointLayout(('arm',))).gripper_columns == (6,)


def test_poses_without_kinematics_are_refused():
    with pytest.raises(ValueError, match='kinematics of left, right'):
        ActionSpace(layout=BOTH, representation=POSE)


@pytest.mark.parametrize('unit', [0.0, -0.07, float('nan')])
def test_an_impossible_gripper_unit_is_refused(unit):
    with pytest.raises(ValueError, match='gripper_m_per_unit'):
        ActionSpace(layout=BOTH, gripper_m_per_unit=unit)
