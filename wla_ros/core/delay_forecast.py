"""
How many rows will have been executed before the next chunk can take over.

Learns from the delays that the executor reports: from observation stamp to splice, so age of the
observation, inference and transport are in them. Knows no plan and no clock.
"""

from collections import deque

from wla_ros.core.execution_plan import SpliceDelay
from wla_ros.core.strategy_config import StrategyConfig
from wla_ros.core.timing import seconds_to_ns

# Chunks whose splice may still be reported; more are never in flight.
_MOST_EXPECTED = 1000


def delay_rows(delay_ns: int, dt_ns: int, margin_rows: int) -> int:
    """Return the number of rows due before `delay_ns` has passed, plus the margin."""
    return -(-max(0, delay_ns) // dt_ns) + margin_rows


class DelayForecast:
    """
    The largest of the last measured delays; the expected one until something was measured.

    Only chunks that were announced by `expect` are learnt from, each once: warm-up inferences
    never are, nor chunks of another process. One thread, or the lock of the owner.
    """

    def __init__(self, config: StrategyConfig, dt_ns: int) -> None:
        """Start with what `config` expects, for rows `dt_ns` apart."""
        self._dt_ns = dt_ns
        self._margin_rows = config.forecast_margin_rows
        self._expected_ns = seconds_to_ns(config.expected_delay_s)
        self._delays_ns: deque[int] = deque(maxlen=config.forecast_window)
        self._warming = config.warm_up
        # (epoch, sequence) -> stamp of the observation, oldest first
        self._awaited: dict[tuple[int, int], int] = {}
        self._measured = 0

    @property
    def delay_ns(self) -> int:
        """The forecast."""
        return max(self._delays_ns, default=self._expected_ns)

    @property
    def rows(self) -> int:
        """The forecast in rows d, margin included."""
        return delay_rows(self.delay_ns, self._dt_ns, self._margin_rows)

    @property
    def measured(self) -> int:
        """How many delays were learnt since construction."""
        return self._measured

    def begin(self, *, plan_known: bool) -> bool:
        """
        Count the beginning of an inference and return whether its delay is worth learning.

        It is not while the process warms up, nor before the executor was heard.
        """
        warm = self._warming <= 0
        self._warming -= 1
        return warm and plan_known

    def expect(self, epoch: int, sequence: int, observed_ns: int) -> None:
        """Announce a chunk of an observation: the delay of its splice will be learnt."""
        self._awaited[epoch, sequence] = observed_ns
        if len(self._awaited) > _MOST_EXPECTED:
            del self._awaited[next(iter(self._awaited))]

    def excess_ns(self, splice: SpliceDelay, now_ns: int) -> int:
        """Return by how much an awaited delay is longer than the observation is old; or 0."""
        observed_ns = self._awaited.get((splice.epoch, splice.sequence))
        return 0 if observed_ns is None else max(0, splice.delay_ns - (now_ns - observed_ns))

    def learn(self, splice: SpliceDelay) -> bool:
        """
        Take a measured delay; False if it was known, not expected, or is negative.

        A negative delay means that the clocks disagree: the bound on their offset tells.
        """
        chunk = splice.epoch, splice.sequence
        if chunk not in self._awaited:
            return False
        # The executor never goes back to an older chunk.
        self._awaited = {known: stamp for known, stamp in self._awaited.items() if known > chunk}
        if splice.delay_ns < 0:
            return False
        self._delays_ns.append(splice.delay_ns)
        self._measured += 1
        return True

    def clear(self) -> None:
        """Forget all delays and awaited chunks: the clock jumped. The process stays warm."""
        self._delays_ns.clear()
        self._awaited.clear()
