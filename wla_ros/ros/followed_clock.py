"""
ROS time for a loop that is paced by monotonic time, and the moment at which the ROS clock steps.

Owns the readings of both clocks. With simulated time the loop is paced by the ROS clock itself.
"""

import time
from collections.abc import Callable

from wla_ros.core.clock_mapping import ClockMapping
from wla_ros.core.clock_mapping import ClockStep

# The offset of the ROS clock is read this often; more would only average noise.
_READING_PERIOD_NS = 100_000_000


class FollowedClock:
    """`follow` is called by one thread, the others may ask for the time."""

    def __init__(self, now_ns: Callable[[], int], *, simulated: bool) -> None:
        """Follow the ROS clock that `now_ns` reads."""
        self._now_ns = now_ns
        self._simulated = simulated
        self._mapping = ClockMapping()
        self._read_ns = 0

    def follow(self, loop_ns: int) -> ClockStep | None:
        """Read the clocks if it is time to; return the step of the ROS clock, if one happened."""
        if self._simulated or loop_ns - self._read_ns < _READING_PERIOD_NS:
            return None
        self._read_ns = loop_ns
        return self._mapping.observe(time.monotonic_ns(), self._now_ns(), time.monotonic_ns())

    def now_ns(self) -> int:
        """Return the ROS time."""
        return self._now_ns() if self._simulated else self.at(time.monotonic_ns())

    def at(self, loop_ns: int) -> int:
        """Return the ROS time at a time of the loop of this moment."""
        if self._simulated:
            return loop_ns
        if self._mapping.offset_ns is None:
            return self._now_ns()
        return self._mapping.to_ros_ns(loop_ns)
