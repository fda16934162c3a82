# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from wla_ros.base.timing import NS_PER_MS
from wla_ros.base.timing import NS_PER_S
from wla_ros.base.types import Refusal
from wla_ros.observation.buffer import BufferBounds
from wla_ros.observation.buffer import StreamBuffer

START = 50 * NS_PER_S


def make_buffer(*, window_ms=200, capacity=8, latency_ms=0):
    bounds = BufferBounds(
        window_ns=window_ms * NS_PER_MS,
        capacity=capacity,
        latency_ns=latency_ms * NS_PER_MS,
        future_tolerance_ns=20 * NS_PER_MS,
        jump_tolerance_ns=NS_PER_S,
    )
    return StreamBuffer('camera', bounds)


def push(buffer, stamp_ms, receive_ms=None):
    receive_ms = stamp_ms if receive_ms is None else receive_ms
    receive_ns = START + round(receive_ms * NS_PER_MS)
    return buffer.push(START + stamp_ms * NS_PER_MS, receive_ns, stamp_ms)


def held(buffer):
    return [(stamp - START) // NS_PER_MS for stamp in buffer.stamps_ns]


def test_samples_in_order_are_taken_and_wait():
    buffer = make_buffer()
    assert [push(buffer, stamp) for stamp in (0, 10, 20)] == [None, None, None]
    assert held(buffer) == [0, 10, 20]
    assert buffer.counters.waiting == 3


@pytest.mark.parametrize(
    ('stamp_ns', 'receive_ns', 'reason'),
    [
        (0, START, 'zero_stamp'),
        (-5, START, 'zero_stamp'),
        (START + 21 * NS_PER_MS, START, 'future_stamp'),
        (START, START + 1, 'duplicate_stamp'),
        (START - 1, START + 1, 'out_of_order'),
        (START - NS_PER_S, START + 1, 'out_of_order'),
        (START - NS_PER_S - 1, START + 1, 'stamp_jump'),
    ],
)
def test_the_door_names_its_refusals(stamp_ns, receive_ns, reason):
    buffer = make_buffer()
    assert push(buffer, 0) is None
    verdict = buffer.push(stamp_ns, receive_ns, 'x')
    assert isinstance(verdict, Refusal)
    assert verdict.reason == reason
    assert 'camera' in verdict.detail
    assert held(buffer) == [0]
    assert buffer.last_refusal == verdict


def test_a_stamp_at_the_future_tolerance_is_taken():
    buffer = make_buffer()
    assert push(buffer, 20, 0) is None


def test_the_latency_does_not_hide_a_zero_stamp_or_a_future_stamp():
    buffer = make_buffer(latency_ms=100)
    assert buffer.push(-100 * NS_PER_MS, START, 'x').reason == 'zero_stamp'
    # Exposure 50 ms ago by calibration, but the header stamp is 50 ms ahead.
    assert push(buffer, -50, 0).reason == 'future_stamp'


def line(buffer, stamps_ms, receive_ms):
    """Push samples; return '' where one was taken, 'jump' or the reason of a refusal."""
    verdicts = [push(buffer, *pair) for pair in zip(stamps_ms, receive_ms, strict=True)]
    return ['' if v is None else v.reason if isinstance(v, Refusal) else 'jump' for v in verdicts]


@pytest.mark.parametrize('wrong_ms', [5010 - 1001, 10, -49000])
def test_one_old_stamp_is_refused_by_name_and_changes_nothing(wrong_ms):
    buffer = make_buffer()
    assert line(buffer, [5000, 5010], [5000, 5010]) == ['', '']
    verdict = push(buffer, wrong_ms, 5020)
    assert verdict.reason == 'stamp_jump'
    assert f'{(5010 - wrong_ms) / 1000:.3f} s' in verdict.detail
    assert held(buffer) == [5000, 5010]
    assert push(buffer, 5030) is None
    assert (buffer.counters.refused, buffer.counters.superseded) == (1, 0)


def test_a_series_off_the_line_clears_the_buffer_and_keeps_the_sample_that_proves_it():
    buffer = make_buffer()
    line(buffer, [5000, 5010], [5000, 5010])
    stamps = range(100, 340, 30)
    told = line(buffer, stamps, [stamp + 5000 for stamp in stamps])
    assert told == ['stamp_jump'] * 7 + ['jump']
    assert held(buffer) == [310]
    assert buffer.counters.superseded == 2
    assert push(buffer, 340, 5340) is None


def test_a_burst_however_long_is_no_series():
    buffer = make_buffer()
    line(buffer, [5000, 5010], [5000, 5010])
    stamps = range(100, 700)
    assert set(line(buffer, stamps, [5020 + 0.1 * (s - 100) for s in stamps])) == {'stamp_jump'}
    assert push(buffer, 5100) is None


def test_two_samples_however_far_apart_are_no_series():
    buffer = make_buffer()
    line(buffer, [5000, 5010], [5000, 5010])
    assert line(buffer, [100, 900], [5100, 5900]) == ['stamp_jump'] * 2
    assert push(buffer, 1000, 6000).detail.count('3 messages in 0.900 s agree') == 1


def test_stamps_off_the_line_between_samples_of_the_line_prove_nothing():
    buffer = make_buffer()
    for stamp in range(5000, 9000, 30):
        assert push(buffer, stamp) is None
        assert push(buffer, stamp - 3000, stamp).reason == 'stamp_jump'


def test_stamps_off_the_line_that_do_not_agree_prove_nothing():
    buffer = make_buffer()
    push(buffer, 50_000)
    stamps = [20_000, 30_000, 10_000, 2000, 40_000, 1000]
    receive = range(50_030, 51_000, 150)
    assert set(line(buffer, stamps, list(receive)[:6])) == {'stamp_jump'}


def test_a_stamp_ahead_of_the_line_is_refused_until_a_series_proves_it():
    buffer = make_buffer()
    push(buffer, 0, 4000)
    stamps = range(4010, 4310, 30)
    assert line(buffer, stamps, stamps) == ['stamp_jump'] * 7 + ['jump', '', '']
    assert held(buffer)[0] == 4220


def test_neither_silence_nor_what_comes_late_and_at_once_leaves_the_line():
    silent = make_buffer()
    push(silent, 0)
    assert push(silent, 5000, 5000) is None
    late = make_buffer()
    push(late, 0)
    # The network held everything for five seconds; a queue kept two of it.
    assert line(late, [100, 4990, 5010], [5000, 5001, 5010]) == ['', '', '']


def test_samples_from_before_the_floor_are_refused():
    buffer = make_buffer()
    push(buffer, 0)
    buffer.clear(floor_ns=START + 50 * NS_PER_MS)
    assert push(buffer, 49, 60).reason == 'before_reset'
    assert push(buffer, 50, 60) is None
    assert buffer.first_stamp_ns == START + 50 * NS_PER_MS


def test_a_series_off_the_line_is_believed_after_a_reset_too():
    buffer = make_buffer()
    push(buffer, 5000)
    buffer.clear(floor_ns=START + 5010 * NS_PER_MS)
    told = line(buffer, range(0, 300, 100), range(5100, 5400, 100))
    assert told == ['stamp_jump', 'stamp_jump', 'jump']
    assert push(buffer, 310, 5410) is None


def test_the_window_and_the_capacity_bound_the_memory():
    buffer = make_buffer(window_ms=50, capacity=4)
    for stamp in range(0, 60, 10):
        push(buffer, stamp)
    assert held(buffer) == [20, 30, 40, 50]
    push(buffer, 90)
    assert held(buffer) == [40, 50, 90]
    assert buffer.first_stamp_ns == START


def test_nearest_takes_the_older_of_a_tie_and_respects_the_tolerance():
    buffer = make_buffer()
    for stamp in (0, 10, 40):
        push(buffer, stamp)

    def nearest(time_ms, tolerance_ms):
        index = buffer.nearest_index(START + time_ms * NS_PER_MS, tolerance_ms * NS_PER_MS)
        return None if index is None else buffer.value(index)

    assert nearest(5, 5) == 0
    assert nearest(6, 5) == 10
    assert nearest(25, 14) is None
    assert nearest(25, 15) == 10
    assert nearest(-3, 3) == 0
    assert nearest(43, 3) == 40
    assert make_buffer().nearest_index(START, NS_PER_S) is None


def test_at_or_before_includes_the_exact_time():
    buffer = make_buffer()
    push(buffer, 10)
    push(buffer, 20)
    assert buffer.index_at_or_before(START + 20 * NS_PER_MS) == 1
    assert buffer.index_at_or_before(START + 20 * NS_PER_MS - 1) == 0
    assert buffer.index_at_or_before(START + 10 * NS_PER_MS - 1) is None


def test_a_sample_used_twice_counts_once():
    buffer = make_buffer()
    push(buffer, 0)
    buffer.mark_used(START)
    buffer.mark_used(START)
    assert (buffer.counters.used, buffer.counters.waiting) == (1, 0)
    buffer.clear(floor_ns=None)
    assert (buffer.counters.used, buffer.counters.superseded) == (1, 0)


def test_samples_taken_back_count_as_refused_unless_they_were_used():
    buffer = make_buffer()
    for stamp in (0, 10, 20):
        push(buffer, stamp)
    buffer.mark_used(START + 10 * NS_PER_MS)
    buffer.take_back(START, Refusal(reason='frozen', detail=''))
    counters = buffer.counters
    assert held(buffer) == [0]
    assert (counters.used, counters.refused, counters.waiting) == (1, 1, 1)
    assert push(buffer, 20, 30).reason == 'duplicate_stamp'


def test_staleness_tells_age_bound_and_the_last_refusal():
    buffer = make_buffer()
    assert buffer.staleness(START, NS_PER_S).reason == 'no_data'
    push(buffer, 0)
    push(buffer, 0, 1)
    assert buffer.staleness(START + NS_PER_S, NS_PER_S) is None
    stale = buffer.staleness(START + NS_PER_S + NS_PER_MS, NS_PER_S)
    assert stale.reason == 'stale'
    for part in ('1.001 s', '1.000 s', 'duplicate_stamp', 'camera'):
        assert part in stale.detail


def test_a_buffer_that_cannot_hold_two_samples_is_a_mistake():
    with pytest.raises(ValueError, match='capacity'):
        make_buffer(capacity=1)


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(['push', 'use', 'take_back', 'clear', 'forget', 'refuse']),
        st.integers(0, 4000),
        st.integers(-50, 1500),
    ),
    max_size=60,
)


@settings(max_examples=200, deadline=None)
@given(EVENTS)
def test_counters_add_up_and_stamps_rise_after_any_events(events):
    buffer = make_buffer(window_ms=300, capacity=5)
    received = 0
    for kind, stamp_ms, delay_ms in events:
        if kind == 'push':
            received += 1
            push(buffer, stamp_ms, stamp_ms + delay_ms)
        elif kind == 'refuse':
            received += 1
            buffer.refuse(Refusal(reason='bad_image', detail=''))
        elif kind == 'use' and buffer.stamps_ns:
            buffer.mark_used(buffer.stamps_ns[stamp_ms % len(buffer.stamps_ns)])
        elif kind == 'take_back':
            buffer.take_back(START + stamp_ms * NS_PER_MS, Refusal(reason='frozen', detail=''))
        elif kind == 'clear':
            buffer.clear(floor_ns=START + stamp_ms * NS_PER_MS)
        elif kind == 'forget':
            buffer.clear(floor_ns=None)
        c = buffer.counters
        assert c.received == received == c.used + c.superseded + c.refused + c.waiting
        assert min(c.used, c.superseded, c.refused, c.waiting) >= 0
        assert c.waiting <= len(buffer.stamps_ns) <= 5
        assert buffer.stamps_ns == sorted(set(buffer.stamps_ns))
