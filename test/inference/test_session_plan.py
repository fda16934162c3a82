# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""A session that listens to the plan of the executor."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from inference.plans import observation_at
from inference.plans import plan_of
from inference.plans import position_at
from inference.plans import resting_plan
from inference.session_feed import FRAME_NS
from inference.session_feed import HORIZON
from inference.session_feed import LAYOUT
from inference.session_feed import counters_add_up
from inference.session_feed import feed_frames
from inference.session_feed import feed_joints
from inference.session_feed import good_result
from inference.session_feed import ms
from inference.session_feed import policy_spec
from inference.session_feed import reason
from inference.session_feed import session

from wla_ros.base.types import ActionChunk
from wla_ros.base.types import SpliceDelay
from wla_ros.inference.strategy import StrategyConfig

ABLE = policy_spec(guided_prefix=True, clean_prefix_rows=3, rolled_rows=3, forward_model=True)


def listening(name, **fields):
    config = StrategyConfig(name=name, warm_up=fields.pop('warm_up', 0), **fields)
    return session(ABLE, strategy=config)


def feed(target, now_ms):
    feed_joints(target, ms(now_ms - 10), ms(now_ms))
    feed_frames(target, ms(now_ms))


def plan_at(now_ms, strategy, **fields):
    """Return the plan of a moving executor: rows 33 ms apart from 100 ms before to 500 after."""
    due_ns = range(ms(now_ms - 100), ms(now_ms + 500), FRAME_NS)
    return plan_of(list(due_ns), strategy=strategy, stamp_ns=ms(now_ms), **fields)


def begun(target, now_ms):
    feed(target, now_ms)
    return target.begin(target.next_observation(ms(now_ms)), ms(now_ms))


def test_a_session_without_strategy_asks_for_nothing():
    target = session()
    assert target.accept_plan(plan_at(0, 'latest'), ms(0)) is None
    ticket = begun(target, 10)
    assert ticket.request.prefix is None
    assert ticket.observation is ticket.anchor
    assert target.snapshot(ms(10)).plan.unconditioned == 1


def test_rows_of_the_plan_reach_the_policy_and_what_it_kept_to_reaches_the_chunk():
    target = listening('rtc', expected_delay_s=0.06, forecast_margin_rows=0)
    target.accept_plan(plan_at(0, 'rtc'), ms(0))
    ticket = begun(target, 10)
    prefix = ticket.request.prefix
    assert prefix.committed == 2
    grid_ns = ms(10) + FRAME_NS * np.arange(HORIZON)
    np.testing.assert_allclose(prefix.rows, position_at(grid_ns), atol=1e-9)
    chunk = target.complete(ticket, good_result(committed_prefix=2), ms(40))
    assert (chunk.committed_prefix, chunk.row_offset) == (2, 0)


def test_a_policy_cannot_keep_to_more_rows_than_it_was_given():
    target = listening('rtc', expected_delay_s=0.06, forecast_margin_rows=0)
    target.accept_plan(plan_at(0, 'rtc'), ms(0))
    result = good_result(committed_prefix=3)
    refusal = target.complete(begun(target, 10), result, ms(40))
    assert reason(refusal) == 'bad_result'
    assert '2 rows were given' in refusal.detail
    assert reason(session_without_plan_result(result)) == 'bad_result'


def session_without_plan_result(result):
    target = session()
    return target.complete(begun(target, 10), result, ms(40))


def test_a_rolled_state_is_seen_by_the_policy_only():
    target = listening('rollforward', expected_delay_s=0.06, forecast_margin_rows=0)
    target.accept_plan(plan_at(0, 'rollforward'), ms(0))
    ticket = begun(target, 10)
    measured = ticket.anchor.joint_position
    assert not np.allclose(ticket.observation.joint_position, measured)
    ahead = position_at(ms(10) + 2 * FRAME_NS)
    np.testing.assert_allclose(ticket.observation.joint_position, ahead, atol=1e-9)
    chunk = target.complete(ticket, good_result(), ms(40))
    assert (chunk.stamp_ns, chunk.row_offset) == (ms(10), 2)


@pytest.mark.parametrize('theirs', ['latest', 'nonsense', 'rollforward'])
def test_plans_of_another_strategy_stop_the_session_by_name(theirs):
    target = listening('rtc')
    refusal = target.accept_plan(plan_at(0, theirs), ms(0))
    assert reason(refusal) == 'strategy_mismatch'
    assert theirs in refusal.detail
    feed(target, 10)
    assert reason(target.next_observation(ms(10))) == 'strategy_mismatch'
    assert target.snapshot(ms(10)).refusal == 'strategy_mismatch'
    assert target.accept_plan(plan_at(20, 'rtc'), ms(20)) is None
    assert target.next_observation(ms(20)) != refusal


def test_the_parts_of_a_combination_may_come_in_any_order():
    target = listening('prefix+rollforward')
    assert target.accept_plan(plan_at(0, 'rollforward+prefix'), ms(0)) is None


@pytest.mark.parametrize(
    ('fields', 'word'),
    [
        ({'rows': np.zeros((2, 3)), 'due_ns': np.array([1, 2])}, '[2, 3]'),
        ({'rows': np.full((1, 14), np.nan), 'due_ns': np.array([1])}, 'finite'),
        ({'rows': np.zeros((2, 14)), 'due_ns': np.array([2, 2])}, 'rise'),
        ({'tracking_error': np.zeros(3)}, 'tracking error [3]'),
    ],
)
def test_malformed_plans_are_refused_and_counted(fields, word):
    target = listening('rtc')
    base = {'due_ns': np.array([ms(0)]), 'rows': np.zeros((1, LAYOUT.width))}
    refusal = target.accept_plan(plan_of(strategy='rtc', **{**base, **fields}), ms(0))
    assert reason(refusal) == 'bad_plan'
    assert word in refusal.detail
    health = target.snapshot(ms(0)).plan
    assert (health.plans_received, health.plans_refused) == (1, 1)


def test_an_older_plan_does_not_replace_a_newer_one():
    target = listening('rtc')
    target.accept_plan(plan_at(50, 'rtc'), ms(50))
    assert reason(target.accept_plan(plan_at(20, 'rtc'), ms(51))) == 'out_of_order'
    assert target.accept_plan(plan_at(50, 'rtc'), ms(52)) is None


def test_delays_are_learnt_from_splices_and_forgotten_at_a_clock_jump():
    target = listening('rtc')
    target.accept_plan(plan_at(0, 'rtc'), ms(0))
    chunk = target.complete(begun(target, 10), good_result(), ms(40))
    splice = SpliceDelay(epoch=chunk.epoch, sequence=chunk.sequence, delay_ns=70_000_000)
    for now in (50, 60):
        target.accept_plan(plan_at(now, 'rtc', splice=splice), ms(now))
    health = target.snapshot(ms(60)).plan
    assert (health.forecast_s, health.forecast_rows, health.delays_measured) == (0.07, 4, 1)
    target.accept_plan(plan_at(-5000, 'rtc'), ms(-5000))
    assert target.snapshot(ms(-5000)).plan.forecast_s == 0.15
    assert target.snapshot(ms(-5000)).epoch_reason == 'clock_jump'


@pytest.mark.parametrize('wrong_ms', [-5000, 60_000])
def test_one_plan_off_its_time_line_is_refused_and_nothing_is_forgotten(wrong_ms):
    target = listening('rtc')
    target.accept_plan(plan_at(0, 'rtc'), ms(0))
    chunk = target.complete(begun(target, 10), good_result(), ms(40))
    splice = SpliceDelay(epoch=chunk.epoch, sequence=chunk.sequence, delay_ns=70_000_000)
    target.accept_plan(plan_at(50, 'rtc', splice=splice), ms(50))
    assert reason(target.accept_plan(plan_at(wrong_ms, 'rtc'), ms(60))) == 'stamp_jump'
    assert target.accept_plan(plan_at(70, 'rtc'), ms(70)) is None
    health = target.snapshot(ms(70)).plan
    assert (health.forecast_s, health.plans_refused, target.epoch) == (0.07, 1, 0)


def test_plans_of_an_executor_whose_clock_was_set_are_followed_after_a_series():
    target = listening('rtc')
    target.accept_plan(plan_at(60_000, 'rtc'), ms(0))
    told = [target.accept_plan(plan_at(now, 'rtc'), ms(now)) for now in (100, 200, 300, 400)]
    assert [refusal and refusal.reason for refusal in told] == ['stamp_jump'] * 2 + [None] * 2


def test_one_plan_of_another_strategy_does_not_stop_what_is_heard():
    target = listening('rtc')
    target.accept_plan(plan_at(0, 'rtc'), ms(0))
    assert reason(target.accept_plan(plan_at(5, 'latest'), ms(5))) == 'strategy_mismatch'
    assert begun(target, 10).request.prefix is not None
    target.complete(target._running, good_result(), ms(20))
    feed(target, 1033)
    target.accept_plan(plan_at(1033, 'latest'), ms(1033))
    assert reason(target.next_observation(ms(1033))) == 'strategy_mismatch'


def test_a_splice_delay_longer_than_its_observation_is_old_is_refused():
    target = listening('rtc')
    target.accept_plan(plan_at(0, 'rtc'), ms(0))
    chunk = target.complete(begun(target, 10), good_result(), ms(40))
    splice = SpliceDelay(epoch=chunk.epoch, sequence=chunk.sequence, delay_ns=900 * 10**9)
    refusal = target.accept_plan(plan_at(50, 'rtc', splice=splice), ms(50))
    assert reason(refusal) == 'bad_plan'
    assert '899.960 s longer' in refusal.detail
    assert target.snapshot(ms(50)).plan.forecast_s == 0.15


def test_warm_up_inferences_are_not_learnt_from():
    target = listening('rtc', warm_up=2)
    target.accept_plan(plan_at(0, 'rtc'), ms(0))
    for i in range(3):
        chunk = target.complete(begun(target, 40 * i + 10), good_result(), ms(40 * i + 15))
        splice = SpliceDelay(epoch=0, sequence=chunk.sequence, delay_ns=(900 - 300 * i) * 10**6)
        plan = plan_at(40 * i + 20, 'rtc', sequence=i, splice=splice)
        target.accept_plan(plan, ms(40 * i + 20))
    assert target.snapshot(ms(200)).plan.forecast_s == 0.3


def test_a_plan_of_an_executor_that_fell_silent_is_not_used():
    target = listening('rtc')
    target.accept_plan(plan_at(0, 'rtc'), ms(0))
    ticket = begun(target, 1200)
    assert ticket.request.prefix is None
    assert target.snapshot(ms(1200)).plan.cold_starts == 1


def test_a_reset_forgets_what_was_planned_but_not_that_the_arms_rest():
    target = listening('rtc')
    target.accept_plan(plan_at(0, 'rtc'), ms(0))
    target.reset('episode', ms(1))
    assert begun(target, 20).request.prefix is None
    waiting = listening('sync')
    waiting.accept_plan(resting_plan(strategy='sync', stamp_ns=ms(0)), ms(0))
    waiting.reset('episode', ms(1))
    feed(waiting, 20)
    assert not reason(waiting.next_observation(ms(20))).startswith('waiting')


def test_an_inference_that_is_not_due_leaves_the_anchor_for_later():
    target = listening('sync')
    target.accept_plan(plan_at(0, 'sync'), ms(0))
    feed(target, 10)
    assert reason(target.next_observation(ms(10))) == 'not_due'
    assert target.snapshot(ms(10)).refusal == ''
    target.accept_plan(resting_plan(strategy='sync', stamp_ns=ms(5)), ms(11))
    assert target.next_observation(ms(11)).stamp_ns == ms(10)


def test_sync_looks_at_arms_that_rest_already():
    target = listening('sync')
    feed(target, 10)
    target.accept_plan(resting_plan(strategy='sync', stamp_ns=ms(20)), ms(20))
    assert reason(target.next_observation(ms(20))) == 'no_new_frame'
    feed(target, 43)
    assert target.next_observation(ms(43)).stamp_ns == ms(43)


@settings(max_examples=40, deadline=None)
@given(
    name=st.sampled_from(['sync', 'latest', 'rtc', 'prefix', 'rollforward', 'prefix+rollforward']),
    infer=st.sampled_from(['fast', 'every', 'below']),
    steps=st.lists(
        st.tuples(
            st.sampled_from(['plan', 'rest', 'nothing', 'reset']),
            st.integers(1, 90),  # ms of inference
            st.sampled_from(['complete', 'fail', 'reset', 'splice']),
        ),
        max_size=12,
    ),
)
def test_counters_add_up_and_no_epoch_is_mixed_whatever_happens(name, infer, steps):
    target = listening(name, infer=infer, rows=1, expected_delay_s=0.03)
    now, splice = 0, None
    for event, took_ms, end in steps:
        if event == 'reset':
            target.reset('episode', ms(now))
        elif event == 'plan':
            target.accept_plan(plan_at(now, name, splice=splice), ms(now))
        elif event == 'rest':
            target.accept_plan(resting_plan(strategy=name, stamp_ns=ms(now)), ms(now))
        now += 15
        feed(target, now)
        observation = target.next_observation(ms(now))
        if type(observation) is not type(observation_at(0)):
            continue
        ticket = target.begin(observation, ms(now))
        now += took_ms
        if end == 'reset':
            target.reset('mode', ms(now))
        if end == 'fail':
            target.fail(ticket, 'lost', ms(now))
        else:
            chunk = target.complete(ticket, good_result(), ms(now))
            assert isinstance(chunk, ActionChunk) == (end != 'reset')
            if end == 'splice':
                splice = SpliceDelay(
                    epoch=chunk.epoch, sequence=chunk.sequence, delay_ns=took_ms * 10**6
                )
        health = target.snapshot(ms(now)).plan
        begun_count = health.unconditioned + health.conditioned + health.cold_starts
        assert begun_count == target.snapshot(ms(now)).observations
        assert counters_add_up(target, ms(now))
