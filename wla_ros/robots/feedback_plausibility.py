"""
Does live joint feedback look like a Piper in radians and metres?

Pure judgement over a few seconds of decoded feedback; used by `wla_ros doctor`. It names the unit
mistake that would explain what it sees. Bounds: mechanical range of the Piper with a generous
margin (SDK soft limits), and the 3.5 rad at which the piper_ros driver itself drops a message.
"""

from dataclasses import dataclass

import numpy as np

from wla_ros.core.joint_layout import ARM_COLUMNS
from wla_ros.core.timing import NS_PER_S
from wla_ros.core.types import FloatArray

# The piper_ros driver drops feedback beyond this angle; a Piper joint cannot turn that far.
IMPOSSIBLE_ANGLE_RAD = 3.5
# AgileX grippers open 70 to 100 mm; anything wider than this is not metres.
WIDEST_GRIPPER_M = 0.12
# Feedback slightly below zero is normal for a closed gripper.
NARROWEST_GRIPPER_M = -0.01
# Stamps of healthy feedback on one host differ from the ROS clock by far less.
CLOCK_OFFSET_LIMIT_NS = NS_PER_S // 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong or doubtful, and what to do."""

    severe: bool
    what: str
    remedy: str


def judge_feedback(
    position: FloatArray, lower: FloatArray, upper: FloatArray
) -> tuple[Finding, ...]:
    """
    Return what is implausible in `position` [n, 7] (six joints [rad], gripper [m]) given limits
    [7].

    An empty recording, non-finite values, degrees instead of radians, millimetres or per cent
    instead of metres, the all-zero output of a driver without CAN frames and joints outside their
    limits are told apart.
    """
    if position.size == 0:
        return (
            Finding(
                severe=True,
                what='no feedback',
                remedy='is the driver running and the arm powered?',
            ),
        )
    if not np.isfinite(position).all():
        column = ARM_COLUMNS[int(np.argwhere(~np.isfinite(position))[0][1])]
        return (Finding(severe=True, what=f'{column} is not finite', remedy='restart the driver'),)
    findings = []
    if not position.any():
        findings.append(
            Finding(
                severe=True,
                what='every joint reads exactly 0',
                remedy='no CAN frames yet: check power, CAN interface and bit rate (1 Mbit/s)',
            )
        )
    angles, widths = position[:, :6], position[:, 6]
    findings += _judge_angles(angles, lower[:6], upper[:6])
    findings += _judge_gripper(widths, float(upper[6]))
    return tuple(findings)


def _judge_angles(angles: FloatArray, lower: FloatArray, upper: FloatArray) -> list[Finding]:
    largest = float(np.abs(angles).max())
    if largest > IMPOSSIBLE_ANGLE_RAD:
        unit = 'thousandths of a degree' if largest > 360.0 else 'degrees'
        return [
            Finding(
                severe=True,
                what=f'a joint reads {largest:.1f}, which no Piper joint reaches in radians',
                remedy=f'the driver seems to publish {unit}: choose the right driver profile',
            )
        ]
    findings = []
    for column, values, low, high in zip(ARM_COLUMNS, angles.T, lower, upper, strict=False):
        if values.min() < low or values.max() > high:
            findings.append(
                Finding(
                    severe=False,
                    what=f'{column} reads {values.min():.3f} .. {values.max():.3f} rad, '
                    f'its limits are {low:.3f} .. {high:.3f}',
                    remedy='check the zero position and the firmware zero convention (arm_zero)',
                )
            )
    return findings


def _judge_gripper(widths: FloatArray, stroke_m: float) -> list[Finding]:
    low, high = float(widths.min()), float(widths.max())
    if high > WIDEST_GRIPPER_M:
        unit = 'millimetres' if high > 1.0 else 'a normalised opening'
        return [
            Finding(
                severe=True,
                what=f'the gripper reads {high:.3f}, which is no width in metres',
                remedy=f'the driver seems to publish {unit}: see `gripper` in the driver profile',
            )
        ]
    if low < NARROWEST_GRIPPER_M:
        return [
            Finding(
                severe=False,
                what=f'the gripper reads {low:.4f} m',
                remedy='zero the gripper (closed, then set zero)',
            )
        ]
    if high > stroke_m + 0.005:
        return [
            Finding(
                severe=False,
                what=f'the gripper reads {high:.4f} m, beyond its stroke of {stroke_m:.3f} m',
                remedy='set gripper_max_m to the stroke of this gripper',
            )
        ]
    return []
