# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""How much each stream keeps, and the numbers that its refusals tell."""

import numpy as np
import pytest
from inference.session_feed import joint_sample
from inference.session_feed import ms
from inference.session_feed import object_poses
from inference.session_feed import picture
from inference.session_feed import sync_config

from wla_ros.base.timing import NS_PER_MS
from wla_ros.base.timing import NS_PER_S
from wla_ros.base.types import ObjectPoses
from wla_ros.base.types import Refusal
from wla_ros.observation.buffer import BufferBounds
from wla_ros.observation.buffer import StreamBuffer
from wla_ros.observation.buffer import StreamCounters
from wla_ros.observation.cameras import CameraStream
from wla_ros.observation.config import CameraSync
from wla_ros.observation.config import HistorySync
from wla_ros.observation.config import JointSync
from wla_ros.observation.config import ObjectSync
from wla_ros.observation.joints import JointStream
from wla_ros.observation.joints import ObjectStream
from wla_ros.observation.joints import interpolate_joints


def camera(offsets_ns=(), settings=None, **fields):
    settings = settings or CameraSync(rate_hz=50.0, max_age_s=0.2)
    config = sync_config(max_skew_s=0.02, future_tolerance_s=0.08, **fields)
    return CameraStream('head', settings, config, offsets_ns)


def kept_ms(target, period_ms, take):
    """Offer two seconds of samples; return how long before the newest the oldest was taken."""
    for i in range(round(2000 / period_ms) + 1):
        assert take(target, ms(i * period_ms)) is None
    stamps = target.buffer.stamps_ns
    return (stamps[-1] - stamps[0]) / NS_PER_MS


def take_frame(target, stamp_ns):
    return target.offer(stamp_ns, stamp_ns, picture(stamp_ns))


def test_a_camera_keeps_what_an_anchor_of_the_greatest_age_may_need():
    # age + skew + tolerance of stamps ahead, at the nominal rate and at twice that
    assert kept_ms(camera(), 20, take_frame) == 300
    assert kept_ms(camera(), 10, take_frame) == 300


def test_history_reaches_further_back_by_its_tolerance():
    target = camera((100 * NS_PER_MS, 60 * NS_PER_MS))
    assert target.history.reach_ns == 110 * NS_PER_MS  # half a period of 20 ms
    assert kept_ms(target, 10, take_frame) == 390
    wide = camera((100 * NS_PER_MS,), history=HistorySync(tolerance_s=0.04))
    assert kept_ms(wide, 10, take_frame) == 420


def test_a_camera_that_runs_wild_fills_no_more_than_twice_its_share():
    target = camera()
    kept_ms(target, 1, take_frame)
    assert len(target.buffer.stamps_ns) == 2 * 15 + 2


def joints(reach_ms=0, **fields):
    config = sync_config(joints=JointSync(max_age_s=0.1, max_gap_s=0.05), **fields)
    return JointStream('left', config, reach_ns=reach_ms * NS_PER_MS)


def take_joints(target, stamp_ns):
    return target.offer(joint_sample('left', stamp_ns))


@pytest.mark.parametrize(('reach_ms', 'expected'), [(0, 200), (100, 200), (300, 400)])
def test_joints_are_kept_for_the_oldest_anchor_and_a_gap_before_it(reach_ms, expected):
    # max(reach, age) + gap + tolerance of stamps ahead
    assert kept_ms(joints(reach_ms), 5, take_joints) == expected
    assert kept_ms(joints(reach_ms), 1, take_joints) == expected


def test_joints_of_a_driver_that_runs_wild_are_bounded():
    target = joints()
    kept_ms(target, 0.5, take_joints)
    assert len(target.buffer.stamps_ns) == 202


def objects(reach_ms=0):
    config = sync_config(objects=ObjectSync(max_age_s=0.1, max_skew_s=0.03))
    return ObjectStream(config, reach_ns=reach_ms * NS_PER_MS)


@pytest.mark.parametrize(('reach_ms', 'expected'), [(0, 180), (300, 380)])
def test_poses_are_kept_for_the_oldest_anchor(reach_ms, expected):
    assert kept_ms(objects(reach_ms), 10, take_poses) == expected


def take_poses(target, stamp_ns):
    return target.offer(object_poses(stamp_ns))


def test_poses_of_a_simulator_that_runs_wild_are_bounded():
    target = objects(2000)
    kept_ms(target, 1, take_poses)
    assert len(target.buffer.stamps_ns) == 512


def test_poses_that_are_late_are_awaited_and_poses_that_are_missing_are_not():
    target = objects()
    assert target.at(ms(0)).reason == 'waiting_for_objects'
    take_poses(target, ms(0))
    assert target.at(ms(30)).stamp_ns == ms(0)
    assert target.at(ms(31)).reason == 'waiting_for_objects'
    assert '0.0300 s' in target.at(ms(31)).detail
    take_poses(target, ms(70))
    assert target.at(ms(35)).reason == 'skew'


@pytest.mark.parametrize(('shape', 'names'), [((1, 6), 1), ((2, 7), 1), ((1, 7), 2), ((7,), 1)])
def test_poses_of_another_shape_are_refused_with_both_shapes(shape, names):
    poses = ObjectPoses(
        stamp_ns=ms(0), receive_ns=ms(0), names=('cup',) * names, poses=np.zeros(shape)
    )
    refusal = objects().offer(poses)
    assert refusal.reason == 'bad_objects'
    assert f'expected finite [{names}, 7], got {list(shape)}' in refusal.detail


def test_a_pose_that_is_not_finite_is_refused():
    poses = object_poses(ms(0))
    poses.poses[0, 3] = np.inf
    assert objects().offer(poses).reason == 'bad_objects'


def test_counters_begin_at_nothing():
    assert StreamCounters() == StreamCounters(
        received=0, used=0, superseded=0, refused=0, waiting=0
    )
    assert make_buffer().counters == StreamCounters()


def make_buffer(**fields):
    bounds = {'window_ns': NS_PER_S, 'capacity': 9, **fields}
    return StreamBuffer(
        'head',
        BufferBounds(future_tolerance_ns=20 * NS_PER_MS, jump_tolerance_ns=NS_PER_S, **bounds),
    )


@pytest.mark.parametrize('fields', [{'window_ns': 0}, {'window_ns': -1}, {'capacity': 1}])
def test_a_buffer_that_keeps_nothing_is_a_mistake(fields):
    with pytest.raises(ValueError, match='capacity >= 2 and window > 0'):
        make_buffer(**fields)


def test_the_smallest_buffer_keeps_two_samples():
    buffer = make_buffer(window_ns=1, capacity=2)
    for stamp_ns in (ms(0), ms(0) + 1, ms(0) + 2):
        assert buffer.push(stamp_ns, stamp_ns, 'x') is None
    assert buffer.stamps_ns == [ms(0) + 1, ms(0) + 2]


def test_a_sample_as_old_as_the_window_stays():
    buffer = make_buffer(window_ns=20 * NS_PER_MS)
    for stamp_ns in (ms(0), ms(20)):
        buffer.push(stamp_ns, stamp_ns, 'x')
    assert buffer.stamps_ns == [ms(0), ms(20)]
    buffer.push(ms(20) + 1, ms(20) + 1, 'x')
    assert buffer.stamps_ns == [ms(20), ms(20) + 1]


def test_refusals_tell_what_was_wrong_in_seconds():
    buffer = make_buffer()
    assert (
        '0.021 s ahead of the clock, tolerance 0.020 s' in buffer.push(ms(21), ms(0), 'x').detail
    )
    assert 'header stamp is 0 ns' in buffer.push(0, ms(0), 'x').detail
    buffer.clear(floor_ns=ms(50))
    assert 'was taken 0.010 s before' in buffer.push(ms(40), ms(60), 'x').detail
    stale = buffer.staleness(ms(60), NS_PER_S)
    assert '; 3 refused, the last as before_reset (head: was taken' in stale.detail


def test_the_rate_is_that_of_accepted_stamps():
    buffer = make_buffer()
    for i in range(101):
        buffer.push(ms(20 * i), ms(20 * i), 'x')
        buffer.push(ms(20 * i), ms(20 * i), 'repeated')
    assert buffer.rate_hz(ms(2000)) == pytest.approx(50.0)
    buffer.clear(floor_ns=ms(2000))
    assert buffer.rate_hz(ms(2000)) == pytest.approx(50.0)
    buffer.clear(floor_ns=None)
    assert buffer.rate_hz(ms(2000)) == 0.0


def test_missing_history_tells_how_far_the_nearest_frame_is():
    target = camera((100 * NS_PER_MS,), history=HistorySync(start='wait'))
    assert 'no frame at all' in target.history.frames(target.buffer, ms(0)).detail
    for stamp_ms in (0, 50):
        take_frame(target, ms(stamp_ms))
    detail = target.history.frames(target.buffer, ms(50)).detail
    assert 'head[-0.100s]: no frame within 0.0100 s, the nearest is 0.0500 s away' in detail


def test_the_very_instant_of_the_first_frame_is_not_before_the_start():
    """At exactly h after the first frame a hole there is a hole, whatever the start rule."""
    target = camera((100 * NS_PER_MS,), history=HistorySync(start='omit'))
    for stamp_ms in (0, 40, 120):
        take_frame(target, ms(stamp_ms))
    assert target.history.frames(target.buffer, ms(89)) == ()
    assert len(target.history.frames(target.buffer, ms(100))) == 1
    assert target.history.frames(target.buffer, ms(120)).reason == 'missing_history'


def test_omitting_one_offset_keeps_the_others():
    target = camera((100 * NS_PER_MS, 20 * NS_PER_MS), history=HistorySync(start='omit'))
    for stamp_ms in (0, 20):
        take_frame(target, ms(stamp_ms))
    (entry,) = target.history.frames(target.buffer, ms(20))
    assert (entry.offset_ns, entry.frame.stamp_ns) == (20 * NS_PER_MS, ms(0))


def test_a_frozen_picture_is_told_with_its_duration_and_the_waiting_frames_are_taken_back():
    target = camera(settings=CameraSync(rate_hz=50.0, frozen_after_s=0.1))
    stuck = picture(3)
    verdicts = [target.offer(ms(i * 20), ms(i * 20), stuck) for i in range(7)]
    assert [verdict is None for verdict in verdicts] == [True] * 5 + [False] * 2
    assert 'has not changed for 0.120 s' in verdicts[-1].detail
    assert target.problem(ms(120)).reason == 'frozen'
    assert target.buffer.stamps_ns == [ms(0)]
    assert take_frame(target, ms(140)) is None
    assert target.problem(ms(140)) is None


def test_a_camera_whose_clock_was_set_begins_a_new_series_of_pictures():
    target = camera(settings=CameraSync(rate_hz=50.0, frozen_after_s=0.1))
    target.offer(ms(0), ms(5000), picture(3))  # its clock was five seconds behind
    verdicts = [target.offer(ms(at), ms(at), picture(3)) for at in (5100, 5200, 5300)]
    assert [isinstance(verdict, Refusal) for verdict in verdicts] == [True, True, False]
    assert target.problem(ms(5300)) is None


def known(stamps_ms, time_ms, *, gap_ms=50, extrapolation_ms=10):
    target = joints()
    for stamp_ms in stamps_ms:
        target.offer(joint_sample('left', ms(stamp_ms)))
    return interpolate_joints(
        target.buffer,
        ms(time_ms),
        max_gap_ns=gap_ms * NS_PER_MS,
        extrapolation_ns=extrapolation_ms * NS_PER_MS,
    )


@pytest.mark.parametrize(
    ('stamps_ms', 'time_ms', 'words'),
    [
        ((10, 15), 7, 'the oldest sample is 0.0030 s after the anchor'),
        ((0, 60, 65), 60 - 20, 'are 0.0600 s apart, bound 0.0500 s'),
        ((0, 60), 61, 'are 0.0600 s apart, bound 0.0500 s'),
        ((0, 5), 17, 'is 0.0120 s newer than the newest sample, extrapolation bound 0.0100 s'),
        ((0,), 0, 'none within 0.0500 s of it agrees'),
        ((), 0, 'left_joints: no sample'),
    ],
)
def test_an_unknown_state_is_told_with_value_and_bound(stamps_ms, time_ms, words):
    assert words in known(stamps_ms, time_ms).detail


def test_the_largest_gap_itself_is_bridged_continued_and_agreed_with():
    for time_ms in (0, 25, 50, 60):
        assert not isinstance(known((0, 50), time_ms), Refusal)


def test_in_the_middle_between_two_samples_the_older_is_the_nearest():
    assert known((0, 10), 5).nearest_stamp_ns == ms(0)
    assert known((0, 10), 5.000002).nearest_stamp_ns == ms(10)


def test_a_continued_state_names_the_two_samples_it_comes_from():
    state = known((0, 5, 10), 14)
    assert (state.used_stamps_ns, state.nearest_stamp_ns) == ((ms(5), ms(10)), ms(10))
    np.testing.assert_array_equal(state.velocity, joint_sample('left', ms(10)).velocity)


def test_a_picture_needs_all_of_type_shape_and_content():
    target = camera()
    detail = target.offer(ms(0), ms(0), np.zeros((4, 5, 4), dtype=np.uint8)).detail
    assert 'head: expected uint8 [h, w, 3], got uint8 [4, 5, 4]' in detail
    assert target.buffer.counters.refused == 1


def test_a_simulated_clock_begins_at_nothing_and_every_duration_is_right():
    """Times of a few milliseconds, of which the later ones are many times the earlier."""
    buffer = make_buffer()
    buffer.push(NS_PER_MS, NS_PER_MS, 'x')
    assert (
        'is 0.099 s old, bound 0.050 s' in buffer.staleness(100 * NS_PER_MS, 50 * NS_PER_MS).detail
    )
    assert '0.090 s ahead' in buffer.push(100 * NS_PER_MS, 10 * NS_PER_MS, 'x').detail
    assert buffer.nearest_index(12 * NS_PER_MS, 11 * NS_PER_MS) == 0
    assert buffer.nearest_index(13 * NS_PER_MS, 11 * NS_PER_MS) is None
    buffer.clear(floor_ns=100 * NS_PER_MS)
    assert '0.080 s before' in buffer.push(20 * NS_PER_MS, 101 * NS_PER_MS, 'x').detail
    target = camera(settings=CameraSync(rate_hz=50.0, frozen_after_s=0.1))
    for stamp_ms in (1, 40, 80, 120):
        verdict = target.offer(stamp_ms * NS_PER_MS, stamp_ms * NS_PER_MS, picture(3))
    assert '0.119 s' in verdict.detail


@pytest.mark.parametrize(('time_ms', 'share'), [(2, 0.1), (6, 0.5), (9, 0.8), (14, 1.3)])
def test_joints_between_and_behind_samples_of_a_clock_that_begins_at_nothing(time_ms, share):
    target = joints()
    for stamp_ms, joint1 in ((1, 0.1), (11, 0.11)):
        position = np.array([joint1, 0.2, 0.2, 0.2, 0.2, 0.2, 0.02])
        sample = joint_sample('left', stamp_ms * NS_PER_MS, position=position)
        assert target.offer(sample) is None
    assert target.at(time_ms * NS_PER_MS).position[0] == pytest.approx(0.1 + 0.01 * share)
