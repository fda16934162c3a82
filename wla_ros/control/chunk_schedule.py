"""
The rows that are due, anchored in time, each with the chunk it came from. Immutable.

Rows in front of `support` are in the past: they only shape the curve through the rows behind them.
Knows no curve, no limits and no modes. A row is late when its due time lies before now, never by
an estimate of latency.
"""

import functools
from bisect import bisect_left
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wla_ros.core.timing import NS_PER_MS
from wla_ros.core.timing import ns_to_seconds
from wla_ros.core.types import ActionChunk
from wla_ros.core.types import FloatArray

# Past rows that a curve needs to keep its shape between them and the next row: position and
# velocity.
SUPPORT_ROWS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class RowOrigin:
    """Which row of which chunk."""

    epoch: int
    sequence: int
    row: int


@dataclass(frozen=True, kw_only=True, eq=False)
class ChunkSchedule:
    """n >= 1 rows of joint positions in the order they are due."""

    due_ns: tuple[int, ...]  # [n] rising strictly
    rows: FloatArray  # [n, D] [rad] and [m]
    origins: tuple[RowOrigin, ...]  # [n]
    support: int = 0  # the first rows are kept for the shape of the curve only, 0..n
    finished: bool = False  # the policy considers the task done with these rows

    def __post_init__(self) -> None:
        """Refuse schedules that would be ambiguous."""
        count = len(self.due_ns)
        if not count or len(self.rows) != count or len(self.origins) != count:
            raise ValueError(
                'a schedule needs at least one row and one due time and origin per row'
            )
        if not all(a < b for a, b in zip(self.due_ns, self.due_ns[1:], strict=False)):
            raise ValueError('due times must rise strictly')
        self.rows.flags.writeable = False

    @functools.cached_property
    def times_ns(self) -> NDArray[np.int64]:
        """Due times [n] as an array."""
        times_ns = np.array(self.due_ns, dtype=np.int64)
        times_ns.flags.writeable = False
        return times_ns

    @property
    def period_ns(self) -> int:
        """Shortest time between two rows, 0 if there is only one."""
        return int(np.diff(self.times_ns).min()) if len(self.due_ns) > 1 else 0

    @property
    def last_due_ns(self) -> int:
        """When the last row is due."""
        return self.due_ns[-1]

    def passed(self, now_ns: int) -> int:
        """Return the number of rows due before `now_ns`; due exactly now is not before."""
        return bisect_left(self.due_ns, now_ns)

    def current(self, now_ns: int) -> RowOrigin:
        """Return the row that is being approached: the first due now or later, else the last."""
        return self.origins[min(self.passed(now_ns), len(self.origins) - 1)]

    def left_s(self, now_ns: int) -> float:
        """Return the time until the last row is due [s], 0 if it has passed."""
        return max(ns_to_seconds(self.last_due_ns - now_ns), 0.0)

    def slice(self, start: int, stop: int, *, support: int) -> 'ChunkSchedule | None':
        """Return rows start..stop (exclusive), None if that is empty."""
        if start >= stop:
            return None
        return ChunkSchedule(
            due_ns=self.due_ns[start:stop],
            rows=self.rows[start:stop],
            origins=self.origins[start:stop],
            support=support,
            finished=self.finished,
        )

    def history(self, now_ns: int) -> 'ChunkSchedule | None':
        """Return only the last past rows, as support for what follows; None if there are none."""
        passed = self.passed(now_ns)
        start = max(passed - SUPPORT_ROWS, 0)
        return self.slice(start, passed, support=passed - start)


def schedule_of(chunk: ActionChunk, rows: FloatArray) -> ChunkSchedule:
    """Return all rows of a chunk as a schedule; `rows` [H, D] are its joint positions."""
    count = len(rows)
    return ChunkSchedule(
        due_ns=tuple(chunk.stamp_ns + i * chunk.dt_ns for i in range(count)),
        rows=np.array(rows, dtype=np.float64),
        origins=tuple(
            RowOrigin(epoch=chunk.epoch, sequence=chunk.sequence, row=i) for i in range(count)
        ),
        finished=chunk.finished,
    )


def clearance_ns(before: ChunkSchedule, after: ChunkSchedule) -> int:
    """
    Return how close to the first row of `after` a row of `before` may be.

    Rows of two chunks may be due nanoseconds apart. Their distance over that time is no velocity;
    half a row period bounds it to twice what either chunk asks for.
    """
    return max(before.period_ns, after.period_ns, 2 * NS_PER_MS) // 2


def joined(before: ChunkSchedule | None, after: ChunkSchedule) -> ChunkSchedule:
    """Return `before` followed by `after`, which is due later throughout."""
    if before is None:
        return after
    return ChunkSchedule(
        due_ns=before.due_ns + after.due_ns,
        rows=np.concatenate([before.rows, after.rows]),
        origins=before.origins + after.origins,
        support=before.support
        if before.support < len(before.due_ns)
        else before.support + after.support,
        finished=after.finished,
    )
