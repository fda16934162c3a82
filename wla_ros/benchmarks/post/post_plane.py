# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The plane of the way of pass_post, seen from above, and the joints of the arm above it."""

import math

import numpy as np

from wla_ros.base.types import FloatArray
from wla_ros.benchmarks.post.pass_post import ARM
from wla_ros.benchmarks.post.pass_post import PLANE_M
from wla_ros.robots.piper.forward_kinematics import flange_pose
from wla_ros.sim import arm_settings as settings
from wla_ros.sim.expert.leaning_arm import leaning_joints

_BASE = np.array(settings.ARM_BASES[ARM])
_HOME_TOOL = flange_pose(np.array(settings.HOME_RAD), tool_offset_m=settings.TCP_OFFSET_M)
_TILT_RAD = math.acos(-float(_HOME_TOOL[2, 2]))
_STEP_S = 1e-4
# Where the tool is at home [2] [m], world frame.
HOME_POINT_M = _BASE[:2] + _HOME_TOOL[:2, 3]


def joints_at(points: FloatArray) -> FloatArray:
    """Return joints [..., 6] with the tool at `points` [..., 2] [m], leaning as at home."""
    local = np.empty((*points.shape[:-1], 3))
    local[..., :2] = points - _BASE[:2]
    local[..., 2] = PLANE_M - _BASE[2]
    return leaning_joints(local, tilt_rad=_TILT_RAD, tool_offset_m=settings.TCP_OFFSET_M)


def point_of(joints: FloatArray) -> FloatArray:
    """Return where the tool is [..., 2] [m] at `joints` [..., 6]."""
    tool = flange_pose(joints, tool_offset_m=settings.TCP_OFFSET_M)[..., :2, 3]
    return np.asarray(_BASE[:2] + tool)


def velocity_of(joints: FloatArray, velocity: FloatArray) -> FloatArray:
    """Return the speed of the tool [..., 2] [m/s] at `joints` and their `velocity` [..., 6]."""
    step = _STEP_S * velocity
    return (point_of(joints + step) - point_of(joints - step)) / (2.0 * _STEP_S)


def joint_velocity_at(points: FloatArray, velocity: FloatArray) -> FloatArray:
    """Return how fast the joints [..., 6] move where the tool has `points` and `velocity`."""
    step = _STEP_S * velocity
    return (joints_at(points + step) - joints_at(points - step)) / (2.0 * _STEP_S)
