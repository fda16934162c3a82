# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The CAN bus between driver and firmware: units, quantisation, silence."""

import math
from dataclasses import dataclass
from dataclasses import field

import numpy as np

from wla_ros.base.types import FloatArray

# What travels from the firmware to the driver.


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackFrame:
    """Joint (0x2A5-2A7), gripper (0x2A8) and high-speed (0x251-256) frames of one instant."""

    stamp_ns: int  # when SocketCAN received them
    joints_mdeg: tuple[int, ...]  # [6]
    speeds_mrad_s: tuple[int, ...]  # [6]
    efforts_mnm: tuple[int, ...]  # [6]
    gripper_um: int
    gripper_effort_mn: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusFrame:
    """Arm status (0x2A1)."""

    ctrl_mode: int = 0
    arm_status: int = 0
    mode_feedback: int = 0
    motion_status: int = 0
    joint_angle_limit: tuple[bool, ...] = field(default=(False,) * 6)


# What the SDK returns before the first frame arrives.
NOTHING_RECEIVED = FeedbackFrame(
    stamp_ns=0,
    joints_mdeg=(0,) * 6,
    speeds_mrad_s=(0,) * 6,
    efforts_mnm=(0,) * 6,
    gripper_um=0,
    gripper_effort_mn=0,
)


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
