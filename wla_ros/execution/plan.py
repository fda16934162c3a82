# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
What is planned: from the gate for chunks to a curve that can be asked for any instant.

Owns gate, conversion, strategy, schedule, row counts and seams. Knows the action latencies:
column c of the plan is meant for now + latency_c. The smallest latency is the lead, and everything
that is due before now + lead is past. Rows are counted by that time; a column with a larger
latency is further along. Knows no modes, no feedback and no limits on motion.
"""

from collections import Counter
from collections import deque
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from wla_ros.base import reasons
from wla_ros.base.curve import CurveSample
from wla_ros.base.joints import JointLayout
from wla_ros.base.joints import JointLimits
from wla_ros.base.timing import seconds_to_ns
from wla_ros.base.types import ActionChunk
from wla_ros.base.types import ExecutionPlan
from wla_ros.base.types import FloatArray
from wla_ros.base.types import Join
from wla_ros.base.types import Refusal
from wla_ros.base.types import SpliceDelay
from wla_ros.execution.bridge import BridgeFitter
from wla_ros.execution.config import ExecutorConfig
from wla_ros.execution.gate import ChunkGate
from wla_ros.execution.joins import RunningPlan
from wla_ros.execution.joins import SpliceMoment
from wla_ros.execution.joins import SplicePlan
from wla_ros.execution.joins import merge_strategy
from wla_ros.execution.path import PlannedCurve
from wla_ros.execution.path import PlanSmoothing
from wla_ros.execution.poses import ArmKinematics
from wla_ros.execution.poses import ChunkRows
from wla_ros.execution.report import SeamMetrics
from wla_ros.execution.report import SeamSummary
from wla_ros.execution.report import SpliceReport
from wla_ros.execution.schedule import HISTORY_NS
from wla_ros.execution.schedule import ChunkSchedule
from wla_ros.execution.schedule import RowCounts
from wla_ros.execution.schedule import RowLedger
from wla_ros.execution.splice import PlanSplicer
from wla_ros.execution.splice import PreparedSplice
from wla_ros.inference.strategy import AUTO

# Reports nobody takes are forgotten: 8 s at 32 chunks per second.
_MOST_REPORTS = 256


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
        self._offsets = self._offset_s if self._offset_s.any() else None
        self._config, self._layout = config, layout
        self._lower, self._upper = limits.lower, limits.upper
        self._gate = ChunkGate(config.gate, layout, limits)
        self._rows = ChunkRows(config.gate, self._gate, layout, limits, arm_kinematics)
        joints = np.array(layout.joint_indices)
        bridges = BridgeFitter(config.bridge, limits, joints)
        smoothing_s = config.motion.smoothing_s
        self._splicer = PlanSplicer(bridges, joints, past_ns=seconds_to_ns(smoothing_s))
        is_joint = np.isin(np.arange(layout.width), joints)
        self._smoothing = PlanSmoothing(smoothing_s, is_joint)
        self._joins = {join: merge_strategy(join, config.strategy, bridges) for join in Join}
        # None: every chunk says how it joins.
        strategy = None if config.strategy.name == AUTO else config.strategy.strategy
        self._named = named = None if strategy is None else strategy.join
        if strategy is not None and strategy.merge is not None:
            self._joins[strategy.join] = strategy.merge(config.strategy)
        self._join = named or Join.LATEST  # of the newest accepted chunk
        self._ledger = RowLedger()
        self._seams = SeamMetrics()
        self._curve: PlannedCurve | None = None
        self._until_ns = 0  # plan time until which the curve leads on
        self._counts: Counter[str] = Counter()
        self._rejections: Counter[str] = Counter()
        self._unread = 0  # refused chunks of unknown number that no gap was seen of yet
        self._reports: deque[SpliceReport] = deque(maxlen=_MOST_REPORTS)
        self.last_rejection = ''
        self.delay: SpliceDelay | None = None  # of the newest accepted chunk
        self.revision = 0  # rises whenever what is planned changes other than by time

    # What comes in

    def solve_poses(
        self, chunk: ActionChunk, commanded: FloatArray
    ) -> FloatArray | Refusal | None:
        """
        Return the joint rows [H, D] of an end-effector chunk for `offer`; see `ChunkRows`.

        Depends on nothing that changes: any thread may call it.
        """
        return self._rows.solve_poses(chunk, commanded)

    def offer(
        self,
        chunk: ActionChunk,
        now_ns: int,
        *,
        command: CurveSample,
        blocked: Refusal | None,
        solved: FloatArray | Refusal | None = None,
    ) -> Refusal | None:
        """
        Splice `chunk` into the plan, or say why not; counted either way.

        `command` [D] is what the arms are told now; `blocked` says why no chunk is wanted at all;
        `solved` is what `solve_poses` said.
        """
        gap = self._gate.note_sequence(chunk)
        # What came and was never read leaves a gap as well, but is counted as refused.
        unread = min(gap, self._unread)
        self._unread -= unread
        self._counts['chunks_missed'] += gap - unread
        refusal = blocked or self._accept(chunk, now_ns, command, solved)
        if refusal is not None:
            self.refuse(refusal)
        return refusal

    def judge_envelope(self, chunk: ActionChunk, now_ns: int) -> Refusal | None:
        """Judge everything but the numbers in the rows of `chunk`."""
        return self._gate.judge_envelope(
            chunk, now_ns, self._lead_ns, retimed=(self._named or chunk.join) is Join.ARRIVAL
        )

    def refuse_unread(self, refusal: Refusal) -> None:
        """Count a refusal of a chunk of unknown number."""
        self._unread += 1
        self.refuse(refusal)

    def refuse(self, refusal: Refusal) -> None:
        """Count a refusal."""
        self._rejections[refusal.reason] += 1
        self.last_rejection = f'{refusal.reason}: {refusal.detail}'

    def drop(self, now_ns: int) -> None:
        """Flush the plan; chunks observed before `now_ns` no longer fit the state of the arms."""
        self._flush(now_ns, keep_history=False)
        self._gate.reject_before(now_ns)

    def end(self, now_ns: int) -> None:
        """Flush the plan; a chunk in flight may still take over."""
        self._flush(now_ns, keep_history=True)

    def forget_order(self, session: int | None) -> None:
        """
        Accept any epoch and sequence next: the policy may be a new process.

        Only chunks of `session` are taken; None: of the one that is accepted first.
        """
        self._gate.forget(session)
        self._unread = 0

    @property
    def session(self) -> int | None:
        """The session whose chunks are taken, None while the first accepted one decides."""
        return self._gate.session

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

    @property
    def rests_between(self) -> bool:
        """Whether the arms rest after the newest chunk because the policy waits for that."""
        return self._join is Join.ARRIVAL

    def advance(self, now_ns: int) -> bool:
        """Count the rows that were due; return whether all have passed."""
        effective_ns = now_ns + self._lead_ns
        self._ledger.advance(effective_ns)
        return self._curve is not None and effective_ns > self._until_ns

    def sample(self, now_ns: int) -> CurveSample:
        """Return where to be at `now_ns`. Raises ValueError if nothing is planned."""
        if self._curve is None:
            raise ValueError('nothing is planned')
        return self._curve.sample(now_ns + self._lead_ns, self._offsets)

    def target(self, now_ns: int) -> CurveSample:
        """Return what to follow at `now_ns`: `sample` without the jitter of the joints' rows."""
        if self._curve is None:
            raise ValueError('nothing is planned')
        return self._smoothing.sample(self._curve, now_ns + self._lead_ns, self._offsets)

    def path(self, now_ns: int) -> tuple[NDArray[np.int64], FloatArray]:
        """Return when the queued rows are due [n] and their joint positions [n, D], read-only."""
        return self._rows_from(now_ns + self._lead_ns)

    def current_chunk(self, now_ns: int) -> tuple[int, int]:
        """Return epoch and sequence of the chunk in execution, else of the newest accepted one."""
        schedule = self._ledger.schedule
        if schedule is None or self._curve is None:
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
    def chunk_counts(self) -> Mapping[str, int]:
        """Counters of `ExecutorCounts`."""
        return {'chunks_rejected': sum(self._rejections.values()), **self._counts}

    @property
    def rejections(self) -> tuple[tuple[str, int], ...]:
        """How often each reason rejected a chunk, by name."""
        return tuple(sorted(self._rejections.items()))

    @property
    def seams(self) -> SeamSummary:
        """The steps between consecutive plans."""
        return self._seams.summary()

    def execution_plan(
        self, now_ns: int, *, accepting: bool, resting: bool, tracking_error: FloatArray
    ) -> ExecutionPlan:
        """
        Return the queued rows and the ones executed in the last second, within the limits.

        A bridge over a fast step, as grippers have them, may lead outside; the arms go no further
        than the limit. A policy that took a prefix from there would have its chunk refused.
        """
        due_ns, rows = self._rows_from(now_ns + self._lead_ns - HISTORY_NS)
        epoch, sequence = self._gate.newest
        return ExecutionPlan(
            stamp_ns=now_ns,
            strategy=self._config.strategy.full_name,
            epoch=epoch,
            sequence=sequence,
            due_ns=due_ns,
            rows=np.minimum(np.maximum(rows, self._lower), self._upper),
            accepting=accepting,
            resting=resting,
            tracking_error=tracking_error,
            splice=self.delay,
        )

    def take_splices(self) -> tuple[SpliceReport, ...]:
        """Return the reports of the splices since the last call, oldest first."""
        taken = tuple(self._reports)
        self._reports.clear()
        return taken

    # Splicing

    def _accept(
        self,
        chunk: ActionChunk,
        now_ns: int,
        command: CurveSample,
        solved: FloatArray | Refusal | None,
    ) -> Refusal | None:
        join = self._named or chunk.join
        refusal = self.judge_envelope(chunk, now_ns)
        if refusal is not None:
            return refusal
        incoming = self._rows.schedule(chunk, command.position, solved)
        if isinstance(incoming, Refusal):
            return incoming
        refusal = self._gate.judge_rows(incoming.rows, chunk.dt_ns)
        if refusal is not None:
            return refusal
        effective_ns = now_ns + self._lead_ns
        moment, follows = self._moment(chunk, effective_ns, command)
        splice_plan = self._joins[join].join(chunk, incoming, self._running(chunk), moment)
        if splice_plan.from_ns > splice_plan.path.last_due_ns:
            return Refusal(
                reason=reasons.NOTHING_NEW,
                detail=f'all {len(chunk.rows)} rows are due before the old plan ends its '
                f'{chunk.committed_prefix} committed rows',
            )
        splice = self._splicer.prepare(splice_plan, self._curve, moment)
        refusal = self._gate.judge_start(splice.starts_at, splice.comes_from)
        if refusal is None:
            self._make(chunk, incoming, splice_plan, splice, now_ns=now_ns, follows=follows)
        return refusal

    def _running(self, chunk: ActionChunk) -> RunningPlan | None:
        """Return what the chunk joins: nothing of an earlier epoch."""
        schedule = self._ledger.schedule
        if self._curve is None or schedule is None or chunk.epoch != self._gate.newest[0]:
            return None
        return RunningPlan(schedule=schedule, curve=self._curve)

    def _moment(
        self, chunk: ActionChunk, effective_ns: int, command: CurveSample
    ) -> tuple[SpliceMoment, bool]:
        """Return the moment, and whether the new plan follows on an old one."""
        state, follows = command, False
        if self._curve is not None:
            plan = self._curve.sample(effective_ns, self._offset_s)
            follows = not plan.outside.all()
            state = plan.filled(command)
        rows = self._rows
        moment = SpliceMoment(
            effective_ns=effective_ns,
            offset_s=self._offset_s,
            state=state,
            to_joints=None
            if not rows.solves_poses
            else lambda poses: rows.to_joints(poses, chunk.dt_ns, command.position),
        )
        return moment, follows

    def _make(
        self,
        chunk: ActionChunk,
        incoming: ChunkSchedule,
        splice_plan: SplicePlan,
        splice: PreparedSplice,
        *,
        now_ns: int,
        follows: bool,
    ) -> None:
        effective_ns = now_ns + self._lead_ns
        new_epoch = chunk.epoch != self._gate.newest[0]
        join = self._named or chunk.join
        if new_epoch or join is not self._join:
            self._forget_chunks()
        self._join = join
        kept = self._ledger.splice(
            splice.path,
            splice_plan.from_ns,
            effective_ns,
            received=len(chunk.rows),
            new_epoch=new_epoch,
        )
        self._curve, self._until_ns = splice.curve, splice.until_ns
        self._joins[join].accepted(incoming, splice_plan.from_ns, effective_ns)
        self._gate.accepted(chunk)
        if join is Join.ARRIVAL:
            # The next one is thought of at the next rest: what saw this one would lead back to it.
            self._gate.reject_before(now_ns)
        self.revision += 1
        self._counts['chunks_accepted'] += 1
        self._counts['forecasts_short'] += splice_plan.short
        self._counts['bridges_steep'] += splice.steep
        if follows:
            self._seams.add(splice.step, splice.bridged_step, splice.bridge_s)
        delay_ns = effective_ns - chunk.stamp_ns
        self.delay = SpliceDelay(epoch=chunk.epoch, sequence=chunk.sequence, delay_ns=delay_ns)
        step, bridged = splice.step, splice.bridged_step
        self._reports.append(
            SpliceReport(
                stamp_ns=now_ns,
                strategy=join.value if self._named is None else self._config.strategy.full_name,
                epoch=chunk.epoch,
                sequence=chunk.sequence,
                delay_ns=delay_ns,
                rows_late=splice.path.passed(effective_ns),
                rows_kept=kept,
                position_step_rad=step.position_rad,
                velocity_step_rad_s=step.velocity_rad_s,
                acceleration_step_rad_s2=step.acceleration_rad_s2,
                bridge_s=splice.bridge_s,
                bridged_position_step_rad=bridged.position_rad,
                bridged_velocity_step_rad_s=bridged.velocity_rad_s,
                bridged_acceleration_step_rad_s2=bridged.acceleration_rad_s2,
                followed=follows,
                steep=splice.steep,
                short=splice_plan.short,
            )
        )

    def _flush(self, now_ns: int, *, keep_history: bool) -> None:
        planned = self._curve is not None
        self._ledger.flush(now_ns + self._lead_ns, keep_history=keep_history)
        self._forget_chunks()
        self._curve = None
        self.revision += planned or not keep_history

    def _rows_from(self, time_ns: int) -> tuple[NDArray[np.int64], FloatArray]:
        schedule = self._ledger.schedule
        if schedule is None:
            return np.zeros(0, dtype=np.int64), np.zeros((0, self._layout.width))
        first = schedule.passed(time_ns)
        return schedule.times_ns[first:], schedule.rows[first:]

    def _forget_chunks(self) -> None:
        for join in self._joins.values():
            join.flush()
