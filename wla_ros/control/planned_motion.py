"""
What is planned: from the door for chunks to a curve that can be asked for any instant.

Owns gate, conversion, schedule, row counts and seams. Knows the action latencies: column c of the
plan is meant for now + latency_c. The smallest latency is the lead, and everything that is due
before now + lead is past. Knows no modes, no feedback and no limits on motion.
"""

from collections import Counter
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from wla_ros.control import reasons
from wla_ros.control.chunk_gate import ChunkGate
from wla_ros.control.chunk_schedule import schedule_of
from wla_ros.control.end_effector_rows import ArmKinematics
from wla_ros.control.end_effector_rows import EndEffectorRows
from wla_ros.control.executor_config import ExecutorConfig
from wla_ros.control.hermite_interpolation import CurveSample
from wla_ros.control.hermite_interpolation import HermiteInterpolation
from wla_ros.control.merge_strategy import MERGE_STRATEGIES
from wla_ros.control.row_ledger import RowCounts
from wla_ros.control.row_ledger import RowLedger
from wla_ros.control.seam_metrics import SeamMetrics
from wla_ros.control.seam_metrics import SeamSummary
from wla_ros.core.joint_layout import JointLayout
from wla_ros.core.joint_limits import JointLimits
from wla_ros.core.timing import ns_to_seconds
from wla_ros.core.timing import seconds_to_ns
from wla_ros.core.types import ActionChunk
from wla_ros.core.types import FloatArray
from wla_ros.core.types import Refusal
from wla_ros.core.types import Representation


class PlannedMotion:
    """The plan; one thread calls all methods, times never run backwards between two `drop`s."""

    def __init__(
        self,
        config: ExecutorConfig,
        layout: JointLayout,
        limits: JointLimits,
        arm_kinematics: Mapping[str, ArmKinematics] | None,
    ) -> None:
        """Start with no plan. Raises ValueError if `arm_kinematics` lacks an arm."""
        latency_s = config.latencies_s(layout)
        self._lead_ns = seconds_to_ns(float(latency_s.min()))
        self._offset_s = latency_s - latency_s.min()  # [D] beyond the lead
        self._config, self._layout = config, layout
        self._fastest = float(limits.velocity[list(layout.joint_indices)].max())
        self._gate = ChunkGate(config.gate, layout, limits)
        self._poses = None if arm_kinematics is None else EndEffectorRows(layout, arm_kinematics)
        self._ledger = RowLedger(MERGE_STRATEGIES[config.merge_strategy])
        self._seams = SeamMetrics(layout)
        self._curve: HermiteInterpolation | None = None
        self._accepted = 0
        self._rejections: Counter[str] = Counter()
        self.last_rejection = ''

    # What comes in

    def offer(
        self, chunk: ActionChunk, now_ns: int, *, commanded: FloatArray, blocked: Refusal | None
    ) -> Refusal | None:
        """
        Splice `chunk` into the plan, or say why not; counted either way.

        `commanded` [D] is where the arms are told to be now; `blocked` says why no chunk is wanted
        at all.
        """
        outcome = blocked or self._judge(chunk, now_ns, commanded)
        if isinstance(outcome, Refusal):
            self._rejections[outcome.reason] += 1
            self.last_rejection = f'{outcome.reason}: {outcome.detail}'
            return outcome
        self._accepted += 1
        self._splice(chunk, outcome, now_ns)
        return None

    def drop(self, now_ns: int) -> None:
        """Flush the plan; chunks observed before `now_ns` no longer fit the state of the arms."""
        self.end(now_ns)
        self._gate.open_from(now_ns)

    def end(self, now_ns: int) -> None:
        """Flush the plan; a chunk in flight may still take over."""
        self._ledger.flush(now_ns + self._lead_ns)
        self._curve = None

    def forget_order(self) -> None:
        """Accept any epoch and sequence next: the policy may be a new process."""
        self._gate.forget()

    # What goes out

    @property
    def is_empty(self) -> bool:
        """Whether nothing is planned."""
        return self._curve is None

    @property
    def finished(self) -> bool:
        """Whether the policy considers the task done with the present plan."""
        schedule = self._ledger.schedule
        return schedule is not None and schedule.finished

    def advance(self, now_ns: int) -> bool:
        """Count the rows that were due; return whether all have passed."""
        effective_ns = now_ns + self._lead_ns
        self._ledger.advance(effective_ns)
        schedule = self._ledger.schedule
        return schedule is not None and effective_ns > schedule.last_due_ns

    def sample(self, now_ns: int) -> CurveSample:
        """Return where to be at `now_ns`. Raises ValueError if nothing is planned."""
        if self._curve is None:
            raise ValueError('nothing is planned')
        return self._curve.sample(now_ns + self._lead_ns, self._offset_s)

    def path(self, now_ns: int) -> tuple[NDArray[np.int64], FloatArray]:
        """Return when the queued rows are due [n] and their joint positions [n, D], read-only."""
        schedule = self._ledger.schedule
        if schedule is None:
            return np.zeros(0, dtype=np.int64), np.zeros((0, self._layout.width))
        first = schedule.passed(now_ns + self._lead_ns)
        return schedule.times_ns[first:], schedule.rows[first:]

    def current_chunk(self, now_ns: int) -> tuple[int, int]:
        """Return epoch and sequence of the chunk in execution, else of the newest accepted one."""
        schedule = self._ledger.schedule
        if schedule is None:
            return self._gate.newest
        origin = schedule.current(now_ns + self._lead_ns)
        return origin.epoch, origin.sequence

    def left_s(self, now_ns: int) -> float:
        """Return the time until the last row is due [s], 0 without a plan."""
        schedule = self._ledger.schedule
        return 0.0 if schedule is None else schedule.left_s(now_ns + self._lead_ns)

    @property
    def rows(self) -> RowCounts:
        """The fate of all rows of accepted chunks."""
        return self._ledger.counts

    @property
    def accepted(self) -> int:
        """Number of chunks that were accepted."""
        return self._accepted

    @property
    def rejections(self) -> tuple[tuple[str, int], ...]:
        """How often each reason rejected a chunk, by name."""
        return tuple(sorted(self._rejections.items()))

    @property
    def seams(self) -> SeamSummary:
        """The steps between consecutive plans."""
        return self._seams.summary()

    def _judge(
        self, chunk: ActionChunk, now_ns: int, commanded: FloatArray
    ) -> FloatArray | Refusal:
        """Return the joint rows [H, D] of an acceptable chunk."""
        refusal = self._gate.judge_envelope(chunk, now_ns, self._lead_ns)
        if refusal is not None:
            return refusal
        rows = self._joint_rows(chunk, commanded)
        if isinstance(rows, Refusal):
            return rows
        refusal = self._gate.judge_rows(rows, chunk.dt_ns)
        if refusal is not None:
            return refusal
        plan = schedule_of(chunk, rows)
        curve = HermiteInterpolation(plan.times_ns, plan.rows)
        start = curve.sample(now_ns + self._lead_ns, self._offset_s)
        return self._gate.judge_start(start.position, commanded) or rows

    def _joint_rows(self, chunk: ActionChunk, commanded: FloatArray) -> FloatArray | Refusal:
        rows = np.asarray(chunk.rows, dtype=np.float64)
        if chunk.representation == Representation.JOINT_POSITION:
            return rows
        if self._poses is None:
            return Refusal(
                reason=reasons.REPRESENTATION_UNSUPPORTED,
                detail='end-effector chunks need arm kinematics, the executor has none',
            )
        refusal = self._gate.judge_finite(rows, chunk.columns)
        if refusal is not None:
            return refusal
        gate = self._config.gate
        return self._poses.to_joints(
            rows,
            commanded,
            max_step_rad=self._fastest * gate.max_velocity_ratio * ns_to_seconds(chunk.dt_ns),
            first_step_rad=gate.max_pose_start_rad,
        )

    def _splice(self, chunk: ActionChunk, rows: FloatArray, now_ns: int) -> None:
        effective_ns = now_ns + self._lead_ns
        before = self._curve
        if chunk.epoch != self._gate.newest[0]:
            self._ledger.flush(effective_ns, keep_history=True)
        merged = self._ledger.splice(schedule_of(chunk, rows), effective_ns)
        self._curve = HermiteInterpolation(merged.times_ns, merged.rows)
        self._gate.accepted(chunk)
        if before is not None:
            self._seams.add(
                before.sample(effective_ns, self._offset_s),
                self._curve.sample(effective_ns, self._offset_s),
            )
