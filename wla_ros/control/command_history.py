"""The commands of the last while, to compare the measured joints with what they were told."""

from collections import deque

import numpy as np

from wla_ros.core.types import FloatArray

# Feedback older than this is not trusted anyway, and no latency is longer: 1 s at 200 Hz.
_MOST = 200


class CommandHistory:
    """When each position was commanded; one thread."""

    def __init__(self) -> None:
        """Start empty."""
        self._times_ns: deque[int] = deque(maxlen=_MOST)
        self._positions: deque[FloatArray] = deque(maxlen=_MOST)

    def add(self, now_ns: int, position: FloatArray) -> None:
        """Remember that `position` [D] was commanded at `now_ns`; times rise."""
        self._times_ns.append(now_ns)
        self._positions.append(position)

    def clear(self) -> None:
        """Forget everything: the clock or the arms jumped."""
        self._times_ns.clear()
        self._positions.clear()

    def at(self, time_ns: FloatArray) -> FloatArray:
        """Return column c [D] as commanded at `time_ns[c]`, else the nearest; NaN if empty."""
        if not self._times_ns:
            return np.full(len(time_ns), np.nan)
        times_ns = np.array(self._times_ns, dtype=np.float64)
        positions = np.array(self._positions)
        return np.array(
            [np.interp(at, times_ns, positions[:, column]) for column, at in enumerate(time_ns)]
        )
