"""
How a new chunk joins the rows in execution: one protocol, and the joins that blend nothing.

A strategy says which rows the new curve passes through and from when on it is followed. Limits,
counting, bridges and seam metrics happen around it. It may remember chunks; `flush` forgets them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from wla_ros.control.chunk_schedule import ChunkSchedule
from wla_ros.control.curve_sample import CurveSample
from wla_ros.control.planned_curve import PlannedCurve
from wla_ros.core.timing import seconds_to_ns
from wla_ros.core.types import ActionChunk
from wla_ros.core.types import FloatArray
from wla_ros.core.types import Refusal


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunningPlan:
    """What is executed when a chunk arrives."""

    schedule: ChunkSchedule
    curve: PlannedCurve


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpliceMoment:
    """When a chunk arrives, and the state of the motion then."""

    effective_ns: int  # plan time: rows due before are late
    offset_s: FloatArray  # [D] >= 0, column c is at plan time effective + offset
    state: CurveSample  # [D] what is executed, each column at its own plan time
    # End-effector rows [n, 8 * arms] to joint rows [n, D]; None without kinematics
    to_joints: Callable[[FloatArray], FloatArray | Refusal] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Takeover:
    """The old rows due before `from_ns` are executed, then those of `path` due from then on."""

    path: ChunkSchedule  # all rows that shape the new curve, late ones included
    from_ns: int  # plan time, not before the effective time
    run_up_s: float = 0.0  # the curve begins so long before the first row, with its velocity
    rests: bool = False  # the motion stops on the last row
    short: bool = False  # the committed rows ended before the chunk was here


class MergeStrategy(Protocol):
    """One thread calls all methods."""

    def join(
        self,
        chunk: ActionChunk,
        incoming: ChunkSchedule,
        running: RunningPlan | None,
        moment: SpliceMoment,
    ) -> Takeover:
        """
        Return how `incoming`, all rows of `chunk`, takes over from `running`.

        Nothing runs before the first chunk, after a flush and for the first chunk of an epoch. At
        least one row of `incoming` is due at the effective time or later, unless the strategy
        gives the rows other times (`retimes`). Remembers nothing: the chunk may still be refused.
        """
        ...

    def accepted(self, incoming: ChunkSchedule, from_ns: int, now_ns: int) -> None:
        """Take note that `incoming` takes over at the plan time `from_ns`; it is `now_ns`."""
        ...

    def flush(self) -> None:
        """Forget all chunks: the plan was dropped or a new epoch began."""
        ...


class LatestRows:
    """
    Follow the new chunk from now on, the old rows only until its first row is due.

    ```
    current    o--o--o--o--o--o--o           o past   | now
    incoming         n--n--n--n--n--n--n
                          |
    executed   o--o--o--o-|n--n--n--n--n     behind now, rows of the new chunk only
    ```
    """

    def join(
        self,
        chunk: ActionChunk,
        incoming: ChunkSchedule,
        running: RunningPlan | None,
        moment: SpliceMoment,
    ) -> Takeover:
        """See `MergeStrategy`."""
        del chunk, running
        return Takeover(path=incoming, from_ns=max(moment.effective_ns, incoming.due_ns[0]))

    def accepted(self, incoming: ChunkSchedule, from_ns: int, now_ns: int) -> None:
        """Remember nothing."""

    def flush(self) -> None:
        """Forget nothing."""


class CommittedRows(LatestRows):
    """
    Execute the rows the policy was told of from the old plan, then follow the new chunk.

    ```
    current    o--o--o--o--o--o--o
    incoming         c--c--c--n--n--n--n     c committed prefix of 3 rows
                        |
    executed   o--o--o--o--o-|n--n--n--n     the old curve up to the last committed row
    ```

    Without prefix the old plan is executed until row 0 of the chunk is due: `row_offset` is the
    number of rows it was told of. If the committed rows end before now the forecast was too short,
    and the new chunk is followed from now on.
    """

    def join(
        self,
        chunk: ActionChunk,
        incoming: ChunkSchedule,
        running: RunningPlan | None,
        moment: SpliceMoment,
    ) -> Takeover:
        """See `MergeStrategy`."""
        told = chunk.committed_prefix
        # Just behind the last committed row: that one is executed as it was.
        until_ns = incoming.due_ns[told - 1] + 1 if told else incoming.due_ns[0]
        if running is None:
            until_ns = incoming.due_ns[0]
        else:
            until_ns = min(until_ns, max(running.schedule.last_due_ns + 1, incoming.due_ns[0]))
        promised = running is not None and bool(told or chunk.row_offset)
        return Takeover(
            path=incoming,
            from_ns=max(moment.effective_ns, until_ns),
            short=promised and until_ns < moment.effective_ns,
        )


class ArrivalRows(LatestRows):
    """
    Let the chunk begin when it arrives: row 0 is due as soon as it can be reached softly.

    On the last row the arms rest for the next inference.
    """

    def __init__(
        self,
        run_up_s: Callable[[CurveSample, FloatArray], float],
    ) -> None:
        """Let row 0 be due after `run_up_s(state less row 0, velocity of the rows)`."""
        self._run_up_s = run_up_s

    def join(
        self,
        chunk: ActionChunk,
        incoming: ChunkSchedule,
        running: RunningPlan | None,
        moment: SpliceMoment,
    ) -> Takeover:
        """See `MergeStrategy`."""
        del running
        rows, state = incoming.rows, moment.state
        count = len(rows)
        velocity = (rows[1] - rows[0]) / (chunk.dt_ns * 1e-9) if count > 1 else rows[0] * 0.0
        gap = CurveSample.of(
            state.position - rows[0], state.velocity, state.acceleration, state.outside
        )
        run_up_s = self._run_up_s(gap, velocity)
        first_ns = moment.effective_ns + seconds_to_ns(run_up_s)
        path = ChunkSchedule(
            due_ns=tuple(first_ns + i * chunk.dt_ns for i in range(count)),
            rows=rows,
            origins=incoming.origins,
            finished=incoming.finished,
            poses=incoming.poses,
        )
        return Takeover(path=path, from_ns=moment.effective_ns, run_up_s=run_up_s, rests=True)
