"""
Action chunks in, limited joint commands out: composes gate, schedule, curve, limiter, modes and supervision.

Pure: time is an argument in integer nanoseconds of the ROS clock. One thread calls all methods. No command leaves
before trustworthy feedback of every arm was seen; from then on every tick has one, because a hold is a command.
"""

import dataclasses
from collections import Counter
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from wla_ros.control import reasons
from wla_ros.control.arm_condition import ArmCondition
from wla_ros.control.chunk_gate import ChunkGate
from wla_ros.control.chunk_schedule import schedule_of
from wla_ros.control.control_modes import ControlModes
from wla_ros.control.deviation_monitor import DeviationMonitor
from wla_ros.control.end_effector_rows import ArmKinematics
from wla_ros.control.end_effector_rows import EndEffectorRows
from wla_ros.control.executor_config import ArmExecution
from wla_ros.control.executor_config import ExecutorConfig
from wla_ros.control.executor_snapshot import ExecutorCounts
from wla_ros.control.executor_snapshot import ExecutorSnapshot
from wla_ros.control.executor_snapshot import ExecutorState
from wla_ros.control.feedback_monitor import FeedbackMonitor
from wla_ros.control.held_position import HeldPosition
from wla_ros.control.hermite_interpolation import HermiteInterpolation
from wla_ros.control.merge_strategy import MERGE_STRATEGIES
from wla_ros.control.motion_limiter import MotionLimiter
from wla_ros.control.motion_limiter import MotionTarget
from wla_ros.control.row_ledger import RowLedger
from wla_ros.control.seam_metrics import SeamMetrics
from wla_ros.core.errors import ConfigurationError
from wla_ros.core.errors import Problem
from wla_ros.core.joint_layout import JointLayout
from wla_ros.core.joint_limits import JointLimits
from wla_ros.core.latency_statistics import LatencyStatistics
from wla_ros.core.timing import ns_to_seconds
from wla_ros.core.timing import seconds_to_ns
from wla_ros.core.types import ActionChunk
from wla_ros.core.types import FloatArray
from wla_ros.core.types import JointCommand
from wla_ros.core.types import JointSample
from wla_ros.core.types import Mode
from wla_ros.core.types import Refusal
from wla_ros.core.types import Representation
from wla_ros.core.types import StageTiming

# A late tick catches up at most this many periods of motion at once.
_MAX_PERIODS_PER_TICK = 2
_TICK = 'tick'
_HOME_TOLERANCE_RAD = 1e-6


class ChunkExecutor:
    """The executor; see the module docstring for who may call it and when it commands."""

    def __init__(
        self,
        config: ExecutorConfig,
        layout: JointLayout,
        limits: JointLimits,
        arm_kinematics: Mapping[str, ArmKinematics] | None = None,
    ) -> None:
        """
        Start in HOLD without feedback.

        `arm_kinematics` (one per arm) is needed for end-effector chunks only. Raises ConfigurationError naming
        every arm that does not exist and every home outside the limits.
        """
        _check_arms(config, layout, limits)
        scaled = _scaled(limits, config)
        self._config, self._layout, self._limits = config, layout, scaled
        self._arms = {arm: config.arms.get(arm, ArmExecution()) for arm in layout.arms}
        latency = np.array(
            [
                arm.gripper_latency_s if column == 6 else arm.action_latency_s
                for arm in self._arms.values()
                for column in range(7)
            ]
        )
        self._lead_ns = seconds_to_ns(float(latency.min()))
        self._offset_s = latency - latency.min()  # [D] beyond the lead
        slow = np.full(layout.width, config.motion.homing_velocity_rad_s)
        slow[list(layout.gripper_indices)] = np.inf
        self._slow = np.minimum(scaled.velocity, slow)
        self._nothing = np.zeros(layout.width)
        self._moving: NDArray[np.bool_] = np.zeros(layout.width, dtype=np.bool_)
        self._stopping = MotionTarget(self._nothing, self._nothing, self._nothing, ~self._moving)

        self._feedback = FeedbackMonitor(config.feedback, layout, limits)
        self._gate = ChunkGate(config.gate, layout, scaled)
        self._poses = None if arm_kinematics is None else EndEffectorRows(layout, arm_kinematics)
        self._ledger = RowLedger(MERGE_STRATEGIES[config.merge_strategy])
        self._curve: HermiteInterpolation | None = None
        self._limiter = MotionLimiter(scaled)
        self._modes = ControlModes()
        self._deviation = DeviationMonitor(layout)
        self._held = HeldPosition(config.deviation, layout)
        self._seams = SeamMetrics(layout)
        self._lateness = LatencyStatistics()

        self._counts: Counter[str] = Counter()
        self._rejections: Counter[str] = Counter()
        self._last_rejection = ''
        self._seeded = False
        self._reseed = False  # the measured joints are taken over at the next rest
        self._tick_ns: int | None = None
        self._state = ExecutorState.NOT_READY
        self._stale = ''  # why the feedback is not trusted at this tick
        self._idle = (reasons.WAITING_FOR_CHUNK, 'no chunk was accepted since autonomy began')
        self._why = (reasons.WAITING_FOR_FEEDBACK, 'no tick yet')

    # What comes in

    def accept_feedback(self, sample: JointSample) -> Refusal | None:
        """Take over measured joints of one arm, or say why not."""
        refusal = self._feedback.accept(sample)
        self._counts['feedback_refused'] += refusal is not None
        return refusal

    def accept_arm_condition(self, condition: ArmCondition) -> Refusal | None:
        """Take over the health of one arm, or say why not."""
        return self._feedback.accept_condition(condition)

    def accept_chunk(self, chunk: ActionChunk, now_ns: int) -> Refusal | None:
        """Splice `chunk` into the schedule, or say why not; either way it is counted."""
        self._counts['chunks_received'] += 1
        outcome = self._judge_chunk(chunk, now_ns)
        if isinstance(outcome, Refusal):
            self._counts['chunks_rejected'] += 1
            self._rejections[outcome.reason] += 1
            self._last_rejection = f'{outcome.reason}: {outcome.detail}'
            return outcome
        self._counts['chunks_accepted'] += 1
        self._splice(chunk, outcome, now_ns)
        return None

    def set_mode(self, mode: Mode, now_ns: int, reason: str) -> Refusal | None:
        """Enter `mode`, or say why not. Entering the present mode changes nothing."""
        refusal = self._modes.judge(mode)
        if refusal is None and mode != self.mode and mode in (Mode.AUTONOMY, Mode.HOMING):
            refusal = self._judge_readiness(mode, now_ns)
        if refusal is None and mode != self.mode:
            self._enter(mode, now_ns, reasons.REQUESTED, reason)
        return refusal

    def reset_emergency_stop(self, now_ns: int, reason: str) -> Refusal | None:
        """Leave ESTOP for HOLD: the only way out of it. Refused in any other mode."""
        return self._modes.reset_emergency_stop(now_ns, reason)

    def notify_clock_jump(self, now_ns: int) -> None:
        """
        Take note that the ROS clock jumped to `now_ns`: nothing stamped before can be compared with it.

        The schedule is flushed, motion ends in HOLD, and the command starts again from new feedback.
        """
        if self.mode in (Mode.AUTONOMY, Mode.HOMING):
            self._enter(Mode.HOLD, now_ns, reasons.CLOCK_JUMP, 'the ROS clock jumped')
        self._interrupt(now_ns)
        self._feedback.reset()
        self._deviation.reset()
        self._reseed = True
        self._tick_ns = None

    # What goes out

    @property
    def mode(self) -> Mode:
        """The mode in force."""
        return self._modes.mode

    def tick(self, now_ns: int, lateness_ns: int = 0) -> JointCommand | None:
        """
        Return the command for `now_ns`, None while there is no trustworthy feedback to start from.

        `lateness_ns` is how long after its deadline this tick began. A clock that runs backwards is a clock jump.
        """
        self._count_tick(lateness_ns)
        if self._tick_ns is not None and now_ns < self._tick_ns:
            self.notify_clock_jump(now_ns)
        self._feedback.update(now_ns)
        self._stale = self._feedback.problem(now_ns)
        if not self._seeded and not self._seed():
            self._tick_ns = now_ns
            self._counts['ticks_not_ready'] += 1
            self._why = (reasons.WAITING_FOR_FEEDBACK, self._stale)
            return None
        duration_s = self._step_duration(now_ns)
        self._tick_ns = now_ns
        faults = self._feedback.faulty_arms(now_ns)
        self._supervise(now_ns, faults)
        if not self._move(now_ns, duration_s):
            self._hold(now_ns, duration_s, faults)
        self._counts['commands_published'] += 1
        limiter = self._limiter
        return JointCommand(
            stamp_ns=now_ns,
            position=limiter.position,
            velocity=limiter.velocity,
            acceleration=limiter.acceleration,
        )

    def planned_path(self, now_ns: int) -> tuple[NDArray[np.int64], FloatArray]:
        """Return when the queued rows are due [n] and their joint positions [n, D]; n may be 0."""
        schedule = self._ledger.schedule
        if schedule is None:
            return np.zeros(0, dtype=np.int64), np.zeros((0, self._layout.width))
        first = schedule.passed(now_ns + self._lead_ns)
        return schedule.times_ns[first:], schedule.rows[first:]

    def snapshot(self, now_ns: int) -> ExecutorSnapshot:
        """Return everything there is to report."""
        schedule = self._ledger.schedule
        epoch, sequence = self._gate.newest
        if schedule is not None:
            origin = schedule.current(now_ns + self._lead_ns)
            epoch, sequence = origin.epoch, origin.sequence
        median, tail = self._lateness.percentiles(50.0, 99.0)
        counts: dict[str, int] = {
            **self._counts,
            'stops_forced': self._limiter.stops_forced,
            'planner_failures': self._limiter.planner_failures,
        }
        return ExecutorSnapshot(
            stamp_ns=now_ns,
            state=self._state,
            mode=self._modes.entry,
            reason=self._why[0],
            detail=self._why[1],
            epoch=epoch,
            sequence=sequence,
            horizon_left_s=0.0 if schedule is None else schedule.left_s(now_ns + self._lead_ns),
            last_rejection=self._last_rejection,
            rows=self._ledger.counts,
            counts=ExecutorCounts(**counts),
            rejections=tuple(sorted(self._rejections.items())),
            tick_lateness_p50_s=ns_to_seconds(median[0].duration_ns) if median else 0.0,
            tick_lateness_p99_s=ns_to_seconds(tail[0].duration_ns) if tail else 0.0,
            max_deviation_rad=self._deviation.largest(now_ns),
            seams=self._seams.summary(),
        )

    # Chunks

    def _judge_chunk(self, chunk: ActionChunk, now_ns: int) -> FloatArray | Refusal:
        """Return the joint rows [H, D] of an acceptable chunk."""
        if self.mode != Mode.AUTONOMY:
            return Refusal(
                reason=reasons.WRONG_MODE, detail=f'chunks are executed in AUTONOMY, not in {self.mode.name}'
            )
        if not self._seeded or self._stale:
            return Refusal(reason=reasons.NOT_READY, detail=self._stale or 'no feedback yet')
        refusal = self._gate.judge_envelope(chunk, now_ns, self._lead_ns)
        if refusal is not None:
            return refusal
        rows = self._joint_rows(chunk)
        if isinstance(rows, Refusal):
            return rows
        refusal = self._gate.judge_rows(rows, chunk.dt_ns)
        if refusal is not None:
            return refusal
        plan = schedule_of(chunk, rows)
        start = HermiteInterpolation(plan.times_ns, plan.rows).sample(
            now_ns + self._lead_ns, self._offset_s
        )
        return self._gate.judge_start(start.position, self._limiter.position) or rows

    def _joint_rows(self, chunk: ActionChunk) -> FloatArray | Refusal:
        if chunk.representation == Representation.JOINT_POSITION:
            return np.asarray(chunk.rows, dtype=np.float64)
        if self._poses is None:
            return Refusal(
                reason=reasons.REPRESENTATION_UNSUPPORTED,
                detail='end-effector chunks need arm kinematics, the executor has none',
            )
        refusal = self._gate.judge_finite(chunk.rows, chunk.columns)
        if refusal is not None:
            return refusal
        dt_s = ns_to_seconds(chunk.dt_ns)
        fastest = float(self._limits.velocity[list(self._layout.joint_indices)].max())
        return self._poses.to_joints(
            np.asarray(chunk.rows, dtype=np.float64),
            self._limiter.position,
            max_step_rad=fastest * self._config.gate.max_velocity_ratio * dt_s,
            first_step_rad=self._config.gate.max_start_deviation_rad,
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

    def _interrupt(self, now_ns: int) -> None:
        """Drop what is planned; chunks observed before now no longer fit the state of the arms."""
        self._ledger.flush(now_ns + self._lead_ns)
        self._curve = None
        self._gate.open_from(now_ns)
        self._idle = (reasons.WAITING_FOR_CHUNK, 'no chunk was accepted since motion was interrupted')

    # Modes and supervision

    def _judge_readiness(self, mode: Mode, now_ns: int) -> Refusal | None:
        """Return why the arms must not start to move, or None."""
        if not self._seeded or self._stale:
            return Refusal(
                reason=reasons.FEEDBACK_STALE if self._seeded else reasons.WAITING_FOR_FEEDBACK,
                detail=self._stale or 'no tick with trustworthy feedback yet',
            )
        missing = self._feedback.missing_conditions()
        if missing:
            return Refusal(
                reason=reasons.ARM_CONDITION_MISSING,
                detail=f'no status of {", ".join(missing)} was received',
            )
        faults = self._feedback.faulty_arms(now_ns)
        if faults:
            return Refusal(reason=reasons.ARM_FAULT, detail=_listed(faults))
        refusal = self._judge_deviation()
        if refusal is not None:
            return refusal
        homeless = [arm for arm, execution in self._arms.items() if not execution.home_rad]
        if mode == Mode.HOMING and homeless:
            return Refusal(
                reason=reasons.NO_HOME, detail=f'no home_rad is configured for {", ".join(homeless)}'
            )
        return None

    def _judge_deviation(self) -> Refusal | None:
        commanded, measured = self._limiter.position, self._feedback.position
        column, deviation = self._deviation.worst_column(commanded, measured)
        bound = self._config.deviation.max_deviation_rad
        if deviation <= bound:
            return None
        return Refusal(
            reason=reasons.DEVIATION,
            detail=f'{column} is {deviation:.3f} rad from its command, bound {bound:.3f} rad',
        )

    def _enter(self, mode: Mode, now_ns: int, cause: str, reason: str) -> None:
        self._modes.enter(mode, now_ns, cause=cause, reason=reason)
        self._interrupt(now_ns)
        if mode == Mode.AUTONOMY:
            self._gate.forget()

    def _supervise(self, now_ns: int, faults: Mapping[str, str]) -> None:
        """Leave a moving mode when an arm cannot follow; drop the plan when feedback is lost."""
        if self._stale:
            if self._curve is not None:
                self._interrupt(now_ns)
        else:
            self._deviation.update(now_ns, self._limiter.position, self._feedback.position)
        if self.mode not in (Mode.AUTONOMY, Mode.HOMING):
            return
        if faults:
            self._enter(Mode.HOLD, now_ns, reasons.ARM_FAULT, _listed(faults))
        elif not self._stale:
            refusal = self._judge_deviation()
            if refusal is not None:
                self._enter(Mode.HOLD, now_ns, refusal.reason, refusal.detail)

    # Motion

    def _seed(self) -> bool:
        """Start from the measured joints, if they can be trusted."""
        if self._stale:
            return False
        self._limiter.seed(self._feedback.position.copy())
        self._seeded, self._reseed = True, False
        return True

    def _step_duration(self, now_ns: int) -> float:
        period_ns = self._config.period_ns
        if self._tick_ns is None:
            return ns_to_seconds(period_ns)
        elapsed_ns = now_ns - self._tick_ns
        if elapsed_ns > seconds_to_ns(self._config.motion.stall_s):
            self._counts['stalls'] += 1
            self._limiter.halt()
            return ns_to_seconds(period_ns)
        return ns_to_seconds(min(elapsed_ns, _MAX_PERIODS_PER_TICK * period_ns))

    def _move(self, now_ns: int, duration_s: float) -> bool:
        """Move the command by plan or towards home; return whether there was something to move to."""
        if self._stale:
            self._why = (reasons.FEEDBACK_STALE, self._stale)
            return False
        if self.mode == Mode.HOMING:
            return self._move_home(now_ns, duration_s)
        if self.mode == Mode.AUTONOMY:
            return self._track(now_ns, duration_s)
        self._why = (self._modes.entry.cause, self._modes.entry.reason)
        return False

    def _track(self, now_ns: int, duration_s: float) -> bool:
        effective_ns = now_ns + self._lead_ns
        self._ledger.advance(effective_ns)
        schedule = self._ledger.schedule
        if schedule is not None and effective_ns > schedule.last_due_ns:
            self._run_dry(now_ns, finished=schedule.finished)
        if self._curve is None:
            self._why = self._idle
            return False
        plan = self._curve.sample(effective_ns, self._offset_s)
        if plan.outside.all():
            self._why = (reasons.WAITING_FOR_CHUNK, 'the first row of the chunk is not due yet')
            return False
        self._held.release()
        self._limiter.step(
            MotionTarget(plan.position, plan.velocity, plan.acceleration, plan.outside), duration_s
        )
        error = np.abs(self._limiter.position - plan.position) * ~plan.outside
        self._counts['limit_hits'] += bool(error.max() > self._config.motion.limit_hit_rad)
        self._state, self._why = ExecutorState.TRACKING, ('', '')
        return True

    def _run_dry(self, now_ns: int, *, finished: bool) -> None:
        """Note that the last row has passed and nothing follows."""
        self._ledger.flush(now_ns + self._lead_ns)
        self._curve = None
        if finished:
            self._idle = (reasons.FINISHED, 'the policy considers the task done')
        else:
            self._counts['starvations'] += 1
            self._idle = (reasons.STARVATION, 'the last row has passed and no newer chunk came')

    def _move_home(self, now_ns: int, duration_s: float) -> bool:
        home = self._limiter.position.copy()
        for arm, execution in self._arms.items():
            home[self._deviation.joints(arm)] = execution.home_rad
        self._held.release()
        self._limiter.step(
            MotionTarget(home, self._nothing, self._nothing, self._moving), duration_s, self._slow
        )
        self._state, self._why = ExecutorState.TRACKING, ('', '')
        distance = np.abs(self._limiter.position - home).max()
        if self._limiter.at_rest and distance <= _HOME_TOLERANCE_RAD:
            self._enter(Mode.HOLD, now_ns, reasons.HOMED, 'the home configuration is reached')
        return True

    def _hold(self, now_ns: int, duration_s: float, faults: Mapping[str, str]) -> None:
        """Come to rest within the limits, then stay."""
        limiter, held = self._limiter, self._held
        self._state = ExecutorState.HOLDING
        if held.position is None:
            limiter.step(self._stopping, duration_s)
            if not limiter.at_rest:
                self._state = ExecutorState.DECELERATING
                return
            limiter.halt()
            held.take(limiter.position, now_ns)
        if self._reseed and not self._stale:
            self._take_over_measured(now_ns)
        trusted = () if self._stale else self._layout.arms
        held.follow(
            self._deviation, self._feedback.position, now_ns, trusted=trusted, faulty=faults
        )
        if not np.array_equal(held.position, limiter.position) or not limiter.at_rest:
            limiter.step(
                MotionTarget(held.position, self._nothing, self._nothing, self._moving),
                duration_s,
                self._slow,
            )

    def _take_over_measured(self, now_ns: int) -> None:
        """Start again from the measured joints after a clock jump, grippers as commanded."""
        position = self._limiter.position.copy()
        joints = list(self._layout.joint_indices)
        position[joints] = self._feedback.position[joints]
        self._limiter.seed(position)
        self._held.take(position, now_ns)
        self._reseed = False

    def _count_tick(self, lateness_ns: int) -> None:
        self._counts['ticks'] += 1
        self._counts['ticks_late'] += lateness_ns > self._config.period_ns // 2
        self._lateness.add((StageTiming(stage=_TICK, duration_ns=max(lateness_ns, 0)),))


def _listed(faults: Mapping[str, str]) -> str:
    return '; '.join(f'{arm}: {reason}' for arm, reason in faults.items())


def _scaled(limits: JointLimits, config: ExecutorConfig) -> JointLimits:
    motion = config.motion
    return dataclasses.replace(
        limits,
        velocity=limits.velocity * motion.velocity_scale,
        acceleration=limits.acceleration * motion.acceleration_scale,
        jerk=limits.jerk * motion.jerk_scale,
    )


def _check_arms(config: ExecutorConfig, layout: JointLayout, limits: JointLimits) -> None:
    problems = [
        Problem(
            where=f'arms.{arm}', what='no such arm', remedy=f'the arms are {", ".join(layout.arms)}'
        )
        for arm in config.arms
        if arm not in layout.arms
    ]
    for arm in layout.arms:
        home = config.arms[arm].home_rad if arm in config.arms else ()
        columns = layout.arm_slice(arm)
        for i, angle in enumerate(home):
            low, high = limits.lower[columns][i], limits.upper[columns][i]
            if not low <= angle <= high:
                problems.append(
                    Problem(
                        where=f'arms.{arm}.home_rad[{i}]',
                        what=f'{angle:g} rad lies outside the limits {low:.4f} .. {high:.4f} rad',
                    )
                )
    if problems:
        raise ConfigurationError('executor', tuple(problems))
