"""What the policy node hears of the executor: changes count once, nonsense not at all."""

from typing import Any

import pytest

pytest.importorskip('rclpy')

from wla_ros.base.types import Mode  # noqa: E402 - not without rclpy
from wla_ros.nodes.messages import mode_message  # noqa: E402
from wla_ros.nodes.policy.node import ExecutorLink  # noqa: E402


class FakeNode:
    """Remembers callbacks and warnings."""

    def __init__(self) -> None:
        self.callbacks: dict[str, Any] = {}
        self.warnings: list[str] = []

    def create_subscription(self, kind: Any, topic: str, callback: Any, qos: Any) -> None:
        del kind, qos
        self.callbacks[topic] = callback

    def warn_at_times(self, kind: str, text: str) -> None:
        self.warnings.append(f'{kind}: {text}')


def test_a_mode_that_does_not_exist_is_said_and_the_last_one_stays() -> None:
    node, modes = FakeNode(), []
    link = ExecutorLink(node, (), on_mode=modes.append, on_plan=lambda plan, now_ns: None)
    hear = node.callbacks['control_mode']
    autonomy = mode_message(Mode.AUTONOMY, revision=4, reason='', stamp=1)
    hear(autonomy)
    hear(autonomy)
    unknown = mode_message(Mode.AUTONOMY, revision=5, reason='', stamp=2)
    unknown.mode = 77
    hear(unknown)
    assert modes == [Mode.AUTONOMY]
    assert link.autonomous
    assert node.warnings == ['mode: control_mode 77 is unknown: is the executor of this version?']
