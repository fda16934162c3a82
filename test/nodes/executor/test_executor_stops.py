# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""What goes wrong beside a stop does not undo it."""

from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip('rclpy')

from wla_ros.nodes.executor.node import ExecutorNode  # noqa: E402


class BrokenError(Exception):
    pass


def broken(*_: Any, **__: Any) -> Any:
    raise BrokenError


def test_a_loop_ends_although_its_end_cannot_be_told() -> None:
    """It went on for ever, without anybody who could end it, and beside the next one."""
    ended: list[bool] = []
    loop = SimpleNamespace(running=True, stop=lambda: ended.append(True) or True)
    moving = iter([True, True, False])
    node = SimpleNamespace(
        _loop=loop,
        _modes=SimpleNamespace(change=broken),
        _moving=lambda: next(moving),
        configuration=SimpleNamespace(execution=SimpleNamespace(period_ns=1)),
    )
    with pytest.raises(BrokenError):
        ExecutorNode._stop(node)  # type: ignore[arg-type]
    assert ended == [True]
    assert not list(moving)
