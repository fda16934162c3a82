# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
When the ticks came: how far the command may move in each, and how late they were.

The limits hold in time of emission: all commands lie on one motion that obeys them, each at the
instant of its stamp. So every divided difference of order n of the (stamp, position) pairs, times
n!, is a mean of the n-th derivative of that motion and obeys the limit, whatever the gaps. A tick
therefore moves the command for as long as the last one has been in force, not for a period. (To go
on after a gap as if it had been a period would be to brake and to accelerate within it by the
clock.) Behind a gap longer than `stall_s` the arms have come to rest at the last command on their
own; to be where the motion would have led by then would be a leap of up to a radian. There the
command stays exactly where it is and a new motion begins, from rest.
"""

from collections.abc import Mapping

from wla_ros.base.timing import LatencyStatistics
from wla_ros.base.timing import ns_to_seconds
from wla_ros.base.timing import seconds_to_ns
from wla_ros.base.types import StageTiming
from wla_ros.execution.config import ExecutorConfig

_TICK = 'tick'


class TickClock:
    """Times of the ticks; one thread calls all methods."""

    def __init__(self, config: ExecutorConfig) -> None:
        """Start before the first tick."""
        self._period_ns = config.period_ns
        self._stall_ns = seconds_to_ns(config.motion.stall_s)
        self._lateness = LatencyStatistics()
        self._last_ns: int | None = None
        self._left_ns: int | None = None  # of what surely left
        self._ticks = self._late = self._stalls = 0

    def count(self, lateness_ns: int) -> None:
        """Count a tick that began `lateness_ns` after its deadline."""
        self._ticks += 1
        self._late += lateness_ns > self._period_ns // 2
        self._lateness.add((StageTiming(stage=_TICK, duration_ns=max(lateness_ns, 0)),))

    def runs_backwards(self, now_ns: int) -> bool:
        """Return whether `now_ns` lies before the last command."""
        return self._last_ns is not None and now_ns < self._last_ns

    def advance(self, now_ns: int) -> float | None:
        """
        Return how long the command may move at `now_ns` [s], None after a stall.

        Before the first command it is a period.
        """
        if self._last_ns is None:
            return self.period_s
        elapsed_ns = now_ns - self._last_ns
        return None if elapsed_ns > self._stall_ns else ns_to_seconds(elapsed_ns)

    def commanded(self, now_ns: int) -> None:
        """Take note that a command left at `now_ns`: a tick without one moved nothing."""
        last_ns, self._last_ns = self._last_ns, now_ns
        self._stalls += last_ns is not None and now_ns - last_ns > self._stall_ns

    def mark(self) -> None:
        """Take note that the last command has left."""
        self._left_ns = self._last_ns

    def go_back(self) -> None:
        """Take note that no command left since the one marked."""
        self._last_ns = self._left_ns

    def shift(self, step_ns: int | None) -> None:
        """Move the last command by what the clock was set by; None: by how much nobody knows."""
        self._last_ns = _shifted(self._last_ns, step_ns)
        self._left_ns = _shifted(self._left_ns, step_ns)

    @property
    def period_s(self) -> float:
        """Time between two ticks [s]."""
        return ns_to_seconds(self._period_ns)

    @property
    def counts(self) -> Mapping[str, int]:
        """Counters of `ExecutorCounts`."""
        return {'ticks': self._ticks, 'ticks_late': self._late, 'stalls': self._stalls}

    def lateness_s(self) -> tuple[float, float]:
        """Return the median and the 99th percentile of the lateness [s], 0 before any tick."""
        median, tail = self._lateness.percentiles(50.0, 99.0)
        if not median:
            return 0.0, 0.0
        return ns_to_seconds(median[0].duration_ns), ns_to_seconds(tail[0].duration_ns)


def _shifted(time_ns: int | None, step_ns: int | None) -> int | None:
    return None if time_ns is None or step_ns is None else time_ns + step_ns
