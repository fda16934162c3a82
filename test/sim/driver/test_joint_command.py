# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The traps of piper_ros `joint_callback`, one by one."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wla_ros.base.types import Refusal
from wla_ros.sim.driver.bus import command_mdeg
from wla_ros.sim.driver.bus import feedback_rad
from wla_ros.sim.driver.bus import true_rad
from wla_ros.sim.driver.commands import DRIVER_CRASH
from wla_ros.sim.driver.commands import MISSING_JOINT_NAMES
from wla_ros.sim.driver.commands import NEGATIVE_GRIPPER
from wla_ros.sim.driver.commands import SHORT_POSITION
from wla_ros.sim.driver.commands import find_accident
from wla_ros.sim.driver.commands import read_joint_command

NAMES = ('joint1', 'joint2', 'joint3', 'joint4', 'joint5', 'joint6', 'gripper')
POSITION = (0.1, 0.2, -0.3, 0.4, 0.5, 0.6, 0.05)


def read(names=NAMES, position=POSITION, velocity=(), effort=(), multiple=1):
    return read_joint_command(
        names=names,
        position=position,
        velocity=velocity,
        effort=effort,
        gripper_value_multiple=multiple,
    )


def test_joints_are_mapped_by_name_not_by_order():
    frames = read(names=NAMES[::-1], position=POSITION[::-1])
    assert frames.joints_mdeg == read().joints_mdeg


def test_missing_names_become_zero_rad():
    frames = read(names=('joint1', 'joint3'), position=(0.1, -0.3))
    assert frames.joints_mdeg == (command_mdeg(0.1), 0, command_mdeg(-0.3), 0, 0, 0)


def test_an_empty_name_list_sends_the_arm_to_zero():
    assert read(names=()).joints_mdeg == (0,) * 6


def test_cobot_magic_names_shift_the_joints_by_one():
    frames = read(names=tuple(f'joint{i}' for i in range(7)))
    assert frames.joints_mdeg == tuple(command_mdeg(value) for value in POSITION[1:])


def test_the_gripper_is_position_six_whatever_its_name():
    names = ('gripper', *NAMES[:6])
    assert read(names=names, position=(0.01, *POSITION[:6])).gripper_um == 600_000


def test_a_negative_gripper_width_opens_the_gripper():
    assert read(position=(*POSITION[:6], -0.04)).gripper_um == 40_000


def test_a_gripper_width_is_not_clamped():
    assert read(position=(*POSITION[:6], 5.0)).gripper_um == 5_000_000


def test_the_gripper_multiple_scales_commands():
    assert read(multiple=2).gripper_um == 100_000


def test_six_positions_close_the_gripper():
    assert read(names=NAMES[:6], position=POSITION[:6]).gripper_um == 0


@pytest.mark.parametrize(
    ('velocity', 'percent'),
    [
        ((), 100),
        ((0.0,) * 7, 100),
        ((0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 30.0), 30),
        ((0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 250.0), 100),
        ((0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -5.0), 1),
        ((0.5, 0.5, 0.5, 0.5, 0.5, 0.5), 100),  # six entries are not read
        ((0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.0), 1),  # velocities in rad/s slow the arm to 1 %
        ((0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.2), 1),
    ],
)
def test_velocity_six_is_a_speed_percent_if_there_are_seven_and_not_all_are_zero(
    velocity, percent
):
    assert read(velocity=velocity).speed_percent == percent


@pytest.mark.parametrize(
    ('effort', 'force_mn'),
    [
        ((), 1000),
        ((0.0,) * 6, 1000),
        ((0.0,) * 7, 500),
        ((0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 2.0), 2000),
        ((0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 9.0), 3000),
        ((0.0, 0.0, 0.0, 0.0, 0.0, 0.0, math.nan), 1000),
        ((0.0, 0.0, 0.0, 0.0, 0.0, 0.0, math.inf), 3000),
    ],
)
def test_effort_six_is_a_force_clipped_to_half_and_three_newton(effort, force_mn):
    assert read(effort=effort).gripper_force_mn == force_mn


@pytest.mark.parametrize(
    'fields',
    [
        {'position': (math.nan, *POSITION[1:])},
        {'position': (math.inf, *POSITION[1:])},
        {'position': (*POSITION[:6], math.nan)},
        {'position': POSITION[:3]},
        {'velocity': (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, math.nan)},
    ],
)
def test_what_makes_the_driver_raise_moves_nothing(fields):
    refusal = read(**fields)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == DRIVER_CRASH


@given(st.floats(-3.0, 3.0))
def test_a_command_comes_back_with_the_bias_of_both_factors(angle):
    returned = feedback_rad(command_mdeg(angle))
    assert returned == pytest.approx(angle * 57324.840764 * 0.017444 / 1000, abs=0.5 * 0.017444e-3)
    # 0.05 % off the truth in both directions, together 25 ppm.
    assert abs(returned - angle) <= 26e-6 * abs(angle) + 1e-5
    assert true_rad((command_mdeg(angle),))[0] == pytest.approx(1.000507 * angle, abs=1e-5)


@pytest.mark.parametrize(
    ('names', 'position', 'reason'),
    [
        (NAMES[1:], POSITION[1:], MISSING_JOINT_NAMES),
        (tuple(f'joint{i}' for i in range(6)), POSITION, MISSING_JOINT_NAMES),
        ((), POSITION, MISSING_JOINT_NAMES),
        (NAMES[:6], POSITION[:6], SHORT_POSITION),
        (NAMES, (*POSITION[:6], -0.001), NEGATIVE_GRIPPER),
    ],
)
def test_an_accident_is_named(names, position, reason):
    assert find_accident(names=names, position=position).reason == reason


def test_a_proper_command_is_no_accident():
    assert find_accident(names=NAMES, position=POSITION) is None
    assert find_accident(names=NAMES, position=(*POSITION[:6], -1e-9)) is None
    assert find_accident(names=NAMES, position=np.array(POSITION)) is None
