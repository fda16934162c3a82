# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The rows of accepted chunks in time, and what became of every one of them."""

import functools
import operator
from bisect import bisect_left
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wla_ros.base.counters import Count
from wla_ros.base.timing import NS_PER_S
from wla_ros.base.timing import ns_to_seconds
from wla_ros.base.types import ActionChunk
from wla_ros.base.types import FloatArray

# The rows that are due, anchored in time, each with the chunk it came from. Immutable.
#
# The first `support` rows are past: they stay for a while for those who plan with what was
# executed. Knows no curve, no limits and no modes. A row is late when its due time lies before
# now, plus the smallest calibrated latency of the arms, never by an estimate.

# Past rows are kept this long: longer than a chunk in flight is old, and bounded.
HISTORY_NS = NS_PER_S


class RowOrigin(NamedTuple):
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
    support: int = 0  # the first rows are past, 0..n
    finished: bool = False  # the policy considers the task done with these rows
    # End-effector rows [n, 8 * arms] that the rows were solved for; NaN where a row had none
    poses: FloatArray | None = None

    def __post_init__(self) -> None:
        """Refuse schedules that would be ambiguous."""
        count = len(self.due_ns)
        if not count or len(self.rows) != count or len(self.origins) != count:
            raise ValueError(
                'a schedule needs at least one row and one due time and origin per row'
            )
        if self.poses is not None and len(self.poses) != count:
            raise ValueError(f'{count} rows need as many poses, got {len(self.poses)}')
        if not all(map(operator.lt, self.due_ns, self.due_ns[1:])):
            raise ValueError('due times must rise strictly')
        self.rows.flags.writeable = False

    @functools.cached_property
    def times_ns(self) -> NDArray[np.int64]:
        """Due times [n] as an array."""
        times_ns = np.array(self.due_ns, dtype=np.int64)
        times_ns.flags.writeable = False
        return times_ns

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
            poses=None if self.poses is None else self.poses[start:stop],
        )

    def until(self, now_ns: int, stop_ns: int) -> 'ChunkSchedule | None':
        """Return the past rows of `HISTORY_NS` and the queued ones due before `stop_ns`."""
        passed = self.passed(now_ns)
        start = self.passed(now_ns - HISTORY_NS)
        stop = max(self.passed(stop_ns), start)
        return self.slice(start, stop, support=min(passed, stop) - start)


def schedule_of(
    chunk: ActionChunk, rows: FloatArray, poses: FloatArray | None = None
) -> ChunkSchedule:
    """
    Return all rows of a chunk as a schedule.

    `rows` [H, D] are its joint positions, `poses` [H, 8 * arms] what they were solved for.
    """
    count = len(rows)
    return ChunkSchedule(
        due_ns=tuple(chunk.due_ns(i) for i in range(count)),
        rows=np.array(rows, dtype=np.float64),
        origins=tuple(RowOrigin(chunk.epoch, chunk.sequence, i) for i in range(count)),
        finished=chunk.finished,
        poses=poses,
    )


def joined(before: ChunkSchedule | None, after: ChunkSchedule) -> ChunkSchedule:
    """Return `before` followed by `after`, which is due later throughout and has no past rows."""
    if before is None:
        return after
    return ChunkSchedule(
        due_ns=before.due_ns + after.due_ns,
        rows=np.concatenate([before.rows, after.rows]),
        origins=before.origins + after.origins,
        support=before.support,
        finished=after.finished,
        poses=_joined_poses(before, after),
    )


def _joined_poses(before: ChunkSchedule, after: ChunkSchedule) -> FloatArray | None:
    if before.poses is None and after.poses is None:
        return None
    known = before.poses if after.poses is None else after.poses
    assert known is not None
    return np.concatenate(
        [
            np.full((len(part.due_ns), known.shape[1]), np.nan)
            if part.poses is None
            else part.poses
            for part in (before, after)
        ]
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCounts:
    """received = executed + late + superseded + flushed + queued, always."""

    received: Count = 0
    executed: Count = 0
    late: Count = 0  # due before their chunk was here
    # another row, or the rest before the next inference, took their place
    superseded: Count = 0
    flushed: Count = 0  # dropped with the plan: a stop, a mode, a new epoch
    queued: Count = 0


class RowLedger:
    """The schedule and the fate of its rows; one thread, times never run backwards."""

    def __init__(self) -> None:
        """Start empty."""
        self._done = 0  # rows at the front of the schedule that are accounted for
        self._received = self._executed = self._late = self._superseded = self._flushed = 0
        self.schedule: ChunkSchedule | None = None

    @property
    def queued(self) -> int:
        """Rows that are still to be executed."""
        return 0 if self.schedule is None else len(self.schedule.due_ns) - self._done

    def advance(self, now_ns: int) -> None:
        """Count the rows whose due time has passed as executed."""
        if self.schedule is None:
            return
        passed = self.schedule.passed(now_ns)
        if passed > self._done:
            self._executed += passed - self._done
            self._done = passed

    def splice(
        self,
        path: ChunkSchedule,
        from_ns: int,
        now_ns: int,
        *,
        received: int,
        new_epoch: bool = False,
    ) -> int:
        """
        Queue the rows of `path` due at `from_ns` or later behind the old ones due before it.

        `received` rows came with the chunk. Old rows that have to go are flushed if a new epoch
        begins, else superseded. Returns the number of old rows that stay queued. Raises ValueError
        unless now <= from_ns <= due time of the last row.
        """
        if not now_ns <= from_ns <= path.last_due_ns:
            raise ValueError(
                f'rows from {from_ns} on, but now is {now_ns} and the last row is due at '
                f'{path.last_due_ns}'
            )
        self.advance(now_ns)
        old = self.schedule
        before = None if old is None else old.until(now_ns, from_ns)
        kept = 0 if before is None else len(before.due_ns) - before.support
        # Counted where they are dropped, not as the rest of a sum that then could not fail.
        dropped = 0 if old is None else len(old.due_ns) - max(old.passed(from_ns), self._done)
        fresh = path.slice(path.passed(from_ns), len(path.due_ns), support=0)
        assert fresh is not None
        late = path.passed(now_ns)
        self.schedule = joined(before, fresh)
        self._done = self.schedule.support
        self._received += received
        self._late += late
        left_out = received - len(path.due_ns)  # by the strategy, before they became a path
        self._superseded += left_out + path.passed(from_ns) - late
        if new_epoch:
            self._flushed += dropped
        else:
            self._superseded += dropped
        return kept

    def flush(self, now_ns: int, *, keep_history: bool = False) -> int:
        """Drop the queued rows, return how many; `keep_history` keeps the past ones."""
        self.advance(now_ns)
        dropped = self.queued
        self._flushed += dropped
        history = self.schedule.until(now_ns, now_ns) if keep_history and self.schedule else None
        self.schedule = history
        self._done = 0 if history is None else history.support
        return dropped

    @property
    def counts(self) -> RowCounts:
        """The fate of all rows so far."""
        return RowCounts(
            received=self._received,
            executed=self._executed,
            late=self._late,
            superseded=self._superseded,
            flushed=self._flushed,
            queued=self.queued,
        )
