"""
The policy node: cameras, joints and object poses in, action chunks out. Lifecycle.

A shell: InferenceSession decides what is an observation, InferenceWorker thinks in its own thread,
TaskServer runs tasks. Callbacks put data in and go; nothing here waits for the policy.
"""

import time
from collections.abc import Sequence

import numpy as np
from rclpy.qos import QoSProfile
from std_msgs.msg import String
from std_srvs.srv import Trigger
from visualization_msgs.msg import MarkerArray

from wla_ros.action import RunTask
from wla_ros.core import refusal_reasons
from wla_ros.core.errors import ConfigurationError
from wla_ros.core.errors import Problem
from wla_ros.core.inference_session import InferenceSession
from wla_ros.core.ports import Policy
from wla_ros.core.ports import StartCheck
from wla_ros.core.session_snapshot import SessionSnapshot
from wla_ros.core.types import ActionChunk
from wla_ros.core.types import FloatArray
from wla_ros.core.types import ImageArray
from wla_ros.core.types import JointSample
from wla_ros.core.types import Mode
from wla_ros.core.types import Observation
from wla_ros.core.types import Refusal
from wla_ros.msg import ActionChunk as ActionChunkMessage
from wla_ros.msg import ControlMode
from wla_ros.msg import ExecutorStatus
from wla_ros.msg import PolicyStatus
from wla_ros.ros import qos
from wla_ros.ros.arm_inputs import JointInputs
from wla_ros.ros.camera_inputs import CameraInputs
from wla_ros.ros.conversions import chunk_message
from wla_ros.ros.conversions import object_poses
from wla_ros.ros.diagnostics import DiagnosticsPublisher
from wla_ros.ros.inference_worker import InferenceWorker
from wla_ros.ros.lifecycle_shell import LifecycleShell
from wla_ros.ros.memory_server import MemoryServer
from wla_ros.ros.policy_configuration import PolicyNodeConfiguration
from wla_ros.ros.policy_diagnostics import policy_components
from wla_ros.ros.policy_registry import PolicyContext
from wla_ros.ros.policy_registry import make_policy
from wla_ros.ros.robot_configuration import Robot
from wla_ros.ros.robot_configuration import load_robot
from wla_ros.ros.session_inputs import complete_cameras
from wla_ros.ros.session_inputs import session_problems
from wla_ros.ros.spinning import run_node
from wla_ros.ros.status_conversion import policy_status_message
from wla_ros.ros.task_reporting import task_facts
from wla_ros.ros.task_reporting import task_feedback
from wla_ros.ros.task_run import TaskFacts
from wla_ros.ros.task_server import TaskServer

# An inference that takes longer than this is not waited for at the end of the process.
_STOP_TIMEOUT_S = 10.0
# As often as policy_status by default.
_SNAPSHOT_PERIOD_NS = 200_000_000
# After these refusals only joint feedback can complete the observation, so each sample is worth a
# try.
_JOINTS_MISSING = frozenset(
    {
        refusal_reasons.WAITING_FOR_JOINTS,
        refusal_reasons.GAP,
        refusal_reasons.NO_DATA,
        refusal_reasons.STALE,
    }
)


class PolicyNode(LifecycleShell[PolicyNodeConfiguration]):
    """See the module docstring."""

    def __init__(self) -> None:
        """Read the configuration. Raises ConfigurationError with all problems."""
        self._robot: Robot | None = None
        self._policy: Policy | None = None
        super().__init__('policy_node', PolicyNodeConfiguration, self._check)

    def _check(self, configuration: PolicyNodeConfiguration) -> tuple[Problem, ...]:
        """Load profile and policy and return what does not fit together."""
        robot = load_robot(configuration.robot)
        if not isinstance(robot, Robot):
            return robot
        self._robot = robot
        try:
            self._policy = make_policy(self._policy_context(configuration, robot))
        except ConfigurationError as error:
            return error.problems
        return session_problems(configuration, self._policy.spec, robot.layout)

    def _policy_context(
        self, configuration: PolicyNodeConfiguration, robot: Robot
    ) -> PolicyContext:
        return PolicyContext(
            section=configuration.policy, layout=robot.layout, cameras=tuple(configuration.cameras)
        )

    # Lifecycle

    def _setup(self) -> None:
        config, robot = self.configuration, self._robot
        if robot is None:
            raise RuntimeError('configured without a robot')
        self._policy = self._policy or make_policy(self._policy_context(config, robot))
        self._session = InferenceSession(
            self._policy.spec,
            complete_cameras(config),
            robot.layout,
            # Seconds since 1970: a restarted node stays above its predecessor, whatever ROS time
            # is.
            first_epoch=int(time.time()),
        )
        self._session.instruction = config.instruction
        self._policy_epoch = -1
        self._warm = False
        self._mode: ControlMode | None = None
        self._executor_status: ExecutorStatus | None = None
        self._thinking_for_task = False
        self._waiting_for = ''
        self._last_chunk: ActionChunk | None = None
        self._last_chunk_ns = 0
        self._finished = False
        self._published = 0
        self._snapshot: SessionSnapshot | None = None
        self._snapshot_ns = 0
        self._joints: dict[str, FloatArray] = {}
        self._failing = False
        self._create_outputs()
        self._worker: InferenceWorker[Observation] = InferenceWorker(
            pull=self._pull,
            think=self._think,
            opening=self._open_policy,
            closing=self._close_policy,
            on_error=lambda error: self.get_logger().error(f'inference thread: {error!r}'),
        )
        self._worker.start()
        self._create_inputs(robot)
        self._tasks: TaskServer | None = TaskServer(self, self, config.task, config.executor_name)
        self.every(1.0 / config.status_rate_hz, self._publish_status)
        self.every(1.0, self._publish_diagnostics)

    def _create_outputs(self) -> None:
        self._chunks = self.create_publisher(ActionChunkMessage, 'action_chunk', qos.CHUNK)
        self._status = self.create_publisher(PolicyStatus, 'policy_status', qos.STATUS)
        self._memory: MemoryServer | None = MemoryServer(
            self, self._session, self.configuration.memory
        )
        self._diagnostics = DiagnosticsPublisher(self)

    def _create_inputs(self, robot: Robot) -> None:
        spec = self._session.spec
        used = {
            name: camera
            for name, camera in self.configuration.cameras.items()
            if name in spec.cameras
        }
        CameraInputs(
            self,
            used,
            now_ns=self.now_ns,
            on_image=self._take_image,
            on_refusal=self._session.refuse_input,
        )
        JointInputs(
            self,
            robot.arms,
            now_ns=self.now_ns,
            on_sample=self._take_joints,
            on_refusal=lambda arm, refusal: self._session.refuse_input(f'{arm}_joints', refusal),
        )
        if spec.needs_objects:
            self._subscribe(
                MarkerArray, self.configuration.objects_topic, self._take_objects, qos.STATUS
            )
        self._subscribe(ControlMode, 'control_mode', self._take_mode, qos.LATCHED)
        self._subscribe(ExecutorStatus, 'executor_status', self._take_executor_status, qos.STATUS)
        self._subscribe(String, 'set_instruction', self._take_instruction, qos.STATUS)
        self.create_service(Trigger, '~/reset', self._on_reset)

    def _subscribe(self, kind: type, topic: str, callback: object, profile: QoSProfile) -> None:
        self.create_subscription(kind, topic, callback, profile)

    def _start(self) -> None:
        self._session.reset('activated', self.now_ns())
        self._publish_status()
        self._worker.poke()

    def _stop(self) -> None:
        tasks: TaskServer | None = getattr(self, '_tasks', None)
        if tasks is not None:
            tasks.abandon('the policy node was deactivated')
        self._publish_status()

    def _teardown(self) -> None:
        tasks, self._tasks = getattr(self, '_tasks', None), None
        if tasks is not None:
            tasks.destroy()
        worker = getattr(self, '_worker', None)
        if worker is not None and not worker.stop(_STOP_TIMEOUT_S):
            self.get_logger().error(
                f'the policy is still thinking after {_STOP_TIMEOUT_S:g} s; not waiting longer'
            )
        memory, self._memory = getattr(self, '_memory', None), None
        if memory is not None:
            memory.stop()
        self._policy = None

    # Data in: callbacks of the spinning thread

    def _take_image(
        self, camera: str, stamp: int, receive_ns: int, pixels: ImageArray, decode_ns: int
    ) -> None:
        self._session.add_timing('decode', decode_ns)
        if self._session.offer_image(camera, stamp, receive_ns, pixels) is None:
            self._worker.poke()

    def _take_joints(self, sample: JointSample) -> None:
        accepted = self._session.offer_joints(sample) is None
        if accepted:
            self._joints[sample.arm] = sample.position
        if accepted and (self._waiting_for in _JOINTS_MISSING or not self._session.spec.cameras):
            self._worker.poke()

    def _take_objects(self, message: MarkerArray) -> None:
        poses = object_poses(message, receive_ns=self.now_ns())
        if isinstance(poses, Refusal):
            self._session.refuse_input('objects', poses)
        elif self._session.offer_objects(poses) is None:
            self._worker.poke()

    def _take_mode(self, message: ControlMode) -> None:
        known, self._mode = self._mode, message
        if known is None or known.revision != message.revision or known.mode != message.mode:
            self._session.reset(f'mode {Mode(message.mode).name}', self.now_ns())
            self._tell_tasks()
            self._publish_status()

    def _take_executor_status(self, message: ExecutorStatus) -> None:
        self._executor_status = message

    def _take_instruction(self, message: String) -> None:
        if message.data != self._session.instruction:  # publishers may repeat themselves
            self._session.set_instruction(message.data, self.now_ns())
            self._tell_memory()
            self.get_logger().info(f'instruction: {message.data!r}')

    def _on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        del request
        epoch = self._session.reset('reset service', self.now_ns())
        self._publish_status()
        response.success, response.message = True, f'epoch {epoch}'
        return response

    def _tell_memory(self) -> None:
        if self._memory is not None:
            self._memory.update()

    def _tell_tasks(self) -> None:
        if self._tasks is not None:
            self._tasks.update()

    # Thinking: the worker's thread, except _pull which may run in either

    def _pull(self) -> Observation | None:
        """Return the next observation if the policy is to think now."""
        autonomy = self._mode is not None and self._mode.mode == Mode.AUTONOMY
        wanted = self.configuration.run_without_task or (self._thinking_for_task and autonomy)
        if not (self.active and wanted):
            return None
        observation = self._session.next_observation(self.now_ns())
        if isinstance(observation, Refusal):
            self._waiting_for = observation.reason
            return None
        self._waiting_for = ''
        return observation

    def _open_policy(self) -> None:
        if self._policy is not None:
            self._policy.reset(seed=self.configuration.policy.seed)
        self._warm = True

    def _close_policy(self) -> None:
        if self._policy is not None:
            self._policy.close()

    def _think(self, observation: Observation) -> None:
        policy, session = self._policy, self._session
        if policy is None:
            return
        if observation.epoch != self._policy_epoch:
            policy.reset(seed=self.configuration.policy.seed)
            self._policy_epoch = observation.epoch
        ticket = session.begin(observation, self.now_ns())
        try:
            result = policy.infer(ticket.observation, ticket.request)
        except (
            Exception
        ) as error:  # whatever a policy raises, the node lives and the error is counted
            outcome: ActionChunk | Refusal = session.fail(ticket, error, self.now_ns())
        else:
            outcome = session.complete(ticket, result, self.now_ns())
        if isinstance(outcome, ActionChunk):
            self._publish_chunk(outcome)
        self._log_failures(outcome)

    def _publish_chunk(self, chunk: ActionChunk) -> None:
        start_ns = time.perf_counter_ns()
        self._chunks.publish(chunk_message(chunk))
        self._session.add_timing('publish', time.perf_counter_ns() - start_ns)
        self._last_chunk_ns = self.now_ns()
        self._last_chunk = chunk
        self._published += 1
        # The last chunk of the task before must not end this one.
        if chunk.finished and chunk.epoch == self._session.epoch:
            self._finished = True
        self._tell_memory()

    def _log_failures(self, outcome: ActionChunk | Refusal) -> None:
        """Log the first failure and the recovery, not each of thirty a second."""
        if isinstance(outcome, ActionChunk):
            if self._failing:
                self.get_logger().info('the policy answers again')
            self._failing = False
        elif outcome.reason != refusal_reasons.STALE_EPOCH:
            if not self._failing:
                self.get_logger().error(f'{outcome.reason}: {outcome.detail}')
            self._failing = True

    # Tasks, called by TaskServer in the spinning thread

    def begin_task(self, instruction: str, *, keep_memory: bool) -> None:
        """Take over the instruction; the epoch begins with the change of mode."""
        now_ns = self.now_ns()
        self._session.set_instruction(instruction, now_ns, keep_memory=keep_memory)
        self._tell_memory()
        self._session.reset('task', now_ns)
        self._finished = False
        self._thinking_for_task = True

    def end_task(self) -> None:
        """Stop thinking."""
        self._thinking_for_task = False

    def task_facts(self) -> TaskFacts:
        """Return readiness, mode and progress."""
        return task_facts(
            self._recent_snapshot(),
            self._executor_status,
            self._mode,
            warm=self._warm,
            start=None if self._thinking_for_task else self._start_refusal(),
            last_chunk_ns=self._last_chunk_ns,
            finished=self._finished,
        )

    def _start_refusal(self) -> Refusal | None:
        """Return why the policy must not begin where the arms are now."""
        policy, robot = self._policy, self._robot
        if not isinstance(policy, StartCheck) or robot is None:
            return None
        if any(arm not in self._joints for arm in robot.layout.arms):
            return None
        return policy.start_refusal(
            np.concatenate([self._joints[arm] for arm in robot.layout.arms])
        )

    def task_feedback(self) -> RunTask.Feedback:
        """Return subtask, memory, rate and latency."""
        return task_feedback(self._recent_snapshot(), self._last_chunk, self._session.memory)

    def task_counters(self) -> tuple[int, int]:
        """Return chunks published and starvations so far."""
        status = self._executor_status
        return self._published, 0 if status is None else int(status.starvations)

    def _recent_snapshot(self) -> SessionSnapshot:
        """Return a snapshot of the last moments: percentiles cost a millisecond of this thread."""
        now_ns = self.now_ns()
        age_ns = now_ns - self._snapshot_ns
        if self._snapshot is None or not 0 <= age_ns < _SNAPSHOT_PERIOD_NS:
            self._snapshot, self._snapshot_ns = self._session.snapshot(now_ns), now_ns
        return self._snapshot

    # Status out

    def _publish_status(self) -> None:
        now_ns = self.now_ns()
        self._status.publish(
            policy_status_message(
                self._session.snapshot(now_ns), warm=self._warm and self.active, stamp=now_ns
            )
        )

    def _publish_diagnostics(self) -> None:
        snapshot = self._session.snapshot(self.now_ns())
        self._diagnostics.publish(
            *policy_components(snapshot, active=self.active, warm=self._warm)
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the node; returns the exit code."""
    return run_node(PolicyNode, arguments)


if __name__ == '__main__':
    raise SystemExit(main())
