# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from inference.session_feed import START_NS
from inference.session_feed import joint_sample
from inference.session_feed import ms

from wla_ros.base.timing import NS_PER_MS
from wla_ros.base.timing import NS_PER_S
from wla_ros.observation.buffer import BufferBounds
from wla_ros.observation.buffer import StreamBuffer
from wla_ros.observation.joints import InterpolatedJoints
from wla_ros.observation.joints import interpolate_joints


def make_buffer(stamps_ns):
    bounds = BufferBounds(
        window_ns=10 * NS_PER_S,
        capacity=500,
        future_tolerance_ns=NS_PER_S,
        jump_tolerance_ns=NS_PER_S,
    )
    buffer = StreamBuffer('left_joints', bounds)
    for stamp_ns in stamps_ns:
        assert buffer.push(stamp_ns, stamp_ns, joint_sample('left', stamp_ns)) is None
    return buffer


def at(buffer, time_ns, *, max_gap_ms=50, extrapolation_ms=10):
    return interpolate_joints(
        buffer,
        time_ns,
        max_gap_ns=max_gap_ms * NS_PER_MS,
        extrapolation_ns=extrapolation_ms * NS_PER_MS,
    )


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.integers(1, 50 * NS_PER_MS), min_size=1, max_size=30),
    st.floats(0.0, 1.0),
)
def test_linear_motion_is_reproduced_exactly_at_any_time(gaps_ns, share):
    stamps_ns = [START_NS, *(START_NS + int(s) for s in np.cumsum(gaps_ns))]
    time_ns = START_NS + int(share * (stamps_ns[-1] - START_NS))
    state = at(make_buffer(stamps_ns), time_ns)
    expected = joint_sample('left', time_ns)
    np.testing.assert_allclose(state.position, expected.position, rtol=0, atol=1e-12)
    np.testing.assert_allclose(state.velocity, expected.velocity, rtol=0, atol=1e-12)
    assert set(state.used_stamps_ns) <= set(stamps_ns)
    assert state.used_stamps_ns[0] <= time_ns <= state.used_stamps_ns[-1]


def test_a_sample_at_the_time_itself_is_taken_as_it_is():
    state = at(make_buffer([ms(0), ms(5), ms(10)]), ms(5))
    assert state.used_stamps_ns == (ms(5),)
    np.testing.assert_array_equal(state.position, joint_sample('left', ms(5)).position)


def test_the_nearest_sample_is_reported():
    buffer = make_buffer([ms(0), ms(10)])
    assert at(buffer, ms(4)).nearest_stamp_ns == ms(0)
    assert at(buffer, ms(6)).nearest_stamp_ns == ms(10)


def test_never_over_a_hole_larger_than_the_gap():
    assert isinstance(at(make_buffer([ms(0), ms(50)]), ms(25)), InterpolatedJoints)
    refusal = at(make_buffer([ms(0), ms(51)]), ms(25))
    assert refusal.reason == 'gap'
    assert '0.0510 s' in refusal.detail


def test_a_sample_next_to_a_hole_is_still_known():
    known = at(make_buffer([ms(0), ms(500), ms(505)]), ms(500))
    assert known.used_stamps_ns == (ms(500),)
    assert at(make_buffer([ms(0), ms(500), ms(505)]), ms(0)).reason == 'waiting_for_joints'


def test_one_sample_alone_is_waited_with_until_another_agrees():
    assert at(make_buffer([ms(0), ms(500)]), ms(500)).reason == 'waiting_for_joints'


def test_before_the_oldest_sample_the_state_is_unknown():
    assert at(make_buffer([ms(10), ms(15)]), ms(9)).reason == 'gap'


def test_without_samples_there_is_no_data():
    assert at(make_buffer([]), ms(0)).reason == 'no_data'


@pytest.mark.parametrize(('ahead_ms', 'known'), [(1, True), (10, True), (10.001, False)])
def test_extrapolation_ends_at_its_bound(ahead_ms, known):
    state = at(make_buffer([ms(0), ms(5)]), ms(5 + ahead_ms))
    if known:
        expected = joint_sample('left', ms(5 + ahead_ms)).position
        np.testing.assert_allclose(state.position, expected, rtol=0, atol=1e-12)
    else:
        assert state.reason == 'waiting_for_joints'


def test_without_extrapolation_the_next_sample_is_awaited():
    assert (
        at(make_buffer([ms(0), ms(5)]), ms(6), extrapolation_ms=0).reason == 'waiting_for_joints'
    )


def test_one_sample_gives_no_direction_to_extrapolate():
    assert at(make_buffer([ms(0)]), ms(1)).reason == 'waiting_for_joints'


def test_extrapolation_does_not_use_a_slope_across_a_hole():
    assert at(make_buffer([ms(0), ms(100)]), ms(101)).reason == 'gap'
