# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The table of modes."""

import pytest

from wla_ros.base import reasons
from wla_ros.base.types import Mode
from wla_ros.execution.supervision import ControlModes

LEGAL = {
    (Mode.HOLD, Mode.AUTONOMY),
    (Mode.HOLD, Mode.HOMING),
    (Mode.HOLD, Mode.ESTOP),
    (Mode.AUTONOMY, Mode.HOLD),
    (Mode.AUTONOMY, Mode.ESTOP),
    (Mode.HOMING, Mode.HOLD),
    (Mode.HOMING, Mode.ESTOP),
}


def modes_in(mode: Mode) -> ControlModes:
    modes = ControlModes()
    modes.enter(mode, 5, cause=reasons.REQUESTED, reason='test')
    return modes


@pytest.mark.parametrize('before', list(Mode))
@pytest.mark.parametrize('wanted', list(Mode))
def test_only_the_listed_transitions_are_legal(before: Mode, wanted: Mode) -> None:
    refusal = modes_in(before).judge(wanted)
    if before == wanted or (before, wanted) in LEGAL:
        assert refusal is None
    else:
        assert refusal is not None
        assert refusal.reason == reasons.TRANSITION_ILLEGAL
        assert before.name in refusal.detail
        assert wanted.name in refusal.detail


def test_the_emergency_stop_is_left_only_by_its_reset() -> None:
    modes = modes_in(Mode.ESTOP)
    refusal = modes.judge(Mode.HOLD)
    assert refusal is not None
    assert 'reset' in refusal.detail
    assert modes.reset_emergency_stop(9, 'operator') is None
    assert modes.mode == Mode.HOLD


@pytest.mark.parametrize('mode', [Mode.HOLD, Mode.AUTONOMY, Mode.HOMING])
def test_without_emergency_stop_there_is_nothing_to_reset(mode: Mode) -> None:
    refusal = modes_in(mode).reset_emergency_stop(9, 'operator')
    assert refusal is not None
    assert refusal.reason == reasons.NOT_LATCHED


def test_the_revision_rises_with_every_change_only() -> None:
    modes = ControlModes()
    modes.enter(Mode.HOLD, 1, cause=reasons.REQUESTED, reason='again')
    assert modes.entry.revision == 0
    assert modes.entry.reason == 'the executor has started'
    modes.enter(Mode.AUTONOMY, 2, cause=reasons.REQUESTED, reason='go')
    assert (modes.entry.revision, modes.entry.entered_ns, modes.entry.reason) == (1, 2, 'go')
