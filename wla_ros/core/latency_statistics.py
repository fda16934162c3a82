"""
Percentiles of the durations of pipeline stages, over a bounded window of the newest results.

Durations are handed in; warm-up results are left out by the caller, who knows which they are.
"""

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from wla_ros.core.types import StageTiming

# More than a minute of inferences at 30 Hz, and twenty samples beyond the 99th percentile.
DEFAULT_WINDOW = 2000


class _Ring:
    """The newest durations [ns] of one stage, in no particular order."""

    __slots__ = ('_count', '_durations')

    def __init__(self, window: int) -> None:
        self._durations: NDArray[np.int64] = np.zeros(window, dtype=np.int64)
        self._count = 0

    @property
    def count(self) -> int:
        return min(self._count, len(self._durations))

    def add(self, duration_ns: int) -> None:
        self._durations[self._count % len(self._durations)] = duration_ns
        self._count += 1

    def rising(self) -> NDArray[np.int64]:
        return np.sort(self._durations[: self.count])


class LatencyStatistics:
    """The newest durations of each named stage."""

    def __init__(self, window: int = DEFAULT_WINDOW) -> None:
        """Keep at most `window` durations per stage. Raises ValueError unless window >= 1."""
        if window < 1:
            raise ValueError(f'window must be at least 1, got {window!r}')
        self._window = window
        self._rings: dict[str, _Ring] = {}

    def add(self, timings: Iterable[StageTiming]) -> None:
        """Add one duration per stage."""
        for timing in timings:
            ring = self._rings.get(timing.stage)
            if ring is None:
                ring = self._rings[timing.stage] = _Ring(self._window)
            ring.add(timing.duration_ns)

    def clear(self) -> None:
        """Forget all durations and stages."""
        self._rings.clear()

    def count(self, stage: str) -> int:
        """Return how many durations of `stage` are in the window; 0 for an unknown stage."""
        ring = self._rings.get(stage)
        return 0 if ring is None else ring.count

    def percentiles(self, *percents: float) -> tuple[tuple[StageTiming, ...], ...]:
        """
        Return, for each of `percents` in (0, 100], one timing per stage by first appearance.

        Nearest rank: always a duration that was really measured, never a value between two.
        """
        rising = {stage: ring.rising() for stage, ring in self._rings.items()}
        return tuple(
            tuple(
                StageTiming(
                    stage=stage, duration_ns=int(durations[_rank(percent, len(durations))])
                )
                for stage, durations in rising.items()
            )
            for percent in percents
        )


def _rank(percent: float, count: int) -> int:
    if not 0.0 < percent <= 100.0:
        raise ValueError(f'percent must lie in (0, 100], got {percent!r}')
    return math.ceil(percent / 100.0 * count) - 1
