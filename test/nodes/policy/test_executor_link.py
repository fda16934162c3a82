# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""What the policy node hears of the executor: changes count once, nonsense not at all."""

from typing import Any

import pytest

pytest.importorskip('rclpy')

from wla_ros.base.types import Mode  # noqa: E402 - not without rclpy
from wla_ros.msg import ExecutorStatus  # noqa: E402
from wla_ros.nodes.messages import mode_message  # noqa: E402
from wla_ros.nodes.policy.node import ExecutorLink  # noqa: E402


class FakeNode:
    """Remembers callbacks and warnings."""

    def __init__(self) -> None:
        self.callbacks: dict[str, Any] = {}
        self.warnings: list[str] = []
        self.publishers = 1

    def create_subscription(self, kind: Any, topic: str, callback: Any, qos: Any) -> None:
        del kind, qos
        self.callbacks[topic] = callback

    def count_publishers(self, topic: str) -> int:
        assert topic == 'control_mode'
        return self.publishers

    def warn_at_times(self, kind: str, text: str) -> None:
        self.warnings.append(f'{kind}: {text}')


def test_a_mode_that_does_not_exist_is_said_and_the_last_one_stays() -> None:
    node, modes = FakeNode(), []
    link = ExecutorLink(node, (), on_mode=modes.append, on_plan=lambda plan, now_ns: None)
    hear = node.callbacks['control_mode']
    node.callbacks['executor_status'](ExecutorStatus(mode=int(Mode.AUTONOMY)))
    autonomy = mode_message(Mode.AUTONOMY, revision=4, cause='requested', reason='', stamp=1)
    hear(autonomy)
    hear(autonomy)
    unknown = mode_message(Mode.AUTONOMY, revision=5, cause='requested', reason='', stamp=2)
    unknown.mode = 77
    hear(unknown)
    assert modes == [Mode.AUTONOMY]
    assert link.autonomous
    assert node.warnings == ['mode: control_mode 77 is unknown: is the executor of this version?']


class Heard:
    """A link, and the changes of mode that it took for true."""

    def __init__(self) -> None:
        self.node = FakeNode()
        self.modes: list[Mode] = []
        ExecutorLink(self.node, (), on_mode=self.modes.append, on_plan=lambda plan, now_ns: None)

    def mode(self, mode: Mode, revision: int) -> None:
        self.node.callbacks['control_mode'](
            mode_message(mode, revision=revision, cause='requested', reason='', stamp=1)
        )

    def status(self, mode: Mode) -> None:
        self.node.callbacks['executor_status'](ExecutorStatus(mode=int(mode)))


def test_a_mode_that_the_status_of_the_executor_does_not_confirm_changes_nothing() -> None:
    heard = Heard()
    heard.mode(Mode.AUTONOMY, 4)
    assert heard.modes == []
    heard.status(Mode.AUTONOMY)
    assert heard.modes == [Mode.AUTONOMY]
    heard.mode(Mode.HOLD, 5)  # of a stranger
    heard.status(Mode.AUTONOMY)
    assert heard.modes == [Mode.AUTONOMY]
    heard.status(Mode.ESTOP)  # nor does a single status
    assert heard.modes == [Mode.AUTONOMY]
    heard.mode(Mode.HOLD, 5)  # of the executor
    heard.status(Mode.HOLD)
    assert heard.modes == [Mode.AUTONOMY, Mode.HOLD]


def test_a_mode_that_was_left_and_entered_again_counts_if_one_tells_it() -> None:
    heard = Heard()
    heard.status(Mode.AUTONOMY)
    heard.mode(Mode.AUTONOMY, 4)
    heard.mode(Mode.AUTONOMY, 6)
    assert heard.modes == [Mode.AUTONOMY, Mode.AUTONOMY]
    heard.node.publishers = 2
    heard.mode(Mode.AUTONOMY, 7)
    heard.mode(Mode.AUTONOMY, 4)
    assert heard.modes == [Mode.AUTONOMY, Mode.AUTONOMY]
