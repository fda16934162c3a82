# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The action run_task: goals in, requests to the executor out, feedback and result back."""

import enum
from dataclasses import dataclass
from dataclasses import replace
from typing import Any
from typing import Protocol

from rclpy.action import ActionServer
from rclpy.action import CancelResponse
from rclpy.action import GoalResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.task import Future

from wla_ros.action import RunTask
from wla_ros.base import reasons
from wla_ros.base.memory import SubtaskMemory
from wla_ros.base.timing import PassingTime
from wla_ros.base.timing import ns_to_seconds
from wla_ros.base.timing import seconds_to_ns
from wla_ros.base.types import ActionChunk
from wla_ros.base.types import Mode
from wla_ros.base.types import Refusal
from wla_ros.composition.policy import TaskSection
from wla_ros.inference.snapshot import SessionSnapshot
from wla_ros.inference.strategy import AUTO
from wla_ros.msg import ControlMode
from wla_ros.msg import ExecutorStatus
from wla_ros.nodes.lifecycle import LifecycleNodeBase
from wla_ros.nodes.messages import duration_message
from wla_ros.nodes.messages import duration_ns
from wla_ros.nodes.messages import fill
from wla_ros.nodes.messages import instruction_problem
from wla_ros.nodes.policy.memory import memory_message
from wla_ros.srv import SetControlMode

# One run of the action run_task as a state machine: what to ask for next, and how it ended.
#
# Pure: time and facts come in, requests go out. The shell that speaks ROS is task_server.

FINISHED = 'finished'
TIME_LIMIT = 'time_limit'
CANCELLED = 'cancelled'
PREEMPTED = 'preempted'
FAULT = 'fault'
REFUSED = 'refused'

# Causes that the executor itself gives for leaving AUTONOMY; any other is somebody's will.
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
    mode: Mode | None = None  # None before the executor was received
    mode_cause: str = ''  # as in ControlMode
    mode_reason: str = ''
    mode_refusal: str = ''  # the executor's answer to AUTONOMY if it said no
    cancel_requested: bool = False
    last_chunk_ns: int = 0
    finished: bool = False  # a chunk of this run said so


class TaskRun:
    """One goal from acceptance to result. One thread calls `update`; its time never steps."""

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
            fault = facts.mode == Mode.ESTOP or facts.mode_cause in _EXECUTOR_FAULTS
            cause = '' if facts.mode_cause == reasons.REQUESTED else f'{facts.mode_cause}: '
            return self._end(
                FAULT if fault else PREEMPTED,
                f'the mode became {mode}: {cause}{facts.mode_reason}',
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


# What the policy node tells its tasks and their clients: readiness, progress, feedback.
#
# Pure functions of snapshots and messages.


def task_facts(
    snapshot: SessionSnapshot,
    executor: ExecutorStatus | None,
    mode: ControlMode | None,
    *,
    warm: bool,
    start: Refusal | None,
    finished: bool,
) -> TaskFacts:
    """
    Return the facts of the policy node; why it is not ready, or why there is no observation.

    `start` is why the policy must not begin here, None once it has begun.
    """
    unready = _unready(snapshot, executor, mode, warm=warm)
    if not unready and start is not None:
        unready = f'{start.reason}: {start.detail}'
    refusal = f'{snapshot.refusal}: {snapshot.refusal_detail}' if snapshot.refusal else ''
    return TaskFacts(
        ready=not unready,
        refusal=unready or refusal,
        mode=None if mode is None else Mode(mode.mode),
        mode_cause='' if mode is None else mode.cause,
        mode_reason='' if mode is None else mode.reason,
        finished=finished,
    )


def task_feedback(
    snapshot: SessionSnapshot, chunk: ActionChunk | None, memory: SubtaskMemory
) -> RunTask.Feedback:
    """Return subtask, memory, rate and latency; `elapsed` is left to the server of the action."""
    timings = () if chunk is None else chunk.timings
    latency = {timing.stage: timing.duration_ns for timing in timings}
    values = {
        'subtask': '' if memory.current is None else memory.current.text,
        'inference_rate_hz': snapshot.inference_rate_hz,
        'chunk_latency_ns': latency.get('exposure_to_chunk', 0),
        'refusal': snapshot.refusal,
    }
    return fill(RunTask.Feedback(memory=memory_message(memory)), values)


def _unready(
    snapshot: SessionSnapshot,
    executor: ExecutorStatus | None,
    mode: ControlMode | None,
    *,
    warm: bool,
) -> str:
    if not snapshot.ready:
        ill = [
            f'{stream.stream}: {stream.problem}' for stream in snapshot.streams if stream.problem
        ]
        return f'inputs: {", ".join(ill) or snapshot.refusal_detail}'
    if not warm:
        return 'the policy is still warming up'
    if executor is None or mode is None:
        return 'nothing received from the executor'
    if executor.state in (ExecutorStatus.NOT_READY, ExecutorStatus.FAILED):
        return f'the executor is not ready: {executor.reason}'
    if executor.strategy not in (AUTO, snapshot.plan.strategy):
        return (
            f'the executor runs strategy {executor.strategy!r}, the policy node '
            f'{snapshot.plan.strategy!r}: give the executor strategy.name {AUTO}'
        )
    return ''


GOAL_REJECTED = 'run_task goal rejected: '  # how the line of the log begins, on /rosout too
_UPDATE_PERIOD_S = 0.05
_UPDATES_PER_FEEDBACK = 4  # 5 Hz


class TaskHost(Protocol):
    """What the policy node offers to its tasks."""

    chunk_session: int  # names its chunks: autonomy is given to them alone

    def begin_task(self, instruction: str, *, keep_memory: bool) -> None:
        """Prepare the session for a new task."""
        ...

    def end_task(self) -> None:
        """Stop inference for the task."""
        ...

    def task_facts(self) -> TaskFacts:
        """Return the present facts, without cancellation and refused modes."""
        ...

    def task_feedback(self) -> RunTask.Feedback:
        """Return the feedback, without `elapsed`."""
        ...

    def task_counters(self) -> tuple[int, int]:
        """Return the chunks published and the starvations of the executor so far."""
        ...


class TaskServer:
    """One goal at a time; a second one is refused while the first runs."""

    def __init__(
        self,
        node: LifecycleNodeBase[Any],
        host: TaskHost,
        section: TaskSection,
        executor_name: str,
    ) -> None:
        """Create action server, client of the executor and the timer that drives a run."""
        self._node = node
        self._host = host
        self._section = section
        self._run: TaskRun | None = None
        self._handle: ServerGoalHandle | None = None
        self._done: Future | None = None
        self._mode_refusal = ''
        self._begun = False
        self._counters = (0, 0)
        self._time = PassingTime()
        self._chunks = 0  # published when a run was last looked at
        self._last_chunk_ns = 0
        self._updates = 0
        self._set_mode = node.create_client(SetControlMode, f'{executor_name}/set_mode')
        self._server = ActionServer(
            node,
            RunTask,
            'run_task',
            execute_callback=self._execute,
            goal_callback=self._judge,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
        )
        node.every(_UPDATE_PERIOD_S, self._on_timer)

    @property
    def running(self) -> bool:
        """Whether a task runs that wants the policy to infer."""
        return self._run is not None and self._run.phase in (Phase.ENGAGING, Phase.RUNNING)

    def update(self) -> None:
        """Let the run react to a change; callable at any time from the thread that spins."""
        if self._run is None:
            return
        now_ns = self._now_ns()
        chunks, _ = self._host.task_counters()
        if chunks != self._chunks:
            self._chunks, self._last_chunk_ns = chunks, now_ns
        facts = replace(
            self._host.task_facts(),
            mode_refusal=self._mode_refusal,
            cancel_requested=self._handle is not None and self._handle.is_cancel_requested,
            last_chunk_ns=self._last_chunk_ns,
        )
        self._obey(self._run.update(facts, now_ns))

    def abandon(self, message: str) -> None:
        """End a running task because the node stops; the executor is asked to hold."""
        if self._run is not None:
            self._obey(self._run.abandon(message, self._now_ns()))

    def destroy(self) -> None:
        """Destroy the action server."""
        self.abandon('the policy node stops')
        self._server.destroy()

    def _now_ns(self) -> int:
        """Return the time of the run, in which a step of the clock does not count."""
        return self._time.read(self._node.now_ns())

    def _judge(self, goal: RunTask.Goal) -> GoalResponse:
        """Reject what can never run. The answer carries no text: the log says why."""
        problem = self._goal_problem(goal)
        if not problem:
            return GoalResponse.ACCEPT
        self._node.get_logger().warning(f'{GOAL_REJECTED}{problem}')
        return GoalResponse.REJECT

    async def _execute(self, handle: ServerGoalHandle) -> RunTask.Result:
        problem = self._goal_problem(handle.request)  # two goals may have been accepted at once
        if problem:
            handle.abort()
            return fill(RunTask.Result(), {'reason': REFUSED, 'message': problem})
        await self._begin(handle)
        return self._finish(handle)

    def _goal_problem(self, goal: RunTask.Goal) -> str:
        if not self._node.active:
            return 'the policy node is not active'
        if self._run is not None:
            return 'another task is running'
        limit_s = ns_to_seconds(duration_ns(goal.time_limit))
        if not 0.0 < limit_s <= self._section.max_time_limit_s:
            longest = self._section.max_time_limit_s
            return f'time_limit must lie in (0, {longest:g}] s, got {limit_s:g} s'
        return instruction_problem(goal.instruction)

    def _begin(self, handle: ServerGoalHandle) -> Future:
        limits = TaskLimits(
            time_limit_ns=duration_ns(handle.request.time_limit),
            ready_timeout_ns=seconds_to_ns(self._section.ready_timeout_s),
            fault_timeout_ns=seconds_to_ns(self._section.fault_timeout_s),
        )
        self._handle, self._mode_refusal, self._begun = handle, '', False
        self._done = Future(executor=self._node.executor)
        self._counters = self._host.task_counters()
        self._time, self._last_chunk_ns = PassingTime(), 0
        self._chunks, _ = self._counters
        self._run = TaskRun(limits, self._now_ns())
        self._node.get_logger().info(f'task: {handle.request.instruction!r}')
        done = self._done
        self.update()
        return done

    def _obey(self, demand: Demand | None) -> None:
        run = self._run
        if run is None or self._handle is None:
            return
        if demand is Demand.AUTONOMY:
            request = self._handle.request
            self._begun = True
            self._host.begin_task(request.instruction, keep_memory=request.keep_memory)
            self._ask(Mode.AUTONOMY, f'run_task {request.instruction!r}')
        elif demand is Demand.HOLD:
            self._host.end_task()
            self._ask(Mode.HOLD, f'run_task ended: {run.reason}')
        if run.phase is Phase.DONE and self._done is not None and not self._done.done():
            if self._begun:
                self._host.end_task()
            self._done.set_result(None)

    def _ask(self, mode: Mode, reason: str) -> None:
        if not self._set_mode.service_is_ready():
            self._mode_refusal = (
                f'service {self._set_mode.srv_name} is not there: is the executor running?'
            )
            return
        values = {'mode': int(mode), 'session': self._host.chunk_session, 'reason': reason}
        request = fill(SetControlMode.Request(), values)
        future = self._set_mode.call_async(request)
        if mode is Mode.AUTONOMY:
            future.add_done_callback(self._on_answer)

    def _on_answer(self, future: Future) -> None:
        response = future.result()
        if response is not None and not response.success:
            self._mode_refusal = response.message
            self.update()

    def _on_timer(self) -> None:
        if self._run is None:
            return
        self._updates += 1
        if self._handle is not None and self._updates % _UPDATES_PER_FEEDBACK == 0:
            feedback = self._host.task_feedback()
            feedback.elapsed = duration_message(self._now_ns() - self._run.started_ns)
            self._handle.publish_feedback(feedback)
        self.update()

    def _finish(self, handle: ServerGoalHandle) -> RunTask.Result:
        run, self._run, self._handle = self._run, None, None
        if run is None:
            raise RuntimeError('a task ended that never began')
        if run.reason == FINISHED:
            handle.succeed()
        elif run.reason == CANCELLED and handle.is_cancel_requested:
            handle.canceled()
        else:
            handle.abort()
        chunks, starvations = self._host.task_counters()
        self._node.get_logger().info(f'task ended: {run.reason}: {run.message}')
        values = {
            'success': run.reason == FINISHED,
            'reason': run.reason,
            'message': run.message,
            'duration_ns': run.ended_ns - run.started_ns,
            'chunks': chunks - self._counters[0],
            'starvations': max(0, starvations - self._counters[1]),
        }
        return fill(RunTask.Result(), values)
