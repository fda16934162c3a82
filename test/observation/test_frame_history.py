# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from inference.session_feed import FRAME_NS
from inference.session_feed import ms
from inference.session_feed import picture

from wla_ros.base.timing import NS_PER_S
from wla_ros.base.types import ImageFrame
from wla_ros.observation.buffer import BufferBounds
from wla_ros.observation.buffer import StreamBuffer
from wla_ros.observation.cameras import FrameHistory
from wla_ros.observation.cameras import history_stream

EIGHT_FRAMES_NS = 266_666_667


def make_buffer(stamps_ns, *, window_ns=NS_PER_S):
    bounds = BufferBounds(
        window_ns=window_ns, capacity=99, future_tolerance_ns=NS_PER_S, jump_tolerance_ns=NS_PER_S
    )
    buffer = StreamBuffer('head', bounds)
    for stamp_ns in stamps_ns:
        pixels = picture(stamp_ns)
        frame = ImageFrame(stream='head', stamp_ns=stamp_ns, receive_ns=stamp_ns, pixels=pixels)
        assert buffer.push(stamp_ns, stamp_ns, frame) is None
    return buffer


def history(*offsets_ns, start='repeat_first', tolerance_ns=FRAME_NS // 2):
    return FrameHistory(offsets_ns=offsets_ns, tolerance_ns=tolerance_ns, start=start)


def stamps(entries):
    return [entry.frame.stamp_ns for entry in entries]


def test_the_name_of_a_history_sample_tells_its_offset():
    assert history_stream('head', EIGHT_FRAMES_NS) == 'head[-0.267s]'


def test_several_offsets_come_oldest_first():
    frames_ns = [ms(0) + i * FRAME_NS for i in range(12)]
    found = history(8 * FRAME_NS, 4 * FRAME_NS).frames(make_buffer(frames_ns), frames_ns[11])
    assert stamps(found) == [frames_ns[3], frames_ns[7]]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.integers(-12_000_000, 12_000_000), min_size=12, max_size=30),
    st.sets(st.integers(0, 29)),
)
def test_history_is_the_nearest_frame_within_half_a_period_under_jitter_and_drops(jitter, drops):
    nominal = [ms(50) + i * FRAME_NS for i in range(len(jitter))]
    frames_ns = [
        stamp + wobble
        for i, (stamp, wobble) in enumerate(zip(nominal, jitter, strict=True))
        if i not in drops
    ]
    if len(frames_ns) < 2:
        return
    anchor_ns = frames_ns[-1]
    instant_ns = anchor_ns - EIGHT_FRAMES_NS
    found = history(EIGHT_FRAMES_NS, start='wait').frames(make_buffer(frames_ns), anchor_ns)
    distance_ns = min(abs(stamp - instant_ns) for stamp in frames_ns)
    if distance_ns <= FRAME_NS // 2:
        assert abs(stamps(found)[0] - instant_ns) == distance_ns
    else:
        assert found.reason == 'missing_history'


@pytest.mark.parametrize(('start', 'expected'), [('repeat_first', [ms(0)]), ('omit', [])])
def test_at_the_very_first_frame_the_start_rule_decides(start, expected):
    found = history(EIGHT_FRAMES_NS, start=start).frames(make_buffer([ms(0)]), ms(0))
    assert stamps(found) == expected


def test_wait_refuses_until_the_epoch_is_old_enough():
    rule = history(EIGHT_FRAMES_NS, start='wait')
    frames_ns = [ms(0) + i * FRAME_NS for i in range(9)]
    refused = rule.frames(make_buffer(frames_ns[:8]), frames_ns[7])
    assert refused.reason == 'missing_history'
    assert 'head[-0.267s]' in refused.detail
    assert stamps(rule.frames(make_buffer(frames_ns), frames_ns[8])) == [frames_ns[0]]


def test_repeat_first_gives_the_first_frame_of_the_epoch_until_it_is_old_enough():
    frames_ns = [ms(0) + i * FRAME_NS for i in range(11)]
    rule = history(EIGHT_FRAMES_NS)
    got = [
        stamps(rule.frames(make_buffer(frames_ns[: n + 1]), frames_ns[n]))[0] for n in range(11)
    ]
    assert got == [frames_ns[0]] * 9 + frames_ns[1:3]


@pytest.mark.parametrize('start', ['repeat_first', 'omit', 'wait'])
def test_a_hole_later_in_the_epoch_is_refused_whatever_the_start_rule(start):
    frames_ns = [ms(0) + i * FRAME_NS for i in range(20) if i not in (10, 11)]
    anchor_ns = ms(0) + 18 * FRAME_NS
    found = history(8 * FRAME_NS, start=start).frames(make_buffer(frames_ns), anchor_ns)
    assert found.reason == 'missing_history'


def test_the_first_frame_is_never_replaced_by_the_oldest_one_that_is_left():
    frames_ns = [ms(0) + i * FRAME_NS for i in range(8)]
    buffer = make_buffer(frames_ns, window_ns=3 * FRAME_NS)
    assert history(EIGHT_FRAMES_NS).frames(buffer, frames_ns[7]).reason == 'missing_history'


def test_frames_are_references_not_copies():
    buffer = make_buffer([ms(0)])
    (entry,) = history(EIGHT_FRAMES_NS).frames(buffer, ms(0))
    assert np.shares_memory(entry.frame.pixels, buffer.value(0).pixels)
