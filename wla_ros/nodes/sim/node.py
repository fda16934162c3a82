# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The node of the simulated rig. Lifecycle."""

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.task import Future
from std_msgs.msg import Bool
from std_msgs.msg import ColorRGBA
from std_srvs.srv import Trigger
from visualization_msgs.msg import Marker
from visualization_msgs.msg import MarkerArray

from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem
from wla_ros.base.timing import ns_to_seconds
from wla_ros.base.timing import seconds_to_ns
from wla_ros.base.types import ObjectPoses
from wla_ros.msg import EpisodeStatus
from wla_ros.nodes import qos
from wla_ros.nodes.diagnostics import DiagnosticsPublisher
from wla_ros.nodes.lifecycle import LifecycleNodeBase
from wla_ros.nodes.lifecycle import run_node
from wla_ros.nodes.messages import fill
from wla_ros.nodes.messages import pose_message
from wla_ros.nodes.messages import resolve_type
from wla_ros.nodes.messages import time_message
from wla_ros.nodes.sim.arms import SimArmTopics
from wla_ros.nodes.sim.cameras import PatternRenderer
from wla_ros.nodes.sim.cameras import Renderer
from wla_ros.nodes.sim.cameras import SimCameraTopics
from wla_ros.nodes.sim.clock import SimClock
from wla_ros.nodes.sim.config import PATTERN
from wla_ros.nodes.sim.config import SimNodeConfiguration
from wla_ros.nodes.sim.status import sim_components
from wla_ros.nodes.tick_loop import TickLoop
from wla_ros.robots.encoding import EncodedJointState
from wla_ros.robots.encoding import EncodedPosCmd
from wla_ros.sim.driver.driver import PERIOD_NS
from wla_ros.sim.driver.driver import EnableCall
from wla_ros.sim.rig import SimulatedRig
from wla_ros.srv import ResetEpisode

# Object poses as markers: readable by RViz and Foxglove, and by the expert through
# conversions.object_poses.

FRAME = 'world'
_COLOURS = ((0.95, 0.50, 0.10), (0.15, 0.40, 0.85), (0.30, 0.70, 0.30), (0.70, 0.30, 0.70))
# Shown as a cylinder of about the size of the cup; the pose is exact, the shape is not.
_DIAMETER_M = 0.06
_HEIGHT_M = 0.09


def object_markers(poses: ObjectPoses, *, stamp: int) -> MarkerArray:
    """Return one cylinder per object, in the world frame, ns = name of the object."""
    markers = []
    for i, (name, row) in enumerate(zip(poses.names, poses.poses, strict=True)):
        marker = Marker(
            ns=name, id=0, type=Marker.CYLINDER, action=Marker.ADD, pose=pose_message(row)
        )
        marker.header.frame_id = FRAME
        marker.header.stamp = time_message(stamp)
        marker.scale.x = marker.scale.y = _DIAMETER_M
        marker.scale.z = _HEIGHT_M
        red, green, blue = _COLOURS[i % len(_COLOURS)]
        marker.color = ColorRGBA(r=red, g=green, b=blue, a=1.0)
        markers.append(marker)
    return MarkerArray(markers=markers)


ENABLE_TYPES = ('wla_ros/srv/PiperEnable',)
_STATUS_PERIOD_S = 0.1
# A command that came later than this was late for the robot, too.
_LATEST_DELIVERY_NS = 50_000_000
_POLL_S = 0.02
# Object poses go out with every exposure, and this often without cameras.
_OBJECTS_PERIOD_NS = 33_333_333


class SimNode(LifecycleNodeBase[SimNodeConfiguration]):
    """See the module docstring."""

    def __init__(self) -> None:
        """Read the configuration, build the scene. Raises ConfigurationError with all problems."""
        self._rig: SimulatedRig | None = None
        self._rig_clock: SimClock | None = None
        super().__init__('sim_node', SimNodeConfiguration, self._check)

    def _check(self, configuration: SimNodeConfiguration) -> tuple[Problem, ...]:
        try:
            self._rig = SimulatedRig(configuration.rig)
        except ConfigurationError as error:
            return tuple(
                Problem(where=f'rig.{problem.where}', what=problem.what, remedy=problem.remedy)
                for problem in error.problems
            )
        return ()

    # Lifecycle

    def _setup(self) -> None:
        rig = self._rig = self._rig or SimulatedRig(self.configuration.rig)
        self._lock = threading.RLock()
        self._slip_ns = 0  # simulated time is ROS time less this
        self._slipped_ns = 0
        self._episode = 0
        self._seed = self.configuration.seed
        self._reset_ns = 0
        self._objects_ns = 0
        self._ignored_commands = dict.fromkeys(rig.arms, 0)
        self._pending_resets: list[Future] = []
        self._pending_enables: list[tuple[tuple[EnableCall, ...], Future]] = []
        self._loop: TickLoop | None = None
        self._running = False
        self._stepping = threading.Lock()  # of a clock that two threads move; never within _lock
        self._arms = {arm: SimArmTopics(self, arm, self._take_command) for arm in rig.arms}
        clock = self.configuration.clock
        self._cameras = SimCameraTopics(
            self,
            self.configuration.rig.cameras,
            self._make_renderer,
            patience_ns=seconds_to_ns(clock.patience_s) if clock.publish else 0,
        )
        self._objects = self.create_publisher(MarkerArray, 'sim/objects', qos.SENSOR_OUTPUT)
        self._status = self.create_publisher(EpisodeStatus, 'sim/episode_status', qos.LATCHED)
        self._diagnostics = DiagnosticsPublisher(self)
        # As in the two-arm launch of piper_ros, both arms listen to one enable topic and one
        # enable service.
        self.create_subscription(Bool, 'enable_flag', self._take_enable_flag, qos.COMMAND)
        enable_type = resolve_type(ENABLE_TYPES, where='enable_srv')
        # Callbacks that await would stop every other callback of their group.
        waiting = ReentrantCallbackGroup()
        self.create_service(enable_type, 'enable_srv', self._on_enable, callback_group=waiting)
        self.create_service(
            ResetEpisode, 'sim/reset_episode', self._on_reset, callback_group=waiting
        )
        for arm in rig.arms:
            self.create_service(
                Trigger, f'sim/emergency_stop_{arm}', self._trigger(rig.emergency_stop, arm)
            )
            self.create_service(Trigger, f'sim/resume_{arm}', self._trigger(rig.resume, arm))
        self.every(_STATUS_PERIOD_S, self._publish_status)
        self._answers = self.every(_POLL_S, self._answer)  # runs while an answer is due
        self._answers.cancel()
        self.every(1.0, self._publish_diagnostics)
        if clock.publish:
            # From now on: the others need the time to get ready, and to report in the end.
            self._rig_clock = SimClock(
                self,
                clock,
                start_ns=super().now_ns(),
                catch_up_ns=seconds_to_ns(self.configuration.max_catch_up_s),
                oldest_image_ns=self._cameras.oldest_ns,
            )
            self._start_loop()

    def now_ns(self) -> int:
        """Return the time of the rig where it has one, else the ROS time."""
        return super().now_ns() if self._rig_clock is None else self._rig_clock.now_ns

    def _make_renderer(self) -> Renderer:
        if self.configuration.images == PATTERN:
            return PatternRenderer(self.configuration.rig.cameras)
        return self._required_rig().make_image_source()

    def _start(self) -> None:
        self._reset(self._seed)
        self._cameras.start()
        self._running = True
        if self._loop is None:
            self._start_loop()

    def _start_loop(self) -> None:
        self._loop = TickLoop(
            period_ns=PERIOD_NS,
            tick=self._tick,
            on_error=self._on_tick_error,
            name='physics',
        )
        self._loop.start()

    def _stop(self) -> None:
        self._running = False
        if self._rig_clock is None:
            self._stop_loop()
        if not self._cameras.stop():
            self.get_logger().error('the renderer did not end')

    def _stop_loop(self) -> None:
        loop, self._loop = getattr(self, '_loop', None), None
        if loop is not None and not loop.stop():
            self.get_logger().error('the physics did not end')

    def _teardown(self) -> None:
        self._stop_loop()
        self._rig = self._rig_clock = None

    def _required_rig(self) -> SimulatedRig:
        if self._rig is None:
            raise RuntimeError('the sim node is not configured')
        return self._rig

    # Physics: the loop's thread

    def _tick(self, monotonic_ns: int, lateness_ns: int) -> None:
        del lateness_ns
        clock = self._rig_clock
        if clock is None:
            self._turn(self.now_ns())
        elif not self._follow(clock, monotonic_ns):
            clock.repeat(monotonic_ns)

    def _follow(self, clock: SimClock, monotonic_ns: int) -> int:
        """Move the rig to where its clock may be by now; return the steps."""
        with self._stepping:
            with self._lock:
                start_ns = clock.now_ns
                steps = clock.steps(monotonic_ns, waits=self._running)
            for step in range(1, steps + 1):
                now_ns = start_ns + step * PERIOD_NS
                if self._running:
                    self._turn(now_ns)
                clock.publish(now_ns, monotonic_ns)
        return steps

    def _turn(self, now_ns: int) -> None:
        """Bring the rig to `now_ns` and publish what drivers and cameras gave out."""
        rig = self._required_rig()
        with self._lock:
            self._advance(rig, now_ns)
            slip_ns = self._slip_ns
            publications = {arm: rig.take_publications(arm) for arm in rig.arms}
            exposures = rig.due_exposures()
            objects_due = bool(exposures) or rig.now_ns - self._objects_ns >= _OBJECTS_PERIOD_NS
            poses = rig.object_poses() if objects_due else None
        for arm, batch in publications.items():
            for publication in batch:
                self._arms[arm].publish(publication, slip_ns=slip_ns)
        if poses is not None:
            self._objects_ns = poses.stamp_ns
            self._objects.publish(object_markers(poses, stamp=poses.stamp_ns + slip_ns))
        if exposures:
            self._cameras.expose(exposures, slip_ns=slip_ns)

    def _advance(self, rig: SimulatedRig, now_ns: int) -> None:
        """Step up to now; what a pause left behind beyond the bound is left out."""
        behind_ns = now_ns - self._slip_ns - rig.now_ns
        excess_ns = behind_ns - seconds_to_ns(self.configuration.max_catch_up_s)
        if excess_ns > 0 or behind_ns < -seconds_to_ns(self.configuration.max_catch_up_s):
            shift_ns = max(excess_ns, 0) if behind_ns > 0 else behind_ns
            self._slip_ns += shift_ns
            self._slipped_ns += abs(shift_ns)
        rig.step_to(now_ns - self._slip_ns)

    def _on_tick_error(self, error: BaseException) -> None:
        self.warn_at_times('tick', f'physics tick failed: {type(error).__name__}: {error}')

    # Commands and services: the spinning thread

    def _take_command(
        self, arm: str, command: EncodedJointState | EncodedPosCmd, stamp: int
    ) -> None:
        self._apply(arm, command, stamp)
        if self._rig_clock is not None and self._running:
            self._follow(self._rig_clock, time.monotonic_ns())  # this may be what it waited for

    def _apply(self, arm: str, command: EncodedJointState | EncodedPosCmd, stamp: int) -> None:
        rig = self._rig
        if rig is None:
            return
        with self._lock:
            if self._rig_clock is not None and stamp:
                self._rig_clock.note(arm, stamp, time.monotonic_ns())
            if not self.active or self._quiet():
                self._ignored_commands[arm] += 1
                return
            now_ns = self._arrival_ns(stamp) - self._slip_ns
            if isinstance(command, EncodedPosCmd):
                refusal = rig.command_pose(arm, command, now_ns=now_ns)
            else:
                refusal = rig.command(arm, command, now_ns=now_ns)
        if refusal is not None:
            self.warn_at_times(
                'command', f'command of {arm} refused: {refusal.reason}: {refusal.detail}'
            )

    def _arrival_ns(self, stamp: int) -> int:
        """
        Return when a command stamped `stamp` reached the simulated bus, in ROS time.

        The bus of a robot does not wait for a machine that renders three cameras beside it: a
        recent stamp counts as the time of arrival. Without one, now does.
        """
        now_ns = self.now_ns()
        return stamp if 0 <= now_ns - stamp <= _LATEST_DELIVERY_NS else now_ns

    def _take_enable_flag(self, message: Bool) -> None:
        rig = self._required_rig()
        with self._lock:
            for arm in rig.arms:
                rig.set_enable_flag(arm, enable=message.data)

    async def _on_enable(self, request: Any, response: Any) -> Any:
        rig = self._required_rig()
        with self._lock:
            calls = tuple(rig.call_enable(arm, enable=request.enable_request) for arm in rig.arms)
        future = Future(executor=self.executor)
        self._pending_enables.append((calls, future))
        self._answers.reset()
        response.enable_response = bool(await future)
        return response

    def _answer(self) -> None:
        self._answer_enables()
        self._answer_resets()
        if not self._pending_enables and not self._pending_resets:
            self._answers.cancel()

    def _answer_enables(self) -> None:
        waiting = []
        for calls, future in self._pending_enables:
            if all(call.response is not None for call in calls):
                future.set_result(all(call.response for call in calls))
            else:
                waiting.append((calls, future))
        self._pending_enables = waiting

    async def _on_reset(
        self, request: ResetEpisode.Request, response: ResetEpisode.Response
    ) -> ResetEpisode.Response:
        """
        Reset, and answer when commands are received again.

        By then the executor has taken over the new position of the arms.
        """
        if not self.active:
            response.success, response.message = False, 'the sim node is not active'
            return response
        if request.seed < 0:
            response.success, response.message = (
                False,
                f'seed must not be negative, got {request.seed}',
            )
            return response
        self._reset(int(request.seed))
        received: Future = Future(executor=self.executor)
        self._pending_resets.append(received)
        self._answers.reset()
        await received
        response.success, response.message = True, f'episode {self._episode}, seed {self._seed}'
        return response

    def _answer_resets(self) -> None:
        if self._pending_resets and not self._quiet():
            for received in self._pending_resets:
                received.set_result(None)
            self._pending_resets.clear()

    def _quiet(self) -> bool:
        """Return whether commands are ignored because an episode has just begun."""
        since_ns = self.now_ns() - self._slip_ns - self._reset_ns
        return self.active and since_ns < seconds_to_ns(self.configuration.reset_quiet_s)

    def _reset(self, seed: int) -> None:
        rig = self._required_rig()
        with self._lock:
            self._slip_ns = 0
            now_ns = self.now_ns()
            rig.reset(seed=seed, now_ns=now_ns)
            self._reset_ns = self._objects_ns = now_ns
            self._episode += 1
            self._seed = seed
        self._publish_status()
        self.get_logger().info(f'episode {self._episode}: {rig.task.name}, seed {seed}')

    def _trigger(self, action: Callable[[str], None], arm: str) -> Callable[..., Any]:
        def answer(request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
            del request
            with self._lock:
                action(arm)
            response.success, response.message = True, arm
            return response

        return answer

    # Status out: timers, in the spinning thread

    def _publish_status(self) -> None:
        if not self.active:
            return
        rig = self._required_rig()
        with self._lock:
            judgement = rig.judge()
            elapsed_ns = rig.now_ns - self._reset_ns
        message = EpisodeStatus()
        message.header.stamp = time_message(self.now_ns())
        values = {
            'task': rig.task.name,
            'seed': self._seed,
            'episode': self._episode,
            'elapsed_ns': max(0, elapsed_ns),
            'success': judgement.success,
            'judgement': judgement.text,
        }
        self._status.publish(fill(message, values))

    def _publish_diagnostics(self) -> None:
        loop, rig = self._loop, self._required_rig()
        with self._lock:
            counts = rig.counts()
            slipped_ns, factor = self._slipped_ns, 1.0
            if self._rig_clock is not None:
                slipped_ns = self._rig_clock.slipped_ns
                factor = self._rig_clock.real_time_factor(time.monotonic_ns())
        render_ms = np.array(self._cameras.render_ns, dtype=np.float64) / 1e6
        self._diagnostics.publish(
            *sim_components(
                counts,
                self._cameras.counts(),
                topics={arm: topics.counts() for arm, topics in self._arms.items()},
                slipped_s=ns_to_seconds(slipped_ns),
                real_time_factor=factor,
                ignored_commands=self._ignored_commands,
                render_ms=render_ms,
                failure=self._cameras.failure or ('' if loop is None else loop.problem),
            )
        )


def main() -> int:
    """Run the node; returns the exit code."""
    return run_node(SimNode)


if __name__ == '__main__':
    raise SystemExit(main())
