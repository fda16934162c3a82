"""
Percentiles of the durations of pipeline stages, over a bounded window of the newest results.

Durations are handed in; warm-up results are left out by the caller, who knows which they are.
"""

import math
from collections import deque
from collections.abc import Iterable

from wla_ros.core.types import StageTiming

# About a minute of inferences at the fastest useful rate of 30 Hz.
DEFAULT_WINDOW = 2000


class LatencyStatistics:
    """The newest durations of each named stage."""

    def __init__(self, window: int = DEFAULT_WINDOW) -> None:
        """Keep at most `window` durations per stage. Raises ValueError unless window >= 1."""
        if window < 1:
            raise ValueError(f'window must be at least 1, got {window!r}')
        self._window = window
        self._durations: dict[str, deque[int]] = {}

    def add(self, timings: Iterable[StageTiming]) -> None:
        """Add one duration per stage."""
        for timing in timings:
            durations = self._durations.get(timing.stage)
            if durations is None:
                durations = self._durations[timing.stage] = deque(maxlen=self._window)
            durations.append(timing.duration_ns)

    def clear(self) -> None:
        """Forget all durations and stages."""
        self._durations.clear()

    def count(self, stage: str) -> int:
        """Return how many durations of `stage` are in the window; 0 for an unknown stage."""
        return len(self._durations.get(stage, ()))

    def percentiles(self, *percents: float) -> tuple[tuple[StageTiming, ...], ...]:
        """
        Return, for each of `percents` (0..100], one timing per stage in the order the stages first appeared.

        Nearest rank: always a duration that was really measured, never a value between two.
        """
        ordered = {stage: sorted(durations) for stage, durations in self._durations.items()}
        return tuple(
            tuple(
                StageTiming(stage=stage, duration_ns=durations[_rank(percent, len(durations))])
                for stage, durations in ordered.items()
            )
            for percent in percents
        )


def _rank(percent: float, count: int) -> int:
    if not 0.0 < percent <= 100.0:
        raise ValueError(f'percent must lie in (0, 100], got {percent!r}')
    return math.ceil(percent / 100.0 * count) - 1
