"""Position and speed of something that moves by itself, from the last observations of it."""

from collections import deque

import numpy as np

from wla_ros.core.timing import NS_PER_MS
from wla_ros.core.timing import NS_PER_S
from wla_ros.core.types import FloatArray

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
