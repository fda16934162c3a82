"""From ticks to what the drivers are sent."""

from dataclasses import dataclass
from typing import Any
from typing import NamedTuple

import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory
from trajectory_msgs.msg import JointTrajectoryPoint

from wla_ros.base.joints import JointLayout
from wla_ros.base.timing import seconds_to_ns
from wla_ros.base.types import FloatArray
from wla_ros.base.types import JointCommand
from wla_ros.base.types import Refusal
from wla_ros.execution.executor import ChunkExecutor
from wla_ros.execution.trajectory import PlannedTrajectory
from wla_ros.nodes import qos
from wla_ros.nodes.executor.config import TRAJECTORY
from wla_ros.nodes.executor.config import ExecutorParts
from wla_ros.nodes.executor.config import TrajectorySection
from wla_ros.nodes.executor.outputs import CommandOutputs
from wla_ros.nodes.executor.outputs import output_qos
from wla_ros.nodes.lifecycle import LifecycleShell
from wla_ros.nodes.messages import double_array
from wla_ros.nodes.messages import duration_message
from wla_ros.nodes.messages import time_message
from wla_ros.robots.encoding import EncodedTrajectory
from wla_ros.robots.encoding import encode_trajectory
from wla_ros.robots.profile import ArmProfile

# The rest of the plan as one JointTrajectory per arm, for a controller that interpolates by
# itself.
#
# A trajectory replaces the one before as soon as it is there: a controller goes on from where it
# is by a quintic to the first point. The stamp lies `lead_s` ahead and the executor samples its
# plan as much further ahead, so up to the stamp both trajectories are one, and it does not matter
# what the way took as long as it took less than the lead.
#
# The first point lies behind the stamp. What is commanded are quintics through points of a motion
# whose jerk is limited. Between two points the jerk of a quintic reaches up to 2.2 times the limit
# (it is the projection of the motion's on quadratics), and the controller is there beside the
# motion by some microradians. To make up for these within the milliseconds that are left until the
# stamp would take up to 50 times the limit. On a way as long as the quintic that is left it takes
# 2.7 times, on two thirds of that, where splices follow each other closely, 3.1 times: whoever
# wants no more than the limit sets `execution.motion.jerk_scale` to 0.32 and sees to it that
# messages are there before their stamp; late ones leave a shorter way (measured up to 3.6 times).
#
# The last point is at rest: controllers refuse anything else.

# Controllers refuse a trajectory that ends in the past: arms at rest are told to stay so for a
# while longer than any message is under way.
_TAIL_S = 1.0
_ROUNDING_S = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrajectoryPoints:
    """What is sent: n points behind `stamp_ns`, until when the trajectory before holds."""

    stamp_ns: int
    times_ns: tuple[int, ...]  # [n] since the stamp, rising
    states: FloatArray  # [n, 3, D] position, velocity, acceleration; the last one at rest


def trajectory_points(
    command_ns: int, planned: PlannedTrajectory, *, lead_s: float, period_s: float
) -> TrajectoryPoints:
    """Return what is `planned` at `command_ns` in points `period_s` apart, and a rest."""
    states = np.stack([planned.positions, planned.velocities, planned.accelerations], axis=1)
    times_s = planned.times_s
    # The quintic that a trajectory begins with lasts at most `lead_s` longer than this.
    first_s = max(period_s, 2.0 * lead_s)
    if times_s[-1] > first_s:
        behind = times_s > first_s - _ROUNDING_S
        times_s, states = times_s[behind], states[behind]
    else:  # the arms rest by then
        times_s, states = np.array([first_s]), states[-1:]
    return TrajectoryPoints(
        stamp_ns=command_ns + seconds_to_ns(lead_s),
        times_ns=tuple(map(seconds_to_ns, [*times_s, times_s[-1] + _TAIL_S])),
        states=np.concatenate([states, states[-1:]]),
    )


class TrajectoryOutputs:
    """One publisher per arm; every method may be called from any one thread."""

    def __init__(self, node: Node, arms: tuple[ArmProfile, ...], layout: JointLayout) -> None:
        """Create the publishers on the command topics of `arms`."""
        self._outputs = [
            (
                node.create_publisher(
                    JointTrajectory, arm.channels.command_topic, output_qos(arm.command.qos)
                ),
                arm,
                layout.arm_slice(arm.name),
            )
            for arm in arms
        ]

    def publish(self, points: TrajectoryPoints) -> Refusal | None:
        """Send the trajectory to all arms, or to none and say why."""
        messages = []
        for _, arm, columns in self._outputs:
            position, velocity, acceleration = points.states[:, :, columns].transpose(1, 0, 2)
            encoded = encode_trajectory(arm, position, velocity, acceleration)
            if isinstance(encoded, Refusal):
                return encoded
            messages.append(_message(encoded, points))
        for (publisher, _, _), message in zip(self._outputs, messages, strict=True):
            publisher.publish(message)
        return None


def _message(encoded: EncodedTrajectory, points: TrajectoryPoints) -> JointTrajectory:
    message = JointTrajectory(
        joint_names=list(encoded.names),
        points=[
            JointTrajectoryPoint(
                positions=double_array(position),
                velocities=double_array(velocity),
                accelerations=double_array(acceleration),
                time_from_start=duration_message(time_ns),
            )
            for position, velocity, acceleration, time_ns in zip(
                encoded.position,
                encoded.velocity,
                encoded.acceleration,
                points.times_ns,
                strict=True,
            )
        ],
    )
    message.header.stamp = time_message(points.stamp_ns)
    return message


# When a trajectory is due, and the ticks behind it: keeps model and controller on one path.
#
# The controller executes what it was sent whether or not our ticks come in time, so ticks lie on
# one grid of times: exactly those that the trajectory was planned with. One that was missed is
# made up for. Sends nothing itself.

# Points are those of the ticks to come for so long; behind it they are only near them.
_EXACT_S = 0.25
# While the arms move the trajectory is sent anew before that is over.
_RENEWAL_NS = 150_000_000
# After a longer pause every trajectory has ended and the arms rest, as the last tick made up says.
_MOST_TICKS = 1000


class Ticked(NamedTuple):
    """What the ticks up to one instant came to."""

    command: JointCommand | None  # of the last one
    commands: int  # ticks with a command
    points: TrajectoryPoints | None  # to be sent now


class TrajectoryStream:
    """Ticks `executor`; the thread of the control loop calls all methods, under its lock."""

    def __init__(
        self, executor: ChunkExecutor, section: TrajectorySection, *, period_ns: int
    ) -> None:
        """Tick every `period_ns`."""
        self._executor = executor
        self._section = section
        self._period_ns = period_ns
        self._tick_ns: int | None = None
        self._revision: int | None = None
        self._sent_ns = 0

    def tick(self, now_ns: int, lateness_ns: int) -> Ticked:
        """Make the ticks that are due at `now_ns`, `lateness_ns` after the loop's deadline."""
        reseeded, commands = False, 0
        command = None
        due_ns = self._due(now_ns)
        for tick_ns in due_ns:
            self._tick_ns = tick_ns
            command = self._executor.tick(tick_ns, lateness_ns + due_ns[-1] - tick_ns)
            if command is not None:
                commands += 1
                reseeded |= bool(command.reseeded_arms)
        if command is None or not (reseeded or self._is_due(command)):
            return Ticked(command, commands, None)
        self._revision, self._sent_ns = self._executor.plan_revision, command.stamp_ns
        section = self._section
        stamp_ns, period_s = command.stamp_ns, 1.0 / section.point_rate_hz
        planned = self._executor.planned_trajectory(
            stamp_ns, period_s, section.max_points, exact_s=_EXACT_S
        )
        points = trajectory_points(stamp_ns, planned, lead_s=section.lead_s, period_s=period_s)
        return Ticked(command, commands, points)

    def forget(self) -> None:
        """Make up for nothing: the clock jumped."""
        self._tick_ns = None

    def _is_due(self, command: JointCommand) -> bool:
        if self._executor.plan_revision != self._revision:
            return True
        moving = bool(command.velocity.any() or command.acceleration.any())
        return moving and not 0 <= command.stamp_ns - self._sent_ns < _RENEWAL_NS

    def _due(self, now_ns: int) -> list[int]:
        """Return the times to tick at, rising; none if the next one is still to come."""
        last_ns = self._tick_ns
        if last_ns is None or now_ns < last_ns:
            return [now_ns]
        count = (now_ns - last_ns) // self._period_ns
        due = [last_ns + (i + 1) * self._period_ns for i in range(min(count, _MOST_TICKS))]
        return due if count <= _MOST_TICKS else [*due, now_ns]


class CommandStream:
    """See the module docstring."""

    def __init__(
        self, node: LifecycleShell[Any], executor: ChunkExecutor, parts: ExecutorParts
    ) -> None:
        """Prepare what `open` creates on `node`; nothing is on the command topics before."""
        config, robot = parts.configuration, parts.robot
        self._parts = parts
        execution = config.execution
        self._node = node
        self._executor = executor
        self._columns = robot.layout.columns
        self._ticks_per_set_point = config.ticks_per_set_point
        self._ticks_per_limited = max(
            1, round(execution.rate_hz / config.loop.limited_command_rate_hz)
        )
        self._stream: TrajectoryStream | None = None
        if config.output == TRAJECTORY:
            self._stream = TrajectoryStream(
                executor, config.trajectory, period_ns=execution.period_ns
            )
        self._outputs: CommandOutputs | TrajectoryOutputs | None = None
        self._limited = node.create_publisher(JointState, 'limited_command', qos.STATUS)
        self._ticked = Ticked(None, 0, None)
        self._commanded = 0  # ticks with a command
        self.sent = 0  # of those
        self.thinned = 0  # of those whose command was not sent
        self.failed = 0  # of those whose sending ended with an error
        self.unsendable = 0  # of those refused by the encoding of a driver

    def open(self) -> None:
        """Create the publishers. Raises ConfigurationError for a type not installed."""
        config, robot = self._parts.configuration, self._parts.robot
        if self._stream is not None:
            self._outputs = TrajectoryOutputs(self._node, robot.arms, robot.layout)
        else:
            self._outputs = CommandOutputs(
                self._node,
                robot,
                form=config.command_form,
                period_ns=config.execution.period_ns * config.ticks_per_set_point,
            )

    def tick(self, now_ns: int, lateness_ns: int) -> None:
        """Make the executor command for `now_ns`."""
        if self._stream is not None:
            self._ticked = self._stream.tick(now_ns, lateness_ns)
        else:
            command = self._executor.tick(now_ns, lateness_ns)
            self._ticked = Ticked(command, int(command is not None), None)
        if self._ticked.commands:
            self.sent += self._sends
            self.thinned += self._ticked.commands - self._sends

    def send(self) -> None:
        """Send what the last tick came to."""
        ticked = self._ticked
        if ticked.command is None:
            return
        if self._sends:
            self._publish(ticked.command, ticked.points)
        # Every n-th tick, or the tick after it where several were made up at once.
        if -self._commanded % self._ticks_per_limited < ticked.commands:
            self._publish_limited(ticked.command)
        self._commanded += ticked.commands

    def forget(self) -> None:
        """Take note that the clock jumped."""
        if self._stream is not None:
            self._stream.forget()

    @property
    def _sends(self) -> bool:
        """Whether the last tick came to something that leaves."""
        if self._stream is not None:
            return self._ticked.points is not None
        return self._commanded % self._ticks_per_set_point == 0

    def _publish(self, command: JointCommand, points: TrajectoryPoints | None) -> None:
        try:
            refusal = self._sent(command, points)
        except Exception:
            self.sent -= 1
            self.failed += 1
            raise
        self._count(refusal)

    def _sent(self, command: JointCommand, points: TrajectoryPoints | None) -> Refusal | None:
        """Publish and return why nothing was sent, or None."""
        outputs = self._outputs
        if isinstance(outputs, CommandOutputs):
            return outputs.publish(command)
        if outputs is not None and points is not None:
            return outputs.publish(points)
        return Refusal(reason='not_open', detail='there is no publisher of commands')

    def _count(self, refusal: Refusal | None) -> None:
        if refusal is not None:
            self.unsendable += 1
            self.sent -= 1
            self.thinned += 1
            self._node.warn_at_times(
                'command', f'command not sent: {refusal.reason}: {refusal.detail}'
            )

    def _publish_limited(self, command: JointCommand) -> None:
        message = JointState(
            name=self._columns,
            position=double_array(command.position),
            velocity=double_array(command.velocity),
        )
        message.header.stamp = time_message(command.stamp_ns)
        self._limited.publish(message)
