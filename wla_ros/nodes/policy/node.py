# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The policy node: cameras, joints and object poses in, action chunks out. Lifecycle."""

import time
from collections.abc import Callable
from typing import Any

from std_msgs.msg import String
from std_srvs.srv import Trigger

from wla_ros.action import RunTask
from wla_ros.base.config import Problem
from wla_ros.base.types import ActionChunk
from wla_ros.base.types import ExecutionPlan
from wla_ros.base.types import Mode
from wla_ros.base.types import Refusal
from wla_ros.base.types import StartCheck
from wla_ros.composition.policy import PolicyNodeConfiguration
from wla_ros.composition.policy import PolicyParts
from wla_ros.composition.policy import load_policy
from wla_ros.composition.policy import require_policy
from wla_ros.inference.plan import PLAN_STREAM
from wla_ros.inference.snapshot import SessionSnapshot
from wla_ros.msg import ActionChunk as ActionChunkMessage
from wla_ros.msg import ControlMode
from wla_ros.msg import ExecutionPlan as ExecutionPlanMessage
from wla_ros.msg import ExecutorStatus
from wla_ros.msg import PolicyStatus
from wla_ros.nodes import qos
from wla_ros.nodes.diagnostics import DiagnosticsPublisher
from wla_ros.nodes.graph import topic_ends
from wla_ros.nodes.lifecycle import LifecycleNodeBase
from wla_ros.nodes.lifecycle import run_node
from wla_ros.nodes.messages import chunk_message
from wla_ros.nodes.messages import instruction_problem
from wla_ros.nodes.messages import new_session
from wla_ros.nodes.plan_messages import plan_value
from wla_ros.nodes.policy.inference import PolicyInference
from wla_ros.nodes.policy.inputs import PolicyInputs
from wla_ros.nodes.policy.memory import MemoryServer
from wla_ros.nodes.policy.status import policy_components
from wla_ros.nodes.policy.status import policy_status_message
from wla_ros.nodes.policy.tasks import TaskFacts
from wla_ros.nodes.policy.tasks import TaskServer
from wla_ros.nodes.policy.tasks import task_facts
from wla_ros.nodes.policy.tasks import task_feedback
from wla_ros.nodes.policy.watch import PolicyWatch

# What the policy node hears of the executor: mode, status and plan.
#
# Owns the subscriptions, when the newest plan was received, and which mode is believed: the one
# that control_mode and executor_status both give, so that no single message of a stranger begins
# or ends anything.


class ExecutorLink:
    """The newest of each; all callbacks run in the thread that spins the node."""

    def __init__(
        self,
        node: LifecycleNodeBase[Any],
        columns: tuple[str, ...],
        *,
        on_mode: Callable[[Mode], None],
        on_plan: Callable[[ExecutionPlan | Refusal, int], Refusal | None],
    ) -> None:
        """
        Subscribe on `node`.

        `on_mode` is called with every change; `on_plan` with every plan and when it was received,
        or why it is none of the joint `columns`, and may refuse it.
        """
        self._node = node
        self._columns = columns
        self._on_mode = on_mode
        self._on_plan = on_plan
        self.mode: ControlMode | None = None  # believed
        self._newest_mode: ControlMode | None = None  # the newest message
        self.status: ExecutorStatus | None = None
        node.create_subscription(ControlMode, 'control_mode', self._take_mode, qos.LATCHED)
        node.create_subscription(ExecutorStatus, 'executor_status', self._take_status, qos.STATUS)
        node.create_subscription(ExecutionPlanMessage, 'execution_plan', self._take_plan, qos.PLAN)

    @property
    def autonomous(self) -> bool:
        """Whether chunks are executed."""
        return self.mode is not None and self.mode.mode == Mode.AUTONOMY

    def _take_mode(self, message: ControlMode) -> None:
        if message.mode not in set(Mode):
            self._node.warn_at_times(
                'mode', f'control_mode {message.mode} is unknown: is the executor of this version?'
            )
            return
        self._newest_mode = message
        self._believe()

    def _take_status(self, message: ExecutorStatus) -> None:
        self.status = message
        self._believe()

    def _believe(self) -> None:
        newest, status, known = self._newest_mode, self.status, self.mode
        if newest is None or status is None or newest.mode != status.mode:
            return  # the executor publishes both at every change: the other one is under way
        if known is not None and (known.revision, known.mode) == (newest.revision, newest.mode):
            return
        if known is not None and known.mode == newest.mode and self._several_tell():
            return  # a status confirms no revision
        self.mode = newest
        self._on_mode(Mode(newest.mode))

    def _several_tell(self) -> bool:
        return self._node.count_publishers('control_mode') > 1

    def _take_plan(self, message: ExecutionPlanMessage) -> None:
        now_ns = self._node.now_ns()
        refusal = self._on_plan(plan_value(message, self._columns), now_ns)
        if refusal is not None:
            self._node.warn_at_times('plan', f'{refusal.reason}: {refusal.detail}')


INSTRUCTION_TOPIC = 'set_instruction'
# As often as policy_status by default.
_SNAPSHOT_PERIOD_NS = 200_000_000


class PolicyNode(LifecycleNodeBase[PolicyNodeConfiguration]):
    """See the module docstring."""

    def __init__(self) -> None:
        """Read the configuration. Raises ConfigurationError with all problems."""
        self._parts: PolicyParts | None = None
        super().__init__('policy_node', PolicyNodeConfiguration, self._check)

    def _check(self, configuration: PolicyNodeConfiguration) -> tuple[Problem, ...]:
        """Load profile and policy and return what does not fit together."""
        parts = load_policy(configuration)
        if not isinstance(parts, PolicyParts):
            return parts
        self._parts = parts
        return ()

    # Lifecycle

    def _setup(self) -> None:
        config = self.configuration
        # After a cleanup the policy is closed: it is loaded again.
        parts = self._parts or require_policy(config, source=self.get_name())
        self._parts, policy, robot = parts, parts.policy, parts.robot
        self.get_logger().info(f'strategy: {parts.reason}')
        # Seconds since 1970: a restarted node stays above its predecessor, whatever ROS time is.
        self._session = parts.make_session(first_epoch=int(time.time()))
        self._session.instruction = config.instruction
        self._inference_for_task = False
        self._last_chunk: ActionChunk | None = None
        self._finished = False
        self._published = 0
        self.chunk_session = 0
        self._snapshot: SessionSnapshot | None = None
        self._snapshot_ns = 0
        self._tasks: TaskServer | None = None
        self._chunks = self.create_publisher(ActionChunkMessage, 'action_chunk', qos.CHUNK)
        self._status = self.create_publisher(PolicyStatus, 'policy_status', qos.STATUS)
        self._diagnostics = DiagnosticsPublisher(self)
        self._memory: MemoryServer | None = MemoryServer(self, self._session, config.memory)
        self._executor = ExecutorLink(
            self, robot.layout.columns, on_mode=self._take_mode, on_plan=self._take_plan
        )
        self._inference: PolicyInference | None = PolicyInference(
            policy,
            self._session,
            seed=config.policy.seed,
            now_ns=self.now_ns,
            wanted=self._wanted,
            on_chunk=self._publish_chunk,
            logger=self.get_logger(),
        )
        self._inputs = PolicyInputs(
            self,
            self._session,
            self._inference,
            robot=robot,
            cameras=config.cameras,
            objects_topic=config.objects_topic,
        )
        PolicyWatch(
            self,
            self._session,
            robot=robot,
            cameras=config.cameras,
            objects_topic=config.objects_topic,
        )
        self.create_subscription(String, INSTRUCTION_TOPIC, self._take_instruction, qos.STATUS)
        self.create_service(Trigger, '~/reset', self._on_reset)
        self._tasks = TaskServer(self, self, config.task, config.executor_name)
        self.every(1.0 / config.status_rate_hz, self._publish_status)
        self.every(1.0, self._publish_diagnostics)

    def _start(self) -> None:
        self.chunk_session = new_session()
        self._session.reset('activated', self.now_ns())
        self._publish_status()
        self._notify()

    def _stop(self) -> None:
        tasks: TaskServer | None = getattr(self, '_tasks', None)
        if tasks is not None:
            tasks.abandon('the policy node was deactivated')
        self._publish_status()

    def _teardown(self) -> None:
        tasks, self._tasks = getattr(self, '_tasks', None), None
        if tasks is not None:
            tasks.destroy()
        inference, self._inference = getattr(self, '_inference', None), None
        if inference is not None:
            inference.stop()
        memory, self._memory = getattr(self, '_memory', None), None
        if memory is not None:
            memory.stop()
        self._parts = None

    # What comes in besides samples: callbacks of the spinning thread

    def _take_mode(self, mode: Mode) -> None:
        self._session.reset(f'mode {mode.name}', self.now_ns())
        if self._tasks is not None:
            self._tasks.update()
        self._publish_status()

    def _take_plan(self, plan: ExecutionPlan | Refusal, now_ns: int) -> Refusal | None:
        if isinstance(plan, Refusal):
            return self._session.refuse_input(PLAN_STREAM, plan)
        refusal = self._session.accept_plan(plan, now_ns)
        self._notify()  # it may say that an inference is due
        return refusal

    def _take_instruction(self, message: String) -> None:
        if message.data == self._session.instruction:  # publishers may repeat themselves
            return
        # Whoever publishes it, the goal says what is done while it runs.
        busy = self._tasks is not None and self._tasks.running
        problem = 'task_running: run_task has its own instruction' if busy else ''
        problem = problem or instruction_problem(message.data)
        ends = topic_ends(self, INSTRUCTION_TOPIC).publishers
        source = ', '.join(sorted({end.node for end in ends})) or 'an unknown publisher'
        if problem:
            self.warn_at_times('instruction', f'instruction of {source} refused: {problem}')
            return
        self._session.set_instruction(message.data, self.now_ns())
        self._tell_memory()
        self.get_logger().info(f'instruction of {source}: {message.data!r}')

    def _on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        del request
        epoch = self._session.reset('reset service', self.now_ns())
        self._publish_status()
        response.success, response.message = True, f'epoch {epoch}'
        return response

    def _tell_memory(self) -> None:
        if self._memory is not None:
            self._memory.update()

    def _notify(self) -> None:
        if self._inference is not None:
            self._inference.notify()

    # Called by the inference thread

    def _wanted(self) -> bool:
        for_task = self._inference_for_task and self._executor.autonomous
        return self.active and (self.configuration.run_without_task or for_task)

    def _publish_chunk(self, chunk: ActionChunk) -> None:
        start_ns = time.perf_counter_ns()
        message = chunk_message(chunk)
        message.session = self.chunk_session
        self._chunks.publish(message)
        self._session.add_timing('publish', time.perf_counter_ns() - start_ns)
        self._last_chunk = chunk
        self._published += 1
        # The last chunk of the task before must not end this one.
        if chunk.finished and chunk.epoch == self._session.epoch:
            self._finished = True
        self._tell_memory()

    # Tasks, called by TaskServer in the spinning thread

    def begin_task(self, instruction: str, *, keep_memory: bool) -> None:
        """Take over the instruction; the epoch begins with the change of mode."""
        now_ns = self.now_ns()
        self._session.set_instruction(instruction, now_ns, keep_memory=keep_memory)
        self._tell_memory()
        self._session.reset('task', now_ns)
        self._finished = False
        self._inference_for_task = True

    def end_task(self) -> None:
        """Stop inference."""
        self._inference_for_task = False

    def task_facts(self) -> TaskFacts:
        """Return readiness, mode and progress."""
        return task_facts(
            self._recent_snapshot(),
            self._executor.status,
            self._executor.mode,
            warm=self._warm,
            start=None if self._inference_for_task else self._start_refusal(),
            finished=self._finished,
        )

    def _start_refusal(self) -> Refusal | None:
        """Return why the policy must not begin where the arms are now."""
        policy = None if self._parts is None else self._parts.policy
        joints = self._inputs.joints
        if joints is None or not isinstance(policy, StartCheck):
            return None
        return policy.start_refusal(joints)

    def task_feedback(self) -> RunTask.Feedback:
        """Return subtask, memory, rate and latency."""
        return task_feedback(self._recent_snapshot(), self._last_chunk, self._session.memory)

    def task_counters(self) -> tuple[int, int]:
        """Return chunks published and starvations so far."""
        status = self._executor.status
        return self._published, 0 if status is None else int(status.starvations)

    def _recent_snapshot(self) -> SessionSnapshot:
        """Return a snapshot of the last moments: percentiles cost a millisecond of this thread."""
        now_ns = self.now_ns()
        age_ns = now_ns - self._snapshot_ns
        if self._snapshot is None or not 0 <= age_ns < _SNAPSHOT_PERIOD_NS:
            self._snapshot, self._snapshot_ns = self._session.snapshot(now_ns), now_ns
        return self._snapshot

    # Status out

    @property
    def _warm(self) -> bool:
        return self._inference is not None and self._inference.warm

    def _problem(self) -> str:
        """Return what fails in threads whose errors would stand in the log alone."""
        inference, memory = self._inference, self._memory
        if inference is not None and inference.problem:
            return f'inference: {inference.problem}'
        if memory is not None and memory.problem:
            return f'subtask memory not saved: {memory.problem}'
        return ''

    def _publish_status(self) -> None:
        now_ns = self.now_ns()
        self._status.publish(
            policy_status_message(
                self._session.snapshot(now_ns),
                self._inputs.gaps,
                warm=self._warm and self.active,
                session=self.chunk_session,
                stamp=now_ns,
            )
        )

    def _publish_diagnostics(self) -> None:
        snapshot = self._session.snapshot(self.now_ns())
        self._diagnostics.publish(
            *policy_components(
                snapshot, active=self.active, warm=self._warm, problem=self._problem()
            )
        )


def main() -> int:
    """Run the node; returns the exit code."""
    return run_node(PolicyNode)


if __name__ == '__main__':
    raise SystemExit(main())
