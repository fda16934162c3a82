"""
Joins that blend the rows of a new chunk with older ones: crossfade and ensemble.

Blended rows lie on the grid of the newest chunk and belong to it. End-effector chunks are blended
as poses, before inverse kinematics; if the blended poses cannot be followed near the mean of the
joints, or one of the chunks came in joints, what is blended are joints.
"""

from collections import deque
from dataclasses import dataclass
from dataclasses import replace

import numpy as np

from wla_ros.control.chunk_schedule import ChunkSchedule
from wla_ros.control.hermite_interpolation import HermiteInterpolation
from wla_ros.control.merge_strategy import RunningPlan
from wla_ros.control.merge_strategy import SpliceMoment
from wla_ros.control.merge_strategy import Takeover
from wla_ros.control.pose_blending import mean_poses
from wla_ros.control.pose_blending import mixed_poses
from wla_ros.control.pose_blending import poses_at
from wla_ros.core.joint_layout import ARM_WIDTH
from wla_ros.core.types import ActionChunk
from wla_ros.core.types import FloatArray
from wla_ros.core.types import Refusal

# Most chunks of an ensemble: two seconds of horizon at 32 chunks per second.
_MOST_CHUNKS = 64
# Late rows that shape the curve behind them: position and velocity.
_SHAPING_ROWS = 2
# Further from the mean of the joints the solution for the mean pose is another posture of the arm.
_OTHER_BRANCH_RAD = 0.5


class CrossfadedRows:
    """
    Go over from what is executed to the new chunk within a while.

    ```
    weight of the new chunk   1        ____________
                                     /     smooth at both ends
                              0 ____/
                                   now  now + crossfade
    ```
    """

    def __init__(self, duration_s: float) -> None:
        """Blend over `duration_s`."""
        self._duration_s = duration_s

    def join(
        self,
        chunk: ActionChunk,
        incoming: ChunkSchedule,
        running: RunningPlan | None,
        moment: SpliceMoment,
    ) -> Takeover:
        """See `MergeStrategy`."""
        del chunk
        from_ns = max(moment.effective_ns, incoming.due_ns[0])
        if running is None:
            return Takeover(path=incoming, from_ns=from_ns)
        since_s = ((incoming.times_ns - moment.effective_ns) * 1e-9)[:, None] - moment.offset_s
        share = np.clip(since_s / self._duration_s, 0.0, 1.0)  # [n, D]
        weight = share**3 * (10.0 - 15.0 * share + 6.0 * share**2)
        old = running.curve.at_times(incoming.times_ns)
        weight = np.where(old.outside, 1.0, weight)
        step = np.where(old.outside, 0.0, old.position - incoming.rows)
        rows = incoming.rows + (1.0 - weight) * step
        poses = _crossfaded_poses(incoming, running, weight)
        stop = int(np.flatnonzero((weight < 1.0).any(axis=1)).max(initial=-1)) + 1
        return Takeover(path=_path(incoming, rows, poses, moment, stop), from_ns=from_ns)

    def accepted(self, incoming: ChunkSchedule, now_ns: int) -> None:
        """Remember nothing: what is executed is blended already."""

    def flush(self) -> None:
        """Forget nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class _Member:
    """One chunk of an ensemble."""

    schedule: ChunkSchedule
    curve: HermiteInterpolation

    def positions(self, incoming: ChunkSchedule) -> FloatArray:
        """Return joint rows [n, D] at the due times of `incoming`."""
        return self.curve.positions(incoming.times_ns)


class EnsembleRows:
    """
    Follow the weighted mean of all chunks of the epoch that cover a row's time (ACT, 2304.13705).

    Weights are exp(-decay i), i = 0 the oldest chunk that covers the time. Late rows shape the
    curve and are blended as well.
    """

    def __init__(self, decay: float) -> None:
        """Weigh by `decay`."""
        self._decay = decay
        self._members: deque[_Member] = deque(maxlen=_MOST_CHUNKS)

    def join(
        self,
        chunk: ActionChunk,
        incoming: ChunkSchedule,
        running: RunningPlan | None,
        moment: SpliceMoment,
    ) -> Takeover:
        """See `MergeStrategy`."""
        del chunk
        from_ns = max(moment.effective_ns, incoming.due_ns[0])
        members = [] if running is None else list(self._members)
        if not members:
            return Takeover(path=incoming, from_ns=from_ns)
        times_ns = incoming.times_ns
        covers = np.array(
            [
                *(
                    (times_ns >= m.schedule.due_ns[0]) & (times_ns <= m.schedule.last_due_ns)
                    for m in members
                ),
                np.ones(len(times_ns), dtype=np.bool_),
            ]
        )  # [m, n]
        rank = np.cumsum(covers, axis=0) - 1.0
        exponent = np.where(covers, -self._decay * rank, -np.inf)
        weights = np.exp(exponent - exponent.max(axis=0))
        weights /= weights.sum(axis=0)
        # As offsets from the newest chunk: chunks that agree leave its rows as they are.
        rows = incoming.rows.copy()
        for weight, member in zip(weights, members, strict=False):
            rows += weight[:, None] * (member.positions(incoming) - incoming.rows)
        poses = _mean_poses(incoming, members, weights)
        stop = int(np.flatnonzero(weights[-1] < 1.0).max(initial=-1)) + 1
        return Takeover(path=_path(incoming, rows, poses, moment, stop), from_ns=from_ns)

    def accepted(self, incoming: ChunkSchedule, now_ns: int) -> None:
        """Remember `incoming` as it came, forget chunks that have passed."""
        while self._members and self._members[0].schedule.last_due_ns < now_ns:
            self._members.popleft()
        curve = HermiteInterpolation(incoming.times_ns, incoming.rows)
        self._members.append(_Member(incoming, curve))

    def flush(self) -> None:
        """Forget all chunks."""
        self._members.clear()


def _path(
    incoming: ChunkSchedule,
    rows: FloatArray,
    poses: FloatArray | None,
    moment: SpliceMoment,
    stop: int,
) -> ChunkSchedule:
    """
    Return `incoming` with blended `rows` [n, D], or with what reaches the blended `poses`.

    Rows from `stop` on are those of the chunk. Only rows that shape the curve from now on are
    solved: at 0.1 ms per row and arm the solution is most of what a splice costs.
    """
    if poses is None or moment.to_joints is None:
        return replace(incoming, rows=rows, poses=None)
    start = max(incoming.passed(moment.effective_ns) - _SHAPING_ROWS, 0)
    if start >= stop:
        return replace(incoming, rows=rows)
    solved = moment.to_joints(poses[start:stop])
    if isinstance(solved, Refusal) or np.abs(solved - rows[start:stop]).max() > _OTHER_BRANCH_RAD:
        return replace(incoming, rows=rows, poses=None)
    rows = rows.copy()
    rows[start:stop] = solved
    return replace(incoming, rows=rows, poses=poses)


def _crossfaded_poses(
    incoming: ChunkSchedule, running: RunningPlan, weight: FloatArray
) -> FloatArray | None:
    """Return poses between those in execution and `incoming`; None without poses of either."""
    schedule = running.schedule
    if incoming.poses is None or schedule.poses is None:
        return None
    old = poses_at(schedule.times_ns, schedule.poses, incoming.times_ns)
    old = np.where(np.isnan(old).any(axis=1, keepdims=True), incoming.poses, old)
    # The six joints of an arm have one latency, its gripper another.
    return mixed_poses(
        old, incoming.poses, weight[:, ::ARM_WIDTH], weight[:, ARM_WIDTH - 1 :: ARM_WIDTH]
    )


def _mean_poses(
    incoming: ChunkSchedule, members: list[_Member], weights: FloatArray
) -> FloatArray | None:
    """Return the mean poses of the ensemble; None if one of its chunks came in joints."""
    stack = [
        poses_at(member.schedule.times_ns, member.schedule.poses, incoming.times_ns)
        for member in members
        if member.schedule.poses is not None
    ]
    if incoming.poses is None or len(stack) < len(members):
        return None
    return mean_poses(np.array([*stack, incoming.poses]), weights)
