# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Action chunks in, limited joint commands out: composes gate, plan, command, modes and supervision.

No thread and no clock of its own: time is an argument.
"""

from collections import Counter
from collections.abc import Collection
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from wla_ros.base import reasons
from wla_ros.base.config import ConfigurationError
from wla_ros.base.joints import JointLayout
from wla_ros.base.joints import JointLimits
from wla_ros.base.types import ActionChunk
from wla_ros.base.types import ExecutionPlan
from wla_ros.base.types import FloatArray
from wla_ros.base.types import JointCommand
from wla_ros.base.types import JointSample
from wla_ros.base.types import Mode
from wla_ros.base.types import Refusal
from wla_ros.execution.authority import MotionAuthority
from wla_ros.execution.command import CommandedMotion
from wla_ros.execution.config import ExecutorConfig
from wla_ros.execution.feedback import FeedbackMonitor
from wla_ros.execution.graph import GraphCondition
from wla_ros.execution.plan import PlannedMotion
from wla_ros.execution.poses import ArmKinematics
from wla_ros.execution.report import ExecutorCounts
from wla_ros.execution.report import ExecutorSnapshot
from wla_ros.execution.report import ExecutorState
from wla_ros.execution.report import SpliceReport
from wla_ros.execution.sources import ChunkSource
from wla_ros.execution.sources import HomeSource
from wla_ros.execution.sources import MotionSource
from wla_ros.execution.supervision import ControlModes
from wla_ros.execution.supervision import DeviationMonitor
from wla_ros.execution.tick_clock import TickClock
from wla_ros.robots.piper.arm_status import ArmHealth


class ChunkExecutor:
    """The executor; see the module docstring for who may call it and when it commands."""

    def __init__(
        self,
        config: ExecutorConfig,
        layout: JointLayout,
        limits: JointLimits,
        arm_kinematics: Mapping[str, ArmKinematics] | None = None,
        reporting: Collection[str] = (),
    ) -> None:
        """
        Start in HOLD without feedback.

        `arm_kinematics` (one per arm) is needed for end-effector chunks only; `reporting` are the
        arms whose driver publishes a status. Raises
        ConfigurationError naming every arm that does not exist and every home outside the limits.
        """
        problems = config.problems(layout, limits)
        if problems:
            raise ConfigurationError('executor', problems)
        scaled = config.motion.scaled(limits)
        self._layout = layout
        self._feedback = FeedbackMonitor(config, layout, limits, reporting)
        self._deviation = DeviationMonitor(config.deviation, layout)
        self._plan = PlannedMotion(config, layout, scaled, arm_kinematics)
        self._motion = CommandedMotion(config, layout, scaled, self._deviation)
        self._modes = ControlModes()
        self._authority = MotionAuthority(
            config,
            layout,
            self._modes,
            self._feedback,
            self._deviation,
            self._motion,
            self._plan,
        )
        self._clock = TickClock(config)
        self._leaves = True  # the drivers have the present command

        self._counts: Counter[str] = Counter()
        self._sources: Mapping[Mode, MotionSource] = {
            Mode.AUTONOMY: ChunkSource(self._plan, self._motion, self._counts),
            Mode.HOMING: HomeSource(self._motion),
        }
        self._state = ExecutorState.NOT_READY
        self._changes = 0  # of what the policy is told besides the plan itself
        self._told = (self._state, False, False)
        self._why = (reasons.WAITING_FOR_FEEDBACK, 'no tick yet')

    # What comes in

    def accept_feedback(self, sample: JointSample) -> Refusal | None:
        """Take over measured joints of one arm, or say why not."""
        refusal = self._feedback.accept(sample)
        if refusal is not None:
            repeated = refusal.reason == reasons.DUPLICATE_STAMP
            self._counts['feedback_repeated' if repeated else 'feedback_refused'] += 1
        return refusal

    def accept_arm_condition(self, condition: ArmHealth) -> Refusal | None:
        """Take over the health of one arm, or say why not."""
        return self._feedback.accept_condition(condition)

    def judge_chunk(self, chunk: ActionChunk, now_ns: int) -> Refusal | None:
        """
        Return why `chunk` would be refused whatever its rows say: mode, order, shape or time.

        Counts and changes nothing; None promises nothing.
        """
        return self._authority.judge_chunks() or self._plan.judge_envelope(chunk, now_ns)

    def refuse_chunk(self, refusal: Refusal) -> None:
        """Count a chunk that was refused by the caller, or never looked at."""
        self._counts['chunks_received'] += 1
        self._plan.refuse_unread(refusal)

    def solve_poses(self, chunk: ActionChunk) -> FloatArray | Refusal | None:
        """
        Return the joint rows of an end-effector chunk for `accept_chunk`, None for other chunks.

        The only method that any thread may call beside the others: it takes some 10 ms, which no
        tick should wait for. The solution begins at the command in force. Until the chunk is
        accepted the command moves on by a few hundredths of a radian, which chooses no other
        branch; whether the chunk is still wanted and in time, and how far its plan then is from
        the command, is judged when it is accepted.
        """
        return self._plan.solve_poses(chunk, self._motion.position)

    def accept_chunk(
        self,
        chunk: ActionChunk,
        now_ns: int,
        *,
        solved: FloatArray | Refusal | None = None,
    ) -> Refusal | None:
        """
        Splice `chunk` into the schedule, or say why not; either way it is counted.

        `solved` is what `solve_poses` said; without it poses are solved here.
        """
        refusal = self._plan.offer(
            chunk,
            now_ns,
            command=self._motion.state,
            blocked=self._authority.judge_chunks(),
            solved=solved,
        )
        self._counts['chunks_received'] += 1
        return refusal

    def accept_graph(self, condition: GraphCondition) -> None:
        """
        Take over who else is on the topics.

        A problem ends every moving mode and refuses it; that it has gone resumes nothing.
        """
        self._authority.graph = condition

    def set_mode(
        self, mode: Mode, now_ns: int, reason: str, *, session: int = 0
    ) -> Refusal | None:
        """
        Enter `mode`, or say why not. Entering the present mode changes nothing.

        AUTONOMY is given to the chunks of `session`; 0: to those of whoever's is accepted first.
        """
        refusal = self._modes.judge(mode)
        if mode == self.mode:
            refusal = refusal or self._authority.judge_session(mode, session)
            if refusal is None and session and self._plan.session is None:
                self._plan.forget_order(session)
            return refusal
        if refusal is None and mode in self._sources:
            refusal = self._authority.judge_start(mode, now_ns, session)
        if refusal is None:
            self._enter(mode, now_ns, reasons.REQUESTED, reason, session=session or None)
        return refusal

    def reset_emergency_stop(self, now_ns: int, reason: str) -> Refusal | None:
        """Leave ESTOP for HOLD: the only way out of it. Refused in any other mode."""
        return self._modes.reset_emergency_stop(now_ns, reason)

    def notify_clock_jump(self, now_ns: int, step_ns: int | None = None) -> None:
        """
        Take note that the ROS clock jumped to `now_ns`, by `step_ns` if that is known: nothing
        stamped before can be compared with it.

        The schedule is flushed, motion ends in HOLD, and feedback has to be trusted anew. The
        command stays what it is, and comes to rest within the limits by the time that passed. A
        jump of unknown size is that of a simulation which begins anew: its arms may be elsewhere.
        """
        if self.mode in self._sources:
            self._enter(Mode.HOLD, now_ns, reasons.CLOCK_JUMP, 'the ROS clock jumped')
        self._interrupt(now_ns)
        self._feedback.reset(now_ns, excused=step_ns is None)
        self._deviation.reset()
        self._motion.forget_times(now_ns)
        self._clock.shift(step_ns)

    # What goes out

    @property
    def mode(self) -> Mode:
        """The mode in force."""
        return self._modes.mode

    def tick(
        self, now_ns: int, lateness_ns: int = 0, *, leaves: bool = True
    ) -> JointCommand | None:
        """
        Return the command for `now_ns`, None while there is no trustworthy feedback to start from.

        `lateness_ns` is how long after its deadline this tick began; `leaves` says whether the
        command will be sent. A clock that runs backwards is a clock jump. Whatever it raises:
        `hold_after_failure` before the next tick, which goes on from the last command that left.
        """
        self._clock.count(lateness_ns)
        if self._leaves:
            self._motion.mark()
            self._clock.mark()
        self._leaves = leaves
        try:
            command = self._tick(now_ns)
        except Exception:
            self.go_back()  # nothing moves by half
            self._counts['ticks_failed'] += 1
            raise
        self._counts['ticks_not_ready' if command is None else 'commands_published'] += 1
        return command

    def go_back(self) -> None:
        """Take note that the command of the last tick was not sent: the last one sent counts."""
        self._motion.go_back()
        self._clock.go_back()
        self._leaves = False

    def hold_after_failure(self, now_ns: int, detail: str) -> None:
        """
        Take note that a tick ended with an error, here or where its command is sent.

        Motion ends in HOLD. The drivers keep what was commanded last until a tick succeeds.
        """
        if self.mode in self._sources:
            self._enter(Mode.HOLD, now_ns, reasons.TICK_FAILED, detail)
        self._state, self._why = ExecutorState.FAILED, (reasons.TICK_FAILED, detail)

    def _tick(self, now_ns: int) -> JointCommand | None:
        if self._clock.runs_backwards(now_ns):
            self.notify_clock_jump(now_ns)
        motion, feedback = self._motion, self._feedback
        feedback.update(
            now_ns,
            motion.position if motion.seeded else None,
            demands=motion.demands,
            latched=self.mode == Mode.ESTOP,
        )
        self._authority.look(now_ns)
        if self._authority.graph.silent:
            self._keep_silent(now_ns)
            return None
        if not motion.seeded:
            untrusted = self._authority.untrusted
            unsteady = [arm for arm in self._layout.arms if arm not in feedback.steady]
            if untrusted is not None or unsteady:
                detail = f'{", ".join(unsteady)} moves' if untrusted is None else untrusted.detail
                self._why = (reasons.WAITING_FOR_FEEDBACK, detail)
                return None
            motion.seed(feedback.position, released=feedback.released_arms(now_ns))
        duration_s = self._duration_s(now_ns)
        self._supervise(now_ns)
        reseeded = () if self._move(now_ns, duration_s) else self._hold(now_ns, duration_s)
        return self._emit(now_ns, reseeded)

    def _duration_s(self, now_ns: int) -> float:
        """Return how long the command may move [s]; behind a stall it starts again from rest."""
        duration_s = self._clock.advance(now_ns)
        if duration_s is not None:
            return duration_s
        self._motion.halt()
        return 0.0

    def _emit(self, now_ns: int, reseeded: tuple[str, ...]) -> JointCommand:
        """Return the present command, which leaves at `now_ns`."""
        position, velocity, acceleration = self._motion.limiter.state
        self._motion.remember(now_ns, self._feedback.position, anew=bool(reseeded))
        self._note_change()
        command = JointCommand(
            stamp_ns=now_ns,
            position=position,
            velocity=velocity,
            acceleration=acceleration,
            reseeded_arms=reseeded,
            silent_arms=tuple(sorted(self._motion.silent)),
        )
        self._clock.commanded(now_ns)
        return command

    @property
    def plan_revision(self) -> int:
        """Rises whenever `execution_plan` changes other than by time passing; for polling."""
        return self._plan.revision + self._modes.entry.revision + self._changes

    def execution_plan(self, now_ns: int) -> ExecutionPlan:
        """Return what is going to be executed, and the rows of the last second."""
        return self._plan.execution_plan(
            now_ns,
            accepting=self._authority.judge_chunks() is None,
            resting=self._resting,
            tracking_error=self._motion.tracking_error(
                self._feedback.position, self._feedback.stamps_ns
            ),
        )

    def take_splices(self) -> tuple[SpliceReport, ...]:
        """Return what the splices since the last call did, oldest first."""
        return self._plan.take_splices()

    def planned_path(self, now_ns: int) -> tuple[NDArray[np.int64], FloatArray]:
        """Return when the queued rows are due [n] and their joint positions [n, D]; n may be 0."""
        return self._plan.path(now_ns)

    def snapshot(self, now_ns: int) -> ExecutorSnapshot:
        """Return everything there is to report."""
        plan = self._plan
        epoch, sequence = plan.current_chunk(now_ns)
        median_s, tail_s = self._clock.lateness_s()
        return ExecutorSnapshot(
            stamp_ns=now_ns,
            state=self._state,
            mode=self._modes.entry,
            reason=self._why[0],
            detail=self._why[1],
            epoch=epoch,
            sequence=sequence,
            horizon_left_s=plan.left_s(now_ns),
            last_rejection=plan.last_rejection,
            rows=plan.rows,
            counts=ExecutorCounts(
                **self._counts, **self._clock.counts, **plan.chunk_counts, **self._motion.counts
            ),
            rejections=plan.rejections,
            tick_lateness_p50_s=median_s,
            tick_lateness_p99_s=tail_s,
            max_deviation_rad=self._deviation.largest(now_ns),
            seams=plan.seams,
            session=plan.session or 0 if self.mode == Mode.AUTONOMY else 0,
            worst_rates=self._motion.worst_rates(),
        )

    @property
    def _resting(self) -> bool:
        """Whether nothing is planned and the command stands still."""
        return self._plan.is_empty and self._motion.seeded and self._motion.limiter.at_rest

    def _note_change(self) -> None:
        """Count changes of what the policy is told besides the plan itself."""
        present = (self._state, self._resting, self._authority.untrusted is not None)
        self._changes += present != self._told
        self._told = present

    # Modes and supervision

    def _interrupt(self, now_ns: int) -> None:
        """Drop what is planned; chunks observed before now no longer fit the state of the arms."""
        self._plan.drop(now_ns)
        for source in self._sources.values():
            source.interrupt()

    def _enter(
        self, mode: Mode, now_ns: int, cause: str, reason: str, *, session: int | None = None
    ) -> None:
        self._modes.enter(mode, now_ns, cause=cause, reason=reason)
        self._interrupt(now_ns)
        if mode == Mode.AUTONOMY:
            self._plan.forget_order(session)

    def _supervise(self, now_ns: int) -> None:
        """Leave a moving mode when an arm cannot follow; drop the plan when feedback is lost."""
        if self._authority.untrusted is not None:
            if not self._plan.is_empty:
                self._interrupt(now_ns)
        else:
            self._deviation.update(
                now_ns, self._motion.position, self._feedback.position, self._feedback.stamps_ns
            )
        if self.mode not in self._sources:
            return
        refusal = self._authority.judge_motion(now_ns)
        if refusal is not None:
            self._enter(Mode.HOLD, now_ns, refusal.reason, refusal.detail)

    # Motion

    def _keep_silent(self, now_ns: int) -> None:
        """Command nothing; when the topics are ours again, start from where the arms are then."""
        foreign = self._authority.graph.problem
        if foreign is not None:
            self._why = (foreign.reason, foreign.detail)
            if self.mode in self._sources:
                self._enter(Mode.HOLD, now_ns, *self._why)
        self._motion.forget()
        self._state = ExecutorState.NOT_READY
        self._note_change()

    def _move(self, now_ns: int, duration_s: float) -> bool:
        """Move the command as the mode has it; return whether there was a place to move to."""
        hindrance, source = self._authority.standstill, self._sources.get(self.mode)
        if hindrance is not None:
            self._why = (hindrance.reason, hindrance.detail)
            return False
        if source is None:
            self._why = (self._modes.entry.cause, self._modes.entry.reason)
            return False
        step = source.step(now_ns, duration_s)
        self._why = ('', '') if step.moves else (step.reason, step.detail)
        if step.moves:
            self._state = ExecutorState.TRACKING
        if step.ends:
            self._enter(Mode.HOLD, now_ns, step.reason, step.detail)
        return step.moves

    def _hold(self, now_ns: int, duration_s: float) -> tuple[str, ...]:
        """Come to rest, then stay; return the arms that were set to their measured joints."""
        motion = self._motion
        trusted = self._authority.untrusted is None
        resting = motion.hold(now_ns, duration_s, self._feedback, trusted=trusted)
        lost = self._authority.lost
        if motion.silent and lost is not None:
            silence = f'; nothing is sent to {", ".join(sorted(motion.silent))} (released)'
            self._why = (lost.reason, lost.detail + silence)
        self._state = ExecutorState.HOLDING if resting else ExecutorState.DECELERATING
        return self._motion.reseeded
