# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Feedback of the drivers: every joint by its name, or a refusal that says what is wrong.

Traps: six velocities beside seven names, extra names, other orders, all zeros before the first CAN
frame, small negative widths, millimetres and degrees, NaN for interfaces that the hardware does
not export.
"""

import array
import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from robots import drivers

from wla_ros.base.types import Refusal
from wla_ros.robots.decoding import IMPLAUSIBLE
from wla_ros.robots.decoding import MALFORMED
from wla_ros.robots.decoding import MISSING_JOINTS
from wla_ros.robots.decoding import NO_DATA
from wla_ros.robots.decoding import NOT_FINITE
from wla_ros.robots.decoding import UNEXPECTED_JOINTS
from wla_ros.robots.decoding import decode_feedback
from wla_ros.robots.encoding import encode_command

NAMES = (*(f'joint{i}' for i in range(1, 7)), 'gripper')
POSE = [0.1, 1.2, -0.9, 0.4, -0.5, 0.6, 0.05]
SPEED = [0.01, 0.02, 0.03, 0.04, 0.05, 0.06]
PROFILES = ('piper_ros', 'cobot_magic', 'agx_arm_ros', 'ros2_control')
PIPER, COBOT, AGX, CONTROL = (drivers.profile(name).arm('right') for name in PROFILES)
goals = st.tuples(*[st.floats(-2.9, 2.9)] * 6, st.floats(0.001, 0.07))


def with_feedback(arm, **changes):
    return dataclasses.replace(arm, feedback=dataclasses.replace(arm.feedback, **changes))


def with_gripper(arm, **changes):
    return with_feedback(arm, gripper=dataclasses.replace(arm.feedback.gripper, **changes))


@pytest.mark.parametrize('arm', [PIPER, COBOT, AGX, CONTROL])
@settings(max_examples=50, deadline=None)
@given(goal=goals)
def test_a_command_that_comes_back_as_feedback_is_the_same(arm, goal):
    sent = encode_command(arm, goal)
    decoded = decode_feedback(arm, sent.names, sent.position)
    np.testing.assert_allclose(decoded.position, goal, rtol=0, atol=1e-15)


@settings(max_examples=100, deadline=None)
@given(goal=goals)
def test_round_trip_through_the_units_of_the_can_bus(goal):
    sent = encode_command(PIPER, goal)
    joints, gripper, *_ = drivers.piper_ros_reads(sent.names, sent.position)
    decoded = decode_feedback(PIPER, NAMES, drivers.piper_feedback(joints, gripper), SPEED)
    # The two biases of the driver cancel to 0.0025 %; the rest is rounding to 0.001 deg.
    np.testing.assert_allclose(decoded.position[:6], goal[:6], rtol=3e-5, atol=1e-5)
    assert decoded.position[6] == pytest.approx(goal[6], abs=1e-6)


def test_angle_scale_undoes_the_bias_of_the_driver():
    arm = with_feedback(PIPER, angle_scale=1.000533)
    decoded = decode_feedback(arm, NAMES, drivers.piper_feedback([150000, 0, 0, 0, 0, 0], 0))
    assert decoded.position[0] == pytest.approx(math.radians(150), abs=1e-6)


def test_six_velocities_and_seven_efforts_are_what_piper_ros_sends():
    decoded = decode_feedback(PIPER, NAMES, POSE, SPEED, [1, 2, 3, 4, 5, 6, 0.5])
    assert decoded.velocity.tolist() == [*SPEED, 0.0]
    assert decoded.effort.tolist() == [1, 2, 3, 4, 5, 6, 0.5]


def test_missing_velocity_and_effort_read_zero():
    decoded = decode_feedback(PIPER, NAMES, POSE)
    assert not decoded.velocity.any()
    assert not decoded.effort.any()


def test_any_order_of_names_and_foreign_names_between_them():
    names = ['gripper_joint2', *reversed(NAMES), 'gripper_joint1']
    position = [-0.025, *reversed(POSE), 0.025]
    decoded = decode_feedback(AGX, names, position, position, position)
    assert decoded.position.tolist() == POSE
    assert decoded.velocity.tolist() == POSE
    assert decoded.effort.tolist() == POSE


def test_one_topic_of_two_arms_is_told_apart_by_prefix():
    names = [f'{side}_joint{i}' for i in range(1, 8) for side in ('left', 'right')]
    position = [value for pair in zip(range(7), POSE, strict=True) for value in pair]
    decoded = decode_feedback(CONTROL, names, position)
    assert decoded.position[:6].tolist() == POSE[:6]
    assert decoded.position[6] == pytest.approx(0.1)  # one finger travels half


def test_two_fingers_count_together():
    arm = with_gripper(CONTROL, names=('joint7', 'joint8'), signs=(1, -1), quantity='half_width')
    names = [f'right_joint{i}' for i in range(1, 9)]
    decoded = decode_feedback(arm, names, [*POSE[:6], 0.02, -0.03], effort=[1.0] * 8)
    assert decoded.position[6] == pytest.approx(0.05)


def test_small_negative_width_of_a_closed_gripper_is_normal():
    decoded = decode_feedback(PIPER, NAMES, [*POSE[:6], -0.0004])
    assert decoded.position[6] == -0.0004


def test_arrays_of_a_ros_message_are_taken():
    fields = (array.array('d', values) for values in (POSE, SPEED, []))
    assert decode_feedback(PIPER, list(NAMES), *fields).position.tolist() == POSE


def test_arm_without_gripper_reads_width_zero():
    arm = with_gripper(PIPER, present=False)
    assert decode_feedback(arm, NAMES[:6], POSE[:6]).position.tolist() == [*POSE[:6], 0.0]


@pytest.mark.parametrize(
    ('names', 'position', 'reason'),
    [
        ((), (), MISSING_JOINTS),
        ((), POSE, MALFORMED),
        (tuple(f'joint{i}' for i in range(7)), POSE, MISSING_JOINTS),
        (NAMES[:6], POSE[:6], MISSING_JOINTS),
        (('fl_wheel', 'fr_wheel'), (1.0, 2.0), MISSING_JOINTS),
        (NAMES, POSE[:6], MALFORMED),
        ((*NAMES, 'joint1'), [*POSE, 0.0], MALFORMED),
    ],
)
def test_names_that_are_not_those_of_the_arm_are_refused(names, position, reason):
    refusal = decode_feedback(PIPER, names, position)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == reason
    assert 'right' in refusal.detail


@pytest.mark.parametrize('count', [1, 5, 8])
@pytest.mark.parametrize('field', ['velocity', 'effort'])
def test_a_field_that_ends_among_the_joints_or_behind_the_names_is_refused(field, count):
    refusal = decode_feedback(PIPER, NAMES, POSE, **{field: [0.1] * count})
    assert refusal.reason == MALFORMED
    assert field in refusal.detail


def test_nothing_but_zeros_means_no_can_frame_yet():
    zeros = [0.0] * 7
    assert decode_feedback(PIPER, NAMES, zeros, zeros[:6], zeros).reason == NO_DATA
    assert not isinstance(decode_feedback(PIPER, NAMES, zeros, zeros[:6], [1e-3] * 7), Refusal)
    names = [f'right_{name}' for name in (*NAMES[:6], 'joint7')]
    assert not isinstance(decode_feedback(CONTROL, names, zeros), Refusal)


@pytest.mark.parametrize('field', ['position', 'velocity', 'effort'])
@pytest.mark.parametrize('value', [math.nan, math.inf])
def test_a_value_that_is_not_finite_is_refused(field, value):
    fields = {'position': [*POSE], 'velocity': [*POSE], 'effort': [*POSE]}
    fields[field][2] = value
    refusal = decode_feedback(PIPER, NAMES, **fields)
    assert refusal.reason == NOT_FINITE
    assert f'{field} of joint3' in refusal.detail


def test_fields_that_the_profile_ignores_may_be_anything():
    names = [f'right_{name}' for name in (*NAMES[:6], 'joint7')]
    arm = with_feedback(CONTROL, velocity='ignored')
    decoded = decode_feedback(arm, names, POSE, [math.nan] * 7, [math.nan])
    assert not decoded.velocity.any()
    assert not decoded.effort.any()


def test_degrees_spikes_and_millimetres_are_implausible():
    degrees = decode_feedback(PIPER, NAMES, [math.degrees(value) for value in POSE])
    spike = decode_feedback(PIPER, NAMES, [*POSE[:5], -3.51, 0.05])
    millimetres = decode_feedback(PIPER, NAMES, [*POSE[:6], 50.0])
    assert [degrees.reason, spike.reason, millimetres.reason] == [IMPLAUSIBLE] * 3
    assert 'degrees' in degrees.detail
    assert 'joint6' in spike.detail
    assert 'gripper' in millimetres.detail


def test_by_index_takes_no_names_or_the_exact_list_only():
    arm = with_feedback(COBOT, mapping='index')
    exact = tuple(f'joint{i}' for i in range(7))
    assert decode_feedback(arm, (), POSE).position.tolist() == POSE
    assert decode_feedback(arm, exact, POSE).position.tolist() == POSE
    assert decode_feedback(arm, tuple(reversed(exact)), POSE).reason == MISSING_JOINTS
    assert decode_feedback(arm, (), POSE[:6]).reason == MALFORMED


@pytest.mark.parametrize(
    ('changes', 'value'),
    [({'unit': 'mm'}, 50.0), ({'unit': 'um'}, 5e4), ({'unit': 'fraction', 'maximum_m': 0.1}, 0.5)],
)
def test_gripper_units(changes, value):
    decoded = decode_feedback(with_gripper(PIPER, **changes), NAMES, [*POSE[:6], value])
    assert decoded.position[6] == pytest.approx(0.05)


def test_joints_counted_from_zero_are_refused_also_without_a_gripper():
    names = [f'joint{i}' for i in range(7)]  # as drivers of 2024 and cobot_magic name them
    without = with_gripper(PIPER, present=False)
    refusal = decode_feedback(without, names, [0.0, *POSE[:6]])
    assert refusal.reason == UNEXPECTED_JOINTS
    assert 'joint0' in refusal.detail
    assert decode_feedback(PIPER, names, POSE).reason == MISSING_JOINTS


def test_a_gripper_that_the_profile_denies_is_refused_by_name():
    refusal = decode_feedback(with_gripper(PIPER, present=False), NAMES, POSE)
    assert refusal.reason == UNEXPECTED_JOINTS
    assert 'gripper' in refusal.detail


def test_names_that_the_profile_lists_and_those_of_other_arms_may_be_there():
    names = [f'{arm}_joint{i}' for arm in ('left', 'right') for i in range(1, 9)]
    values = [*POSE[:6], 0.02, -0.02] * 2
    assert not isinstance(decode_feedback(CONTROL, names, values), Refusal)
    stranger = decode_feedback(CONTROL, [*names, 'left_joint0'], [*values, 0.1])
    assert stranger.reason == UNEXPECTED_JOINTS
