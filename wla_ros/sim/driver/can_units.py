"""
Integers on the CAN bus and what the piper_ros driver makes of them, with its two wrong factors.

Joints are 0.001 deg, lengths um, forces mN. The driver multiplies commands with 180000 / 3.14 and
feedback with 0.017444, so both are 0.05 % off the true angle in opposite directions; a command
comes back times 0.999975.
"""

import math

import numpy as np

from wla_ros.core.types import FloatArray

COMMAND_MDEG_PER_RAD = 57324.840764  # piper_ros joint_callback: 1000 * 180 / 3.14
FEEDBACK_RAD_PER_DEG = 0.017444  # piper_ros PublishArmJointAndGripper
POSE_MDEG_PER_RAD = 1000 * 180 / 3.1415926  # piper_ros pos_callback
TRUE_RAD_PER_MDEG = math.pi / 180_000


def command_mdeg(angle_rad: float) -> int:
    """
    Return what the driver sends for a commanded angle.

    Raises ValueError or OverflowError if not finite.
    """
    return round(angle_rad * COMMAND_MDEG_PER_RAD)


def feedback_rad(joint_mdeg: int) -> float:
    """Return what the driver reports for an angle on the bus."""
    return joint_mdeg / 1000 * FEEDBACK_RAD_PER_DEG


def true_rad(joints_mdeg: tuple[int, ...]) -> FloatArray:
    """Return the angles [n] [rad] that the firmware understands."""
    return np.array([joint * TRUE_RAD_PER_MDEG for joint in joints_mdeg])


def quantised(values: FloatArray, scale: float) -> tuple[int, ...]:
    """Return `values` times `scale` as integers on the bus."""
    return tuple([round(value * scale) for value in values.tolist()])
