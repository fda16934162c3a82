# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
How a new chunk joins the rows that are already planned: one class per way, and the strategy of
each.
"""

from abc import abstractmethod
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from wla_ros.base.curve import CurveSample
from wla_ros.base.curve import HermiteInterpolation
from wla_ros.base.joints import ARM_WIDTH
from wla_ros.base.timing import seconds_to_ns
from wla_ros.base.types import ActionChunk
from wla_ros.base.types import FloatArray
from wla_ros.base.types import Join
from wla_ros.base.types import Refusal
from wla_ros.execution.bridge import BridgeFitter
from wla_ros.execution.path import PlannedCurve
from wla_ros.execution.poses import mean_poses
from wla_ros.execution.poses import poses_at
from wla_ros.execution.schedule import ChunkSchedule
from wla_ros.inference.strategy import StrategyConfig

# How a new chunk joins the rows in execution: one protocol, and the joins that blend nothing.
#
# A strategy says which rows the new curve passes through and from when on it is followed. Limits,
# counting, bridges and seam metrics happen around it. It may remember chunks; `flush` forgets
# them.


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
class SplicePlan:
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
    ) -> SplicePlan:
        """
        Return how `incoming`, all rows of `chunk`, takes over from `running`.

        Nothing runs before the first chunk, after a flush and for the first chunk of an epoch. At
        least one row of `incoming` is due at the effective time or later, unless the strategy
        gives the rows other times (`ArrivalRows`). Remembers nothing: the chunk may still
        be refused.
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
    ) -> SplicePlan:
        """See `MergeStrategy`."""
        del chunk, running
        return SplicePlan(path=incoming, from_ns=max(moment.effective_ns, incoming.due_ns[0]))

    def accepted(self, incoming: ChunkSchedule, from_ns: int, now_ns: int) -> None:
        """Remember nothing."""

    def flush(self) -> None:
        """Forget nothing."""


class CommittedRows(LatestRows):
    """
    Execute the rows the policy was given from the old plan, then follow the new chunk.

    ```
    current    o--o--o--o--o--o--o
    incoming         c--c--c--n--n--n--n     c committed prefix of 3 rows
                        |
    executed   o--o--o--o--o-|n--n--n--n     the old curve up to the last committed row
    ```

    Without prefix the old plan is executed until row 0 of the chunk is due: `row_offset` is the
    number of rows it was given. If the committed rows end before now the forecast was too short,
    and the new chunk is followed from now on.
    """

    def join(
        self,
        chunk: ActionChunk,
        incoming: ChunkSchedule,
        running: RunningPlan | None,
        moment: SpliceMoment,
    ) -> SplicePlan:
        """See `MergeStrategy`."""
        given = chunk.committed_prefix
        # Just behind the last committed row: that one is executed as it was.
        until_ns = incoming.due_ns[given - 1] + 1 if given else incoming.due_ns[0]
        if running is None:
            until_ns = incoming.due_ns[0]
        else:
            until_ns = min(until_ns, max(running.schedule.last_due_ns + 1, incoming.due_ns[0]))
        promised = running is not None and bool(given or chunk.row_offset)
        return SplicePlan(
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
    ) -> SplicePlan:
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
        return SplicePlan(path=path, from_ns=moment.effective_ns, run_up_s=run_up_s, rests=True)


# Joins that blend the rows of a new chunk with older ones: crossfade and ensemble.
#
# Blended rows lie on the grid of the newest chunk and belong to it. End-effector chunks are
# blended as poses, before inverse kinematics; if the blended poses cannot be followed near the
# mean of the joints, or one of the chunks came in joints, what is blended are joints.

# Most chunks of an ensemble: two seconds of horizon at 32 chunks per second.
_MOST_CHUNKS = 64
# Late rows that shape the curve behind them: position and velocity.
_SHAPING_ROWS = 2
# A plan before that ends at once is no reason to divide by zero.
_SHORTEST_S = 0.001
# Further from the mean of the joints the solution for the mean pose is another posture of the arm.
_OTHER_BRANCH_RAD = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class _Member:
    """One chunk that others are blended with, as it came."""

    schedule: ChunkSchedule
    curve: HermiteInterpolation
    taken_ns: int  # plan time from which it was followed

    def covers(self, incoming: ChunkSchedule) -> NDArray[np.bool_]:
        """Return [n] which due times of `incoming` lie between its rows."""
        times_ns = incoming.times_ns
        return np.asarray(
            (times_ns >= self.schedule.due_ns[0]) & (times_ns <= self.schedule.last_due_ns)
        )


def _member(schedule: ChunkSchedule, taken_ns: int) -> _Member:
    return _Member(schedule, HermiteInterpolation(schedule.times_ns, schedule.rows), taken_ns)


class _BlendedRows(LatestRows):
    """Follow the new chunk from now on, with a share of the chunks before in its rows."""

    def __init__(self) -> None:
        self._members: deque[_Member] = deque(maxlen=_MOST_CHUNKS)  # oldest first

    def join(
        self,
        chunk: ActionChunk,
        incoming: ChunkSchedule,
        running: RunningPlan | None,
        moment: SpliceMoment,
    ) -> SplicePlan:
        """See `MergeStrategy`."""
        splice_plan = super().join(chunk, incoming, running, moment)
        members = [] if running is None else list(self._members)
        if not members:
            return splice_plan
        weights = self._weights(incoming, members, splice_plan.from_ns, moment.offset_s)
        return replace(splice_plan, path=_blended(incoming, members, weights, moment))

    @abstractmethod
    def _weights(
        self,
        incoming: ChunkSchedule,
        members: list[_Member],
        from_ns: int,
        offset_s: FloatArray,
    ) -> FloatArray:
        """
        Return the share [k, n, D] of each chunk in the rows of `incoming`, which is the last one.

        `incoming` takes over at the plan time `from_ns`, column c `offset_s[c]` further along.
        Shares sum to one over k, and are zero where a chunk has no rows.
        """

    def flush(self) -> None:
        """Forget all chunks."""
        self._members.clear()


class CrossfadedRows(_BlendedRows):
    """
    Go over from the plan before to the new chunk within a while.

    ```
    weight of the new chunk   1        ____________
                                     /     smooth at both ends
                              0 ____/
                                 takeover  + duration
    ```

    Where fades overlap, each goes on: what the newest chunk does not have yet belongs to the one
    before, as far as that has faded in, and so on. If each fade began with what is executed, a
    chunk that is soon followed by the next would never arrive.
    """

    def __init__(self, duration_s: float) -> None:
        """Blend over `duration_s`, or what is left of the plan before."""
        super().__init__()
        self._duration_s = duration_s

    def _weights(
        self,
        incoming: ChunkSchedule,
        members: list[_Member],
        from_ns: int,
        offset_s: FloatArray,
    ) -> FloatArray:
        taken = [*(member.taken_ns for member in members), from_ns]
        ends = [member.schedule.last_due_ns for member in members]
        # [k, n, D] how far each chunk has faded in over the one before, the first one fully
        faded = np.array(
            [
                np.ones((len(incoming.due_ns), len(offset_s))),
                *(
                    self._faded(incoming, start_ns, end_ns, offset_s)
                    for start_ns, end_ns in zip(taken[1:], ends, strict=True)
                ),
            ]
        )
        # What the newer chunks leave of it: a chunk gives way to all newer ones
        left = np.cumprod(1.0 - faded[:0:-1], axis=0)[::-1]  # [k - 1, n, D]
        weights = faded.copy()
        weights[:-1] *= left
        covered = [member.covers(incoming) for member in members]
        weights[:-1] *= np.array(covered)[:, :, None]
        weights[-1] = 1.0 - weights[:-1].sum(axis=0)
        return weights

    def accepted(self, incoming: ChunkSchedule, from_ns: int, now_ns: int) -> None:
        """Remember `incoming` as it came, forget the chunks that have faded out."""
        members = self._members
        gone_ns = now_ns - seconds_to_ns(self._duration_s)
        while len(members) > 1 and members[1].taken_ns < gone_ns:
            members.popleft()
        members.append(_member(incoming, from_ns))

    def _faded(
        self, incoming: ChunkSchedule, start_ns: int, end_ns: int, offset_s: FloatArray
    ) -> FloatArray:
        """Return [n, D] how far a chunk has taken over that came in at `start_ns`."""
        duration_s = min(self._duration_s, max((end_ns - start_ns) * 1e-9, _SHORTEST_S))
        since_s = ((incoming.times_ns - start_ns) * 1e-9)[:, None] - offset_s
        share = np.clip(since_s / duration_s, 0.0, 1.0)
        return np.asarray(share**3 * (10.0 - 15.0 * share + 6.0 * share**2))


class EnsembleRows(_BlendedRows):
    """
    Follow the weighted mean of all chunks of the epoch that cover a row's time (ACT, 2304.13705).

    Weights are exp(-decay i), i = 0 the oldest chunk that covers the time. Late rows shape the
    curve and are blended as well.
    """

    def __init__(self, decay: float) -> None:
        """Weigh by `decay`."""
        super().__init__()
        self._decay = decay

    def _weights(
        self,
        incoming: ChunkSchedule,
        members: list[_Member],
        from_ns: int,
        offset_s: FloatArray,
    ) -> FloatArray:
        del from_ns
        everywhere = np.ones(len(incoming.due_ns), dtype=np.bool_)
        covers = np.array([*(member.covers(incoming) for member in members), everywhere])  # [m, n]
        rank = np.cumsum(covers, axis=0) - 1.0
        exponent = np.where(covers, -self._decay * rank, -np.inf)
        weights = np.exp(exponent - exponent.max(axis=0))
        weights /= weights.sum(axis=0)
        return np.repeat(weights[:, :, None], len(offset_s), axis=2)

    def accepted(self, incoming: ChunkSchedule, from_ns: int, now_ns: int) -> None:
        """Remember `incoming` as it came, forget chunks that have passed."""
        while self._members and self._members[0].schedule.last_due_ns < now_ns:
            self._members.popleft()
        self._members.append(_member(incoming, from_ns))


def _blended(
    incoming: ChunkSchedule,
    members: list[_Member],
    weights: FloatArray,
    moment: SpliceMoment,
) -> ChunkSchedule:
    """
    Return the mean of `members` and `incoming` on the grid of that one, by `weights` [k, n, D].

    Weights sum to one over k, `incoming` is the last. Only poses that shape the curve from now on
    and have other chunks in them are solved: at 0.1 ms per row and arm the solution is most of
    what a splice costs.
    """
    # As offsets from the newest chunk: chunks that agree leave its rows as they are.
    rows = incoming.rows.copy()
    for weight, member in zip(weights, members, strict=False):
        if weight.any():
            rows += weight * (member.curve.positions(incoming.times_ns) - incoming.rows)
    joints_only = replace(incoming, rows=rows, poses=None)
    poses = _mean_of_poses(incoming, members, weights)
    if poses is None or moment.to_joints is None:
        return joints_only
    mixed = np.flatnonzero((weights[-1] < 1.0).any(axis=1))
    start = max(incoming.passed(moment.effective_ns) - _SHAPING_ROWS, 0)
    stop = int(mixed.max(initial=-1)) + 1
    if start < stop:
        solved = moment.to_joints(poses[start:stop])
        if isinstance(solved, Refusal):
            return joints_only
        if np.abs(solved - rows[start:stop]).max() > _OTHER_BRANCH_RAD:
            return joints_only
        rows = rows.copy()
        rows[start:stop] = solved
    return replace(incoming, rows=rows, poses=poses)


def _mean_of_poses(
    incoming: ChunkSchedule, members: list[_Member], weights: FloatArray
) -> FloatArray | None:
    """Return the mean poses of all chunks; None if one of them came in joints."""
    stack = [
        poses_at(member.schedule.times_ns, member.schedule.poses, incoming.times_ns)
        for member in members
        if member.schedule.poses is not None
    ]
    if incoming.poses is None or len(stack) < len(members):
        return None
    # The six joints of an arm have one latency and so one weight, its gripper another.
    return mean_poses(
        np.array([*stack, incoming.poses]),
        weights[..., ::ARM_WIDTH],
        weights[..., ARM_WIDTH - 1 :: ARM_WIDTH],
    )


def merge_strategy(join: Join, config: StrategyConfig, bridges: BridgeFitter) -> MergeStrategy:
    """Return `join` with the numbers of `config`, and with nothing remembered."""
    match join:
        case Join.LATEST:
            return LatestRows()
        case Join.CROSSFADE:
            return CrossfadedRows(config.crossfade_s)
        case Join.ENSEMBLE:
            return EnsembleRows(config.ensemble_decay)
        case Join.COMMITTED:
            return CommittedRows()
        case Join.ARRIVAL:
            return ArrivalRows(bridges.run_up_s)
