# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Policies by name, in the joint zeros of the arms."""

from pathlib import Path

import pytest

pytest.importorskip('rclpy')

from wla_ros.base.parameter_files import find_configuration_file  # noqa: E402
from wla_ros.policies.adapters import PolicyWithZero  # noqa: E402
from wla_ros.policies.registry import PolicyContext  # noqa: E402
from wla_ros.policies.registry import PolicySection  # noqa: E402
from wla_ros.policies.registry import make_policy  # noqa: E402
from wla_ros.policies.simple import HoldPolicy  # noqa: E402 - not without rclpy
from wla_ros.robots.piper.forward_kinematics import ZeroConvention  # noqa: E402
from wla_ros.robots.robot import Robot  # noqa: E402
from wla_ros.robots.robot import RobotSection  # noqa: E402
from wla_ros.robots.robot import load_robot  # noqa: E402


def robot(folder: Path, left: str, right: str) -> Robot:
    shipped = find_configuration_file('drivers/piper_ros.yaml')
    assert shipped is not None
    before, between, after = shipped.read_text(encoding='utf-8').split('firmware_zero: new')
    text = f'{before}firmware_zero: {left}{between}firmware_zero: {right}{after}'
    path = folder / 'profile.yaml'
    path.write_text(text, encoding='utf-8')
    loaded = load_robot(RobotSection(driver_profile=str(path)))
    assert isinstance(loaded, Robot)
    return loaded


@pytest.mark.parametrize(
    ('trained', 'left', 'right', 'converts'),
    [
        ('as_arms', 'new', 'old', False),
        ('new', 'new', 'new', False),
        ('old', 'old', 'old', False),
        ('old', 'new', 'new', True),
        ('new', 'new', 'old', True),
    ],
)
def test_joints_are_converted_where_an_arm_has_other_zeros_than_the_data(
    tmp_path: Path, trained: str, left: str, right: str, converts: bool
) -> None:
    section = PolicySection(name='hold', zero_convention=trained)
    arms = robot(tmp_path, left, right)
    policy = make_policy(section, arms, ())
    assert isinstance(policy, PolicyWithZero if converts else HoldPolicy)
    context = PolicyContext(robot=arms, cameras=(), zero_convention=trained)
    seen = context.seen_zero('right')
    assert seen is ZeroConvention(right if trained == 'as_arms' else trained)
