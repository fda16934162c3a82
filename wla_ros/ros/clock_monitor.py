"""
Watches how far the clock of the policy's host is from this one.

Chunks are aligned by their observation stamps, which come from whatever clock stamped the images;
an offset between two other clocks must not move them. So beyond the bound nothing changes but what
is said: a warning, a counter, and the estimate in status and diagnostics.
"""

from collections.abc import Callable

from wla_ros.core.clock_offset import ClockOffset
from wla_ros.core.clock_offset import OffsetEstimate
from wla_ros.core.clock_offset import TwoWayTimes
from wla_ros.core.timing import ns_to_seconds
from wla_ros.core.timing import seconds_to_ns


class ClockMonitor:
    """One thread, or the lock of the owner."""

    def __init__(self, *, max_offset_s: float, warn: Callable[[str], object]) -> None:
        """Call `warn` when the offset leaves the bound and when it comes back."""
        self._bound_ns = seconds_to_ns(max_offset_s)
        self._warn = warn
        self._offset = ClockOffset()
        self._beyond = False
        self.exceeded = 0  # chunks that came while the offset was certainly beyond the bound

    @property
    def estimate(self) -> OffsetEstimate | None:
        """The offset, None before the first exchange."""
        return self._offset.estimate

    @property
    def problem(self) -> str:
        """What is wrong with the clocks, empty if nothing is."""
        estimate = self.estimate
        if estimate is None or not estimate.exceeds(self._bound_ns):
            return ''
        offset_s, bound_s = ns_to_seconds(estimate.offset_ns), ns_to_seconds(self._bound_ns)
        return (
            f'the clock of the policy host is {offset_s:+.3f} s from this one, '
            f'bound {bound_s:.3f} s: synchronise the hosts (chrony, PTP)'
        )

    def add(self, times: TwoWayTimes) -> None:
        """Take the times of a chunk."""
        self._offset.add(times)
        problem = self.problem
        self.exceeded += bool(problem)
        if bool(problem) != self._beyond:
            self._beyond = bool(problem)
            self._warn(problem or 'the clock of the policy host agrees again')

    def clear(self) -> None:
        """Forget the exchanges: a clock jumped."""
        self._offset.clear()
