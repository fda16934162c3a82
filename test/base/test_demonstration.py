# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Demonstrations: what fits together, what is wanted, which subtasks run, what is remembered."""

import numpy as np
import pytest
from demonstrations import DT_NS
from demonstrations import STEPS
from demonstrations import demonstration
from demonstrations import frames

from wla_ros.base.demonstration import CameraFrames
from wla_ros.base.demonstration import SubtaskSpan


def test_everything_that_does_not_fit_is_named_at_once():
    joints = np.zeros((STEPS, 2))
    joints[4, 1] = np.nan
    head = frames()
    with pytest.raises(ValueError, match='press seed 7') as error:
        demonstration(
            joints=joints,
            commands=np.zeros((STEPS, 3)),
            plans=np.zeros((STEPS, 5, 1)),
            taught=np.ones(3, bool),
            stamps_ns=np.where(np.arange(STEPS) < 10, 0, DT_NS) + np.arange(STEPS) * DT_NS,
            cameras={
                'head': CameraFrames(
                    stamps_ns=head.stamps_ns[::-1], pixels=head.pixels, seen=head.seen
                ),
                'wrist': CameraFrames(
                    stamps_ns=head.stamps_ns, pixels=head.pixels[..., :1], seen=head.seen + 1
                ),
            },
            subtasks=(
                SubtaskSpan(text='a', first=0, end=3),
                SubtaskSpan(text='B.', first=2, end=STEPS + 1),
            ),
        )
    for part in (
        'joints are not finite, first at step 4',
        'commands are [20, 3], not [20, 2]',
        'plans are [20, 5, 1], not [20, 5, 2]',
        'taught must be 20',
        '1 steps are not one period after the last, first step 10: 2.00 periods',
        'head: stamps must be there and rise',
        'wrist: pixels are uint8 [20, 4, 6, 1]',
        'wrist: must have been seen at every of 20 steps',
        "subtask 'a' is not one sentence",
        "subtask 'B.' lasts from 2 to 21, not within 3 to 20",
    ):
        assert part in str(error.value)


def test_a_film_without_actions_has_no_columns_and_teaches_none():
    empty = np.zeros((STEPS, 0))
    film = demonstration(columns=(), joints=empty, velocities=empty, commands=empty)
    assert not any(film.is_taught(step) for step in range(film.steps))
    assert film.frame('head', 3).pixels[0, 0, 0] == 3


def test_what_is_wanted_is_the_plan_or_what_was_executed():
    executed = demonstration()
    np.testing.assert_array_equal(executed.wanted(17, 5)[:, 0], [217, 218, 219])
    plans = np.zeros((STEPS, 4, 2)) + np.arange(STEPS)[:, None, None]
    np.testing.assert_array_equal(demonstration(plans=plans).wanted(17, 3)[:, 0], [17, 17, 17])


def test_frames_keep_their_identity():
    shown = demonstration()
    assert shown.frame('wrist', 4).stamp_ns == 4 * DT_NS + 3_000_000
    assert shown.frame_near('wrist', 4 * DT_NS).pixels[0, 0, 0] == 4
    # Half a step away is the older one of a tie, farther is none.
    assert shown.frame_near('head', 4 * DT_NS + DT_NS // 2).pixels[0, 0, 0] == 4
    assert shown.frame_near('head', -DT_NS // 2 - 1) is None


def test_the_window_spans_the_rows_and_the_memory_is_what_was_left_behind():
    shown = demonstration()
    assert shown.window(4, 2) == ('Press once.',)
    assert shown.window(4, 3) == ('Press once.', 'Lift.')
    assert shown.window(5, 6) == ('Press once.', 'Lift.', 'Press again.')
    assert shown.memory(None, 4).window == ()
    memory = shown.memory(10, 4)
    assert memory.instruction == 'Press twice.'
    assert [subtask.text for subtask in memory.completed] == ['Press once.', 'Lift.']
    assert memory.window == ('Press again.',)
    assert memory.current.started_ns == 9 * DT_NS
    assert shown.memory(8, 4).window == ('Lift.', 'Press again.')
