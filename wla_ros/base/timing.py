# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Time as integer nanoseconds: conversions, clocks, rates, latencies."""

import math
import time
from collections import deque
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wla_ros.base.types import StageTiming

# Notices that a clock went back: a simulation was restarted or a bag looped.


class ClockWatch:
    """One thread, or the lock of the owner."""

    def __init__(self, tolerance_ns: int) -> None:
        """Tolerate steps back of at most `tolerance_ns`: threads read the clock out of order."""
        self._tolerance_ns = tolerance_ns
        self._newest_ns: int | None = None

    @property
    def newest_ns(self) -> int:
        """The latest time seen since the last jump, 0 before the first."""
        return self._newest_ns or 0

    def see(self, time_ns: int) -> int:
        """Take a time and return by how much the clock jumped back, 0 if it did not."""
        newest_ns = self._newest_ns
        if newest_ns is not None and newest_ns - time_ns > self._tolerance_ns:
            self._newest_ns = time_ns
            return newest_ns - time_ns
        self._newest_ns = time_ns if newest_ns is None else max(newest_ns, time_ns)
        return 0


# Percentiles of the durations of pipeline stages, over a bounded window of the newest results.
#
# Durations are handed in; warm-up results are left out by the caller, who knows which they are.

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


NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000


def seconds_to_ns(seconds: float) -> int:
    """Return `seconds` [s] as the nearest integer number of nanoseconds."""
    return round(seconds * NS_PER_S)


def ns_to_seconds(nanoseconds: int) -> float:
    """Return `nanoseconds` as seconds [s]."""
    return nanoseconds / NS_PER_S


def row_due_ns(stamp_ns: int, dt_ns: int, index: int) -> int:
    """Return when row `index` of a chunk anchored at `stamp_ns` is due: stamp + index * dt."""
    return stamp_ns + index * dt_ns


def period_ns(rate_hz: float) -> int:
    """
    Return the period of a rate [Hz], the one definition that publishers and consumers share.

    Raises ValueError unless 0 < rate_hz <= 1e6.
    """
    if not 0.0 < rate_hz <= 1e6:
        raise ValueError(f'rate_hz must lie in (0, 1e6] Hz, got {rate_hz!r}')
    return round(NS_PER_S / rate_hz)


# Maps monotonic time to ROS-clock time by an offset, and notices when the ROS clock steps.
#
# Owns the offset only; the caller reads both clocks. Loops keep their deadlines in monotonic time,
# stamps live in ROS time; NTP steps, a suspended machine or a restarted simulation change the
# offset between the two.

# NTP slews by at most 500 us per second; 20 ms between two readings is a step, not a slew.
DEFAULT_STEP_TOLERANCE_NS = 20 * NS_PER_MS
# Follow slews within about a second at 10 readings per second, and average the scatter of
# readings.
_SMOOTHING = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockStep:
    """The ROS clock moved by `step_ns` against monotonic time; positive is forward."""

    step_ns: int
    ros_ns: int


class ClockMapping:
    """
    The current offset ROS clock less monotonic clock.

    One thread observes; `to_ros_ns` and `to_monotonic_ns` read one integer and may be called from
    any thread. Not for a simulated clock whose speed differs from real time: its offset changes
    all the time.
    """

    def __init__(self, *, step_tolerance_ns: int = DEFAULT_STEP_TOLERANCE_NS) -> None:
        """Start without an offset. Raises ValueError unless step_tolerance_ns > 0."""
        if step_tolerance_ns <= 0:
            raise ValueError(f'step_tolerance_ns must be positive, got {step_tolerance_ns!r}')
        self._step_tolerance_ns = step_tolerance_ns
        self._offset_ns: int | None = None

    @property
    def offset_ns(self) -> int | None:
        """ROS clock less monotonic clock; None before the first usable reading."""
        return self._offset_ns

    def observe(self, before_ns: int, ros_ns: int, after_ns: int) -> ClockStep | None:
        """
        Take one reading and return the step, if one happened.

        The clocks are read in this order: monotonic, ROS, monotonic.
        The offset belongs to the middle of the two monotonic readings. A reading that was
        interrupted for longer than half the tolerance is no measurement and changes nothing.
        """
        if after_ns - before_ns > self._step_tolerance_ns // 2:
            return None
        measured_ns = ros_ns - (before_ns + after_ns) // 2
        if self._offset_ns is None:
            self._offset_ns = measured_ns
            return None
        difference_ns = measured_ns - self._offset_ns
        if abs(difference_ns) > self._step_tolerance_ns:
            self._offset_ns = measured_ns
            return ClockStep(step_ns=difference_ns, ros_ns=ros_ns)
        self._offset_ns += difference_ns // _SMOOTHING
        return None

    def to_ros_ns(self, monotonic_ns: int) -> int:
        """Return the ROS time of a monotonic time. Raises ValueError before any reading."""
        return monotonic_ns + self._known_offset_ns()

    def to_monotonic_ns(self, ros_ns: int) -> int:
        """Return the monotonic time of a ROS time. Raises ValueError before any reading."""
        return ros_ns - self._known_offset_ns()

    def _known_offset_ns(self) -> int:
        if self._offset_ns is None:
            raise ValueError('no clock reading yet: call observe() first')
        return self._offset_ns


# The rate of a stream over the last second, by its stamps.
#
# Owns one bounded window of stamps. Must not know what the stamps belong to.

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


# How much time has passed by a clock that may be set.


class PassingTime:
    """
    Time that passes by a clock that is read often; a step of the clock is none.

    Runs from 0. A clock that goes back stands still here; one that leaps, or a reader that pauses,
    counts as `most_ns`.
    """

    def __init__(self, *, most_ns: int = NS_PER_S) -> None:
        """Start with the first reading."""
        self._most_ns = most_ns
        self._read_ns: int | None = None
        self._passed_ns = 0

    def read(self, clock_ns: int) -> int:
        """Return the time passed until the clock shows `clock_ns`."""
        if self._read_ns is not None:
            self._passed_ns += min(max(0, clock_ns - self._read_ns), self._most_ns)
        self._read_ns = clock_ns
        return self._passed_ns


# How long the stages of one inference take; the clock is handed in.


class StageClock:
    """Measures stages in the order in which they run; a stage that runs twice is added up."""

    def __init__(
        self,
        *,
        now_ns: Callable[[], int] = time.perf_counter_ns,
        finish: Callable[[], None] = lambda: None,
    ) -> None:
        """`finish` waits for the device: kernels are queued, not run, when a call returns."""
        self.now_ns = now_ns
        self._finish = finish
        self._durations_ns: dict[str, int] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure the body as stage `name`."""
        start_ns = self.now_ns()
        yield
        self._finish()
        taken_ns = self.now_ns() - start_ns
        self._durations_ns[name] = self._durations_ns.get(name, 0) + taken_ns

    @property
    def timings(self) -> tuple[StageTiming, ...]:
        """The stages so far."""
        return tuple(
            StageTiming(stage=stage, duration_ns=duration_ns)
            for stage, duration_ns in self._durations_ns.items()
        )
