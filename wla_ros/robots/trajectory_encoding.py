"""
A planned motion of one arm to the points of a joint trajectory; the last stage before the wire.

Either every point comes out, complete, finite and plausible, or a Refusal. Knows no limits of
motion; those belong to `control`.
"""

from dataclasses import dataclass

import numpy as np

from wla_ros.core.joint_layout import ARM_COLUMNS
from wla_ros.core.joint_layout import ARM_WIDTH
from wla_ros.core.types import FloatArray
from wla_ros.core.types import Refusal
from wla_ros.robots.command_encoding import IMPLAUSIBLE
from wla_ros.robots.command_encoding import IMPOSSIBLE_ANGLE_RAD
from wla_ros.robots.command_encoding import MALFORMED
from wla_ros.robots.command_encoding import NOT_FINITE
from wla_ros.robots.driver_profile import ArmProfile


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EncodedTrajectory:
    """Points [n, k] for the k names of a driver's joint commands, in its units."""

    names: tuple[str, ...]
    position: FloatArray
    velocity: FloatArray
    acceleration: FloatArray


def encode_trajectory(
    arm: ArmProfile, position: FloatArray, velocity: FloatArray, acceleration: FloatArray
) -> EncodedTrajectory | Refusal:
    """
    Return the points for `position`, `velocity` and `acceleration` [n, 7], n >= 1.

    The gripper is clamped to [0, maximum_m] and rests where it is. Refusals: malformed_command,
    non_finite_command, implausible_command.
    """
    fields = {'position': position, 'velocity': velocity, 'acceleration': acceleration}
    for field, values in fields.items():
        if values.shape != (len(position), ARM_WIDTH) or not len(position):
            return Refusal(
                reason=MALFORMED,
                detail=f'{arm.name}: {field} must be [n, {ARM_WIDTH}], got {values.shape}',
            )
        bad = np.argwhere(~np.isfinite(values))
        if len(bad):
            point, column = bad[0]
            return Refusal(
                reason=NOT_FINITE,
                detail=f'{field} of {arm.name}/{ARM_COLUMNS[column]} in point {point} is '
                'not finite',
            )
    far = np.argwhere(np.abs(position[:, :-1]) > IMPOSSIBLE_ANGLE_RAD)
    if len(far):
        point, column = far[0]
        return Refusal(
            reason=IMPLAUSIBLE,
            detail=f'{arm.name}/{ARM_COLUMNS[column]} = {position[point, column]:g} rad in point '
            f'{point}; is it in degrees?',
        )
    width = np.clip(position[:, -1], 0.0, arm.command.gripper.maximum_m)
    clamped = width != position[:, -1]
    return EncodedTrajectory(
        names=arm.command_names,
        position=_encoded(arm, position[:, :-1], width),
        velocity=_encoded(arm, velocity[:, :-1], np.where(clamped, 0.0, velocity[:, -1])),
        acceleration=_encoded(
            arm, acceleration[:, :-1], np.where(clamped, 0.0, acceleration[:, -1])
        ),
    )


def _encoded(arm: ArmProfile, joints: FloatArray, width: FloatArray) -> FloatArray:
    """Return [n, k]: joints and gripper entries, scaled to the driver's units."""
    gripper = arm.command.gripper
    factors = np.array(gripper.factors if gripper.present else ())
    return np.concatenate([arm.command.angle_scale * joints, np.outer(width, factors)], axis=1)
