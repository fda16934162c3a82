# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The executor node: action chunks and joint feedback in, limited joint commands out at 200 Hz.
Lifecycle.

A shell in a process of its own that never imports torch: ChunkExecutor decides, TickLoop paces,
PlanOutputs and ModeServices speak. The loop's thread ticks and publishes commands, that of
ChunkInbox reads and solves chunks, that of ModeServices answers, the spinning one puts the rest
in; one lock keeps them apart, held for a millisecond or two.
"""

import gc
import threading
import time
from collections.abc import Callable
from datetime import datetime
from datetime import timezone
from typing import Any

from std_srvs.srv import Trigger

from wla_ros.base import reasons
from wla_ros.base.config import Problem
from wla_ros.base.parameter_files import ros_home_path
from wla_ros.base.reasons import REQUESTED
from wla_ros.base.reasons import TICK_FAILED
from wla_ros.base.time_credit import BESIDE_A_CONTROL_LOOP
from wla_ros.base.types import JointSample
from wla_ros.base.types import Mode
from wla_ros.base.types import Refusal
from wla_ros.composition.executor import ExecutorNodeConfiguration
from wla_ros.composition.executor import ExecutorParts
from wla_ros.composition.executor import load_executor
from wla_ros.execution.executor import ChunkExecutor
from wla_ros.execution.report import ExecutorState
from wla_ros.msg import ControlMode
from wla_ros.msg import ExecutorStatus
from wla_ros.nodes import qos
from wla_ros.nodes.arms import ArmStatusInputs
from wla_ros.nodes.arms import JointInputs
from wla_ros.nodes.diagnostics import DiagnosticsPublisher
from wla_ros.nodes.executor.chunk_inbox import ChunkInbox
from wla_ros.nodes.executor.estop_latch import EstopLatch
from wla_ros.nodes.executor.outputs import form_problems
from wla_ros.nodes.executor.plan import PlannedPath
from wla_ros.nodes.executor.plan import PlanOutputs
from wla_ros.nodes.executor.status import executor_components
from wla_ros.nodes.executor.status import executor_status_message
from wla_ros.nodes.executor.stream import CommandStream
from wla_ros.nodes.executor.watch import ExecutorWatch
from wla_ros.nodes.lifecycle import LifecycleNodeBase
from wla_ros.nodes.lifecycle import run_node
from wla_ros.nodes.messages import fill
from wla_ros.nodes.messages import mode_message
from wla_ros.nodes.service_thread import ServiceThread
from wla_ros.nodes.tick_loop import FollowedClock
from wla_ros.nodes.tick_loop import SimulatedTime
from wla_ros.nodes.tick_loop import TickLoop
from wla_ros.robots.piper.arm_status import ArmCondition as PiperCondition
from wla_ros.robots.piper.arm_status import ArmHealth
from wla_ros.robots.robot import Robot
from wla_ros.srv import SetControlMode

# The services that change who commands the arms, and the latched topic that says who does.
#
# Owns service names, answers, the publication of changes and what keeps the emergency stop latched
# over a restart. Whether a change is allowed the executor decides.


class ModeServices:
    """
    Any thread may change the mode or publish it.

    A thread of its own answers the emergency stop, another one all other requests.
    """

    def __init__(
        self,
        node: LifecycleNodeBase[Any],
        executor: ChunkExecutor,
        lock: threading.RLock,
        *,
        latch: EstopLatch,
        impediment: Callable[[], str],
        on_change: Callable[[], None],
    ) -> None:
        """
        Create services and topic on `node`; `lock` guards `executor`.

        What `latch` keeps is in force from the beginning. While `impediment` names one, nothing
        starts to move. `on_change` is called under the lock
        after every published change.
        """
        self._node = node
        self._executor = executor
        self._lock = lock
        self._latch = latch
        self._latching = threading.Lock()  # the file follows the newest mode, whoever asked last
        self._impediment = impediment
        self._on_change = on_change
        self._published: Mode | None = None
        self._modes = node.create_publisher(ControlMode, 'control_mode', qos.LATCHED)
        latched = latch.reason()
        if latched is not None:
            executor.set_mode(Mode.ESTOP, node.now_ns(), f'latched before the start: {latched}')
        stop = ServiceThread(node)
        stop.create_service(Trigger, '~/estop', self._on_estop)
        others = ServiceThread(node, allowance=BESIDE_A_CONTROL_LOOP)
        others.create_service(SetControlMode, '~/set_mode', self._on_set_mode)
        others.create_service(Trigger, '~/estop_reset', self._on_estop_reset)
        others.create_service(Trigger, '~/home', self._on_home)
        self._threads = (stop, others)
        for thread in self._threads:
            thread.start()

    @property
    def changed(self) -> bool:
        """Whether the executor changed its mode since it was published."""
        return self._executor.mode != self._published

    def change(self, mode: Mode, reason: str, *, session: int = 0) -> Refusal | None:
        """Enter `mode`, or say why not; AUTONOMY for the chunks of `session`."""
        with self._lock:
            if mode in (Mode.AUTONOMY, Mode.HOMING):
                if not self._node.active:
                    return Refusal(reason='inactive', detail='the executor node is not active')
                if impediment := self._impediment():
                    return Refusal(reason=TICK_FAILED, detail=impediment)
            refusal = self._executor.set_mode(mode, self._node.now_ns(), reason, session=session)
        try:
            self.publish()
        finally:
            if mode == Mode.ESTOP and refusal is None:
                # After the stop, which waits for no disk, and before the answer.
                time_text = f'{datetime.now(timezone.utc):%Y-%m-%d %H:%M:%S} UTC'
                self._keep_latched(f'{reason}, {time_text}')
        return refusal

    def _keep_latched(self, reason: str) -> None:
        """Have the disk say what the mode is now: another thread may have changed it."""
        with self._latching:
            if self._executor.mode == Mode.ESTOP:
                self._latch.keep(reason)
            else:
                self._latch.release()

    @property
    def problem(self) -> str:
        """What goes wrong with requests or the latch, empty if nothing does."""
        problems = [thread.problem for thread in self._threads]
        return '; '.join(filter(None, (self._latch.problem, *problems)))

    def stop(self) -> None:
        """Answer no more requests."""
        for thread in self._threads:
            thread.stop()

    def publish(self) -> None:
        """Publish the mode if it has changed."""
        with self._lock:
            if not self.changed:
                return
            mode = self._executor.mode
            entry = self._executor.snapshot(self._node.now_ns()).mode
            self._modes.publish(
                mode_message(
                    entry.mode,
                    revision=entry.revision,
                    cause=entry.cause,
                    reason=entry.reason,
                    stamp=entry.entered_ns,
                )
            )
            self._published = mode
            self._on_change()
        reason = entry.reason if entry.cause == REQUESTED else f'{entry.cause}: {entry.reason}'
        self._node.get_logger().info(f'mode {entry.mode.name}: {reason}')

    # Services, in the thread of their own

    def _on_set_mode(
        self, request: SetControlMode.Request, response: SetControlMode.Response
    ) -> SetControlMode.Response:
        if request.mode not in set(Mode):
            response.success, response.message = False, f'there is no mode {request.mode}'
            return response
        mode = Mode(request.mode)
        refusal = self.change(mode, request.reason or 'set_mode', session=request.session)
        return self._answered(response, refusal, mode)

    def _on_estop(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        return self._answered(response, self.change(Mode.ESTOP, 'estop service'), Mode.ESTOP)

    def _on_estop_reset(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        with self._lock:
            refusal = self._executor.reset_emergency_stop(
                self._node.now_ns(), 'estop_reset service'
            )
        self.publish()
        if refusal is None:
            self._keep_latched('stopped again during a reset')
        return self._answered(response, refusal, Mode.HOLD)

    def _on_home(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        return self._answered(response, self.change(Mode.HOMING, 'home service'), Mode.HOMING)

    def _answered(self, response: Any, refusal: Refusal | None, mode: Mode) -> Any:
        text = mode.name if refusal is None else f'{refusal.reason}: {refusal.detail}'
        if self._latch.problem:
            text += f'; {self._latch.problem}'
        return fill(response, {'success': refusal is None, 'message': text})


# Deactivation waits this long for the arms to come to rest; at the default limits it takes 0.7 s
# from full speed.
_REST_TIMEOUT_S = 1.5


class ExecutorNode(LifecycleNodeBase[ExecutorNodeConfiguration]):
    """See the module docstring."""

    allowance = BESIDE_A_CONTROL_LOOP

    def __init__(self) -> None:
        """Read the configuration. Raises ConfigurationError with all problems."""
        self._parts: ExecutorParts | None = None
        super().__init__('executor_node', ExecutorNodeConfiguration, self._check)
        # Of this node, whatever is configured anew: a stop outlives cleanup, and the process.
        self._latch = EstopLatch(
            ros_home_path('wla_ros/{node}.estop', self.get_fully_qualified_name())
        )

    def _check(self, configuration: ExecutorNodeConfiguration) -> tuple[Problem, ...]:
        """Load the pure parts and return what does not fit together."""
        parts = load_executor(configuration, form_problems)
        if not isinstance(parts, ExecutorParts):
            return parts
        self._parts = parts
        if not self.simulated_time or parts.robot.simulated:
            return ()
        return (
            Problem(
                where='use_sim_time',
                what='true, but real drivers stamp with wall-clock time',
                remedy='false, or robot.simulated: true with the simulated rig',
            ),
        )

    # Lifecycle

    def _setup(self) -> None:
        config, parts = self.configuration, self._parts
        if parts is None:
            raise RuntimeError('configured without a robot')
        self._latch.require_folder()
        robot = parts.robot
        self._layout = robot.layout
        self._executor = parts.make_executor()
        self._lock = threading.RLock()
        self._ros_clock = FollowedClock(self.now_ns, simulated=self.simulated_time)
        self._undecodable = 0
        self._priority_told = False
        self._commands = CommandStream(self, self._executor, parts)
        self._status = self.create_publisher(ExecutorStatus, 'executor_status', qos.STATUS)
        self._diagnostics = DiagnosticsPublisher(self)
        self._plan = PlanOutputs(
            self,
            self._executor,
            self._lock,
            columns=robot.layout.columns,
            path=PlannedPath(robot.layout, parts.kinematics, parts.frames),
            now_ns=self._ros_clock.now_ns,
        )
        self._modes = ModeServices(
            self,
            self._executor,
            self._lock,
            latch=self._latch,
            impediment=self._loop_problem,
            on_change=self._publish_status,
        )
        self._create_inputs(robot)
        self._loop: TickLoop | None = None
        self.every(1.0 / config.loop.status_rate_hz, self._publish_status)
        self.every(1.0 / config.loop.plan_rate_hz, self._plan.publish)
        self.every(1.0 / config.loop.path_rate_hz, self._plan.publish_path)
        self.every(1.0, self._publish_diagnostics)
        self._modes.publish()

    def _create_inputs(self, robot: Robot) -> None:
        JointInputs(
            self,
            robot.arms,
            now_ns=self.now_ns,
            on_sample=self._take_joints,
            on_refusal=self._refuse_joints,
        )
        self._inbox = ChunkInbox(
            self,
            self._executor,
            self._lock,
            now_ns=self._ros_clock.now_ns,
            on_judged=self._note_chunk,
            on_error=self._on_chunk_error,
        )
        self._watch = ExecutorWatch(
            self,
            self._executor,
            self._lock,
            robot=robot,
            form=self.configuration.command_form,
            statuses=ArmStatusInputs(self, robot, on_condition=self._take_condition),
            discovery_s=self.configuration.discovery_s,
            open_outputs=self._commands.open,
        )

    def _start(self) -> None:
        self._watch.start()
        self._loop = TickLoop(
            period_ns=self.configuration.execution.period_ns,
            tick=self._tick,
            on_error=self._on_tick_error,
            realtime_priority=self.configuration.loop.realtime_priority,
            time=SimulatedTime(self.get_clock()) if self.simulated_time else None,
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
        deadline_ns = time.monotonic_ns() + int(_REST_TIMEOUT_S * 1e9)
        try:
            self._modes.change(Mode.HOLD, 'the executor node stops')
        finally:  # the arms come to rest and the loop ends, also when that cannot be told
            while self._moving() and loop.running and time.monotonic_ns() < deadline_ns:
                time.sleep(self.configuration.execution.period_ns * 1e-9)
            if not loop.stop():
                self.get_logger().error('the control loop did not end')
            gc.unfreeze()

    def _teardown(self) -> None:
        loop = getattr(self, '_loop', None)
        if loop is not None:
            loop.stop()
        modes = getattr(self, '_modes', None)
        if modes is not None:
            modes.stop()
        inbox = getattr(self, '_inbox', None)
        if inbox is not None and not inbox.stop():
            self.get_logger().error('the thread that reads chunks did not end')

    def _moving(self) -> bool:
        with self._lock:
            state = self._executor.snapshot(self.now_ns()).state
        return state in (ExecutorState.TRACKING, ExecutorState.DECELERATING)

    # Data in: the spinning thread

    def _take_joints(self, sample: JointSample) -> None:
        with self._lock:
            refusal = self._executor.accept_feedback(sample)
        # Some drivers send a sample again until they have the next one.
        if refusal is not None and refusal.reason != reasons.DUPLICATE_STAMP:
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
                ArmHealth(
                    arm=condition.arm,
                    ok=condition.ok,
                    reason=reason,
                    receive_ns=self.now_ns(),
                    released=condition.released,
                )
            )

    # Chunks: the thread of the inbox

    def _note_chunk(self, name: str, refusal: Refusal | None) -> None:
        self._plan.publish_changes()
        if refusal is not None:
            self.warn_at_times('chunk', f'{name} rejected: {refusal.reason}: {refusal.detail}')

    def _on_chunk_error(self, error: BaseException) -> None:
        text = f'{type(error).__name__}: {error}'
        with self._lock:
            self._executor.refuse_chunk(Refusal(reason=reasons.UNREADABLE, detail=text))
        self.warn_at_times('chunk', f'a chunk could not be judged: {text}')

    # The control loop: its own thread

    def _tick(self, loop_ns: int, lateness_ns: int) -> None:
        step = self._ros_clock.follow(loop_ns)
        if step is not None:
            self.warn_at_times('clock', f'the ROS clock stepped by {step.step_ns / 1e9:.3f} s')
        with self._lock:
            if step is not None:
                self._executor.notify_clock_jump(step.ros_ns, step.step_ns)
            self._commands.tick(self._ros_clock.at(loop_ns), lateness_ns)
        self._commands.send()
        if self._modes.changed:
            self._modes.publish()
        self._plan.publish_changes()

    def _on_tick_error(self, error: BaseException) -> None:
        text = f'{type(error).__name__}: {error}'
        self.warn_at_times(
            'tick', f'tick failed, the drivers keep what was commanded last: {text}'
        )
        with self._lock:
            self._executor.hold_after_failure(self.now_ns(), text)
        self._modes.publish()

    def _loop_problem(self) -> str:
        loop = self._loop
        return '' if loop is None else loop.problem

    # Status out: timers, in the spinning thread; mode changes in either

    def _publish_status(self) -> None:
        with self._lock:
            message = executor_status_message(
                self._commands.counted(self._executor.snapshot(self.now_ns())),
                strategy=self.configuration.strategy.full_name,
            )
        self._status.publish(message)

    def _publish_diagnostics(self) -> None:
        loop = self._loop
        problem = '' if loop is None else loop.priority_problem
        if problem and not self._priority_told:
            self._priority_told = True
            self.get_logger().warning(f'{problem}: give rtprio in /etc/security/limits.conf')
        if self._commands.unsendable:
            problem = problem or f'{self._commands.unsendable} commands could not be sent'
        with self._lock:
            components = (
                *executor_components(
                    self._commands.counted(self._executor.snapshot(self.now_ns())),
                    active=self.active,
                    ticks_skipped=0 if loop is None else loop.skipped,
                    feedback_undecodable=self._undecodable,
                    loop_problem=self._loop_problem(),
                    loop_warning=problem,
                    loop_errors=0 if loop is None else loop.errors,
                    mode_problem=self._modes.problem,
                ),
                self._watch.component(),
            )
        self._diagnostics.publish(*components)


def main() -> int:
    """Run the node; returns the exit code."""
    return run_node(ExecutorNode)


if __name__ == '__main__':
    raise SystemExit(main())
