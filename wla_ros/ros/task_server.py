"""
The action server run_task: goals in, requests to the executor out, feedback and result to the
client.

The course of a run is decided by TaskRun; this is its shell. All callbacks run in the thread that
spins, none waits.
"""

from typing import Any
from typing import Protocol

from rclpy.action import ActionServer
from rclpy.action import CancelResponse
from rclpy.action import GoalResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.task import Future

from wla_ros.action import RunTask
from wla_ros.core.timing import ns_to_seconds
from wla_ros.core.timing import seconds_to_ns
from wla_ros.core.types import Mode
from wla_ros.ros.lifecycle_shell import LifecycleShell
from wla_ros.ros.policy_configuration import TaskSection
from wla_ros.ros.task_run import CANCELLED
from wla_ros.ros.task_run import FINISHED
from wla_ros.ros.task_run import REFUSED
from wla_ros.ros.task_run import Demand
from wla_ros.ros.task_run import Phase
from wla_ros.ros.task_run import TaskFacts
from wla_ros.ros.task_run import TaskLimits
from wla_ros.ros.task_run import TaskRun
from wla_ros.srv import SetControlMode

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
        """Stop thinking for the task."""
        ...

    def task_facts(self) -> TaskFacts:
        """Return the present facts, without cancellation and refused modes."""
        ...

    def task_feedback(self) -> RunTask.Feedback:
        """Return the feedback, without elapsed_s."""
        ...

    def task_counters(self) -> tuple[int, int]:
        """Return the chunks published and the starvations of the executor so far."""
        ...


class TaskServer:
    """One goal at a time; a second one is refused while the first runs."""

    def __init__(
        self, node: LifecycleShell[Any], host: TaskHost, section: TaskSection, executor_name: str
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
        """Whether a task runs that wants the policy to think."""
        return self._run is not None and self._run.phase in (Phase.ENGAGING, Phase.RUNNING)

    def update(self) -> None:
        """Let the run react to a change; callable at any time from the thread that spins."""
        if self._run is None:
            return
        facts = self._host.task_facts()
        facts = TaskFacts(
            ready=facts.ready,
            refusal=facts.refusal,
            mode=facts.mode,
            mode_reason=facts.mode_reason,
            mode_refusal=self._mode_refusal,
            cancel_requested=self._handle is not None and self._handle.is_cancel_requested,
            last_chunk_ns=facts.last_chunk_ns,
            finished=facts.finished,
        )
        self._obey(self._run.update(facts, self._node.now_ns()))

    def abandon(self, message: str) -> None:
        """End a running task because the node stops; the executor is asked to hold."""
        if self._run is not None:
            self._obey(self._run.abandon(message, self._node.now_ns()))

    def destroy(self) -> None:
        """Destroy the action server."""
        self.abandon('the policy node stops')
        self._server.destroy()

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
            return RunTask.Result(reason=REFUSED, message=problem)
        await self._begin(handle)
        return self._finish(handle)

    def _goal_problem(self, goal: RunTask.Goal) -> str:
        if not self._node.active:
            return 'the policy node is not active'
        if self._run is not None:
            return 'another task is running'
        if not 0.0 < goal.time_limit_s <= self._section.max_time_limit_s:
            longest = self._section.max_time_limit_s
            return f'time_limit_s must lie in (0, {longest:g}], got {goal.time_limit_s!r}'
        return ''

    def _begin(self, handle: ServerGoalHandle) -> Future:
        limits = TaskLimits(
            time_limit_ns=seconds_to_ns(handle.request.time_limit_s),
            ready_timeout_ns=seconds_to_ns(self._section.ready_timeout_s),
            fault_timeout_ns=seconds_to_ns(self._section.fault_timeout_s),
        )
        self._handle, self._mode_refusal, self._begun = handle, '', False
        self._done = Future(executor=self._node.executor)
        self._counters = self._host.task_counters()
        self._run = TaskRun(limits, self._node.now_ns())
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
        request = SetControlMode.Request(
            mode=int(mode), session=self._host.chunk_session, reason=reason
        )
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
            feedback.elapsed_s = ns_to_seconds(self._node.now_ns() - self._run.started_ns)
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
        return RunTask.Result(
            success=run.reason == FINISHED,
            reason=run.reason,
            message=run.message,
            duration_s=ns_to_seconds(run.ended_ns - run.started_ns),
            chunks=chunks - self._counters[0],
            starvations=max(0, starvations - self._counters[1]),
        )
