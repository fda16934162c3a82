"""
Accounts for every row of every accepted chunk: executed, late, superseded, flushed or still
queued.

Owns the schedule, so that no row can enter or leave it uncounted. A row is executed when time
passes its due time while it is in the schedule. A blended row belongs to the newest chunk: that
one gave it its time; the rows of older chunks it was blended from were superseded when it came.
"""

from dataclasses import dataclass

from wla_ros.control.chunk_schedule import ChunkSchedule
from wla_ros.control.chunk_schedule import joined


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCounts:
    """received = executed + late + superseded + flushed + queued, always."""

    received: int = 0
    executed: int = 0
    late: int = 0  # due before their chunk was here
    # another row, or the rest before the next inference, took their place
    superseded: int = 0
    flushed: int = 0  # dropped with the plan: a stop, a mode, a new epoch
    queued: int = 0


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
