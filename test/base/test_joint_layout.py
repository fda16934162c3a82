# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
import pytest

from wla_ros.base.joints import JointLayout

BOTH = JointLayout(('left', 'right'))


def test_columns_name_seven_joints_per_arm_in_order():
    assert BOTH.width == len(BOTH.columns) == 14
    assert BOTH.columns[5:8] == ('left/joint6', 'left/gripper', 'right/joint1')
    assert len(BOTH.pose_columns) == 16
    assert BOTH.pose_columns[7:9] == ('left/gripper', 'right/x')


def test_slices_select_the_columns_of_an_arm():
    assert all(c.startswith('right/') for c in BOTH.columns[BOTH.arm_slice('right')])
    assert all(c.startswith('left/') for c in BOTH.pose_columns[BOTH.pose_slice('left')])


def test_joints_and_grippers_share_the_columns():
    assert BOTH.gripper_indices == (6, 13)
    assert sorted(BOTH.gripper_indices + BOTH.joint_indices) == list(range(14))


def test_an_unknown_arm_is_named():
    with pytest.raises(ValueError, match="'middle'"):
        BOTH.arm_slice('middle')


@pytest.mark.parametrize('arms', [(), ('left', 'left')])
def test_ambiguous_layouts_are_mistakes(arms):
    with pytest.raises(ValueError, match='arms'):
        JointLayout(arms)
