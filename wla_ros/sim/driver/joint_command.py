"""
A JointState command as piper_ros `joint_callback` (humble) reads it, traps included.

Joints are mapped by name and missing ones are 0.0 rad; the gripper is position[6] whatever the
names say, and its sign is lost; velocity[6] is a percentage; effort[6] is a force. Knows no
firmware and no time.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from wla_ros.core.joint_layout import ARM_JOINTS
from wla_ros.core.types import Refusal
from wla_ros.sim.driver.can_units import command_mdeg

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
