# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
How the objects move: their drift from what was seen, and where that leads.

The forward model of the policy: constant velocity, nothing learned. Remembers what was seen only,
never what was imagined.
"""

from collections import deque

import numpy as np

from wla_ros.base.timing import NS_PER_S
from wla_ros.base.types import FloatArray

_LONGEST_S = 0.8  # older positions say nothing about the present drift
# What seems to move faster was put elsewhere, as a goal is when it is reached.
_FASTEST_M_S = 0.30


def drift_of(moved: FloatArray, elapsed_s: FloatArray) -> FloatArray:
    """
    Return the velocities [..., n, 3] [m/s] of objects that `moved` [..., n, 3] [m] in `elapsed_s`
    [...], zero for those that were put elsewhere.
    """
    velocity = moved / elapsed_s[..., None, None]
    speed = np.linalg.norm(velocity, axis=-1, keepdims=True)
    return np.where(speed <= _FASTEST_M_S, velocity, 0.0)


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
                return drift_of(positions - before, np.array(elapsed_ns / NS_PER_S))
        return np.zeros_like(positions)
