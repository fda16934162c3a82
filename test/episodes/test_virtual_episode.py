# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
import dataclasses
import math

import numpy as np
import pytest
from episodes.fakes import LAYOUT
from episodes.fakes import FakePolicy
from episodes.fakes import FakeRig
from episodes.fakes import make_episode
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from wla_ros.base.config import WlaError
from wla_ros.episodes.counters import equations
from wla_ros.episodes.links import EpisodeSettings
from wla_ros.episodes.links import EventQueue
from wla_ros.episodes.links import LinkModel
from wla_ros.episodes.links import TransportLink
from wla_ros.episodes.metrics import measure
from wla_ros.inference.strategy import CADENCES
from wla_ros.inference.strategy import STRATEGIES
from wla_ros.inference.strategy import StrategyConfig

MS = 1_000_000


def same(first, second):
    """
    Compare records field by field, arrays by value; the wall clock is not part of an episode.
    """
    if dataclasses.is_dataclass(first):
        return type(first) is type(second) and all(
            same(getattr(first, item.name), getattr(second, item.name))
            for item in dataclasses.fields(first)
            if item.name != 'wall_s'
        )
    if isinstance(first, np.ndarray):
        return np.array_equal(first, second)
    if isinstance(first, tuple):
        return len(first) == len(second) and all(map(same, first, second))
    return first == second


def test_an_episode_runs_to_its_end_and_says_so():
    record = make_episode(picture_period_ns=500 * MS).run()
    assert record.success
    assert record.end_reason == 'finished'
    assert 1.4 < record.finished_s < 1.8
    assert 0.7 < record.task_s < 1.2
    assert [change.value for change in record.changes_of('mode')] == ['hold', 'autonomy', 'hold']
    assert record.commands.position.shape[1] == LAYOUT.width
    assert len(record.pictures) >= 3
    assert len(record.chunks) > 20


def test_a_final_judgement_ends_the_episode():
    record = make_episode(rig=FakeRig(final=True)).run()
    assert record.success
    assert record.end_reason == 'solved'
    assert record.duration_s == pytest.approx(record.task_s)


def test_the_same_seed_gives_the_same_record():
    noisy = LinkModel(delay_ns=20 * MS, jitter_ns=15 * MS, drop_probability=0.2)
    runs = [make_episode(seed=5, image_link=noisy, chunk_link=noisy).run() for _ in range(2)]
    assert same(*runs)
    assert not same(runs[0], make_episode(seed=6, image_link=noisy, chunk_link=noisy).run())


link_models = st.builds(
    LinkModel,
    delay_ns=st.integers(0, 120 * MS),
    jitter_ns=st.integers(0, 60 * MS),
    drop_probability=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    keeps_order=st.booleans(),
)


@settings(max_examples=20, deadline=None)
@given(
    image=link_models,
    joints=link_models,
    chunks=link_models,
    commands=link_models,
    plans=link_models,
    strategy=st.sampled_from(sorted(STRATEGIES)),
    infer=st.sampled_from(CADENCES),
    lost=st.sampled_from([0.0, 0.3, 1.0]),
    latency_ns=st.integers(0, 400 * MS),
    failing=st.booleans(),
    seed=st.integers(0, 2**31),
)
def test_nothing_is_lost_silently_under_any_delay_and_loss(
    image, joints, chunks, commands, plans, strategy, infer, lost, latency_ns, failing, seed
):
    policy = FakePolicy(error=WlaError('no') if failing else None, duration_s=0.6)
    episode = make_episode(
        policy=policy,
        seed=seed,
        image_link=image,
        joint_link=joints,
        chunk_link=chunks,
        command_link=commands,
        plan_link=plans,
        strategy=StrategyConfig(name=strategy, infer=infer),
        inference_drop_probability=lost,
        inference_latency_ns=latency_ns,
        start_limit_ns=500 * MS,
        time_limit_ns=1200 * MS,
    )
    found = equations(episode.run().counters)
    assert len(found) > 20
    assert [item for item in found if item.verdict != 'ok' and item.subject != 'executor'] == []


def test_one_inference_at_a_time_and_each_anchor_once():
    policy = FakePolicy(duration_s=0.9)
    record = make_episode(policy=policy, inference_latency_ns=100 * MS).run()
    stamps = [item.stamp_ns for item in policy.observations]
    assert stamps == sorted(set(stamps))
    completed = [chunk.completed_ns for chunk in record.chunks]
    assert min(np.diff(completed)) >= 100 * MS
    assert len(stamps) <= 12


def test_latency_is_measured_from_exposure():
    link = LinkModel(delay_ns=30 * MS)
    metrics = measure(make_episode(image_link=link, inference_latency_ns=50 * MS).run())
    shortest = metrics.stage_durations_ms['exposure_to_chunk'].min()
    assert shortest >= 80.0
    assert metrics.stage_durations_ms['inference'].min() >= 50.0


def counted(record):
    return {(item.owner, item.name): item.value for item in record.counters}


def test_a_lost_result_is_an_inference_that_failed_by_name():
    record = make_episode(inference_drop_probability=0.5, seed=3).run()
    counts = counted(record)
    assert 5 < counts['policy', 'inference_errors'] < counts['policy', 'observations'] - 5
    assert 'lost' in record.changes_of('policy error')[0].reason
    assert record.success


@pytest.mark.parametrize('strategy', ['rtc', 'prefix', 'rollforward', 'prefix+rollforward'])
def test_plans_reach_the_policy_and_condition_it(strategy):
    policy = FakePolicy()
    record = make_episode(policy=policy, strategy=strategy, inference_latency_ns=90 * MS).run()
    counts = counted(record)
    assert record.success
    assert counts['policy', 'conditioned'] > 5
    assert 1 <= counts['policy', 'cold_starts'] <= 3
    last = policy.requests[-1]
    rows = last.row_offset if strategy == 'rollforward' else last.prefix.committed
    # images take 25..33 ms and wait for up to a frame, the inference takes 90..95 ms
    delays_s = [splice.delay_s for splice in record.splices]
    assert 0.115 < min(delays_s) <= max(delays_s) < 0.17
    assert rows == math.ceil(30.0 * max(delays_s[-11:-1])) + 1


def test_sync_waits_for_the_end_of_the_rows_and_survives_lost_chunks():
    policy = FakePolicy(duration_s=3.0)
    record = make_episode(
        policy=policy,
        strategy='sync',
        time_limit_ns=12_000 * MS,
        chunk_link=LinkModel(drop_probability=0.3),
        seed=1,
    ).run()
    assert record.end_reason == 'finished'
    stamps = np.array([item.stamp_ns for item in policy.observations])
    arrived = np.isin(stamps[:-1], [chunk.stamp_ns for chunk in record.chunks])
    # half of 16 rows lasts 0.27 s; a lost chunk is given up after 0.5 s
    assert np.diff(stamps)[arrived].min() > 260 * MS
    assert np.diff(stamps)[~arrived].min() > 500 * MS
    assert len(record.chunks) < len(stamps)


def test_an_executor_of_another_strategy_stops_the_policy_by_name():
    episode = make_episode(strategy='rtc')
    episode._executor._strategy = 'latest'  # noqa: SLF001
    record = episode.run()
    assert record.chunks == ()
    assert record.changes_of('refusal observation')[0].value == 'strategy_mismatch'


def test_a_rig_that_never_speaks_ends_the_episode_without_motion():
    record = make_episode(
        joint_link=LinkModel(drop_probability=1.0), start_limit_ns=300 * MS
    ).run()
    assert record.end_reason == 'never ready'
    assert record.commands is None
    assert not record.success


def test_a_policy_slower_than_its_horizon_starves_and_the_record_shows_when():
    record = make_episode(inference_latency_ns=400 * MS).run()
    assert len(record.starvations) >= 2
    assert all(item.end_ns > item.start_ns for item in record.starvations)


def test_errors_of_the_policy_are_counted_and_named():
    record = make_episode(policy=FakePolicy(error=WlaError('camera is dirty'))).run()
    assert counted(record)['policy', 'inference_errors'] > 3
    assert 'camera is dirty' in record.changes_of('policy error')[0].reason


def test_a_policy_with_objects_and_no_camera_runs():
    policy = FakePolicy(cameras=(), needs_objects=True)
    record = make_episode(policy=policy, rig=FakeRig(cameras=())).run()
    assert record.end_reason == 'finished'
    assert record.objects.poses.shape[1:] == (1, 7)


def test_messages_of_a_link_do_not_overtake_each_other_unless_it_is_asked_for():
    for ordered in (True, False):
        link = TransportLink('x', LinkModel(jitter_ns=100, keeps_order=ordered), seed=1)
        arrivals = [link.send(now) for now in range(200)]
        assert (arrivals == sorted(arrivals)) == ordered


@pytest.mark.parametrize(
    'wrong', [{'delay_ns': -1}, {'jitter_ns': -1}, {'drop_probability': float('nan')}]
)
def test_impossible_links_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong)).split('_')[0]):
        LinkModel(**wrong)


def test_impossible_settings_are_refused():
    with pytest.raises(ValueError, match='tick_period_ns'):
        EpisodeSettings(tick_period_ns=0)
    with pytest.raises(ValueError, match='inference_drop_probability'):
        EpisodeSettings(inference_drop_probability=1.5)


def test_events_of_equal_time_run_by_rank_then_in_order():
    queue = EventQueue(0)
    seen = []
    for name, rank in (('late', 2), ('first', 0), ('second', 0), ('middle', 1)):
        queue.at(7, lambda _, name=name: seen.append(name), rank=rank)
    queue.run(7)
    assert seen == ['first', 'second', 'middle', 'late']
    with pytest.raises(ValueError, match='before now'):
        queue.at(6, lambda _: None)
