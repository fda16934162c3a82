# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
What the drivers do with messages, re-implemented from their sources as an oracle for the
encodings.

piper_ros (humble) maps joints by name, cobot_magic by index; both give feedback with the same
factors.
"""

import math
from pathlib import Path

from wla_ros.robots.profile import load_driver_profile

PROFILES = Path(__file__).parents[2] / 'config' / 'drivers'
ANGLE_TO_MDEG = 57324.840764  # 180000 / 3.14, in joint_callback
DEG_TO_ANGLE = 0.017444  # in the publishing of joint states


def profile(name):
    return load_driver_profile(PROFILES / f'{name}.yaml')


def piper_ros_reads(names, position, velocity=(), effort=(), gripper_val_mutiple=1):
    """Return CAN joints [0.001 deg], gripper [um], speed [%], gripper force [0.001 N]."""
    found = {}
    for i, name in enumerate(names):
        found[name] = round(position[i] * ANGLE_TO_MDEG)
    joints = [found.get(f'joint{i}', 0) for i in range(1, 7)]
    gripper = None
    if len(position) >= 7:
        gripper = abs(round(position[6] * 1e6) * gripper_val_mutiple)
    speed = 100
    if len(velocity) == 7 and any(velocity):
        speed = min(max(round(velocity[6]), 1), 100)
    force = 1.0
    if len(effort) >= 7 and not math.isnan(effort[6]):
        force = min(max(effort[6], 0.5), 3.0)
    return joints, gripper, speed, round(force * 1000)


def cobot_magic_reads(position):
    """Return CAN joints [0.001 deg] and gripper [um], by index."""
    joints = [round(value * ANGLE_TO_MDEG) for value in position[:6]]
    return joints, min(max(round(position[6] * 1e6), 0), 80000)


def agx_arm_reads(names, position, effort=()):
    """Return joints [rad] by name, gripper width [m] and force [N]; unlisted joints stay."""
    found = dict(zip(names, position, strict=True))
    force = effort[names.index('gripper')] if len(effort) else 1.0
    return [found.get(f'joint{i}') for i in range(1, 7)], found.get('gripper'), force


def piper_feedback(joints_mdeg, gripper_um):
    """Return the positions that piper_ros and cobot_magic publish."""
    return [value / 1000 * DEG_TO_ANGLE for value in joints_mdeg] + [gripper_um / 1e6]
