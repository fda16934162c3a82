# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
import pytest

from wla_ros.base.timing import NS_PER_MS
from wla_ros.base.timing import NS_PER_S
from wla_ros.observation.time_line import PROOF_COUNT
from wla_ros.observation.time_line import PROOF_NS
from wla_ros.observation.time_line import Place
from wla_ros.observation.time_line import TimeLine

START_NS = 50 * NS_PER_S
TOLERANCE_NS = NS_PER_S
NEXT, REPEAT, LATE, ASTRAY, NEW_LINE = Place


def at(milliseconds):
    return START_NS + round(milliseconds * NS_PER_MS)


def told(target, *messages):
    """Give (stamp, receive) in milliseconds; take the accepted ones; return the last place."""
    for stamp_ms, receive_ms in messages:
        placed = target.place(at(stamp_ms), at(receive_ms))
        if placed.place in (NEXT, NEW_LINE):
            target.extend(at(stamp_ms), at(receive_ms))
    return placed


def line(*messages):
    target = TimeLine(TOLERANCE_NS)
    told(target, *(messages or [(0, 0)]))
    return target


@pytest.mark.parametrize(
    ('stamp_ms', 'receive_ms', 'place', 'sentence'),
    [
        (10, 10, NEXT, '0.010 s newer'),
        (0, 10, REPEAT, f'stamp {START_NS} ns was received already'),
        (-7, 10, LATE, 'stamp is 0.007 s older than the newest one'),
        (-1000, 10, LATE, 'stamp is 1.000 s older'),
        (-1000.000001, 10, ASTRAY, 'went back by 1.000 s, tolerance 1.000 s'),
        (-1500, 10, ASTRAY, 'went back by 1.500 s, tolerance 1.000 s'),
        (1010, 10, NEXT, '1.010 s newer'),
        (1010.000001, 10, ASTRAY, 'went forward by 1.000 s, tolerance 1.000 s'),
        (2510, 10, ASTRAY, 'went forward by 2.500 s, tolerance 1.000 s'),
    ],
)
def test_the_tolerance_itself_is_still_the_line_and_the_sentence_tells_how_far(
    stamp_ms, receive_ms, place, sentence
):
    placed = told(line(), (stamp_ms, receive_ms))
    assert placed.place is place
    assert sentence in placed.sentence


def test_a_first_stamp_may_be_anything():
    assert told(TimeLine(TOLERANCE_NS), (-9000, 0)).place is NEXT


def test_what_is_ahead_is_measured_from_the_fastest_message_of_the_line():
    for ahead_ms, place in ((1000 - 2, NEXT), (1000.000001 - 2, ASTRAY)):
        target = line((0, 10), (20, 22), (30, 530))  # 10, 2 and 500 ms on the way
        assert told(target, (600 + ahead_ms, 600)).place is place


@pytest.mark.parametrize('forget', [True, False])
def test_a_new_line_has_a_lead_of_its_own(forget):
    target = line((10_000, 0), (10_100, 100))
    if forget:
        target.clear()
        assert told(target, (200, 200)).place is NEXT
    else:
        assert told(target, (200, 200), (300, 300), (400, 400)).place is NEW_LINE
    assert told(target, (1500, 499)).place is ASTRAY


@pytest.mark.parametrize(
    ('third', 'place'),
    [
        ((200, 200), NEW_LINE),
        ((199.999999, 200), ASTRAY),  # the stamps span too little
        ((200, 199.999999), ASTRAY),  # it came in too short a time
    ],
)
def test_a_series_is_believed_from_the_third_message_and_a_fifth_of_a_second_on(third, place):
    assert (PROOF_COUNT, PROOF_NS) == (3, 200 * NS_PER_MS)
    offset = -10_000
    messages = [(offset, 0), (offset + 100, 100), (offset + third[0], third[1])]
    placed = told(line(), *messages)
    assert placed.place is place
    words = 'agree: the clock of the sender was set' if place is NEW_LINE else 'of 0.200 s agree'
    assert words in placed.sentence


@pytest.mark.parametrize('extra_ms', [100, 99, 50, -900])
def test_repeats_and_late_messages_of_a_series_neither_count_nor_end_it(extra_ms):
    offset = -10_000
    messages = [(offset, 0), (offset + 100, 100), (offset + extra_ms, 150)]
    target = line()
    assert told(target, *messages).place is ASTRAY
    placed = told(target, (offset + 200, 200))
    assert placed.place is NEW_LINE
    assert '3 messages in 0.200 s' in placed.sentence


def test_a_message_that_leaves_the_series_begins_another():
    offset = -10_000
    messages = [(offset, 0), (offset + 100, 100), (offset - 900.000001, 150)]
    assert told(line(), *messages, (offset + 200, 200)).place is ASTRAY


@pytest.mark.parametrize(
    ('second', 'third', 'place'),
    [
        ((1100, 100), (1200, 200), NEW_LINE),
        ((1100.000001, 100), (1200, 200), ASTRAY),
        ((100, 1100), (200, 1200), NEW_LINE),
        ((100, 1100.000001), (200, 1200), ASTRAY),
    ],
)
def test_stamps_of_a_series_pass_as_fast_as_time_does_within_the_tolerance(second, third, place):
    offset = -10_000
    messages = [(offset, 0), *((offset + stamp, receive) for stamp, receive in (second, third))]
    assert told(line(), *messages).place is place


def test_a_message_of_the_line_ends_a_series():
    offset = -10_000
    target = line()
    assert told(target, (offset, 0), (offset + 100, 100), (150, 150)).place is NEXT
    assert told(target, (offset + 200, 200)).place is ASTRAY
