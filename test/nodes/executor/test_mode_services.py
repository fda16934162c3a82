# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The latch on the disk follows the mode whichever of two requests comes last."""

import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip('rclpy')

from std_srvs.srv import Trigger  # noqa: E402 - not without rclpy

from wla_ros.base.types import Mode  # noqa: E402
from wla_ros.nodes.executor.estop_latch import EstopLatch  # noqa: E402
from wla_ros.nodes.executor.node import ModeServices  # noqa: E402


class OneModeExecutor:
    def __init__(self) -> None:
        self.mode = Mode.HOLD

    def set_mode(self, mode: Mode, *_: object, **__: object) -> None:
        self.mode = mode

    def reset_emergency_stop(self, *_: object) -> None:
        self.mode = Mode.HOLD


class PressedAgain(ModeServices):
    """Somebody presses the stop between the reset of the executor and that of the disk."""

    def __init__(self, latch: EstopLatch) -> None:
        self._node = SimpleNamespace(now_ns=lambda: 0, active=True)
        self._executor, self._latch = OneModeExecutor(), latch  # type: ignore[assignment]
        self._lock, self._latching = threading.RLock(), threading.Lock()
        self.pressed = False

    def publish(self) -> None:
        if self._executor.mode == Mode.HOLD and not self.pressed:
            self.pressed = True
            self.change(Mode.ESTOP, 'pressed again')


def test_a_stop_during_a_reset_stays_latched(tmp_path: Path) -> None:
    path = tmp_path / 'latch'
    services = PressedAgain(EstopLatch(path))
    services.change(Mode.ESTOP, 'first')
    services._on_estop_reset(Trigger.Request(), Trigger.Response())
    assert services.pressed
    assert services._executor.mode == Mode.ESTOP
    assert EstopLatch(path).reason() is not None


class UntoldError(Exception):
    """What publishing fails with."""


class Untold(PressedAgain):
    """Nobody can be told of the mode."""

    def publish(self) -> None:
        raise UntoldError


def test_an_emergency_stop_is_kept_although_it_cannot_be_told(tmp_path: Path) -> None:
    """It was in force, and gone with the process."""
    path = tmp_path / 'latch'
    with pytest.raises(UntoldError):
        Untold(EstopLatch(path)).change(Mode.ESTOP, 'button')
    assert str(EstopLatch(path).reason()).startswith('button')
