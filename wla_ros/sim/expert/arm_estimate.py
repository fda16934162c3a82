"""
Where an arm is that executes the rows it was given, by these rows and by what is measured.

A measured joint is a little behind or ahead of its set-point. A policy that takes every
measurement at its word and plans anew from it thirty times a second adds that up and runs away or
falls back. So the rows before are believed for a moment, the measurement in the long run; an arm
that is far from its rows does not execute them.
"""

import math

import numpy as np

from wla_ros.core.timing import NS_PER_MS
from wla_ros.core.timing import NS_PER_S
from wla_ros.core.types import FloatArray
from wla_ros.sim.expert.joined_rows import JoinedRows

_STEP_NS = 5 * NS_PER_MS
_AROUND_NS = np.array([-_STEP_NS, 0, _STEP_NS], dtype=np.int64)
_BELIEVED_S = 0.25  # time constant
_EXECUTES_RAD = 0.06


class ArmEstimate:
    """The joints [k] of one arm. One thread."""

    def __init__(self) -> None:
        """Know no rows."""
        self._rows: JoinedRows | None = None
        self._given_ns = 0

    def gave(self, rows: JoinedRows, time_ns: int) -> None:
        """Note that from `time_ns` on the arm is to execute `rows`."""
        self._rows, self._given_ns = rows, time_ns

    def state(
        self, time_ns: int, position: FloatArray, velocity: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return position and velocity [k] at `time_ns` of an arm that was measured then."""
        if self._rows is None or time_ns < self._given_ns:
            return position, velocity
        around = self._rows.at(time_ns + _AROUND_NS)
        slope = (around[2] - around[0]) * (NS_PER_S / (2 * _STEP_NS))
        off = position - around[1]
        if np.max(np.abs(off)) > _EXECUTES_RAD:
            return position, velocity
        share = 1.0 - math.exp(-(time_ns - self._given_ns) / (_BELIEVED_S * NS_PER_S))
        return around[1] + share * off, slope + share * (velocity - slope)
