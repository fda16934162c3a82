"""The offset between the clocks of two hosts."""

from hypothesis import given
from hypothesis import strategies as st

from wla_ros.base.timing import ClockOffset
from wla_ros.base.timing import TwoWayTimes

MS = 1_000_000
START_NS = 10**18

delays = st.integers(0, 400 * MS)
exchanges = st.lists(st.tuples(delays, st.integers(0, 1000 * MS), delays), min_size=1, max_size=60)


def exchange(offset_ns, there_ns, pause_ns, back_ns, start_ns=START_NS):
    """Return the times of one exchange with a policy clock that is ahead by `offset_ns`."""
    heard_ns = start_ns + there_ns
    return TwoWayTimes(
        plan_stamp_ns=start_ns,
        plan_received_ns=heard_ns + offset_ns,
        published_ns=heard_ns + pause_ns + offset_ns,
        received_ns=heard_ns + pause_ns + back_ns,
    )


@given(offset_ns=st.integers(-(10**10), 10**10), parts=exchanges)
def test_the_true_offset_lies_within_the_uncertainty(offset_ns, parts):
    clocks = ClockOffset()
    for there_ns, pause_ns, back_ns in parts:
        assert clocks.add(exchange(offset_ns, there_ns, pause_ns, back_ns))
    found = clocks.estimate
    assert abs(found.offset_ns - offset_ns) <= found.uncertainty_ns + 1
    assert not found.exceeds(abs(offset_ns) + 1)


@given(parts=exchanges)
def test_the_least_delayed_exchange_of_the_window_decides(parts):
    clocks = ClockOffset(window=8)
    for part in parts:
        clocks.add(exchange(5 * MS, *part))
    least = min(there + back for there, _, back in parts[-8:])
    assert clocks.estimate.uncertainty_ns == (least + 1) // 2


def test_equal_ways_give_the_offset_exactly():
    clocks = ClockOffset()
    clocks.add(exchange(-30 * MS, 2 * MS, 90 * MS, 2 * MS))
    assert clocks.estimate.offset_ns == -30 * MS
    assert clocks.estimate.exceeds(27 * MS)
    assert not clocks.estimate.exceeds(29 * MS)


def test_a_chunk_without_a_plan_before_it_tells_nothing():
    clocks = ClockOffset()
    times = TwoWayTimes(plan_stamp_ns=0, plan_received_ns=0, published_ns=5, received_ns=6)
    assert not clocks.add(times)
    assert clocks.estimate is None


def test_an_impossible_exchange_means_that_a_clock_was_set():
    clocks = ClockOffset()
    clocks.add(exchange(0, 2 * MS, 0, 2 * MS))
    assert not clocks.add(exchange(0, 2 * MS, 0, -(3 * MS)))
    assert clocks.estimate is None


def test_a_step_of_a_clock_is_followed_within_the_window():
    clocks = ClockOffset(window=4)
    for offset_ns in (0, 0, *[50 * MS] * 4):
        clocks.add(exchange(offset_ns, 1 * MS, 0, 1 * MS))
    assert clocks.estimate.offset_ns == 50 * MS
