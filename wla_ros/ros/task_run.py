"""
One run of the action run_task as a state machine: what to ask for next, and how it ended.

Pure: time and facts come in, requests go out. The shell that speaks ROS is task_server.
"""

import enum
from dataclasses import dataclass

from wla_ros.control import reasons
from wla_ros.core.timing import ns_to_seconds
from wla_ros.core.types import Mode

FINISHED = 'finished'
TIME_LIMIT = 'time_limit'
CANCELLED = 'cancelled'
PREEMPTED = 'preempted'
FAULT = 'fault'
REFUSED = 'refused'

# Reasons the executor itself gives for leaving AUTONOMY; any other reason is the word of whoever
# changed the mode.
_EXECUTOR_FAULTS = (
    reasons.FEEDBACK_STALE,
    reasons.ARM_FAULT,
    reasons.ARM_CONDITION_MISSING,
    reasons.DEVIATION,
    reasons.CLOCK_JUMP,
    reasons.TICK_FAILED,
)
# An executor that works answers within a tick; this is for one that does not.
_ANSWER_TIMEOUT_NS = 3_000_000_000


class Phase(enum.Enum):
    """Where a run stands."""

    PREPARING = 'preparing'  # inputs and executor must become ready
    ENGAGING = 'engaging'  # AUTONOMY was asked for
    RUNNING = 'running'
    RELEASING = 'releasing'  # HOLD was asked for
    DONE = 'done'


class Demand(enum.Enum):
    """What the shell is to ask the executor for, once."""

    AUTONOMY = 'autonomy'
    HOLD = 'hold'


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskLimits:
    """Times of a run."""

    time_limit_ns: int
    ready_timeout_ns: int
    fault_timeout_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFacts:
    """What the shell knows right now."""

    ready: bool  # policy warm, inputs healthy, executor not NOT_READY
    refusal: str = ''  # why it is not, or why there is no observation
    mode: Mode | None = None  # None before the executor was heard
    mode_reason: str = ''
    mode_refusal: str = ''  # the executor's answer to AUTONOMY if it said no
    cancel_requested: bool = False
    last_chunk_ns: int = 0
    finished: bool = False  # a chunk of this run said so


class TaskRun:
    """One goal from acceptance to result. One thread calls `update`."""

    def __init__(self, limits: TaskLimits, now_ns: int) -> None:
        """Start preparing at `now_ns`."""
        self.phase = Phase.PREPARING
        self.reason = ''
        self.message = ''
        self.started_ns = now_ns
        self.ended_ns = 0
        self._limits = limits
        self._since_ns = now_ns

    def update(self, facts: TaskFacts, now_ns: int) -> Demand | None:
        """
        Return what to ask the executor for now, if anything; call on every change and a few times
        a second.
        """
        if self.phase is Phase.PREPARING:
            return self._prepare(facts, now_ns)
        if self.phase is Phase.ENGAGING:
            return self._engage(facts, now_ns)
        if self.phase is Phase.RUNNING:
            return self._watch(facts, now_ns)
        if self.phase is Phase.RELEASING and (
            facts.mode in (Mode.HOLD, Mode.ESTOP) or now_ns - self._since_ns > _ANSWER_TIMEOUT_NS
        ):
            if facts.mode not in (Mode.HOLD, Mode.ESTOP):
                self.message += '; the executor did not confirm HOLD'
            self._enter(Phase.DONE, now_ns)
        return None

    def abandon(self, message: str, now_ns: int) -> Demand | None:
        """End the run as a fault, because the node stops."""
        if self.phase in (Phase.RELEASING, Phase.DONE):
            return None
        return self._end(FAULT, message, now_ns)

    def _prepare(self, facts: TaskFacts, now_ns: int) -> Demand | None:
        if facts.cancel_requested:
            return self._refuse(CANCELLED, 'cancelled before it began', now_ns)
        if facts.ready:
            self._enter(Phase.ENGAGING, now_ns)
            return Demand.AUTONOMY
        if now_ns - self._since_ns >= self._limits.ready_timeout_ns:
            return self._refuse(REFUSED, facts.refusal or 'not ready', now_ns)
        return None

    def _engage(self, facts: TaskFacts, now_ns: int) -> Demand | None:
        if facts.mode == Mode.AUTONOMY:
            self._enter(Phase.RUNNING, now_ns)
            self.started_ns = now_ns
            return None
        if facts.mode_refusal:
            return self._refuse(REFUSED, facts.mode_refusal, now_ns)
        if facts.cancel_requested:
            return self._end(CANCELLED, 'cancelled before it began', now_ns)
        if now_ns - self._since_ns >= _ANSWER_TIMEOUT_NS:
            return self._end(REFUSED, 'the executor did not answer', now_ns)
        return None

    def _watch(self, facts: TaskFacts, now_ns: int) -> Demand | None:
        if facts.mode != Mode.AUTONOMY:
            mode = 'unknown' if facts.mode is None else facts.mode.name
            fault = facts.mode == Mode.ESTOP or facts.mode_reason.startswith(_EXECUTOR_FAULTS)
            return self._end(
                FAULT if fault else PREEMPTED,
                f'the mode became {mode}: {facts.mode_reason}',
                now_ns,
            )
        if facts.cancel_requested:
            return self._end(CANCELLED, 'cancelled', now_ns)
        if facts.finished:
            return self._end(FINISHED, 'the policy considers the task done', now_ns)
        if now_ns - self.started_ns >= self._limits.time_limit_ns:
            limit_s = ns_to_seconds(self._limits.time_limit_ns)
            return self._end(TIME_LIMIT, f'not finished after {limit_s:g} s', now_ns)
        silence_ns = now_ns - max(facts.last_chunk_ns, self.started_ns)
        if silence_ns >= self._limits.fault_timeout_ns:
            why = facts.refusal or 'the policy does not answer'
            return self._end(
                FAULT, f'no chunk for {ns_to_seconds(silence_ns):.1f} s: {why}', now_ns
            )
        return None

    def _end(self, reason: str, message: str, now_ns: int) -> Demand:
        self.reason, self.message, self.ended_ns = reason, message, now_ns
        self._enter(Phase.RELEASING, now_ns)
        return Demand.HOLD

    def _refuse(self, reason: str, message: str, now_ns: int) -> Demand | None:
        """End a run for which nothing moved: there is nothing to release."""
        self.reason, self.message, self.ended_ns = reason, message, now_ns
        self._enter(Phase.DONE, now_ns)
        return None

    def _enter(self, phase: Phase, now_ns: int) -> None:
        self.phase, self._since_ns = phase, now_ns
