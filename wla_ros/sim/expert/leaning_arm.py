# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Joints of arms whose tools lean outward in the vertical plane of their first axis, any number at
once.

The closed form of `robots.piper.inverse_kinematics` for the one branch such tools use: elbow up,
joints 4 and 6 at zero.
"""

import math

import numpy as np

from wla_ros.base.types import FloatArray
from wla_ros.robots.piper.forward_kinematics import DH_TABLES
from wla_ros.robots.piper.forward_kinematics import ZeroConvention
from wla_ros.robots.piper.forward_kinematics import flange_pose

_LINKS = DH_TABLES[ZeroConvention.NEW]
_D1, _D4, _D6 = _LINKS[0].d_m, _LINKS[3].d_m, _LINKS[5].d_m
_L1 = _LINKS[2].a_m
_L2 = math.hypot(_LINKS[3].a_m, _D4)
_PHI = math.atan2(-_D4, _LINKS[3].a_m)  # from axis 3 to the wrist centre, at theta 3 = 0


def leaning_joints(
    points: FloatArray, *, tilt_rad: FloatArray | float, tool_offset_m: float
) -> FloatArray:
    """
    Return joints [..., 6] with the tools at `points` [..., 3] in base_link.

    The tools lean out of the vertical by `tilt_rad`, one for all or [...]. Points out of reach
    give the nearest stretch; limits are not looked at.
    """
    radius = np.hypot(points[..., 0], points[..., 1])
    length = _D6 + tool_offset_m
    x = radius - length * np.sin(tilt_rad)  # wrist centre in the arm's plane
    y = _D1 - (points[..., 2] + length * np.cos(tilt_rad))
    cosine = (x * x + y * y - _L1 * _L1 - _L2 * _L2) / (2.0 * _L1 * _L2)
    bend = np.arccos(np.clip(cosine, -1.0, 1.0))
    theta_2 = np.arctan2(y, x) - np.arctan2(_L2 * np.sin(bend), _L1 + _L2 * np.cos(bend))
    theta_3 = bend - _PHI
    joints = np.zeros((*radius.shape, 6))
    joints[..., 0] = np.arctan2(points[..., 1], points[..., 0])
    joints[..., 1] = _wrap(theta_2 - _LINKS[1].offset_rad)
    joints[..., 2] = _wrap(theta_3 - _LINKS[2].offset_rad)
    # theta 2 and 3 turn link 3 out of the vertical, joint 5 the rest.
    joints[..., 4] = _wrap(math.pi - tilt_rad - (theta_2 + theta_3))
    return joints


def leaning_place(joints: FloatArray, *, tool_offset_m: float) -> FloatArray:
    """
    Return (azimuth, radius, height, lean) [..., 4] of the tools at `joints` [..., 6] in base_link.

    The inverse of `leaning_joints` where joints 4 and 6 are zero; elsewhere the lean is the angle
    of the approach axis from straight down, and what else turns the tool is left out.
    """
    pose = flange_pose(joints, tool_offset_m=tool_offset_m)
    x, y, z = (pose[..., i, 3] for i in range(3))
    lean = np.arccos(np.clip(-pose[..., 2, 2], -1.0, 1.0))
    place: FloatArray = np.stack((np.arctan2(y, x), np.hypot(x, y), z, lean), axis=-1)
    return place


def _wrap(angle_rad: FloatArray) -> FloatArray:
    wrapped: FloatArray = np.remainder(angle_rad + math.pi, math.tau) - math.pi
    return wrapped
