# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""What never came is counted by the numbers of what came."""

from hypothesis import given
from hypothesis import strategies as st

from wla_ros.base.publisher_gaps import PublisherGaps


@given(st.lists(st.tuples(st.sampled_from('abc'), st.booleans()), max_size=200))
def test_every_message_of_every_publisher_came_or_is_counted(messages):
    gaps = PublisherGaps()
    sent, last, came = {}, {}, 0
    for publisher, arrives in messages:
        sent[publisher] = sent.get(publisher, 0) + 1
        if arrives:
            gaps.note(publisher, sent[publisher])
            last[publisher] = sent[publisher]
            came += 1
    # What is lost behind the last that came nobody can know.
    assert came + gaps.missed + gaps.unheard == sum(last.values())


def test_a_late_listener_has_missed_nothing_since_it_listens():
    gaps = PublisherGaps()
    gaps.note('a', 1000)
    gaps.note('a', 1001)
    assert (gaps.missed, gaps.unheard) == (0, 999)


def test_a_message_without_a_number_makes_the_count_unknown():
    gaps = PublisherGaps()
    gaps.note('a', 3)
    gaps.note('a', None)
    assert (gaps.missed, gaps.unheard) == (None, None)


def test_a_number_that_came_before_counts_nothing():
    gaps = PublisherGaps()
    for number in (1, 2, 2, 1, 3):
        gaps.note('a', number)
    assert (gaps.missed, gaps.unheard) == (0, 0)


def test_publishers_that_come_and_go_do_not_pile_up():
    gaps = PublisherGaps()
    for publisher in range(1000):
        gaps.note(publisher, 1)
    assert (gaps.missed, gaps.unheard) == (0, 0)
    assert len(gaps._newest) <= 16
