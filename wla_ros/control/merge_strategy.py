"""
How a new chunk joins the schedule: a Protocol and the table of strategies by name.

A strategy decides which rows are executed, nothing else: limits, counting and seam metrics happen
around it. A new strategy is one function and one entry in the table.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from wla_ros.control.chunk_schedule import SUPPORT_ROWS
from wla_ros.control.chunk_schedule import ChunkSchedule
from wla_ros.control.chunk_schedule import clearance_ns
from wla_ros.control.chunk_schedule import joined


class MergeStrategy(Protocol):
    """Pure: returns the schedule to execute from `now_ns` on."""

    def __call__(
        self, current: ChunkSchedule | None, incoming: ChunkSchedule, now_ns: int
    ) -> ChunkSchedule:
        """
        Merge `incoming`, all rows of a new chunk, into `current`.

        At least one row of `incoming` is due at `now_ns` or later. Rows of the result that are due
        before `now_ns` must be its `support`; every queued row must come from one of the two. Rows
        of different chunks must keep their `clearance_ns`.
        """
        ...


def latest(current: ChunkSchedule | None, incoming: ChunkSchedule, now_ns: int) -> ChunkSchedule:
    """
    Follow the new chunk from now on, the old rows only until its first row is due.

    ```
    current    o--o--o--o--o--o--o           o past   | now
    incoming         n--n--n--n--n--n--n
                          |
    result           n--n--n--n--n--n--n     the first two rows are support
    ```
    """
    late = incoming.passed(now_ns)
    start = max(late - SUPPORT_ROWS, 0)
    fresh = incoming.slice(start, len(incoming.due_ns), support=late - start)
    if fresh is None:
        raise ValueError('no row of the incoming chunk is due now or later')
    if late or current is None or incoming.due_ns[0] == now_ns:
        return fresh
    # Rows due at the clearance exactly may stay.
    stop = current.passed(incoming.due_ns[0] - clearance_ns(current, incoming) + 1)
    past = min(current.passed(now_ns), stop)
    start = max(past - SUPPORT_ROWS, 0)
    return joined(current.slice(start, stop, support=past - start), fresh)


MERGE_STRATEGIES: Mapping[str, MergeStrategy] = MappingProxyType({'latest': latest})
