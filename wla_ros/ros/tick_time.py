"""
What a loop is paced by: monotonic time, or a ROS clock that somebody simulates.

Owns the wait for a deadline. One thread waits.
"""

import threading
import time
from typing import Protocol

from rclpy.clock import Clock
from rclpy.clock import JumpThreshold
from rclpy.clock import TimeJump
from rclpy.duration import Duration

# A simulated clock may stand still; the loop looks this often whether it is to end.
_LOOK_S = 0.1


class TickTime(Protocol):
    """The time of a loop."""

    def now_ns(self) -> int:
        """Return the time."""
        ...

    def reached(self, deadline_ns: int) -> bool:
        """Wait for `deadline_ns`; False if it has not come after a while."""
        ...

    def close(self) -> None:
        """Stop to wait."""
        ...


class MonotonicTime:
    """The time of this machine."""

    def now_ns(self) -> int:
        """Return the monotonic time."""
        return time.monotonic_ns()

    def reached(self, deadline_ns: int) -> bool:
        """Sleep until `deadline_ns`."""
        wait_ns = deadline_ns - time.monotonic_ns()
        if wait_ns > 0:
            time.sleep(wait_ns * 1e-9)
        return True

    def close(self) -> None:
        """Nothing to do."""


class SimulatedTime:
    """The time on /clock: a deadline is reached when a message says so."""

    def __init__(self, clock: Clock) -> None:
        """Follow `clock`, of a node that is spun by another thread."""
        self._clock = clock
        self._condition = threading.Condition()
        # Every message moves the clock by more than that.
        least = JumpThreshold(
            min_forward=Duration(nanoseconds=1),
            min_backward=Duration(nanoseconds=-1),
            on_clock_change=False,
        )
        self._handle = clock.create_jump_callback(least, post_callback=self._wake)

    def now_ns(self) -> int:
        """Return the simulated time."""
        return int(self._clock.now().nanoseconds)

    def reached(self, deadline_ns: int) -> bool:
        """Wait for a message of `deadline_ns` or later, for a tenth of a second at most."""
        with self._condition:
            return self._condition.wait_for(lambda: self.now_ns() >= deadline_ns, _LOOK_S)

    def close(self) -> None:
        """Take no more messages."""
        self._handle.unregister()

    def _wake(self, jump: TimeJump) -> None:
        del jump
        with self._condition:
            self._condition.notify_all()
