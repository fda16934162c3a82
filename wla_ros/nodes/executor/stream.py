# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""From ticks to set-points for the drivers: every command is sent or counted as left out."""

from dataclasses import replace
from typing import Any

from sensor_msgs.msg import JointState

from wla_ros.base.types import JointCommand
from wla_ros.base.types import Refusal
from wla_ros.composition.executor import ExecutorParts
from wla_ros.execution.executor import ChunkExecutor
from wla_ros.execution.report import ExecutorSnapshot
from wla_ros.nodes import qos
from wla_ros.nodes.executor.outputs import CommandOutputs
from wla_ros.nodes.lifecycle import LifecycleNodeBase
from wla_ros.nodes.messages import double_array
from wla_ros.nodes.messages import time_message


class CommandStream:
    """Ticks `executor`; the thread of the control loop calls all methods but `open`."""

    def __init__(
        self, node: LifecycleNodeBase[Any], executor: ChunkExecutor, parts: ExecutorParts
    ) -> None:
        """Prepare what `open` creates on `node`; nothing is on the command topics before."""
        config, robot = parts.configuration, parts.robot
        self._parts = parts
        self._node = node
        self._executor = executor
        self._columns = robot.layout.columns
        self._ticks_per_set_point = config.ticks_per_set_point
        self._ticks_per_limited = max(
            1, round(config.execution.rate_hz / config.loop.limited_command_rate_hz)
        )
        self._outputs: CommandOutputs | None = None
        self._limited = node.create_publisher(JointState, 'limited_command', qos.STATUS)
        self._command: JointCommand | None = None  # of the last tick
        self._unsent = False  # it was to be sent and was not
        self._commanded = 0  # commands before that
        self.sent = 0  # commands
        self.decimated = 0  # commands that were not sent
        self.failed = 0  # commands whose sending ended with an error
        self.unsendable = 0  # of those not sent, refused by the encoding of a driver

    def counted(self, snapshot: ExecutorSnapshot) -> ExecutorSnapshot:
        """Return `snapshot` with what became of its commands here."""
        counts = snapshot.counts
        return replace(
            snapshot,
            counts=replace(
                counts,
                commands_published=self.sent,
                commands_decimated=self.decimated,
                ticks_failed=counts.ticks_failed + self.failed,
            ),
        )

    def open(self) -> None:
        """Create the publishers. Raises ConfigurationError for a type not installed."""
        config = self._parts.configuration
        self._outputs = CommandOutputs(
            self._node,
            self._parts.robot,
            form=config.command_form,
            period_ns=config.execution.period_ns * config.ticks_per_set_point,
        )

    def tick(self, now_ns: int, lateness_ns: int) -> None:
        """Make the executor command for `now_ns`."""
        if self._unsent:
            self._executor.go_back()
            self._unsent = False
        self._command = self._executor.tick(now_ns, lateness_ns, leaves=self._sends)
        if self._command is not None:
            self.sent += self._sends
            self.decimated += not self._sends

    def send(self) -> None:
        """Send what the last tick came to."""
        command = self._command
        if command is None:
            return
        if self._sends:
            self._publish(command)
        if self._commanded % self._ticks_per_limited == 0:
            self._publish_limited(command)
        self._commanded += 1

    @property
    def _sends(self) -> bool:
        """Whether the command of the last tick leaves."""
        return self._commanded % self._ticks_per_set_point == 0

    def _publish(self, command: JointCommand) -> None:
        refusal: Refusal | None = Refusal(
            reason='not_open', detail='there is no publisher of commands'
        )
        self._unsent = True
        try:
            if self._outputs is not None:
                refusal = self._outputs.publish(command)
            self._unsent = refusal is not None
        except Exception:
            self.sent -= 1
            self.failed += 1
            raise
        if refusal is not None:
            self.unsendable += 1
            self.sent -= 1
            self.decimated += 1
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
