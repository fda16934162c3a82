# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""What the expert of stack_cup sees of the cups and of what it holds."""

import math
from dataclasses import dataclass

import numpy as np

from wla_ros.base.geometry import quaternion_to_matrix
from wla_ros.base.timing import NS_PER_MS
from wla_ros.base.types import FloatArray
from wla_ros.base.types import ObjectPoses
from wla_ros.base.types import Observation
from wla_ros.sim.expert.plan import Plan
from wla_ros.sim.tasks import cup
from wla_ros.sim.tasks import stack_cup

GRASP_HEIGHT_M = 0.070  # of the tool above the bottom of the cup
_GRASP_TOLERANCE_M = 0.022  # a cup caught off centre still goes in
_HELD_WIDTH_M = (0.042, 0.0625)  # outer diameters a pad can rest on
_STANDING_RAD = math.radians(12.0)
_NEAR_M = 0.10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CupSituation:
    """Poses [4, 4] in the world frame, and the opening of the hand."""

    tool: FloatArray
    moved: FloatArray  # the cup to be stacked
    target: FloatArray
    width_m: float

    @property
    def grasp_point(self) -> FloatArray:
        """Return the point [3] on the axis of the moved cup where the tool grasps it."""
        point: FloatArray = self.moved[:3, 3] + GRASP_HEIGHT_M * self.moved[:3, 2]
        return point

    @property
    def in_hand(self) -> bool:
        """Tell whether the hand holds the moved cup."""
        away_m = float(np.linalg.norm(self.grasp_point - self.tool[:3, 3]))
        return away_m < _GRASP_TOLERANCE_M and _HELD_WIDTH_M[0] < self.width_m < _HELD_WIDTH_M[1]

    @property
    def hand_near(self) -> bool:
        """Tell whether the hand is so close to a cup that it has to back off first."""
        tip = self.tool[:3, 3]
        for pose in (self.moved, self.target):
            middle = pose[:3, 3] + 0.5 * cup.HEIGHT_M * pose[:3, 2]
            if float(np.linalg.norm(tip - middle)) < _NEAR_M:
                return True
        return False

    @property
    def standing(self) -> bool:
        """Tell whether both cups stand upright."""
        return all(pose[2, 2] > math.cos(_STANDING_RAD) for pose in (self.moved, self.target))

    @property
    def nested(self) -> bool:
        """Tell whether the moved cup sits in the target."""
        apart = self.moved[:3, 3] - self.target[:3, 3]
        low, high = stack_cup.HEIGHT_RANGE_M
        return (
            self.standing
            and float(np.hypot(*apart[:2])) < stack_cup.MAX_OFFSET_M
            and low <= apart[2] <= high
        )

    @property
    def height_m(self) -> float:
        """Return the height of the moved cup above the bottom of the target."""
        return float(self.moved[2, 3] - self.target[2, 3])

    @property
    def offset_m(self) -> float:
        """Return the horizontal distance of the cups."""
        return float(np.hypot(*(self.moved[:2, 3] - self.target[:2, 3])))

    @property
    def cup_in_tool(self) -> FloatArray:
        """Return the bottom of the moved cup [3] in the tool frame."""
        inside: FloatArray = self.tool[:3, :3].T @ (self.moved[:3, 3] - self.tool[:3, 3])
        return inside


def object_pose(objects: ObjectPoses, name: str) -> FloatArray:
    """Return the pose [4, 4] of object `name`. Raises ValueError if it is not among `objects`."""
    if name not in objects.names:
        raise ValueError(
            f'the expert needs the pose of {name!r}, got {", ".join(objects.names) or "no object"}'
        )
    row = objects.poses[objects.names.index(name)]
    pose = np.eye(4)
    pose[:3, :3] = quaternion_to_matrix(row[3:])
    pose[:3, 3] = row[:3]
    return pose


def seen_pose(observation: Observation, name: str) -> FloatArray:
    """Return the pose [4, 4] of object `name`. Raises ValueError if it is not observed."""
    if observation.objects is None:
        raise ValueError('the expert needs object poses; only the simulated rig publishes them')
    return object_pose(observation.objects, name)


# Whether an arm follows its plan, allowing for lag.

_LARGEST_LAG_NS = 400 * NS_PER_MS  # latency, action latency and servo lag together
_LAG_STEP_NS = 20 * NS_PER_MS
_TOLERANCE_RAD = 0.12  # of any joint
_CONSECUTIVE = 5  # observations, so that one odd sample does not count


class Tracking:
    """Counts observations in a row in which the arm is nowhere near the plan's recent past."""

    def __init__(self) -> None:
        """Start with an arm that follows."""
        self._misses = 0

    def lost(self, plan: Plan, stamp_ns: int, position: FloatArray) -> bool:
        """Take in `position` [6] at `stamp_ns`; return whether the arm has left the plan."""
        times_ns = np.arange(
            stamp_ns - _LARGEST_LAG_NS, stamp_ns + 1, _LAG_STEP_NS, dtype=np.int64
        )
        away = np.max(np.abs(plan.rows_at(times_ns)[:, :6] - position), axis=1)
        self._misses = 0 if bool(np.min(away) < _TOLERANCE_RAD) else self._misses + 1
        return self._misses >= _CONSECUTIVE
