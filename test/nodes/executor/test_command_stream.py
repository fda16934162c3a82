# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Every command is either sent or counted as one that was not."""

from typing import Any

import numpy as np
import pytest

pytest.importorskip('rclpy')

from wla_ros.base.types import JointCommand  # noqa: E402 - not without rclpy
from wla_ros.composition.executor import ExecutorNodeConfiguration  # noqa: E402
from wla_ros.composition.executor import ExecutorParts  # noqa: E402
from wla_ros.composition.executor import load_executor  # noqa: E402
from wla_ros.nodes.executor.outputs import CommandOutputs  # noqa: E402
from wla_ros.nodes.executor.stream import CommandStream  # noqa: E402
from wla_ros.robots.robot import RobotSection  # noqa: E402

ARM = (0.1, 0.6, -0.7, 0.1, 0.5, 0.1, 0.03)
PERIOD_NS = 5_000_000


class Node:
    """Remembers what is published, and warnings."""

    def __init__(self) -> None:
        self.published: dict[str, list[Any]] = {}
        self.warnings: list[str] = []

    def create_publisher(self, kind: Any, topic: str, qos: Any) -> Any:
        del kind, qos
        messages = self.published.setdefault(topic, [])
        return type('Publisher', (), {'publish': lambda _, message: messages.append(message)})()

    def warn_at_times(self, kind: str, text: str) -> None:
        self.warnings.append(f'{kind}: {text}')


class Executor:
    """Commands what it is told to."""

    def __init__(self, width: int) -> None:
        self.position = np.tile(ARM, 2)
        self.ready = True
        self.silent: tuple[str, ...] = ()
        self.lost: list[int] = []  # ticks whose command was said not to have left
        self._rest = np.zeros(width)
        self._ticks = 0

    def go_back(self) -> None:
        self.lost.append(self._ticks)

    def tick(self, now_ns: int, lateness_ns: int, *, leaves: bool) -> JointCommand | None:
        del lateness_ns, leaves
        self._ticks += 1
        if not self.ready:
            return None
        return JointCommand(
            stamp_ns=now_ns,
            position=self.position,
            velocity=self._rest,
            acceleration=self._rest,
            silent_arms=self.silent,
        )


def ticked(count: int, rate_hz: float = 1000.0, **states: Any) -> tuple[Node, CommandStream]:
    """Return node and stream after `count` ticks; `states` maps attributes to values by tick."""
    configuration = ExecutorNodeConfiguration(
        robot=RobotSection(driver_profile='piper_ros'), max_command_rate_hz=rate_hz
    )
    parts = load_executor(configuration)
    assert isinstance(parts, ExecutorParts), parts
    node, executor = Node(), Executor(parts.robot.layout.width)
    stream = CommandStream(node, executor, parts)
    stream.open()
    for tick in range(count):
        for name, value in states.items():
            setattr(executor, name, value(tick))
        stream.tick(tick * PERIOD_NS, 0)
        stream.send()
    return node, stream


@pytest.mark.parametrize(('rate_hz', 'sent'), [(1000.0, 120), (200.0, 120), (60.0, 30), (10.0, 6)])
def test_every_nth_set_point_is_sent_and_the_others_are_counted(rate_hz: float, sent: int) -> None:
    node, stream = ticked(120, rate_hz)
    assert len(node.published['joint_ctrl_cmd_left']) == sent
    assert stream.decimated == 120 - sent
    stamps = [message.header.stamp.nanosec for message in node.published['joint_ctrl_cmd_left']]
    assert set(np.diff(stamps)) == {120 // sent * PERIOD_NS}


def test_a_command_that_no_driver_can_take_is_none_that_was_published() -> None:
    def position(tick: int) -> Any:
        return np.tile(ARM, 2) * (np.nan if tick % 10 == 0 else 1.0)

    node, stream = ticked(100, position=position)
    assert len(node.published['joint_ctrl_cmd_left']) == 90
    assert stream.unsendable == 10
    assert stream.decimated == 10
    assert node.warnings[0].startswith('command: command not sent')
    assert stream._executor.lost == list(range(1, 100, 10))


def test_ticks_without_a_command_thin_nothing_out() -> None:
    node, stream = ticked(40, 50.0, ready=lambda tick: tick >= 20)
    assert len(node.published['joint_ctrl_cmd_left']) == 5
    assert stream.decimated == 15


class BrokenError(Exception):
    pass


@pytest.mark.parametrize('rate_hz', [1000.0, 60.0])
def test_a_command_whose_sending_fails_is_told_to_the_executor(rate_hz: float) -> None:
    node, stream = ticked(41, rate_hz)
    outputs = stream._outputs

    class Broken(CommandOutputs):
        def __init__(self) -> None:
            """Publish nothing."""

        def publish(self, command: JointCommand) -> None:
            raise BrokenError

    stream._outputs = Broken()
    failures = 0
    for tick in range(41, 61):
        stream.tick(tick * PERIOD_NS, 0)
        try:
            stream.send()
        except BrokenError:
            failures += 1
    assert failures > 15
    stream._outputs = outputs
    stream.tick(61 * PERIOD_NS, 0)
    stream.send()
    assert len(stream._executor.lost) == failures == stream.failed


def test_a_silent_arm_is_sent_nothing() -> None:
    node, stream = ticked(10, silent=lambda tick: ('left',) if tick < 4 else ())
    counts = {topic: len(node.published[topic]) for topic in node.published}
    assert sorted(counts.values()) == [5, 6, 10]  # limited_command at 100 Hz, left, right
    assert stream.sent == 10
