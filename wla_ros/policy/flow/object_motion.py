"""
How the objects move: their drift from what was seen, and where that leads.

The forward model of the policy: constant velocity, nothing learned. Remembers what was seen only,
never what was imagined.
"""

from collections import deque

import numpy as np

from wla_ros.core.timing import NS_PER_S
from wla_ros.core.types import FloatArray

_LONGEST_S = 1.0  # older positions say nothing about the present drift


class ObjectMotion:
    """Positions [n, 3] seen in one episode. One thread."""

    def __init__(self, *, shortest_ns: int) -> None:
        """Measure drift over at least `shortest_ns`."""
        self._shortest_ns = shortest_ns
        self._seen: deque[tuple[int, FloatArray]] = deque()

    def clear(self) -> None:
        """Forget everything."""
        self._seen.clear()

    def see(self, stamp_ns: int, positions: FloatArray) -> None:
        """Take in `positions` [n, 3] [m] at `stamp_ns`; ignored unless newer than the last."""
        if self._seen and stamp_ns <= self._seen[-1][0]:
            return
        self._seen.append((stamp_ns, positions))
        while stamp_ns - self._seen[0][0] > _LONGEST_S * NS_PER_S:
            self._seen.popleft()

    def drift(self, stamp_ns: int, positions: FloatArray) -> FloatArray:
        """Return the velocity [n, 3] [m/s] that led to `positions` [n, 3]; zero if unknown."""
        for then_ns, before in reversed(self._seen):
            elapsed_ns = stamp_ns - then_ns
            if self._shortest_ns <= elapsed_ns <= _LONGEST_S * NS_PER_S:
                velocity: FloatArray = (positions - before) * (NS_PER_S / elapsed_ns)
                return velocity
        return np.zeros_like(positions)
