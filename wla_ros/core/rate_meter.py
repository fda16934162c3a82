"""
The rate of a stream over the last second, by its stamps.

Owns one bounded window of stamps. Must not know what the stamps belong to.
"""

from collections import deque

from wla_ros.core.timing import NS_PER_S

# Enough for a second of anything this package reads; 200 Hz is the fastest stream.
_CAPACITY = 2048


class RateMeter:
    """Counts stamps in a sliding window that ends at the time of asking."""

    def __init__(self, window_ns: int = NS_PER_S) -> None:
        """Start empty; `window_ns` is the length of the window."""
        self._window_ns = window_ns
        self._stamps: deque[int] = deque(maxlen=_CAPACITY)

    def add(self, stamp_ns: int) -> None:
        """Count one event; stamps must not fall (call `clear` when the clock jumps)."""
        self._stamps.append(stamp_ns)

    def clear(self) -> None:
        """Forget all events."""
        self._stamps.clear()

    def rate_hz(self, now_ns: int) -> float:
        """
        Return intervals per second of the stamps in (now - window, newest]; 0 with fewer than two.

        Intervals rather than events, so that a perfect 30 Hz stream reads 30 at any phase.
        """
        while self._stamps and self._stamps[0] <= now_ns - self._window_ns:
            self._stamps.popleft()
        if len(self._stamps) < 2:
            return 0.0
        span_ns = self._stamps[-1] - self._stamps[0]
        return (len(self._stamps) - 1) * NS_PER_S / span_ns if span_ns > 0 else 0.0
