# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Limits and kinematics of the executor node agree with the driver profile."""

import numpy as np
import pytest

pytest.importorskip('rclpy')

import dataclasses

from wla_ros.base.parameter_files import find_configuration_file
from wla_ros.composition.executor import ExecutorNodeConfiguration
from wla_ros.composition.executor import ExecutorParts
from wla_ros.composition.executor import LimitsSection
from wla_ros.composition.executor import load_executor
from wla_ros.inference.strategy import StrategyConfig
from wla_ros.nodes.executor.outputs import form_problems
from wla_ros.robots.piper.forward_kinematics import ZeroConvention
from wla_ros.robots.robot import RobotSection

POSE = np.array([0.1, 0.8, -0.9, 0.1, 0.5, 0.1])

PIPER = ExecutorNodeConfiguration(robot=RobotSection(driver_profile='piper_ros'))


@pytest.fixture
def old_firmware(tmp_path):
    text = find_configuration_file('drivers/piper_ros.yaml').read_text(encoding='utf-8')
    path = tmp_path / 'old.yaml'
    path.write_text(text.replace('firmware_zero: new', 'firmware_zero: old'), encoding='utf-8')
    return ExecutorNodeConfiguration(robot=RobotSection(driver_profile=str(path)))


def test_the_firmware_zero_of_the_profile_reaches_the_kinematics(old_firmware):
    new, old = load_executor(PIPER), load_executor(old_firmware)
    assert isinstance(new, ExecutorParts)
    assert isinstance(old, ExecutorParts)
    assert old.robot.profile.arm('left').zero is ZeroConvention.OLD
    distance = new.kinematics['left'].pose(POSE)[:3, 3] - old.kinematics['left'].pose(POSE)[:3, 3]
    assert np.linalg.norm(distance) > 0.005


def test_a_gripper_wider_than_the_profile_clamps_to_is_a_problem():
    wide = dataclasses.replace(PIPER, limits=LimitsSection(gripper_max_m=0.1))
    (problem,) = load_executor(wide)
    assert problem.where == 'limits.gripper_max_m'


def test_end_poses_need_a_type_of_the_driver_or_the_simulated_rig():
    # piper_msgs is not installed here; types of this package are nobody's driver.
    real = dataclasses.replace(PIPER, command_form='end_pose')
    (problem,) = load_executor(real, form_problems)
    assert problem.where == 'command_form'
    assert 'piper_msgs/msg/PosCmd' in problem.what
    rig = dataclasses.replace(real.robot, simulated=True)
    simulated = dataclasses.replace(real, robot=rig)
    assert isinstance(load_executor(simulated, form_problems), ExecutorParts)


def test_the_strategy_beside_the_execution_section_reaches_the_executor():
    configured = dataclasses.replace(PIPER, strategy=StrategyConfig(name='rollforward+prefix'))
    parts = load_executor(configured)
    assert isinstance(parts, ExecutorParts)
    assert parts.make_executor().execution_plan(0).strategy == 'prefix+rollforward'


@pytest.mark.parametrize(
    ('most_hz', 'ticks'), [(1000.0, 1), (200.0, 1), (199.0, 2), (100.0, 2), (66.7, 3), (10.0, 20)]
)
def test_set_points_are_every_nth_tick_and_never_more_than_allowed(most_hz, ticks):
    configured = dataclasses.replace(PIPER, max_command_rate_hz=most_hz)
    assert configured.ticks_per_set_point == ticks
