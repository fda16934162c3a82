# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
import dataclasses
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from inference.plans import plan_of
from inference.plans import resting_plan
from inference.session_feed import CAMERAS
from inference.session_feed import FRAME_NS
from inference.session_feed import HORIZON
from inference.session_feed import LAYOUT
from inference.session_feed import START_NS
from inference.session_feed import counters_add_up
from inference.session_feed import feed_frames
from inference.session_feed import feed_joints
from inference.session_feed import good_result
from inference.session_feed import joint_sample
from inference.session_feed import ms
from inference.session_feed import object_poses
from inference.session_feed import picture
from inference.session_feed import policy_spec
from inference.session_feed import reason
from inference.session_feed import run_for
from inference.session_feed import session
from inference.session_feed import sync_config

from wla_ros.base.timing import NS_PER_MS
from wla_ros.base.timing import NS_PER_S
from wla_ros.base.types import ActionChunk
from wla_ros.base.types import Join
from wla_ros.base.types import Observation
from wla_ros.base.types import PolicyResult
from wla_ros.base.types import Refusal
from wla_ros.base.types import SpliceDelay
from wla_ros.base.types import StageTiming
from wla_ros.inference.strategy import StrategyConfig
from wla_ros.observation.config import CameraSync


def ready_session(**fields):
    """Return a session with one observation of ms(0)."""
    target = session(**fields)
    feed_joints(target, ms(-10), ms(0))
    feed_frames(target, ms(0))
    return target, target.next_observation(ms(5))


def chunk_of(target, now_ms):
    """Feed a frame at `now_ms` and run one inference on it."""
    feed_joints(target, ms(now_ms - 10), ms(now_ms))
    feed_frames(target, ms(now_ms))
    ticket = target.begin(target.next_observation(ms(now_ms)), ms(now_ms))
    return target.complete(ticket, good_result(), ms(now_ms + 1))


def test_a_chunk_is_anchored_at_the_observation_and_carries_its_provenance():
    target, observation = ready_session()
    target.instruction = 'stack the cups'
    ticket = target.begin(observation, ms(7))
    result = PolicyResult(
        rows=np.arange(HORIZON * 14.0).reshape(HORIZON, 14),
        subtask='grasp',
        subtask_id=3,
        memory_revision=2,
        finished=True,
        timings=(StageTiming(stage='vision', duration_ns=4),),
    )
    chunk = target.complete(ticket, result, ms(27))
    assert isinstance(chunk, ActionChunk)
    assert (chunk.stamp_ns, chunk.dt_ns, chunk.sequence, chunk.epoch) == (ms(0), FRAME_NS, 0, 0)
    assert (chunk.committed_prefix, chunk.row_offset, chunk.finished) == (0, 0, True)
    assert chunk.samples == observation.samples
    provenance = chunk.provenance
    assert (provenance.policy, provenance.instruction) == ('fake', 'stack the cups')
    assert (provenance.subtask, provenance.subtask_id, provenance.memory_revision) == (
        'grasp',
        3,
        2,
    )
    durations = {timing.stage: timing.duration_ns for timing in chunk.timings}
    assert durations == {
        'exposure_to_ready': 5 * NS_PER_MS,
        'wait': 2 * NS_PER_MS,
        'inference': 20 * NS_PER_MS,
        'exposure_to_chunk': 27 * NS_PER_MS,
        'vision': 4,
    }


def test_the_chunk_does_not_share_memory_with_the_policy():
    target, observation = ready_session()
    rows = np.zeros((HORIZON, 14), dtype=np.float32)
    chunk = target.complete(target.begin(observation, ms(5)), PolicyResult(rows=rows), ms(6))
    rows[:] = 1.0
    assert not chunk.rows.any()
    assert chunk.rows.dtype == np.float64
    assert not chunk.rows.flags.writeable


def test_sequence_rises_within_an_epoch_and_starts_at_0_in_the_next():
    target = session()
    assert [chunk_of(target, now).sequence for now in (0, 40, 80)] == [0, 1, 2]
    assert target.reset('episode', ms(90)) == 1
    chunk = chunk_of(target, 120)
    assert (chunk.epoch, chunk.sequence) == (1, 0)


def test_a_restarted_process_can_continue_above_its_predecessor():
    assert session(first_epoch=7).epoch == 7


def test_a_result_of_an_older_epoch_is_discarded_and_counted():
    target, observation = ready_session()
    ticket = target.begin(observation, ms(5))
    target.reset('mode_change', ms(10))
    refusal = target.complete(ticket, good_result(), ms(20))
    assert refusal.reason == 'stale_epoch'
    assert 'mode_change' in refusal.detail
    snapshot = target.snapshot(ms(20))
    assert (snapshot.results_discarded, snapshot.chunks_published) == (1, 0)
    assert counters_add_up(target, ms(20))


def test_an_observation_from_before_a_reset_gives_no_chunk():
    target, observation = ready_session()
    target.reset('episode', ms(10))
    ticket = target.begin(observation, ms(11))
    assert reason(target.complete(ticket, good_result(), ms(20))) == 'stale_epoch'


def test_an_instruction_takes_effect_at_the_next_inference_of_the_same_epoch():
    target, observation = ready_session()
    ticket = target.begin(observation, ms(5))
    target.instruction = 'later'
    chunk = target.complete(ticket, good_result(), ms(6))
    assert chunk.provenance.instruction == ''
    feed_joints(target, ms(5), ms(40))
    feed_frames(target, ms(40))
    ticket = target.begin(target.next_observation(ms(41)), ms(41))
    assert ticket.request.instruction == 'later'
    assert target.epoch == 0


@pytest.mark.parametrize(
    ('result', 'parts'),
    [
        (PolicyResult(rows=np.zeros((HORIZON + 1, 14))), ['5 rows', 'horizon is 4']),
        (PolicyResult(rows=np.zeros((HORIZON, 13))), ['13 columns']),
        (PolicyResult(rows=np.zeros((3, 13))), ['3 rows', '13 columns']),
        (PolicyResult(rows=np.zeros(14)), ['[14]']),
        (PolicyResult(rows=np.zeros((HORIZON, 14)), committed_prefix=5), ['committed_prefix 5']),
        (
            PolicyResult(rows=np.where(np.eye(HORIZON, 14) > 0, np.nan, 0.0)),
            ['4 numbers', 'left/joint1'],
        ),
    ],
)
def test_a_malformed_result_is_an_inference_error_that_names_every_mismatch(result, parts):
    target, observation = ready_session()
    refusal = target.complete(target.begin(observation, ms(5)), result, ms(6))
    assert refusal.reason == 'bad_result'
    for part in parts:
        assert part in refusal.detail
    snapshot = target.snapshot(ms(6))
    assert snapshot.inference_errors == 1
    assert snapshot.last_inference_error == refusal.detail
    assert counters_add_up(target, ms(6))


def test_an_error_of_the_policy_is_counted_and_told():
    target, observation = ready_session()
    refusal = target.fail(target.begin(observation, ms(5)), RuntimeError('out of memory'), ms(8))
    assert refusal.reason == 'inference_error'
    assert 'RuntimeError: out of memory' in refusal.detail
    assert counters_add_up(target, ms(8))


def test_one_inference_at_a_time_and_each_ends_once():
    target, observation = ready_session()
    ticket = target.begin(observation, ms(5))
    with pytest.raises(ValueError, match='running already'):
        target.begin(observation, ms(6))
    target.complete(ticket, good_result(), ms(7))
    with pytest.raises(ValueError, match='completed or failed already'):
        target.complete(ticket, good_result(), ms(8))
    with pytest.raises(ValueError, match='completed or failed already'):
        target.fail(ticket, 'late', ms(8))


def test_a_reset_forgets_frames_and_refuses_those_from_before_it():
    target = session(policy_spec(history_ns={'head': (8 * FRAME_NS,)}))
    run_for(target, ms(0), ms(400))
    target.reset('episode', ms(410))
    assert reason(target.next_observation(ms(410))) == 'no_data'
    assert reason(target.offer_image('head', ms(405), ms(420), picture(1))) == 'before_reset'
    feed_joints(target, ms(410), ms(440))
    feed_frames(target, ms(433))
    observation = target.next_observation(ms(440))
    assert observation.epoch == 1
    assert [frame.stamp_ns for frame in observation.history['head']] == [ms(433)]


def offer_at(target, stream, stamp_ns, receive_ns):
    if stream == 'image':
        return target.offer_image('head', stamp_ns, receive_ns, picture(stamp_ns))
    return target.offer_joints(joint_sample('left', stamp_ns, receive_ns=receive_ns))


@pytest.mark.parametrize('stream', ['image', 'joints'])
def test_one_old_stamp_is_refused_and_resets_nothing(stream):
    target = session(policy_spec(cameras=('head',)))
    feed_joints(target, ms(5000), ms(5100))
    for stamp_ns in range(ms(5000), ms(5100), FRAME_NS):
        feed_frames(target, stamp_ns, cameras=('head',))
    refusal = offer_at(target, stream, ms(100), ms(5101))
    assert refusal.reason == 'stamp_jump'
    assert 'back by 5.000 s' in refusal.detail or 'back by 4.9' in refusal.detail
    assert target.next_observation(ms(5102)).epoch == 0
    assert target.snapshot(ms(5102)).epoch_counts == {'start': 1}
    assert counters_add_up(target, ms(5102))


@pytest.mark.parametrize('stream', ['image', 'joints'])
def test_a_stream_whose_clock_was_set_loses_its_own_samples_alone(stream):
    target = session(policy_spec(cameras=('head',)))
    feed_joints(target, ms(5000), ms(5100))
    feed_frames(target, ms(5066), cameras=('head',))
    assert target.next_observation(ms(5102)).stamp_ns == ms(5066)
    for at_ms in range(5105, 5310, 5):
        offer_at(target, stream, ms(at_ms - 5000), ms(at_ms))
    refusal = target.next_observation(ms(5310))
    assert refusal.reason == 'stamp_jump'
    assert 'the clock of the sender was set' in refusal.detail
    assert target.epoch == 0
    # What came of it is old by the clock of this host, and that is said for as long as it is.
    refusal = target.next_observation(ms(5311))
    assert (refusal.reason, '5.0' in refusal.detail) == ('stale', True)
    kept = target.snapshot(ms(5310)).streams[1 if stream == 'image' else 0]
    assert kept.superseded == 0
    assert counters_add_up(target, ms(5311))


def test_observations_never_go_back_in_time_within_an_epoch():
    patient = CameraSync(max_age_s=10.0)
    target = session(policy_spec(cameras=('head',)), sync_config(camera=patient))
    feed_joints(target, ms(0), ms(5400))
    feed_frames(target, ms(5066), cameras=('head',))
    target.next_observation(ms(5066))
    for at_ms in range(5105, 5405, 15):
        offer_at(target, 'image', ms(at_ms - 3000), ms(at_ms))
    assert target.next_observation(ms(5400)).reason == 'stamp_jump'
    refusal = target.next_observation(ms(5401))
    assert refusal.reason == 'stamp_jump'
    assert 'head: its stamps went back; the newest is 2.676 s' in refusal.detail
    assert target.snapshot(ms(5401)).refusal == 'stamp_jump'


def test_a_ros_clock_that_goes_back_begins_an_epoch():
    target, observation = ready_session()
    ticket = target.begin(observation, ms(5))
    refusal = target.next_observation(ms(-1100))
    assert refusal.reason == 'clock_jump'
    assert 'went back by 1.105 s' in refusal.detail
    assert reason(target.complete(ticket, good_result(), ms(-1090))) == 'stale_epoch'
    assert chunk_of(target, -1000).epoch == 1


def test_a_small_step_back_of_the_clock_is_no_jump():
    target, _ = ready_session()
    assert reason(target.next_observation(ms(-500))) == 'no_new_frame'
    assert target.epoch == 0


def test_a_receive_time_from_the_past_begins_an_epoch():
    target, _ = ready_session()
    target.offer_joints(joint_sample('left', ms(-3000)))
    assert target.epoch == 1
    assert target.snapshot(ms(-3000)).epoch_counts == {'start': 1, 'clock_jump': 1}


def test_inputs_that_could_not_be_decoded_are_counted():
    target = session()
    refusal = Refusal(reason='bad_image', detail='head: encoding yuv422 is not supported')
    assert target.refuse_input('head', refusal) is refusal
    assert reason(target.refuse_input('tail', refusal)) == 'unknown_stream'
    health = target.snapshot(ms(0)).streams[0]
    assert (health.received, health.refused, health.last_refusal) == (1, 1, 'bad_image')


def test_the_snapshot_tells_rates_ages_problems_and_readiness():
    target = session()
    before = target.snapshot(ms(0))
    assert not before.ready
    assert {health.age_s for health in before.streams} == {-1.0}
    last_ns = run_for(target, ms(0), ms(1500))
    target.next_observation(ms(1501))
    snapshot = target.snapshot(ms(1500))
    head, left = snapshot.streams[0], snapshot.streams[3]
    assert snapshot.ready
    assert head.rate_hz == pytest.approx(30.0, abs=0.01)
    assert left.rate_hz == pytest.approx(200.0)
    assert head.age_s == pytest.approx((ms(1500) - last_ns) * 1e-9)
    assert snapshot.samples[0].stream == 'head'
    assert snapshot.refusal == ''
    late = target.snapshot(ms(1700))
    assert not late.ready
    assert {health.stream: health.problem for health in late.streams} == {
        'head': '',
        'left_wrist': '',
        'right_wrist': '',
        'left_joints': 'stale',
        'right_joints': 'stale',
    }


def test_refusals_are_counted_by_reason_and_the_present_one_is_told():
    target = session()
    target.next_observation(ms(0))
    snapshot = target.snapshot(ms(0))
    assert snapshot.refusal == 'no_data'
    assert 'head' in snapshot.refusal_detail
    feed_joints(target, ms(0), ms(20))
    feed_frames(target, ms(10))
    target.next_observation(ms(20))
    target.next_observation(ms(21))
    snapshot = target.snapshot(ms(21))
    assert snapshot.refusal == ''
    assert snapshot.refusal_counts == {'no_data': 1, 'no_new_frame': 1}


def test_latencies_are_percentiles_of_the_chunks_and_added_stages():
    target = session()
    for now in range(0, 4000, 40):
        chunk_of(target, now)
    target.add_timing('publish', 5)
    snapshot = target.snapshot(ms(4000))
    p99 = {timing.stage: timing.duration_ns for timing in snapshot.latency_p99}
    assert p99['inference'] == NS_PER_MS
    assert p99['publish'] == 5
    assert snapshot.inference_rate_hz == pytest.approx(25.0)


def test_latencies_of_the_first_inferences_of_a_process_do_not_count():
    target = session(strategy=StrategyConfig(warm_up=2))
    for now, counted in ((0, False), (40, False), (80, True)):
        chunk_of(target, now)
        stages = {timing.stage for timing in target.snapshot(ms(now + 1)).latency_p50}
        assert ('inference' in stages) is counted
    target.reset('again', ms(100))
    chunk_of(target, 140)  # the process stays warm
    assert target.snapshot(ms(141)).latency_p50


def test_memory_stays_bounded_when_nobody_asks():
    target = session(policy_spec(history_ns={'head': (8 * FRAME_NS,)}))
    run_for(target, ms(0), ms(3000))
    head, wrist, _, left, _ = target.snapshot(ms(3000)).streams
    assert head.waiting <= 18  # 0.25 s of age, 0.27 s of history, 0.05 s of tolerance at 30 Hz
    assert wrist.waiting <= 11
    assert left.waiting <= 75
    assert counters_add_up(target, ms(3000))


def test_object_poses_reach_the_policy_that_needs_them_and_are_unknown_to_others():
    target = session(policy_spec(needs_objects=True))
    feed_joints(target, ms(0), ms(20))
    feed_frames(target, ms(10))
    assert target.offer_objects(object_poses(ms(10))) is None
    assert target.next_observation(ms(20)).objects.stamp_ns == ms(10)
    refusal = session().offer_objects(object_poses(ms(10)))
    assert refusal.reason == 'unknown_stream'
    assert refusal.detail.startswith('objects: ')


def test_streams_that_a_policy_does_not_use_are_unknown_by_their_name():
    target = session()
    unknown = target.offer_image('tail', ms(0), ms(0), picture(0))
    assert (unknown.reason, unknown.detail[:5]) == ('unknown_stream', 'tail:')
    unknown = target.offer_joints(joint_sample('third', ms(0)))
    assert (unknown.reason, unknown.detail[:13]) == ('unknown_stream', 'third_joints:')
    target.offer_joints(joint_sample('third', ms(-9000)))
    assert target.epoch == 0  # and tell nothing of the clock


def test_what_blocks_a_session_is_told_until_it_goes_on():
    target, _ = ready_session()
    refusal = Refusal(reason='policy_failed', detail='out of memory')
    target.block(refusal)
    assert target.next_observation(ms(6)) is refusal
    snapshot = target.snapshot(ms(6))
    assert (snapshot.ready, snapshot.refusal) == (False, 'policy_failed')
    assert snapshot.refusal_detail == 'out of memory'
    assert snapshot.refusal_counts == {'policy_failed': 1}
    target.block(None)
    assert target.snapshot(ms(6)).ready
    assert reason(target.next_observation(ms(7))) == 'no_new_frame'
    assert target.snapshot(ms(7)).refusal == ''


def test_a_snapshot_counts_what_began_what_runs_and_what_came_of_it():
    target, observation = ready_session()
    fresh = session().snapshot(ms(0))
    counts = ('observations', 'inferences', 'inference_errors', 'chunks_published')
    assert [getattr(fresh, name) for name in (*counts, 'results_discarded')] == [0] * 5
    assert (fresh.running, fresh.last_inference_error, fresh.instruction) == (False, '', '')
    assert (fresh.epoch, fresh.epoch_reason, fresh.samples) == (0, 'start', ())
    assert (fresh.epoch_counts, fresh.refusal_counts) == ({'start': 1}, {})
    ticket = target.begin(observation, ms(5))
    assert target.snapshot(ms(6)).running
    target.complete(ticket, good_result(), ms(7))
    snapshot = target.snapshot(ms(7))
    assert [getattr(snapshot, name) for name in counts] == [1, 1, 0, 1]
    assert not snapshot.running
    assert snapshot.policy == 'fake'


def test_a_failure_tells_how_long_the_inference_took():
    target, observation = ready_session()
    refusal = target.fail(target.begin(observation, ms(5)), 'lost', ms(1505))
    assert refusal.detail == 'fake failed after 1.500 s: lost'
    assert target.snapshot(ms(1505)).last_inference_error == refusal.detail


def test_a_simulated_clock_begins_at_nothing_and_every_duration_is_right():
    """Times of a few milliseconds, of which the later ones are many times the earlier."""
    target = session(
        policy_spec(rolled_rows=3),
        strategy=StrategyConfig(name='rollforward', warm_up=0, forecast_margin_rows=0),
    )
    plan = plan_of(range(NS_PER_MS, NS_PER_S, FRAME_NS), np.zeros((30, LAYOUT.width)))
    plan = dataclasses.replace(plan, strategy='rollforward', stamp_ns=NS_PER_MS)
    assert target.accept_plan(plan, NS_PER_MS) is None
    home = joint_sample('left', START_NS).position
    for stamp_ns in range(NS_PER_MS, 20 * NS_PER_MS, NS_PER_MS):
        for arm in LAYOUT.arms:
            assert target.offer_joints(joint_sample(arm, stamp_ns, position=home)) is None
    feed_frames(target, 5 * NS_PER_MS)
    observation = target.next_observation(25 * NS_PER_MS)
    assert {sample.age_ns for sample in observation.samples} == {20 * NS_PER_MS}
    chunk = target.complete(
        target.begin(observation, 60 * NS_PER_MS), good_result(), 180 * NS_PER_MS
    )
    assert [timing.duration_ns // NS_PER_MS for timing in chunk.timings] == [20, 35, 120, 175]
    head = target.snapshot(180 * NS_PER_MS).streams[0]
    assert head.age_s == pytest.approx(0.175)
    assert target.snapshot(180 * NS_PER_MS).plan.plan_age_s == pytest.approx(0.179)
    late = SpliceDelay(epoch=0, sequence=0, delay_ns=1176 * NS_PER_MS)
    refusal = target.accept_plan(
        dataclasses.replace(plan, stamp_ns=180 * NS_PER_MS, splice=late), 180 * NS_PER_MS
    )
    assert 'is 1.001 s longer' in refusal.detail
    failed = target.fail(target.begin(observation, 200 * NS_PER_MS), 'lost', NS_PER_S)
    assert 'after 0.800 s' in failed.detail


def test_a_discarded_result_tells_both_epochs():
    target, observation = ready_session(first_epoch=7)
    ticket = target.begin(observation, ms(5))
    assert target.reset('episode', ms(6)) == 8
    detail = target.complete(ticket, good_result(), ms(7)).detail
    assert detail == 'the result belongs to epoch 7, now it is 8 (episode)'
    assert target.snapshot(ms(7)).epoch_counts == {'start': 1, 'episode': 1}


def test_a_jump_is_told_once():
    target, _ = ready_session()
    assert reason(target.next_observation(ms(-2000))) == 'clock_jump'
    assert reason(target.next_observation(ms(-1999))) == 'no_data'
    target.offer_joints(joint_sample('left', ms(-5000)))
    target.reset('episode', ms(-4990))
    assert reason(target.next_observation(ms(-4990))) == 'no_data'
    assert target.epoch == 3


def test_a_clock_jump_forgets_the_rate_of_inferences():
    target = session()
    for now in range(0, 1000, 40):
        chunk_of(target, now)
    assert target.snapshot(ms(1000)).inference_rate_hz > 20.0
    target.next_observation(ms(-5000))
    assert target.snapshot(ms(-5000)).inference_rate_hz == 0.0


def test_the_health_of_a_stream_tells_every_fate_and_is_never_of_negative_age():
    target, _ = ready_session()
    target.offer_image('head', ms(0), ms(6), picture(0))
    head = target.snapshot(ms(10)).streams[0]
    fates = (head.received, head.used, head.superseded, head.refused, head.waiting)
    assert fates == (2, 1, 0, 1, 0)
    assert (head.stream, head.problem, head.problem_detail) == ('head', '', '')
    assert head.last_refusal == 'duplicate_stamp'
    assert head.age_s == pytest.approx(0.01)
    assert target.snapshot(ms(-3)).streams[0].age_s == 0.0
    stale = target.snapshot(ms(400)).streams[0]
    assert stale.problem == 'stale'
    assert '0.400 s old' in stale.problem_detail


@pytest.mark.parametrize('warm_up', [0, 1, 3])
def test_latencies_count_from_the_first_inference_after_the_warm_up(warm_up):
    target = session(strategy=StrategyConfig(name='latest', warm_up=warm_up))
    told = []
    for now in range(0, 200, 40):
        chunk_of(target, now)
        told.append(bool(target.snapshot(ms(now + 1)).latency_p50))
    assert told == [False] * warm_up + [True] * (5 - warm_up)


def test_percentiles_are_told_apart():
    target = session()
    for i in range(1, 101):
        target.add_timing('decode', i * 100)
    snapshot = target.snapshot(ms(0))
    values = [getattr(snapshot, f'latency_p{p}')[0].duration_ns for p in (50, 95, 99)]
    assert values == sorted(set(values))
    assert values[0] == pytest.approx(5000, abs=100)
    assert values[2] == pytest.approx(9900, abs=100)


STEP = st.tuples(
    st.sampled_from(
        ['image', 'joints', 'poll', 'begin', 'complete', 'bad', 'fail', 'reset', 'back', 'junk']
    ),
    st.integers(-30, 60),
    st.sampled_from(CAMERAS),
    st.sampled_from(LAYOUT.arms),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(STEP, max_size=120))
def test_every_counter_adds_up_after_any_sequence_of_events(steps):
    target = session(config=sync_config(camera=CameraSync(frozen_after_s=0.1)))
    now_ns, observation, ticket, offered = START_NS, None, None, 0
    for kind, shift_ms, camera, arm in steps:
        now_ns += 4 * NS_PER_MS
        stamp_ns = now_ns + shift_ms * NS_PER_MS
        if kind == 'image':
            offered += 1
            target.offer_image(camera, stamp_ns, now_ns, picture(abs(shift_ms) // 20))
        elif kind == 'joints':
            offered += 1
            target.offer_joints(joint_sample(arm, stamp_ns, receive_ns=now_ns))
        elif kind == 'junk':
            offered += 1
            target.refuse_input(camera, Refusal(reason='bad_image', detail=''))
        elif kind == 'poll':
            result = target.next_observation(now_ns)
            observation = result if isinstance(result, Observation) else observation
        elif kind == 'begin' and observation is not None and ticket is None:
            ticket = target.begin(observation, now_ns)
        elif kind in ('complete', 'bad') and ticket is not None:
            result = good_result() if kind == 'complete' else PolicyResult(rows=np.zeros(3))
            target.complete(ticket, result, now_ns)
            ticket = None
        elif kind == 'fail' and ticket is not None:
            target.fail(ticket, 'error', now_ns)
            ticket = None
        elif kind == 'reset':
            target.reset('episode', now_ns)
        elif kind == 'back' and shift_ms > 50:
            now_ns -= 2 * NS_PER_S
        assert counters_add_up(target, now_ns)
        assert sum(health.received for health in target.snapshot(now_ns).streams) == offered


def test_callbacks_and_the_inference_thread_share_a_session_without_losing_a_sample():
    target = session(policy_spec(cameras=('head',)))
    count, chunks = 400, []

    def feed(arm):
        for i in range(count):
            target.offer_joints(joint_sample(arm, ms(5 * i)))
            target.offer_image('head', ms(5 * i), ms(5 * i), picture(i))

    def infer():
        for i in range(count):
            observation = target.next_observation(ms(5 * i))
            if isinstance(observation, Observation):
                ticket = target.begin(observation, ms(5 * i))
                chunks.append(target.complete(ticket, good_result(), ms(5 * i)))

    threads = [threading.Thread(target=feed, args=(arm,)) for arm in LAYOUT.arms]
    threads.append(threading.Thread(target=infer))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    snapshot = target.snapshot(ms(5 * count))
    assert counters_add_up(target, ms(5 * count))
    assert sum(health.received for health in snapshot.streams) == 4 * count
    published = [chunk for chunk in chunks if isinstance(chunk, ActionChunk)]
    assert snapshot.chunks_published == len(published)


@pytest.mark.parametrize(('finished', 'count'), [(False, 3), (True, HORIZON)])
def test_a_policy_that_waits_sends_the_rows_to_execute_and_all_at_the_end(finished, count):
    target = session(strategy=StrategyConfig(name='sync', rows=3))
    target.accept_plan(resting_plan(strategy='sync', stamp_ns=ms(-20)), ms(-20))
    feed_joints(target, ms(-10), ms(0))
    feed_frames(target, ms(0))
    observation = target.next_observation(ms(5))
    ticket = target.begin(observation, ms(60))
    chunk = target.complete(ticket, good_result(finished=finished), ms(70))
    assert chunk.join is Join.ARRIVAL
    assert len(chunk.rows) == count
