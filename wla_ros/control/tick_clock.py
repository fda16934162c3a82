"""When the ticks came: how far the command may move in each, and how late they were."""

from collections.abc import Mapping

from wla_ros.control.executor_config import ExecutorConfig
from wla_ros.core.latency_statistics import LatencyStatistics
from wla_ros.core.timing import ns_to_seconds
from wla_ros.core.timing import seconds_to_ns
from wla_ros.core.types import StageTiming

# A late tick catches up at most this many periods of motion at once.
_MAX_PERIODS = 2
_TICK = 'tick'


class TickClock:
    """Times of the ticks; one thread calls all methods."""

    def __init__(self, config: ExecutorConfig) -> None:
        """Start before the first tick."""
        self._period_ns = config.period_ns
        self._stall_ns = seconds_to_ns(config.motion.stall_s)
        self._lateness = LatencyStatistics()
        self._last_ns: int | None = None
        self._ticks = self._late = self._stalls = 0

    def count(self, lateness_ns: int) -> None:
        """Count a tick that began `lateness_ns` after its deadline."""
        self._ticks += 1
        self._late += lateness_ns > self._period_ns // 2
        self._lateness.add((StageTiming(stage=_TICK, duration_ns=max(lateness_ns, 0)),))

    def runs_backwards(self, now_ns: int) -> bool:
        """Return whether `now_ns` lies before the last tick."""
        return self._last_ns is not None and now_ns < self._last_ns

    def advance(self, now_ns: int) -> float | None:
        """
        Return how long the command may move at `now_ns` [s], None after a stall.

        Behind a stall the command starts again from rest, with one period.
        """
        last_ns, self._last_ns = self._last_ns, now_ns
        if last_ns is None:
            return self.period_s
        if now_ns - last_ns > self._stall_ns:
            self._stalls += 1
            return None
        return ns_to_seconds(min(now_ns - last_ns, _MAX_PERIODS * self._period_ns))

    def since_s(self, now_ns: int) -> float:
        """Return how old the command is at `now_ns` [s], as far as a tick would catch up."""
        if self._last_ns is None:
            return 0.0
        elapsed_ns = max(now_ns - self._last_ns, 0)
        return ns_to_seconds(min(elapsed_ns, _MAX_PERIODS * self._period_ns))

    def forget(self) -> None:
        """Forget the last tick: the clock jumped."""
        self._last_ns = None

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
