# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""A warning that goes on is told ever less often, and nothing that is new is drowned by it."""

from wla_ros.base.timing import NS_PER_S
from wla_ros.base.warning_pace import WarningPace

MS = 1_000_000


def test_a_driver_that_repeats_its_stamps_for_an_hour_is_told_a_minute_apart() -> None:
    pace = WarningPace()
    lines = [
        (now_ns, line)
        for now_ns in range(0, 3600 * NS_PER_S, 100 * MS)
        if (line := pace.line('feedback', 'older', now_ns)) is not None
    ]
    assert len(lines) < 70
    assert [now_ns // NS_PER_S for now_ns, _ in lines[:5]] == [0, 1, 3, 7, 15]
    assert lines[2][1] == 'older (19 more like it in 2 s)'
    assert {b[0] - a[0] for a, b in zip(lines[10:], lines[11:], strict=False)} == {60 * NS_PER_S}


def test_what_comes_back_after_a_silence_and_other_kinds_are_told_at_once() -> None:
    pace = WarningPace()
    for now_ns in range(0, 100 * NS_PER_S, 100 * MS):
        pace.line('feedback', 'older', now_ns)
    assert pace.line('chunk', 'rejected', 100 * NS_PER_S) == 'rejected'
    assert pace.line('feedback', 'older', 400 * NS_PER_S) is not None
    assert pace.line('feedback', 'older', 402 * NS_PER_S) == 'older'
