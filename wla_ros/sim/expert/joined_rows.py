"""
A plan entered from where the arm is: what it is off dies away, speed included.

So a chunk continues the motion of the arm, or of the rows that are committed, whatever the plan.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from wla_ros.core.timing import NS_PER_S
from wla_ros.core.types import FloatArray
from wla_ros.sim.expert.quintic import MotionState
from wla_ros.sim.expert.settling import Settling

Rows = Callable[[NDArray[np.int64]], FloatArray]  # times [n] [ns] -> [n, k]

_STEP_NS = 1_000_000
_SETTLE_S = 0.10  # time constant: 20 mrad off ask for 2 rad/s^2


class JoinedRows:
    """The rows of a plan, from the state of an arm on."""

    def __init__(
        self, rows: Rows, time_ns: int, position: FloatArray, velocity: FloatArray
    ) -> None:
        """Enter the plan `rows` at `time_ns` from `position` and `velocity`, both [k]."""
        self._rows = rows
        self._time_ns = time_ns
        planned = rows(np.array([time_ns, time_ns + _STEP_NS], dtype=np.int64))
        slope = (planned[1] - planned[0]) * (NS_PER_S / _STEP_NS)
        nothing = np.zeros_like(position)
        self._off = Settling(
            MotionState(
                position=position - planned[0],
                velocity=velocity - slope,
                acceleration=nothing,
            ),
            MotionState(position=nothing, velocity=nothing, acceleration=nothing),
            _SETTLE_S,
        )

    def at(self, times_ns: NDArray[np.int64]) -> FloatArray:
        """Return rows [n, k] at times [n]; before the entry they are those of the plan."""
        elapsed_s = (times_ns - self._time_ns) / NS_PER_S
        off = self._off.at(np.maximum(elapsed_s, 0.0))
        return self._rows(times_ns) + np.where(elapsed_s[:, None] >= 0.0, off, 0.0)
