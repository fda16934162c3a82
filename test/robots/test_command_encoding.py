# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Commands against what the drivers read: every value arrives, every trap of the drivers is avoided.

Traps: a missing name is 0 rad, a negative width opens the gripper, velocity[6] is a speed in per
cent only among seven, effort[6] a force, metres against millimetres, full against half width.
"""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from robots import drivers
from scipy.spatial.transform import Rotation

from wla_ros.base.geometry import matrix_to_pose7
from wla_ros.base.types import Refusal
from wla_ros.robots.encoding import IMPLAUSIBLE
from wla_ros.robots.encoding import MALFORMED
from wla_ros.robots.encoding import NOT_FINITE
from wla_ros.robots.encoding import encode_command
from wla_ros.robots.encoding import encode_end_pose
from wla_ros.robots.piper.forward_kinematics import flange_pose
from wla_ros.robots.profile import EndPoseEncoding

LEFT = {name: drivers.profile(name).arm('left') for name in ('piper_ros', 'cobot_magic')}
PIPER, COBOT = LEFT['piper_ros'], LEFT['cobot_magic']
AGX, CONTROL = (drivers.profile(name).arm('left') for name in ('agx_arm_ros', 'ros2_control'))
GOAL = [0.1, 1.2, -0.9, 0.4, -0.5, 0.6, 0.05]
angles = st.floats(-2.9, 2.9)
goals = st.tuples(*[angles] * 6, st.floats(-0.02, 0.1))


def with_command(arm, **changes):
    return dataclasses.replace(arm, command=dataclasses.replace(arm.command, **changes))


def with_gripper(arm, **changes):
    return with_command(arm, gripper=dataclasses.replace(arm.command.gripper, **changes))


@settings(max_examples=200, deadline=None)
@given(goal=goals)
def test_piper_ros_reads_back_the_angles_and_the_clamped_width(goal):
    sent = encode_command(PIPER, goal)
    joints, gripper, speed, force = drivers.piper_ros_reads(
        sent.names, sent.position, sent.velocity, sent.effort
    )
    # Half a CAN unit of rounding, and the bias of the driver of 0.0507 %.
    expected = np.degrees(goal[:6]) * 1000 * 1.000507
    np.testing.assert_allclose(joints, expected, atol=0.6)
    assert gripper == pytest.approx(min(max(goal[6], 0.0), 0.07) * 1e6, abs=0.5)
    assert (speed, force) == (100, 1000)


def test_piper_ros_gets_exactly_its_seven_names():
    sent = encode_command(PIPER, GOAL)
    assert sent.names == (*(f'joint{i}' for i in range(1, 7)), 'gripper')
    assert sent.position == tuple(GOAL)
    assert len(sent.velocity) == len(sent.effort) == 7


def test_speed_and_force_arrive_through_velocity_and_effort():
    arm = with_command(PIPER, speed_percent=30, gripper_force_n=2.5)
    sent = encode_command(arm, GOAL, np.ones(7))
    assert sent.velocity == (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 30.0)
    *_, speed, force = drivers.piper_ros_reads(
        sent.names, sent.position, sent.velocity, sent.effort
    )
    assert (speed, force) == (30, 2500)


def test_gripper_of_half_width_fits_a_driver_that_doubles():
    arm = with_gripper(PIPER, quantity='half_width')
    sent = encode_command(arm, GOAL)
    _, gripper, *_ = drivers.piper_ros_reads(sent.names, sent.position, gripper_val_mutiple=2)
    assert gripper == 50000


def test_angle_scale_undoes_the_bias_of_the_driver():
    arm = with_command(PIPER, angle_scale=0.999493)
    sent = encode_command(arm, [2.6, 0, 0, 0, 0, 0, 0])
    joints, *_ = drivers.piper_ros_reads(sent.names, sent.position)
    assert joints[0] == pytest.approx(math.degrees(2.6) * 1000, abs=1.0)


def test_cobot_magic_is_mapped_by_index_with_names_from_zero():
    sent = encode_command(COBOT, GOAL)
    assert sent.names == tuple(f'joint{i}' for i in range(7))
    assert sent.velocity == sent.effort == ()
    joints, gripper = drivers.cobot_magic_reads(sent.position)
    np.testing.assert_allclose(np.radians(joints) / 1000, GOAL[:6], rtol=6e-4, atol=1e-5)
    assert gripper == 50000


def test_names_of_cobot_magic_sent_to_piper_ros_would_shift_the_joints():
    sent = encode_command(COBOT, GOAL)
    joints, *_ = drivers.piper_ros_reads(sent.names, sent.position)
    assert joints[0] == round(GOAL[1] * drivers.ANGLE_TO_MDEG)  # why profiles are not mixed


def test_agx_arm_reads_radians_metres_and_newtons():
    sent = encode_command(AGX, GOAL)
    joints, width, force = drivers.agx_arm_reads(sent.names, sent.position, sent.effort)
    assert (joints, width, force) == (GOAL[:6], GOAL[6], 1.0)


def test_ros2_control_gets_prefixed_joints_and_the_travel_of_one_finger():
    sent = encode_command(CONTROL, GOAL)
    assert sent.names == tuple(f'left_joint{i}' for i in range(1, 8))
    assert sent.position == (*GOAL[:6], 0.025)
    assert sent.velocity == ()


def test_joint_velocities_are_scaled_like_positions():
    arm = with_command(CONTROL, velocity='joint_velocity')
    sent = encode_command(arm, GOAL, [1, 2, 3, 4, 5, 6, 0.2])
    assert sent.velocity == (1, 2, 3, 4, 5, 6, 0.1)


@pytest.mark.parametrize(
    ('changes', 'expected'),
    [
        ({'unit': 'mm'}, (50.0,)),
        ({'unit': 'um'}, (50000.0,)),
        ({'unit': 'fraction', 'maximum_m': 0.1}, (0.5,)),
        ({'quantity': 'half_width', 'unit': 'mm'}, (25.0,)),
        (
            {'names': ('finger1', 'finger2'), 'signs': (1, -1), 'quantity': 'half_width'},
            (0.025, -0.025),
        ),
        ({'present': False}, ()),
    ],
)
def test_gripper_units_and_quantities(changes, expected):
    sent = encode_command(with_gripper(COBOT, **changes), GOAL)
    assert sent.position[6:] == pytest.approx(expected)
    assert len(sent.names) == len(sent.position)


@pytest.mark.parametrize('width', [-0.05, -1e-9, 0.08, 70.0])
def test_width_is_clamped_before_a_driver_can_take_its_absolute_value(width):
    sent = encode_command(PIPER, [*GOAL[:6], width])
    _, gripper, *_ = drivers.piper_ros_reads(sent.names, sent.position)
    assert gripper == (0 if width < 0 else 70000)


@pytest.mark.parametrize('column', range(7))
@pytest.mark.parametrize('value', [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_is_never_sent(column, value):
    goal = [*GOAL]
    goal[column] = value
    for arguments in ((goal,), (GOAL, goal)):
        refusal = encode_command(PIPER, *arguments)
        assert isinstance(refusal, Refusal)
        assert refusal.reason == NOT_FINITE
        assert ('gripper' if column == 6 else f'joint{column + 1}') in refusal.detail


def test_six_or_fourteen_values_and_degrees_are_refused():
    assert encode_command(PIPER, GOAL[:6]).reason == MALFORMED
    assert encode_command(PIPER, GOAL * 2).reason == MALFORMED
    assert encode_command(PIPER, GOAL, GOAL[:6]).reason == MALFORMED
    refusal = encode_command(PIPER, [10.0, *GOAL[1:]])
    assert refusal.reason == IMPLAUSIBLE
    assert 'left/joint1' in refusal.detail


def test_caller_keeps_its_array():
    goal = np.array([*GOAL[:6], -0.1])
    encode_command(PIPER, goal)
    assert goal[6] == -0.1


def pos_cmd_pose(sent, length=1.0, angle=1.0):
    """Return the pose that a driver makes of a PosCmd (SDK `sxyz`)."""
    pose = np.eye(4)
    turns = np.multiply([sent.roll, sent.pitch, sent.yaw], angle)
    pose[:3, :3] = Rotation.from_euler('xyz', turns).as_matrix()
    pose[:3, 3] = np.multiply([sent.x, sent.y, sent.z], length)
    return pose


@pytest.mark.parametrize(
    ('units', 'length', 'angle'),
    [(('m', 'rad'), 1.0, 1.0), (('mm', 'deg'), 1e-3, math.pi / 180)],
)
def test_pos_cmd_round_trip_in_both_unit_systems(units, length, angle):
    encoding = dataclasses.replace(PIPER.end_pose, length_unit=units[0], angle_unit=units[1])
    arm = dataclasses.replace(PIPER, end_pose=encoding)
    for joints in np.random.default_rng(2).uniform(-1.2, 1.2, (200, 6)):
        pose = flange_pose(joints)
        sent = encode_end_pose(arm, pose, 0.04)
        np.testing.assert_allclose(pos_cmd_pose(sent, length, angle), pose, atol=1e-9)
        assert (sent.gripper, sent.mode1, sent.mode2) == (0.04, 0, 0)


def test_pose_with_quaternion_round_trip():
    pose = flange_pose([0.1, 1.0, -1.0, 0.2, 0.3, 0.4])
    sent = encode_end_pose(AGX, matrix_to_pose7(pose), 0.04)
    np.testing.assert_allclose(
        [*sent.position, *sent.orientation], matrix_to_pose7(pose), atol=1e-12
    )


def test_end_pose_gripper_is_clamped():
    pose = flange_pose(np.zeros(6))
    assert encode_end_pose(PIPER, pose, -0.01).gripper == 0.0
    assert encode_end_pose(PIPER, pose, 0.2).gripper == 0.07


def test_end_poses_that_make_no_sense_are_refused():
    pose = flange_pose(np.zeros(6))
    millimetres = pose.copy()
    millimetres[:3, 3] *= 1000
    assert encode_end_pose(PIPER, millimetres, 0.0).reason == IMPLAUSIBLE
    assert encode_end_pose(PIPER, pose * math.nan, 0.0).reason == NOT_FINITE
    assert encode_end_pose(PIPER, pose, math.nan).reason == NOT_FINITE
    assert encode_end_pose(PIPER, np.zeros(7), 0.0).reason == MALFORMED
    assert encode_end_pose(PIPER, np.stack([pose, pose]), 0.0).reason == MALFORMED
    with pytest.raises(ValueError, match='no end-pose command'):
        encode_end_pose(CONTROL, pose, 0.0)


def test_pose_message_in_millimetres_is_no_valid_encoding():
    with pytest.raises(ValueError, match='in m'):
        EndPoseEncoding(
            message_types=('geometry_msgs/msg/PoseStamped',), form='pose', length_unit='mm'
        )
