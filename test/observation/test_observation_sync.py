# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from inference.session_feed import CAMERAS
from inference.session_feed import FRAME_NS
from inference.session_feed import LAYOUT
from inference.session_feed import feed_frames
from inference.session_feed import feed_joints
from inference.session_feed import joint_sample
from inference.session_feed import line_position
from inference.session_feed import ms
from inference.session_feed import object_poses
from inference.session_feed import picture
from inference.session_feed import policy_spec
from inference.session_feed import reason
from inference.session_feed import run_for
from inference.session_feed import session
from inference.session_feed import sync_config

from wla_ros.base.timing import NS_PER_MS
from wla_ros.base.types import Observation
from wla_ros.base.types import Refusal
from wla_ros.observation.config import CameraSync
from wla_ros.observation.config import JointSync
from wla_ros.observation.config import ObjectSync


def test_the_newest_frame_of_the_anchor_camera_anchors_the_observation():
    target = session()
    last_ns = run_for(target, ms(0), ms(300))
    observation = target.next_observation(ms(305))
    assert observation.stamp_ns == last_ns
    assert {name: frame.stamp_ns for name, frame in observation.images.items()} == dict.fromkeys(
        CAMERAS, last_ns
    )
    np.testing.assert_allclose(observation.joint_position, line_position(last_ns), atol=1e-12)
    assert observation.synchronised_ns == ms(305)


def test_pixels_are_references_and_nobody_can_write_into_them():
    target = session(policy_spec(cameras=('head',)))
    pixels = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    feed_joints(target, ms(0), ms(10))
    target.offer_image('head', ms(10), ms(10), pixels)
    observation = target.next_observation(ms(10))
    assert np.shares_memory(observation.images['head'].pixels, pixels)
    for array in (observation.images['head'].pixels, observation.joint_position):
        assert not array.flags.writeable
    assert pixels.flags.writeable


def test_an_older_anchor_wins_if_the_newest_one_has_no_partner_yet():
    target = session()
    feed_joints(target, ms(0), ms(80))
    feed_frames(target, ms(0))
    feed_frames(target, ms(40), cameras=('head',))
    observation = target.next_observation(ms(45))
    assert observation.stamp_ns == ms(0)
    assert reason(target.next_observation(ms(46))) == 'waiting_for_camera'
    feed_frames(target, ms(45), cameras=('left_wrist', 'right_wrist'))
    assert target.next_observation(ms(50)).stamp_ns == ms(40)


def test_a_newer_complete_anchor_spends_the_older_ones():
    target = session()
    last_ns = run_for(target, ms(0), ms(200))
    assert target.next_observation(ms(201)).stamp_ns == last_ns
    assert reason(target.next_observation(ms(202))) == 'no_new_frame'


def test_the_nearest_partner_is_taken_and_its_skew_is_told():
    target = session(policy_spec(cameras=('head', 'left_wrist')))
    feed_joints(target, ms(0), ms(40))
    for stamp_ms in (5, 26):
        feed_frames(target, ms(stamp_ms), cameras=('left_wrist',))
    feed_frames(target, ms(20), cameras=('head',))
    observation = target.next_observation(ms(40))
    assert observation.images['left_wrist'].stamp_ns == ms(26)
    sample = next(s for s in observation.samples if s.stream == 'left_wrist')
    assert (sample.age_ns, sample.skew_ns) == (14 * NS_PER_MS, 6 * NS_PER_MS)


def test_skew_beyond_the_bound_is_refused_with_value_and_bound():
    target = session(policy_spec(cameras=('head', 'left_wrist')))
    feed_joints(target, ms(0), ms(60))
    feed_frames(target, ms(0), cameras=('left_wrist',))
    feed_frames(target, ms(26), cameras=('head',))
    assert reason(target.next_observation(ms(30))) == 'waiting_for_camera'
    feed_frames(target, ms(55), cameras=('left_wrist',))
    refusal = target.next_observation(ms(60))
    assert refusal.reason == 'skew'
    for part in ('left_wrist', '-0.0260 s', '0.0250 s'):
        assert part in refusal.detail


def test_a_missing_camera_stops_observations_and_is_never_filled_in():
    target = session()
    feed_joints(target, ms(0), ms(20))
    feed_frames(target, ms(10), cameras=('head', 'left_wrist'))
    refusal = target.next_observation(ms(20))
    assert refusal.reason == 'no_data'
    assert 'right_wrist' in refusal.detail


def test_a_dead_camera_goes_stale_and_recovers_with_its_next_frame():
    target = session(policy_spec(cameras=('head',)))
    feed_joints(target, ms(0), ms(400))
    feed_frames(target, ms(10), cameras=('head',))
    refusal = target.next_observation(ms(261))
    assert refusal.reason == 'stale'
    for part in ('head', '0.251 s', '0.250 s'):
        assert part in refusal.detail
    feed_frames(target, ms(390), cameras=('head',))
    assert target.next_observation(ms(400)).stamp_ns == ms(390)


def test_all_problems_are_told_at_once():
    target = session()
    refusal = target.next_observation(ms(0))
    for stream in (*CAMERAS, 'left_joints', 'right_joints'):
        assert stream in refusal.detail


def test_a_silent_arm_stops_observations():
    target = session(policy_spec(cameras=('head',)))
    feed_joints(target, ms(0), ms(50))
    feed_frames(target, ms(150), cameras=('head',))
    refusal = target.next_observation(ms(151))
    assert refusal.reason == 'stale'
    assert 'left_joints' in refusal.detail
    assert 'right_joints' in refusal.detail


def test_joints_at_the_anchor_time_are_awaited():
    target = session(policy_spec(cameras=('head',)))
    feed_joints(target, ms(0), ms(20))
    feed_frames(target, ms(31), cameras=('head',))
    assert reason(target.next_observation(ms(32))) == 'waiting_for_joints'
    feed_joints(target, ms(25), ms(35))
    assert target.next_observation(ms(36)).stamp_ns == ms(31)


def test_an_optional_camera_is_left_out_and_never_stale():
    optional = {'right_wrist': CameraSync(required=False)}
    target = session(config=sync_config(cameras=optional))
    feed_joints(target, ms(0), ms(500))
    feed_frames(target, ms(10))
    feed_frames(target, ms(490), cameras=('head', 'left_wrist'))
    observation = target.next_observation(ms(495))
    assert set(observation.images) == {'head', 'left_wrist'}
    assert target.snapshot(ms(495)).ready


def test_calibrated_latencies_move_every_stream_to_its_exposure():
    config = sync_config(
        camera=CameraSync(latency_s=0.02),
        cameras={'left_wrist': CameraSync(latency_s=0.05)},
        joints=JointSync(latency_s=0.003),
    )
    target = session(policy_spec(cameras=('head', 'left_wrist')), config)
    feed_joints(target, ms(0), ms(60))
    target.offer_image('head', ms(40), ms(40), picture(1))
    target.offer_image('left_wrist', ms(70), ms(70), picture(2))
    observation = target.next_observation(ms(70))
    assert observation.stamp_ns == ms(20)
    assert observation.images['left_wrist'].stamp_ns == ms(20)
    np.testing.assert_allclose(observation.joint_position, line_position(ms(23)), atol=1e-12)


def test_the_anchor_camera_can_be_chosen():
    target = session(config=sync_config(anchor_camera='right_wrist'))
    feed_joints(target, ms(0), ms(50))
    for offset, camera in enumerate(CAMERAS):
        feed_frames(target, ms(10 + 5 * offset), cameras=(camera,))
    assert target.next_observation(ms(40)).stamp_ns == ms(20)


def test_object_poses_near_the_anchor_are_part_of_the_observation():
    target = session(policy_spec(cameras=('head',), needs_objects=True))
    feed_joints(target, ms(0), ms(80))
    target.offer_objects(object_poses(ms(0)))
    feed_frames(target, ms(50), cameras=('head',))
    assert reason(target.next_observation(ms(51))) == 'waiting_for_objects'
    target.offer_objects(object_poses(ms(55)))
    observation = target.next_observation(ms(60))
    assert observation.objects.stamp_ns == ms(55)
    assert any(sample.stream == 'objects' for sample in observation.samples)


def test_without_cameras_object_poses_are_the_anchor():
    target = session(policy_spec(cameras=(), needs_objects=True))
    feed_joints(target, ms(0), ms(60))
    target.offer_objects(object_poses(ms(42)))
    assert target.next_observation(ms(60)).stamp_ns == ms(42)
    assert reason(target.next_observation(ms(61))) == 'no_new_frame'


def test_without_cameras_and_objects_the_newest_common_joint_time_is_the_anchor():
    target = session(policy_spec(cameras=()))
    feed_joints(target, ms(0), ms(50))
    target.offer_joints(joint_sample('left', ms(55)))
    assert target.next_observation(ms(56)).stamp_ns == ms(50)
    feed_joints(target, ms(60), ms(80))
    assert reason(target.next_observation(ms(81))) == 'no_new_frame'
    feed_joints(target, ms(85), ms(85))
    assert target.next_observation(ms(86)).stamp_ns == ms(85)


def test_a_frozen_camera_is_refused_until_the_picture_changes():
    target = session(policy_spec(cameras=('head',)))
    feed_joints(target, ms(0), ms(700))
    feed_frames(target, ms(0), cameras=('head',))
    stuck = picture(7)
    verdicts = [
        target.offer_image('head', ms(33 + 33 * i), ms(33 + 33 * i), stuck) for i in range(20)
    ]
    assert [reason(v) for v in verdicts if v is not None] == ['frozen'] * 4
    refusal = target.next_observation(ms(670))
    assert refusal.reason == 'frozen'
    assert 'head' in refusal.detail
    feed_frames(target, ms(693), cameras=('head',))
    assert target.next_observation(ms(695)).stamp_ns == ms(693)


def test_frames_taken_while_frozen_never_become_history():
    history_ns = {'head': (66 * NS_PER_MS,)}
    target = session(policy_spec(cameras=('head',), history_ns=history_ns))
    feed_joints(target, ms(0), ms(800))
    for i in range(20):
        target.offer_image('head', ms(33 * i), ms(33 * i), picture(7))
    for i in range(20, 22):
        feed_frames(target, ms(33 * i), cameras=('head',))
        assert reason(target.next_observation(ms(33 * i))) == 'missing_history'
    feed_frames(target, ms(33 * 22), cameras=('head',))
    observation = target.next_observation(ms(33 * 22))
    assert [frame.stamp_ns for frame in observation.history['head']] == [ms(33 * 20)]


def test_history_is_part_of_the_samples_with_its_offset():
    target = session(policy_spec(history_ns={'head': (8 * FRAME_NS,)}))
    last_ns = run_for(target, ms(0), ms(400))
    observation = target.next_observation(ms(401))
    (frame,) = observation.history['head']
    assert frame.stamp_ns == last_ns - 8 * FRAME_NS
    sample = next(s for s in observation.samples if s.stream == 'head[-0.267s]')
    assert sample.skew_ns == -8 * FRAME_NS
    assert [s.stream for s in observation.samples] == [
        'head',
        'head[-0.267s]',
        'left_wrist',
        'right_wrist',
        'left_joints',
        'right_joints',
    ]


def offer_at(target, stamp_ms, receive_ms, *, cameras=CAMERAS):
    """Offer a frame of every camera and two samples of every arm, the newest at `stamp_ms`."""
    for earlier_ms in (5, 0):
        for arm in LAYOUT.arms:
            sample = joint_sample(arm, ms(stamp_ms - earlier_ms), receive_ns=ms(receive_ms))
            assert target.offer_joints(sample) is None
    for name in cameras:
        pixels = picture(ms(stamp_ms))
        assert target.offer_image(name, ms(stamp_ms), ms(receive_ms), pixels) is None


def test_every_sample_that_went_into_an_observation_counts_as_used_and_no_other():
    spec = policy_spec(history_ns={'head': (2 * FRAME_NS,)}, needs_objects=True)
    target = session(spec)
    last_ns = run_for(target, ms(0), ms(200))
    for stamp_ns in (last_ns - 20 * NS_PER_MS, last_ns):
        target.offer_objects(object_poses(stamp_ns))
    assert isinstance(target.next_observation(ms(201)), Observation)
    used = {health.stream: health.used for health in target.snapshot(ms(201)).streams}
    assert used == {
        'head': 2,
        'left_wrist': 1,
        'right_wrist': 1,
        'left_joints': 2,
        'right_joints': 2,
        'objects': 1,
    }


def test_samples_tell_age_and_skew_of_every_stream():
    target = session(policy_spec(cameras=('head',), needs_objects=True))
    feed_joints(target, ms(0), ms(60))
    target.offer_objects(object_poses(ms(35)))
    feed_frames(target, ms(42), cameras=('head',))
    samples = {s.stream: s for s in target.next_observation(ms(60)).samples}
    told = {name: (s.age_ns / NS_PER_MS, s.skew_ns / NS_PER_MS) for name, s in samples.items()}
    assert told == {
        'head': (18, 0),
        'left_joints': (20, -2),
        'right_joints': (20, -2),
        'objects': (25, -7),
    }


def test_a_stamp_ahead_of_the_clock_is_new_and_not_of_negative_age():
    target = session()
    offer_at(target, 10, 5)
    observation = target.next_observation(ms(5))
    assert observation.stamp_ns == ms(10)
    assert {sample.age_ns for sample in observation.samples} == {0}


def test_an_optional_camera_that_is_missing_does_not_cost_those_behind_it():
    target = session(config=sync_config(cameras={'left_wrist': CameraSync(required=False)}))
    offer_at(target, 10, 10, cameras=('head', 'right_wrist'))
    assert list(target.next_observation(ms(11)).images) == ['head', 'right_wrist']


def test_the_first_required_camera_anchors_where_none_is_named():
    target = session(config=sync_config(cameras={'head': CameraSync(required=False)}))
    feed_joints(target, ms(0), ms(50))
    for offset, camera in enumerate(CAMERAS):
        feed_frames(target, ms(10 + 5 * offset), cameras=(camera,))
    assert target.next_observation(ms(40)).stamp_ns == ms(15)


def test_an_anchor_serves_until_it_is_as_old_as_the_bound():
    for late_ns, served in ((0, True), (1, False)):
        target = session(policy_spec(cameras=('head',)))
        feed_joints(target, ms(0), ms(250))
        feed_frames(target, ms(5), cameras=('head',))
        found = target.next_observation(ms(255) + late_ns)
        assert isinstance(found, Observation) == served


@pytest.mark.parametrize(('age_ms', 'served'), [(50, True), (60, False)])
def test_a_partner_at_an_old_anchor_may_be_no_older_than_its_own_bound(age_ms, served):
    settings = {'left_wrist': CameraSync(max_age_s=0.05)}
    target = session(policy_spec(cameras=CAMERAS[:2]), sync_config(cameras=settings))
    feed_joints(target, ms(0), ms(100))
    feed_frames(target, ms(40), cameras=CAMERAS[:2])
    feed_frames(target, ms(80), cameras=('left_wrist',))
    found = target.next_observation(ms(40 + age_ms))
    assert isinstance(found, Observation) == served
    if not served:
        assert found.reason == 'stale'
        assert 'frame at the anchor is 0.060 s old, bound 0.050 s' in found.detail


def test_a_frame_at_the_very_bound_of_skew_is_a_partner():
    target = session(policy_spec(cameras=CAMERAS[:2]))
    feed_joints(target, ms(0), ms(60))
    feed_frames(target, ms(10), cameras=('left_wrist',))
    feed_frames(target, ms(35), cameras=('head',))
    assert target.next_observation(ms(40)).images['left_wrist'].stamp_ns == ms(10)


def test_anchors_from_before_the_oldest_that_serves_are_left_out():
    for oldest_ms, served in ((10, True), (10.000001, False)):
        target = session()
        offer_at(target, 10, 10)
        found = target._sync.synchronise(ms(11), 0, oldest_anchor_ns=ms(oldest_ms))
        assert isinstance(found, Observation) == served


def test_without_cameras_observations_come_as_often_as_the_period_says():
    target = session(policy_spec(cameras=()), sync_config(joint_anchor_period_s=0.03))
    feed_joints(target, ms(0), ms(50))
    assert target.next_observation(ms(51)).stamp_ns == ms(50)
    feed_joints(target, ms(55), ms(75))
    assert reason(target.next_observation(ms(76))) == 'no_new_frame'
    feed_joints(target, ms(80), ms(80))
    assert target.next_observation(ms(81)).stamp_ns == ms(80)


def test_a_reset_forgets_the_anchor_and_the_samples_of_every_stream():
    target = session(policy_spec(needs_objects=True))
    offer_at(target, 10, 10)
    target.offer_objects(object_poses(ms(10)))
    assert target.next_observation(ms(11)).stamp_ns == ms(10)
    target._sync.clear(floor_ns=None)
    assert all(not stream.buffer.stamps_ns for stream in target._sync.streams)
    offer_at(target, 5, 12)
    target.offer_objects(object_poses(ms(5), receive_ns=ms(12)))
    assert target.next_observation(ms(12)).stamp_ns == ms(5)


def test_poses_and_joints_are_kept_for_the_oldest_frame_that_anchors():
    patient = sync_config(camera=CameraSync(max_age_s=0.5))
    target = session(policy_spec(cameras=('head',), needs_objects=True), patient)
    feed_joints(target, ms(0), ms(450))
    for stamp_ms in range(0, 451, 10):
        target.offer_objects(object_poses(ms(stamp_ms)))
    feed_frames(target, ms(6), cameras=('head',))
    observation = target.next_observation(ms(455))
    assert (observation.stamp_ns, observation.objects.stamp_ns) == (ms(6), ms(10))


def test_joints_are_kept_for_the_oldest_poses_that_anchor():
    target = session(policy_spec(cameras=(), needs_objects=True))
    feed_joints(target, ms(0), ms(250))
    target.offer_objects(object_poses(ms(5)))
    assert target.next_observation(ms(255)).stamp_ns == ms(5)


@pytest.mark.parametrize(
    ('cameras', 'needs_objects', 'stream'),
    [(('head',), True, 'head'), ((), True, 'objects'), ((), False, 'left_joints')],
)
def test_anchors_that_went_back_in_time_are_told_by_the_stream_they_come_from(
    cameras, needs_objects, stream
):
    config = sync_config(
        camera=CameraSync(max_age_s=10.0),
        joints=JointSync(max_age_s=10.0),
        objects=ObjectSync(max_age_s=10.0),
    )
    target = session(policy_spec(cameras=cameras, needs_objects=needs_objects), config)

    def offer(stamp_ms, receive_ms):
        for arm in LAYOUT.arms:
            sample = joint_sample(arm, ms(stamp_ms), receive_ns=ms(receive_ms))
            target.offer_joints(sample)
        target.offer_objects(object_poses(ms(stamp_ms), receive_ns=ms(receive_ms)))
        if cameras:
            pixels = picture(ms(stamp_ms))
            target.offer_image('head', ms(stamp_ms), ms(receive_ms), pixels)

    offer(4995, 4995)
    offer(5000, 5000)
    assert target.next_observation(ms(5000)).stamp_ns == ms(5000)
    assert reason(target.next_observation(ms(5001))) == 'no_new_frame'
    for at_ms in range(5010, 5310, 20):
        offer(at_ms - 3000, at_ms)
    assert reason(target.next_observation(ms(5311))) == 'stamp_jump'
    refusal = target.next_observation(ms(5312))
    assert refusal.reason == 'stamp_jump'
    told = f'{stream}: its stamps went back; the newest is 2.710 s before the last observation'
    assert refusal.detail == told


def camera_traffic(seed, *, drop_rate, jitter_ms, dead_ms):
    """Frames of three free-running cameras, joints and polls of half a second, as received."""
    generator = np.random.default_rng(seed)
    events = []
    for camera in CAMERAS:
        phase_ms, transport_ms = generator.integers(0, 33), generator.choice([1, 10, 40])
        for i in range(15):
            stamp_ms = int(phase_ms + 33 * i + generator.integers(-jitter_ms, jitter_ms + 1))
            if generator.random() >= drop_rate:
                events.append((stamp_ms + int(transport_ms), camera, stamp_ms))
    joint_delay_ms = int(generator.choice([1, 12]))
    for stamp_ms in range(-20, 520, 5):
        arms = LAYOUT.arms if stamp_ms < dead_ms else ('right',)
        events += [(stamp_ms + joint_delay_ms, arm, stamp_ms) for arm in arms]
    events += [(int(poll_ms), 'poll', 0) for poll_ms in generator.integers(0, 520, 60)]
    return sorted(events)


def deliver(target, events):
    """Return the observations of all polls."""
    observations = []
    for time_ms, name, stamp_ms in events:
        if name == 'poll':
            result = target.next_observation(ms(time_ms))
            if isinstance(result, Observation):
                observations.append(result)
            else:
                assert isinstance(result, Refusal)
        elif name in CAMERAS:
            target.offer_image(name, ms(stamp_ms), ms(time_ms), picture(stamp_ms))
        else:
            target.offer_joints(joint_sample(name, ms(stamp_ms), receive_ns=ms(time_ms)))
    return observations


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    drop_rate=st.sampled_from([0.0, 0.1, 0.4]),
    jitter_ms=st.integers(0, 8),
    dead_ms=st.sampled_from([10_000, 200]),
    max_skew_ms=st.sampled_from([5, 15, 25]),
    max_age_ms=st.sampled_from([60, 120, 250]),
)
def test_no_observation_has_a_sample_beyond_a_bound_and_no_anchor_is_used_twice(
    seed, drop_rate, jitter_ms, dead_ms, max_skew_ms, max_age_ms
):
    events = camera_traffic(seed, drop_rate=drop_rate, jitter_ms=jitter_ms, dead_ms=dead_ms)
    config = sync_config(
        camera=CameraSync(max_age_s=max_age_ms * 1e-3), max_skew_s=max_skew_ms * 1e-3
    )
    target = session(config=config)
    observations = deliver(target, events)
    anchors = [observation.stamp_ns for observation in observations]
    assert anchors == sorted(set(anchors))
    for observation in observations:
        assert set(observation.images) == set(CAMERAS)
        now_ns = observation.synchronised_ns
        for sample in observation.samples:
            if sample.stream in CAMERAS:
                assert now_ns - sample.stamp_ns == sample.age_ns <= max_age_ms * NS_PER_MS
                assert abs(sample.skew_ns) <= max_skew_ms * NS_PER_MS
            else:
                assert abs(sample.skew_ns) <= 50 * NS_PER_MS  # the largest gap
        expected = line_position(observation.stamp_ns)
        np.testing.assert_allclose(observation.joint_position, expected, rtol=0, atol=1e-12)


def test_a_stream_of_another_name_is_unknown():
    target = session()
    assert reason(target.offer_image('tail', ms(0), ms(0), picture(0))) == 'unknown_stream'
    assert reason(target.offer_joints(joint_sample('third', ms(0)))) == 'unknown_stream'
    assert reason(target.offer_objects(object_poses(ms(0)))) == 'unknown_stream'
    assert reason(target.next_observation(ms(1))) == 'no_data'


@pytest.mark.parametrize(
    'pixels',
    [
        np.zeros((4, 4), dtype=np.uint8),
        np.zeros((4, 4, 4), dtype=np.uint8),
        np.zeros((4, 4, 3), dtype=np.float32),
        np.zeros((0, 4, 3), dtype=np.uint8),
    ],
)
def test_pixels_that_are_no_picture_are_refused_and_counted(pixels):
    target = session()
    assert reason(target.offer_image('head', ms(0), ms(0), pixels)) == 'bad_image'
    assert target.snapshot(ms(0)).streams[0].refused == 1


def test_object_poses_that_are_not_finite_are_refused():
    target = session(policy_spec(needs_objects=True))
    good = object_poses(ms(0))
    bad = type(good)(
        stamp_ns=ms(0), receive_ns=ms(0), names=good.names, poses=np.full((1, 7), np.nan)
    )
    assert reason(target.offer_objects(bad)) == 'bad_objects'
