# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Commands as the driver takes them: joints by name, end poses."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wla_ros.base.geometry import rpy_to_matrix
from wla_ros.base.joints import ARM_JOINTS
from wla_ros.base.types import FloatArray
from wla_ros.base.types import Refusal
from wla_ros.robots.encoding import EncodedPosCmd
from wla_ros.sim.driver.bus import POSE_MDEG_PER_RAD
from wla_ros.sim.driver.bus import TRUE_RAD_PER_MDEG
from wla_ros.sim.driver.bus import command_mdeg

# A JointState command as piper_ros `joint_callback` (humble) reads it, traps included.
#
# Joints are mapped by name and missing ones are 0.0 rad; the gripper is position[6] whatever the
# names say, and its sign is lost; velocity[6] is a percentage; effort[6] is a force. Knows no
# firmware and no time.

MISSING_JOINT_NAMES = 'missing_joint_names'
SHORT_POSITION = 'short_position'
NEGATIVE_GRIPPER = 'negative_gripper'
DRIVER_CRASH = 'driver_exception'

_GRIPPER_INDEX = 6
_FULL_LENGTH = 7
_DEFAULT_SPEED_PERCENT = 100
_DEFAULT_FORCE_MN = 1000
_MIN_FORCE_N = 0.5
_MAX_FORCE_N = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class JointFrames:
    """The CAN frames one command leads to: 0x151, 0x155 to 0x157, 0x159."""

    joints_mdeg: tuple[int, ...]  # [6]
    speed_percent: int  # 1..100
    gripper_um: int  # >= 0
    gripper_force_mn: int  # 500..3000


def read_joint_command(
    *,
    names: Sequence[str],
    position: Sequence[float],
    velocity: Sequence[float],
    effort: Sequence[float],
    gripper_value_multiple: int,
) -> JointFrames | Refusal:
    """Return what the driver sends, or a Refusal where its callback raises."""
    by_name: dict[str, int] = {}
    try:
        for i, name in enumerate(names):
            by_name[name] = command_mdeg(position[i])
        gripper_um = 0
        if len(position) >= _FULL_LENGTH:
            gripper_um = round(position[_GRIPPER_INDEX] * 1_000_000) * gripper_value_multiple
        speed_percent = _speed_percent(velocity)
        force_mn = _force_mn(effort)
    except (ValueError, OverflowError, IndexError) as error:
        return Refusal(
            reason=DRIVER_CRASH,
            detail=f'the driver raises {error!r} for names {list(names)!r}, '
            f'position {list(position)!r}, velocity {list(velocity)!r}',
        )
    return JointFrames(
        joints_mdeg=tuple(by_name.get(name, 0) for name in ARM_JOINTS),
        speed_percent=speed_percent,
        gripper_um=abs(gripper_um),
        gripper_force_mn=force_mn,
    )


def find_accident(*, names: Sequence[str], position: Sequence[float]) -> Refusal | None:
    """Return why a command that the driver executes cannot be what its sender meant."""
    missing = [name for name in ARM_JOINTS if name not in names]
    if missing:
        return Refusal(
            reason=MISSING_JOINT_NAMES,
            detail=f'names {list(names)!r} lack {", ".join(missing)}: the driver would send them '
            f'to 0.0 rad; send exactly {", ".join(ARM_JOINTS)}, gripper',
        )
    if len(position) < _FULL_LENGTH:
        return Refusal(
            reason=SHORT_POSITION,
            detail=f'{len(position)} positions: the driver would close the gripper; '
            f'send {_FULL_LENGTH}',
        )
    width_m = position[_GRIPPER_INDEX]
    if math.isfinite(width_m) and round(width_m * 1_000_000) < 0:
        return Refusal(
            reason=NEGATIVE_GRIPPER,
            detail=f'gripper width {width_m!r} m: the driver would open it by the absolute value; '
            'clamp to 0',
        )
    return None


def _speed_percent(velocity: Sequence[float]) -> int:
    if len(velocity) != _FULL_LENGTH or all(value == 0 for value in velocity):
        return _DEFAULT_SPEED_PERCENT
    return min(max(round(velocity[_GRIPPER_INDEX]), 1), 100)


def _force_mn(effort: Sequence[float]) -> int:
    if len(effort) < _FULL_LENGTH or math.isnan(effort[_GRIPPER_INDEX]):
        return _DEFAULT_FORCE_MN
    return round(min(max(effort[_GRIPPER_INDEX], _MIN_FORCE_N), _MAX_FORCE_N) * 1000)


SPEED_PERCENT = 50  # of MOVE P, fixed in the driver
GRIPPER_FORCE_MN = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseFrames:
    """The CAN frames one command leads to: 0x152 to 0x154, 0x159."""

    position_um: tuple[int, int, int]
    angles_mdeg: tuple[int, int, int]
    gripper_um: int

    def matrix(self) -> FloatArray:
        """Return the flange pose [4, 4] in base_link."""
        pose = np.eye(4)
        pose[:3, :3] = rpy_to_matrix(np.array(self.angles_mdeg) * TRUE_RAD_PER_MDEG)
        pose[:3, 3] = np.array(self.position_um) * 1e-6
        return pose


def read_pose_command(command: EncodedPosCmd) -> PoseFrames | Refusal:
    """Return what the driver sends, or a Refusal where its callback raises: not finite."""
    try:
        return PoseFrames(
            position_um=(
                round(command.x * 1000) * 1000,
                round(command.y * 1000) * 1000,
                round(command.z * 1000) * 1000,
            ),
            angles_mdeg=(
                round(command.roll * POSE_MDEG_PER_RAD),
                round(command.pitch * POSE_MDEG_PER_RAD),
                round(command.yaw * POSE_MDEG_PER_RAD),
            ),
            # The driver's upper clamp compares metres with 80000 and never acts.
            gripper_um=max(round(command.gripper * 1_000_000), 0),
        )
    except (ValueError, OverflowError) as error:
        return Refusal(reason=DRIVER_CRASH, detail=f'the driver raises {error!r} for {command!r}')
