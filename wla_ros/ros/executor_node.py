"""
The executor node: action chunks and joint feedback in, limited joint commands out at 200 Hz.
Lifecycle.

A shell in a process of its own that never imports torch: ChunkExecutor decides, TickLoop paces.
The spinning thread puts data in, the loop's thread ticks and publishes commands; one lock keeps
them apart, held for well under a millisecond.
"""

import gc
import threading
import time
from collections.abc import Sequence

import numpy as np
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger
from visualization_msgs.msg import MarkerArray

from wla_ros.control.arm_condition import ArmCondition
from wla_ros.control.executor_snapshot import ExecutorState
from wla_ros.control.reasons import REQUESTED
from wla_ros.core.clock_mapping import ClockMapping
from wla_ros.core.errors import Problem
from wla_ros.core.types import ActionChunk
from wla_ros.core.types import JointCommand
from wla_ros.core.types import JointSample
from wla_ros.core.types import Mode
from wla_ros.core.types import Provenance
from wla_ros.core.types import Refusal
from wla_ros.core.types import Representation
from wla_ros.msg import ActionChunk as ActionChunkMessage
from wla_ros.msg import ControlMode
from wla_ros.msg import ExecutorStatus
from wla_ros.robots.piper.arm_status import ArmCondition as PiperCondition
from wla_ros.ros import qos
from wla_ros.ros.arm_inputs import ArmStatusInputs
from wla_ros.ros.arm_inputs import JointInputs
from wla_ros.ros.command_outputs import CommandOutputs
from wla_ros.ros.conversions import chunk_value
from wla_ros.ros.conversions import double_array
from wla_ros.ros.conversions import mode_message
from wla_ros.ros.conversions import time_message
from wla_ros.ros.diagnostics import DiagnosticsPublisher
from wla_ros.ros.executor_configuration import ExecutorNodeConfiguration
from wla_ros.ros.executor_diagnostics import executor_components
from wla_ros.ros.executor_parts import ExecutorParts
from wla_ros.ros.executor_parts import load_parts
from wla_ros.ros.lifecycle_shell import LifecycleShell
from wla_ros.ros.planned_path import PlannedPath
from wla_ros.ros.robot_configuration import Robot
from wla_ros.ros.spinning import run_node
from wla_ros.ros.status_conversion import executor_status_message
from wla_ros.ros.tick_loop import TickLoop
from wla_ros.srv import SetControlMode

# Deactivation waits this long for the arms to come to rest; at the default limits it takes 0.7 s
# from full speed.
_REST_TIMEOUT_S = 1.5
# The offset of the ROS clock is read this often; more would only average noise.
_CLOCK_READING_PERIOD_NS = 100_000_000
# Stands for a message whose fields contradict each other, so that it is counted and refused like
# any other.
_MALFORMED = np.zeros((0, 0))


class ExecutorNode(LifecycleShell[ExecutorNodeConfiguration]):
    """See the module docstring."""

    def __init__(self) -> None:
        """Read the configuration. Raises ConfigurationError with all problems."""
        self._parts: ExecutorParts | None = None
        super().__init__('executor_node', ExecutorNodeConfiguration, self._check)

    def _check(self, configuration: ExecutorNodeConfiguration) -> tuple[Problem, ...]:
        """Load the pure parts and return what does not fit together."""
        parts = load_parts(configuration)
        if not isinstance(parts, ExecutorParts):
            return parts
        self._parts = parts
        return ()

    # Lifecycle

    def _setup(self) -> None:
        config, parts = self.configuration, self._parts
        if parts is None:
            raise RuntimeError('configured without a robot')
        robot = parts.robot
        self._layout = robot.layout
        self._executor = parts.make_executor()
        self._lock = threading.RLock()
        self._clock_mapping = ClockMapping()
        self._clock_read_ns = 0
        self._sim_time = bool(self.get_parameter('use_sim_time').value)
        self._published_mode: Mode | None = None
        self._ticks = 0
        self._ticks_per_command = max(
            1, round(config.execution.rate_hz / config.loop.limited_command_rate_hz)
        )
        self._undecodable = 0
        self._unsendable = 0
        self._commands = CommandOutputs(self, robot.arms, robot.layout, form=config.command_form)
        self._limited = self.create_publisher(JointState, 'limited_command', qos.STATUS)
        self._modes = self.create_publisher(ControlMode, 'control_mode', qos.LATCHED)
        self._status = self.create_publisher(ExecutorStatus, 'executor_status', qos.STATUS)
        self._paths = self.create_publisher(MarkerArray, 'planned_path', qos.STATUS)
        self._diagnostics = DiagnosticsPublisher(self)
        self._path = PlannedPath(robot.layout, parts.kinematics, parts.frames)
        self._create_inputs(robot)
        self._loop: TickLoop | None = None
        self.every(1.0 / config.loop.status_rate_hz, self._publish_status)
        self.every(1.0 / config.loop.path_rate_hz, self._publish_path)
        self.every(1.0, self._publish_diagnostics)
        self._publish_mode_change()

    def _create_inputs(self, robot: Robot) -> None:
        JointInputs(
            self,
            robot.arms,
            now_ns=self.now_ns,
            on_sample=self._take_joints,
            on_refusal=self._refuse_joints,
        )
        ArmStatusInputs(self, robot.arms, on_condition=self._take_condition)
        self.create_subscription(ActionChunkMessage, 'action_chunk', self._take_chunk, qos.CHUNK)
        self.create_service(SetControlMode, '~/set_mode', self._on_set_mode)
        self.create_service(Trigger, '~/estop', self._on_estop)
        self.create_service(Trigger, '~/estop_reset', self._on_estop_reset)
        self.create_service(Trigger, '~/home', self._on_home)

    def _start(self) -> None:
        self._loop = TickLoop(
            period_ns=self.configuration.execution.period_ns,
            tick=self._tick,
            on_error=self._on_tick_error,
            realtime_priority=self.configuration.loop.realtime_priority,
        )
        # What lives now lives until the end: full collections leave it out. Those of young objects
        # take 0.02 ms, twice a second (measured), and stay on.
        gc.collect()
        gc.freeze()
        self._loop.start()

    def _stop(self) -> None:
        loop, self._loop = self._loop, None
        if loop is None:
            return
        self._change_mode(Mode.HOLD, 'the executor node stops')
        deadline_ns = time.monotonic_ns() + int(_REST_TIMEOUT_S * 1e9)
        while self._moving() and loop.running and time.monotonic_ns() < deadline_ns:
            time.sleep(self.configuration.execution.period_ns * 1e-9)
        if not loop.stop():
            self.get_logger().error('the control loop did not end')
        gc.unfreeze()

    def _teardown(self) -> None:
        loop = getattr(self, '_loop', None)
        if loop is not None:
            loop.stop()

    def _moving(self) -> bool:
        with self._lock:
            state = self._executor.snapshot(self.now_ns()).state
        return state in (ExecutorState.TRACKING, ExecutorState.DECELERATING)

    # Data in: the spinning thread

    def _take_joints(self, sample: JointSample) -> None:
        with self._lock:
            refusal = self._executor.accept_feedback(sample)
        if refusal is not None:
            self.warn_at_times(
                'feedback', f'feedback of {sample.arm} refused: {refusal.reason}: {refusal.detail}'
            )

    def _refuse_joints(self, arm: str, refusal: Refusal) -> None:
        self._undecodable += 1
        self.warn_at_times(
            'decoding', f'feedback of {arm} is not usable: {refusal.reason}: {refusal.detail}'
        )

    def _take_condition(self, condition: PiperCondition) -> None:
        reason = '' if condition.ok else f'{condition.reason}: {condition.text}'
        with self._lock:
            self._executor.accept_arm_condition(
                ArmCondition(
                    arm=condition.arm, ok=condition.ok, reason=reason, receive_ns=self.now_ns()
                )
            )

    def _take_chunk(self, message: ActionChunkMessage) -> None:
        chunk = chunk_value(message)
        malformed = chunk if isinstance(chunk, Refusal) else None
        if isinstance(chunk, Refusal):
            chunk = _empty_chunk(message)
        with self._lock:
            refusal = self._executor.accept_chunk(chunk, self._ros_ns(time.monotonic_ns()))
        refusal = malformed or refusal
        if refusal is not None:
            self.warn_at_times(
                'chunk',
                f'chunk {message.epoch}/{message.sequence} rejected: '
                f'{refusal.reason}: {refusal.detail}',
            )

    # Modes: services, in the spinning thread

    def _on_set_mode(
        self, request: SetControlMode.Request, response: SetControlMode.Response
    ) -> SetControlMode.Response:
        if request.mode not in set(Mode):
            response.success, response.message = False, f'there is no mode {request.mode}'
            return response
        response.success, response.message = _answer(
            self._change_mode(Mode(request.mode), request.reason or 'set_mode'),
            f'{Mode(request.mode).name}',
        )
        return response

    def _on_estop(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        del request
        response.success, response.message = _answer(
            self._change_mode(Mode.ESTOP, 'estop service'), 'ESTOP'
        )
        return response

    def _on_estop_reset(
        self, request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        del request
        with self._lock:
            refusal = self._executor.reset_emergency_stop(self.now_ns(), 'estop_reset service')
        self._publish_mode_change()
        response.success, response.message = _answer(refusal, 'HOLD')
        return response

    def _on_home(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        del request
        response.success, response.message = _answer(
            self._change_mode(Mode.HOMING, 'home service'), 'HOMING'
        )
        return response

    def _change_mode(self, mode: Mode, reason: str) -> Refusal | None:
        if not self.active and mode in (Mode.AUTONOMY, Mode.HOMING):
            return Refusal(reason='inactive', detail='the executor node is not active')
        with self._lock:
            refusal = self._executor.set_mode(mode, self.now_ns(), reason)
        self._publish_mode_change()
        return refusal

    # The control loop: its own thread

    def _tick(self, monotonic_ns: int, lateness_ns: int) -> None:
        self._read_clock(monotonic_ns)
        with self._lock:
            command = self._executor.tick(self._ros_ns(monotonic_ns), lateness_ns)
            changed = self._executor.mode != self._published_mode
        if command is not None:
            self._send(command)
        if changed:
            self._publish_mode_change()

    def _send(self, command: JointCommand) -> None:
        refusal = self._commands.publish(command)
        if refusal is not None:
            self._unsendable += 1
            self.warn_at_times('command', f'command not sent: {refusal.reason}: {refusal.detail}')
        self._ticks += 1
        if self._ticks % self._ticks_per_command == 0:
            message = JointState(
                name=self._layout.columns,
                position=double_array(command.position),
                velocity=double_array(command.velocity),
            )
            message.header.stamp = time_message(command.stamp_ns)
            self._limited.publish(message)

    def _read_clock(self, monotonic_ns: int) -> None:
        """Follow the ROS clock; a step of it is a clock jump for the executor."""
        if self._sim_time or monotonic_ns - self._clock_read_ns < _CLOCK_READING_PERIOD_NS:
            return
        self._clock_read_ns = monotonic_ns
        step = self._clock_mapping.observe(time.monotonic_ns(), self.now_ns(), time.monotonic_ns())
        if step is not None:
            self.get_logger().warning(f'the ROS clock stepped by {step.step_ns / 1e9:.3f} s')
            with self._lock:
                self._executor.notify_clock_jump(step.ros_ns)

    def _ros_ns(self, monotonic_ns: int) -> int:
        if self._sim_time or self._clock_mapping.offset_ns is None:
            return self.now_ns()
        return self._clock_mapping.to_ros_ns(monotonic_ns)

    def _on_tick_error(self, error: BaseException) -> None:
        self.warn_at_times('tick', f'tick failed: {type(error).__name__}: {error}')

    # Status out: timers, in the spinning thread; mode changes in either

    def _publish_mode_change(self) -> None:
        with self._lock:
            mode = self._executor.mode
            if mode == self._published_mode:
                return
            self._published_mode = mode
            snapshot = self._executor.snapshot(self.now_ns())
            entry = snapshot.mode
            # What the executor decided itself begins with the name of the reason.
            reason = entry.reason if entry.cause == REQUESTED else f'{entry.cause}: {entry.reason}'
            self._modes.publish(
                mode_message(
                    entry.mode, revision=entry.revision, reason=reason, stamp=entry.entered_ns
                )
            )
            self._status.publish(executor_status_message(snapshot))
        self.get_logger().info(f'mode {entry.mode.name}: {reason}')

    def _publish_status(self) -> None:
        with self._lock:
            snapshot = self._executor.snapshot(self.now_ns())
        self._status.publish(executor_status_message(snapshot))

    def _publish_path(self) -> None:
        if not self._paths.get_subscription_count():
            return
        now_ns = self.now_ns()
        with self._lock:
            _, positions = self._executor.planned_path(now_ns)
        self._paths.publish(self._path.markers(positions, stamp=now_ns))

    def _publish_diagnostics(self) -> None:
        with self._lock:
            snapshot = self._executor.snapshot(self.now_ns())
        loop = self._loop
        problem = '' if loop is None else loop.priority_problem
        if self._unsendable:
            problem = problem or f'{self._unsendable} commands could not be sent'
        self._diagnostics.publish(
            *executor_components(
                snapshot,
                active=self.active,
                ticks_skipped=0 if loop is None else loop.skipped,
                loop_problem=problem,
            )
        )


def _answer(refusal: Refusal | None, done: str) -> tuple[bool, str]:
    return (True, done) if refusal is None else (False, f'{refusal.reason}: {refusal.detail}')


def _empty_chunk(message: ActionChunkMessage) -> ActionChunk:
    return ActionChunk(
        stamp_ns=0,
        dt_ns=0,
        epoch=int(message.epoch),
        sequence=int(message.sequence),
        representation=Representation.JOINT_POSITION,
        columns=(),
        rows=_MALFORMED,
        provenance=Provenance(policy=message.policy, policy_version='', instruction=''),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the node; returns the exit code."""
    return run_node(ExecutorNode, arguments)


if __name__ == '__main__':
    raise SystemExit(main())
