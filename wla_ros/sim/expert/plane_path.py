"""A way of the tool over a plane as joints over time."""

import numpy as np
from numpy.typing import NDArray

from wla_ros.core.timing import NS_PER_S
from wla_ros.core.types import FloatArray
from wla_ros.sim.expert.plane_chart import PlaneChart
from wla_ros.sim.expert.quintic import Leg
from wla_ros.sim.expert.quintic import MotionState

_STEP_S = 1e-3
_AROUND_S = np.array([-_STEP_S, 0.0, _STEP_S])


class PlanePath:
    """
    Legs of a way, one after another from `start_ns` on; before it the start, at the end the last
    speed is kept.
    """

    def __init__(
        self,
        chart: PlaneChart,
        start_ns: int,
        legs: tuple[tuple[Leg, ...], tuple[Leg, ...]],
    ) -> None:
        """Take the legs of both coordinates, ((x leg, ...), (y leg, ...)), one axis each."""
        self.start_ns = start_ns
        self._chart = chart
        self._legs = legs

    def points_at(self, elapsed_s: FloatArray) -> FloatArray:
        """Return where the tool is to be [n, 2] at times [n] since the start."""
        return np.stack([_along(legs, elapsed_s) for legs in self._legs], axis=1)

    def rows_at(self, times_ns: NDArray[np.int64]) -> FloatArray:
        """Return the joints [n, 6] at absolute times [n]."""
        elapsed_s = np.maximum(times_ns - self.start_ns, 0) / NS_PER_S
        return self._chart.joints_at(self.points_at(elapsed_s))

    def state_at(self, time_ns: int) -> MotionState:
        """Return where the tool is to be at `time_ns` and how it moves, seen from above [2]."""
        elapsed_s = max(time_ns - self.start_ns, 0) / NS_PER_S
        around = self.points_at(elapsed_s + _AROUND_S)
        return MotionState(
            position=around[1],
            velocity=(around[2] - around[0]) / (2.0 * _STEP_S),
            acceleration=np.array([_bend(legs, elapsed_s) for legs in self._legs]),
        )


def _along(legs: tuple[Leg, ...], elapsed_s: FloatArray) -> FloatArray:
    """Return the coordinate [n]."""
    value: FloatArray = legs[0].at(elapsed_s)[:, 0]
    began_s = 0.0
    for before, leg in zip(legs, legs[1:], strict=False):
        began_s += before.duration_s
        later = elapsed_s > began_s
        if later.any():
            value = np.where(later, leg.at(np.maximum(elapsed_s - began_s, 0.0))[:, 0], value)
    return value


def _bend(legs: tuple[Leg, ...], elapsed_s: float) -> float:
    """Return the second derivative of the coordinate."""
    for leg in legs:
        if elapsed_s <= leg.duration_s:
            return float(leg.acceleration(np.array([elapsed_s]))[0, 0])
        elapsed_s -= leg.duration_s
    return 0.0
