"""
From ticks to what the drivers are sent: set-points, thinned out if they jitter, or trajectories.

Owns the outputs of the executor node and counts every command that is not sent. The thread of the
control loop calls `tick` under its lock and `send` without it.
"""

from typing import Any

from sensor_msgs.msg import JointState

from wla_ros.control.chunk_executor import ChunkExecutor
from wla_ros.core.types import JointCommand
from wla_ros.core.types import Refusal
from wla_ros.ros import qos
from wla_ros.ros.command_outputs import CommandOutputs
from wla_ros.ros.conversions import double_array
from wla_ros.ros.conversions import time_message
from wla_ros.ros.executor_configuration import TRAJECTORY
from wla_ros.ros.executor_parts import ExecutorParts
from wla_ros.ros.lifecycle_shell import LifecycleShell
from wla_ros.ros.trajectory_outputs import TrajectoryOutputs
from wla_ros.ros.trajectory_outputs import TrajectoryPoints
from wla_ros.ros.trajectory_stream import Ticked
from wla_ros.ros.trajectory_stream import TrajectoryStream


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
