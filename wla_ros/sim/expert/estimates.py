# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""What an expert infers from observations: the state of the arms, the motion of objects."""

import math
from collections import deque

import numpy as np

from wla_ros.base.timing import NS_PER_MS
from wla_ros.base.timing import NS_PER_S
from wla_ros.base.types import FloatArray

_BELIEVED_S = 0.25  # time constant
_EXECUTES_RAD = 0.06
_EXECUTES_RAD_S = 0.6


class ArmEstimate:
    """The joints [k] of one arm, from rows `dt_ns` apart. One thread."""

    def __init__(self, dt_ns: int) -> None:
        """Know no rows."""
        self._dt_ns = dt_ns
        self._rows: FloatArray | None = None
        self._row0_ns = self._since_ns = 0

    def gave(self, rows: FloatArray, *, row0_ns: int, since_ns: int) -> None:
        """Note that the arm is to execute `rows` [H, k] from `since_ns` on; row 0 is due first."""
        self._rows, self._row0_ns, self._since_ns = rows, row0_ns, since_ns

    def state(
        self, time_ns: int, position: FloatArray, velocity: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return position and velocity [k] at `time_ns` of an arm that was measured then."""
        given = self._given_at(time_ns)
        if given is None:
            return position, velocity
        off, off_velocity = position - given[0], velocity - given[1]
        near = np.max(np.abs(off)) <= _EXECUTES_RAD
        if not near or np.max(np.abs(off_velocity)) > _EXECUTES_RAD_S:
            return position, velocity
        share = 1.0 - math.exp(-(time_ns - self._since_ns) / (_BELIEVED_S * NS_PER_S))
        return given[0] + share * off, given[1] + share * off_velocity

    def _given_at(self, time_ns: int) -> tuple[FloatArray, FloatArray] | None:
        """Return position and velocity [k] by cubic interpolation; None where no row tells."""
        rows = self._rows
        if rows is None or time_ns < self._since_ns:
            return None
        place = (time_ns - self._row0_ns) / self._dt_ns
        first = min(int(place), len(rows) - 2)
        f = place - first
        if f > 1.0:
            return None
        before, after = rows[max(first - 1, 0)], rows[min(first + 2, len(rows) - 1)]
        p0, p1 = rows[first], rows[first + 1]
        m0 = (p1 - before) / (2 if first else 1)
        m1 = (after - p0) / (2 if first + 2 < len(rows) else 1)
        c2, c3 = 3 * (p1 - p0) - 2 * m0 - m1, 2 * (p0 - p1) + m0 + m1
        position: FloatArray = p0 + f * (m0 + f * (c2 + f * c3))
        slope: FloatArray = (m0 + f * (2 * c2 + 3 * f * c3)) * (NS_PER_S / self._dt_ns)
        return position, slope


# Position and speed of something that moves by itself, from the last observations of it.

# Poses are exact, so two observations would do; what moves changes its speed within a second.
_WINDOW_NS = 120 * NS_PER_MS
_OLDEST_NS = 2 * NS_PER_S


class MotionEstimate:
    """Goes on in a straight line with the mean speed of the last observations. One thread."""

    def __init__(self) -> None:
        """Start without observations."""
        self._seen: deque[tuple[int, FloatArray]] = deque()

    def see(self, stamp_ns: int, position: FloatArray) -> None:
        """Take `position` [k] at `stamp_ns`; earlier or equal stamps are ignored."""
        if self._seen and stamp_ns <= self._seen[-1][0]:
            return
        self._seen.append((stamp_ns, position))
        while len(self._seen) > 2 and self._seen[1][0] <= stamp_ns - _WINDOW_NS:
            self._seen.popleft()
        if len(self._seen) == 2 and self._seen[0][0] < stamp_ns - _OLDEST_NS:
            self._seen.popleft()

    @property
    def velocity(self) -> FloatArray:
        """The speed [k] per second; zero before the second observation."""
        (first_ns, first), (last_ns, last) = self._seen[0], self._seen[-1]
        if first_ns == last_ns:
            return np.zeros_like(last)
        change: FloatArray = (last - first) * (NS_PER_S / (last_ns - first_ns))
        return change

    def at(self, time_ns: int) -> FloatArray:
        """Return the expected position [k] at `time_ns`."""
        last_ns, last = self._seen[-1]
        expected: FloatArray = last + self.velocity * ((time_ns - last_ns) / NS_PER_S)
        return expected
