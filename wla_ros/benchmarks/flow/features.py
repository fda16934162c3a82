# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
What the network sees of an instant, as numbers: the same code for training and inference.

Positions are given relative to base and tool point, so that kinematics need not be learned.
"""

from dataclasses import dataclass

import numpy as np

from wla_ros.base.types import FloatArray
from wla_ros.benchmarks.flow.flow_config import JOINTS
from wla_ros.benchmarks.flow.flow_config import FlowConfig
from wla_ros.robots.piper.forward_kinematics import flange_pose


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Situation:
    """Any number of instants; leading axes `...` agree."""

    joints: FloatArray  # [..., 6] of the arm [rad]
    velocities: FloatArray  # [..., 6] [rad/s]
    positions: FloatArray  # [..., n, 3] of the objects, world frame [m]
    drift: FloatArray  # [..., n, 3] their velocities [m/s], zero where unknown
    offset: FloatArray  # [...] rows by which the objects are older than the joints


def feature_count(config: FlowConfig) -> int:
    """Return the number f of features."""
    return 2 * JOINTS + 3 + 9 * len(config.objects) + 1


def features(config: FlowConfig, situation: Situation) -> FloatArray:
    """Return [..., f]: joints, velocities, tool point, objects from base and tool, drift, age."""
    leading = situation.offset.shape
    tool = flange_pose(situation.joints, tool_offset_m=config.tool_offset_m)[..., :3, 3]
    objects = situation.positions - np.asarray(config.base_m)  # [..., n, 3]
    parts = (
        situation.joints,
        situation.velocities,
        tool,
        objects.reshape(*leading, -1),
        (objects - tool[..., None, :]).reshape(*leading, -1),
        situation.drift.reshape(*leading, -1),
        situation.offset[..., None] / config.horizon,
    )
    return np.concatenate(parts, axis=-1)
