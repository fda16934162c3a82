"""
Accounts for every row of every accepted chunk: executed, late, superseded, flushed or still
queued.

Owns the schedule, so that no row can enter or leave it uncounted. A row is executed when time
passes its due time while it is in the schedule.
"""

from dataclasses import dataclass

from wla_ros.control.chunk_schedule import ChunkSchedule
from wla_ros.control.merge_strategy import MergeStrategy


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCounts:
    """received = executed + late + superseded + flushed + queued, always."""

    received: int = 0
    executed: int = 0
    late: int = 0
    superseded: int = 0
    flushed: int = 0
    queued: int = 0


class RowLedger:
    """The schedule and the fate of its rows; one thread, times never run backwards."""

    def __init__(self, merge: MergeStrategy) -> None:
        """Start empty; `merge` decides how chunks join."""
        self._merge = merge
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

    def splice(self, incoming: ChunkSchedule, now_ns: int) -> ChunkSchedule:
        """Merge a chunk with a row due at `now_ns` or later; return the new schedule."""
        self.advance(now_ns)
        waiting = self.queued
        late = incoming.passed(now_ns)
        merged = self._merge(self.schedule, incoming, now_ns)
        if merged.support != merged.passed(now_ns):
            raise ValueError(
                f'the merge strategy returned {merged.support} support rows, '
                f'{merged.passed(now_ns)} are due before now'
            )
        self.schedule, self._done = merged, merged.support
        self._received += len(incoming.due_ns)
        self._late += late
        self._superseded += waiting + len(incoming.due_ns) - late - self.queued
        return merged

    def flush(self, now_ns: int, *, keep_history: bool = False) -> int:
        """Drop the queued rows, return how many; `keep_history` keeps past rows as support."""
        self.advance(now_ns)
        dropped = self.queued
        self._flushed += dropped
        history = self.schedule.history(now_ns) if keep_history and self.schedule else None
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
