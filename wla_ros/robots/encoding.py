# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Set-points of one arm to what its driver expects; the last stage before the wire."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from wla_ros.base.geometry import as_matrix
from wla_ros.base.geometry import matrix_to_quaternion
from wla_ros.base.geometry import matrix_to_rpy
from wla_ros.base.joints import ARM_COLUMNS
from wla_ros.base.joints import ARM_JOINTS
from wla_ros.base.joints import ARM_WIDTH
from wla_ros.base.types import Refusal
from wla_ros.robots.profile import ArmProfile
from wla_ros.robots.profile import EndPoseEncoding

# What goes over the wire, without ROS: the payload of the messages that a driver takes and gives.
#
# Units and order are the driver's, as its profile says. Lengths of the fields may differ, as in
# the messages.


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedJointState:
    """Payload of a JointState; other types take only the fields that they have."""

    names: tuple[str, ...]
    position: tuple[float, ...]
    velocity: tuple[float, ...] = ()
    effort: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedPosCmd:
    """Payload of a PosCmd: flange in base_link, extrinsic XYZ angles, units of the profile."""

    x: float
    y: float
    z: float
    roll: float
    pitch: float
    yaw: float
    gripper: float  # [m]
    mode1: int = 0
    mode2: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedPose:
    """Payload of a Pose: position [m] and unit quaternion x y z w of the flange in base_link."""

    position: tuple[float, float, float]
    orientation: tuple[float, float, float, float]


# Refusal.reason values.
MALFORMED = 'malformed_command'
NOT_FINITE = 'non_finite_command'
IMPLAUSIBLE = 'implausible_command'

# No Piper joint turns that far; the piper_ros driver draws the same line for feedback.
IMPOSSIBLE_ANGLE_RAD = 3.5
# The flange of a Piper reaches 0.75 m from base_link; millimetres taken for metres land far
# beyond.
IMPOSSIBLE_DISTANCE_M = 1.0
_STILL = np.zeros(ARM_WIDTH)
_LENGTHS_PER_METRE = {'m': 1.0, 'mm': 1e3}
_ANGLES_PER_RADIAN = {'rad': 1.0, 'deg': 180.0 / math.pi}


def encode_command(
    arm: ArmProfile, position: ArrayLike, velocity: ArrayLike | None = None
) -> EncodedJointState | Refusal:
    """
    Return the joint command for `position` [7] (six joints [rad], gripper opening width [m]).

    `velocity` [7] [rad/s, m/s] is sent only if the driver reads joint velocities. The gripper is
    clamped to [0, maximum_m]. Refusals: malformed_command, non_finite_command,
    implausible_command.
    """
    command, gripper = arm.command, arm.command.gripper
    goal = np.asarray(position, dtype=np.float64)
    rate = _STILL if velocity is None else np.asarray(velocity, dtype=np.float64)
    problem = _problem('position', goal) or _problem('velocity', rate)
    if problem is not None:
        return problem
    *joints, opening = goal.tolist()
    for name, angle in zip(ARM_JOINTS, joints, strict=True):
        if not abs(angle) <= IMPOSSIBLE_ANGLE_RAD:
            return Refusal(
                reason=IMPLAUSIBLE, detail=f'{arm.name}/{name} = {angle:g} rad; is it in degrees?'
            )
    width = min(max(opening, 0.0), gripper.maximum_m)
    factors = gripper.factors if gripper.present else ()
    sent_position = [command.angle_scale * angle for angle in joints]
    sent_position += [factor * width for factor in factors]
    sent_velocity: list[float] = []
    if command.velocity == 'joint_velocity':
        sent_velocity = [command.angle_scale * value for value in rate[:-1].tolist()]
        sent_velocity += [factor * float(rate[-1]) for factor in factors]
    elif command.velocity == 'speed_percent':
        sent_velocity = [0.0] * len(ARM_JOINTS) + [float(command.speed_percent)]
    sent_effort: list[float] = []
    if command.effort == 'gripper_force':
        sent_effort = [0.0] * len(ARM_JOINTS) + [command.gripper_force_n]
    return EncodedJointState(
        names=arm.command_names,
        position=tuple(sent_position),
        velocity=tuple(sent_velocity),
        effort=tuple(sent_effort),
    )


def encode_end_pose(
    arm: ArmProfile, flange: ArrayLike, gripper_width_m: float
) -> EncodedPosCmd | EncodedPose | Refusal:
    """
    Return the end-pose command for a `flange` pose in base_link, as [4, 4] or pose7.

    A PosCmd carries the gripper, clamped to [0, maximum_m]; a Pose does not. Refusals as
    `encode_command`. Raises ValueError if the driver takes no end poses.
    """
    encoding = arm.end_pose
    if encoding is None or not arm.channels.end_pose_command_topic:
        raise ValueError(f'the driver profile has no end-pose command for arm {arm.name!r}')
    try:
        matrix = as_matrix(flange)
    except ValueError as error:
        return Refusal(reason=MALFORMED, detail=f'{arm.name}: {error}')
    if matrix.shape != (4, 4):
        return Refusal(reason=MALFORMED, detail=f'one pose is [4, 4] or [7], got {matrix.shape}')
    if not (np.all(np.isfinite(matrix)) and math.isfinite(gripper_width_m)):
        return Refusal(reason=NOT_FINITE, detail=f'{arm.name}: pose or gripper is not finite')
    if not np.linalg.norm(matrix[:3, 3]) <= IMPOSSIBLE_DISTANCE_M:
        return Refusal(
            reason=IMPLAUSIBLE,
            detail=f'{arm.name}: flange at {matrix[:3, 3].tolist()} m; is it in millimetres, '
            'or in another frame than base_link?',
        )
    width = min(max(gripper_width_m, 0.0), arm.command.gripper.maximum_m)
    if encoding.form == 'pos_cmd':
        return _pos_cmd(encoding, matrix, width)
    x, y, z = matrix[:3, 3].tolist()
    qx, qy, qz, qw = matrix_to_quaternion(matrix[:3, :3]).tolist()
    return EncodedPose(position=(x, y, z), orientation=(qx, qy, qz, qw))


def _pos_cmd(encoding: EndPoseEncoding, matrix: np.ndarray, width: float) -> EncodedPosCmd:
    x, y, z = (_LENGTHS_PER_METRE[encoding.length_unit] * matrix[:3, 3]).tolist()
    angles = _ANGLES_PER_RADIAN[encoding.angle_unit] * matrix_to_rpy(matrix[:3, :3])
    roll, pitch, yaw = angles.tolist()
    return EncodedPosCmd(x=x, y=y, z=z, roll=roll, pitch=pitch, yaw=yaw, gripper=width)


def _problem(field: str, values: np.ndarray) -> Refusal | None:
    if values.shape != (ARM_WIDTH,):
        return Refusal(
            reason=MALFORMED, detail=f'{field} must have {ARM_WIDTH} values, got {values.shape}'
        )
    # A finite sum has finite terms; one that overflows is looked at more closely.
    if math.isfinite(sum(values.tolist())):
        return None
    wrong = [
        name for name, value in zip(ARM_COLUMNS, values, strict=True) if not np.isfinite(value)
    ]
    if wrong:
        return Refusal(reason=NOT_FINITE, detail=f'{field} of {", ".join(wrong)} is not finite')
    return None
