# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
What a Piper can do: joint bounds, speed, acceleration, jerk, gripper range, and the sources.

The joint bounds hold for the angles of the arm's own firmware, whichever zero convention that has.
"""

import math

import numpy as np

from wla_ros.base.joints import JointLayout
from wla_ros.base.joints import JointLimits

# piper_sdk `piper_param_manager.py`: J1 +-150, J2 0..180, J3 -170..0, J4 +-100, J5 +-70, J6 +-120
# deg.
JOINT_LOWER_RAD = (-2.6179, 0.0, -2.967, -1.745, -1.22, -2.09439)
JOINT_UPPER_RAD = (2.6179, 3.14, 0.0, 1.745, 1.22, 2.09439)

# A target on the bound can latch arm_status 4 "target exceeds limit" in the firmware (piper_sdk
# issue 94).
DEFAULT_MARGIN_RAD = math.radians(0.5)

# Firmware defaults at 100 % speed: 3000 x 0.001 rad/s and 500 x 0.01 rad/s^2.
VELOCITY_RAD_S = 3.0
ACCELERATION_RAD_S2 = 5.0
# Not an AgileX figure. Full acceleration is reached in 0.1 s: soft for the gears, and a
# rest-to-rest move of one radian takes 0.1 s longer than with unlimited jerk.
JERK_RAD_S3 = 50.0

# piper_sdk range default [0, 0.07] m; hand models report 0.07 or 0.1 m in CAN 0x47D.
GRIPPER_MAX_M = 0.07
# Not AgileX figures. Full stroke in about 0.4 s, without jerks that loosen a grasp.
GRIPPER_VELOCITY_M_S = 0.25
GRIPPER_ACCELERATION_M_S2 = 2.5
GRIPPER_JERK_M_S3 = 50.0


def piper_limits(
    layout: JointLayout,
    *,
    margin_rad: float = DEFAULT_MARGIN_RAD,
    velocity_rad_s: float = VELOCITY_RAD_S,
    acceleration_rad_s2: float = ACCELERATION_RAD_S2,
    jerk_rad_s3: float = JERK_RAD_S3,
    gripper_max_m: float = GRIPPER_MAX_M,
    gripper_velocity_m_s: float = GRIPPER_VELOCITY_M_S,
    gripper_acceleration_m_s2: float = GRIPPER_ACCELERATION_M_S2,
    gripper_jerk_m_s3: float = GRIPPER_JERK_M_S3,
) -> JointLimits:
    """
    Return the limits of Pipers in the column order of `layout`.

    The joint bounds shrink by `margin_rad` on both sides; the gripper range is [0, gripper_max_m]
    without margin, because its firmware does not refuse the ends. Rates above the firmware's own
    are refused: the arm would lag without saying so. Raises ValueError listing all problems.
    """
    problems: list[str] = []
    if not 0.0 <= margin_rad <= math.radians(10.0):
        problems.append(f'margin_rad must lie in [0, 0.1745] rad, got {margin_rad!r}')
    if not 0.0 < velocity_rad_s <= VELOCITY_RAD_S:
        problems.append(
            f'velocity_rad_s must lie in (0, {VELOCITY_RAD_S:g}], got {velocity_rad_s!r}'
        )
    if not 0.0 < acceleration_rad_s2 <= ACCELERATION_RAD_S2:
        problems.append(
            f'acceleration_rad_s2 must lie in (0, {ACCELERATION_RAD_S2:g}], '
            f'got {acceleration_rad_s2!r}'
        )
    if not 0.0 < gripper_max_m <= 0.1:
        problems.append(f'gripper_max_m must lie in (0, 0.1] m, got {gripper_max_m!r}')
    for name, value in (
        ('jerk_rad_s3', jerk_rad_s3),
        ('gripper_velocity_m_s', gripper_velocity_m_s),
        ('gripper_acceleration_m_s2', gripper_acceleration_m_s2),
        ('gripper_jerk_m_s3', gripper_jerk_m_s3),
    ):
        if not 0.0 < value < math.inf:
            problems.append(f'{name} must be positive and finite, got {value!r}')
    if problems:
        raise ValueError('Piper limits: ' + '; '.join(problems))
    arms = len(layout.arms)
    joint_lower, joint_upper = joint_bounds(margin_rad)
    return JointLimits(
        columns=layout.columns,
        lower=np.tile((*joint_lower, 0.0), arms),
        upper=np.tile((*joint_upper, gripper_max_m), arms),
        velocity=np.tile((*(6 * (velocity_rad_s,)), gripper_velocity_m_s), arms),
        acceleration=np.tile((*(6 * (acceleration_rad_s2,)), gripper_acceleration_m_s2), arms),
        jerk=np.tile((*(6 * (jerk_rad_s3,)), gripper_jerk_m_s3), arms),
    )


def joint_bounds(
    margin_rad: float = DEFAULT_MARGIN_RAD,
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """
    Return lower and upper bounds of the six joints [rad].

    They lie `margin_rad` inside those of the SDK.
    """
    lower = tuple(low + margin_rad for low in JOINT_LOWER_RAD)
    upper = tuple(high - margin_rad for high in JOINT_UPPER_RAD)
    return lower, upper
