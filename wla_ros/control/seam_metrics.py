"""
How well consecutive plans fit together: the step between old and new plan at the time of the
switch.

Measured on the plans, before any limit smooths the step. Arm joints only.
"""

from dataclasses import dataclass

import numpy as np

from wla_ros.control.hermite_interpolation import CurveSample
from wla_ros.core.joint_layout import JointLayout
from wla_ros.core.types import FloatArray

# Upper edges of the histogram, about 2.5 per decade; the last bin is everything above.
POSITION_EDGES_RAD = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
VELOCITY_EDGES_RAD_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeamSummary:
    """All splices so far; a step is the largest over the arm joints."""

    count: int = 0
    last_position_rad: float = 0.0
    last_velocity_rad_s: float = 0.0
    max_position_rad: float = 0.0
    max_velocity_rad_s: float = 0.0
    position_histogram: tuple[int, ...] = (0,) * (len(POSITION_EDGES_RAD) + 1)
    velocity_histogram: tuple[int, ...] = (0,) * (len(VELOCITY_EDGES_RAD_S) + 1)


class SeamMetrics:
    """Collects the steps of all splices."""

    def __init__(self, layout: JointLayout) -> None:
        """Start with no splice."""
        self._joints = np.array(layout.joint_indices)
        self._count = 0
        self._last = (0.0, 0.0)
        self._max = (0.0, 0.0)
        self._position = np.zeros(len(POSITION_EDGES_RAD) + 1, dtype=np.int64)
        self._velocity = np.zeros(len(VELOCITY_EDGES_RAD_S) + 1, dtype=np.int64)

    def add(self, before: CurveSample, after: CurveSample) -> None:
        """
        Record the switch from one plan to another; joints that either plan does not cover do not
        count.
        """
        joints = self._joints
        covered = ~(before.outside | after.outside)[joints]
        if not covered.any():
            return
        position = _largest(after.position - before.position, joints, covered)
        velocity = _largest(after.velocity - before.velocity, joints, covered)
        self._count += 1
        self._last = (position, velocity)
        self._max = (max(self._max[0], position), max(self._max[1], velocity))
        self._position[np.searchsorted(POSITION_EDGES_RAD, position)] += 1
        self._velocity[np.searchsorted(VELOCITY_EDGES_RAD_S, velocity)] += 1

    def summary(self) -> SeamSummary:
        """Return everything recorded so far."""
        return SeamSummary(
            count=self._count,
            last_position_rad=self._last[0],
            last_velocity_rad_s=self._last[1],
            max_position_rad=self._max[0],
            max_velocity_rad_s=self._max[1],
            position_histogram=tuple(self._position.tolist()),
            velocity_histogram=tuple(self._velocity.tolist()),
        )


def _largest(step: FloatArray, joints: FloatArray, covered: FloatArray) -> float:
    return float(np.abs(step[joints][covered]).max())
