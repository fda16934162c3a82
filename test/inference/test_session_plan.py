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
from wla_ros.base.types import Refusal
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


def health_of(target, now_ms):
    return target.snapshot(ms(now_ms)).plan


def test_nothing_is_counted_before_anything_was_heard():
    health = health_of(listening('rtc'), 0)
    counts = (
        health.plans_received,
        health.plans_refused,
        health.unconditioned,
        health.conditioned,
        health.cold_starts,
        health.forecast_exceeded,
        health.prefix_clamped,
        health.delays_measured,
    )
    assert counts == (0,) * 8
    assert (health.strategy, health.plan_age_s, health.forecast_s) == ('rtc', -1.0, 0.15)


def test_the_age_of_a_plan_is_counted_from_its_receipt_and_never_negative():
    target = listening('rtc')
    target.accept_plan(plan_at(0, 'rtc'), ms(20))
    assert health_of(target, 120).plan_age_s == pytest.approx(0.1)
    assert health_of(target, 10).plan_age_s == 0.0


def test_conditioned_inferences_that_got_less_than_was_wanted_are_counted():
    target = listening('rtc', expected_delay_s=0.2, forecast_margin_rows=0)  # 6 of 4 rows
    target.accept_plan(plan_at(0, 'rtc'), ms(0))
    target.complete(begun(target, 10), good_result(), ms(20))
    health = health_of(target, 20)
    assert (health.conditioned, health.cold_starts, health.unconditioned) == (1, 0, 0)
    assert (health.forecast_exceeded, health.prefix_clamped) == (1, 0)
    short = plan_of([ms(0), ms(30), ms(60)], strategy='rtc', stamp_ns=ms(30), sequence=0)
    target.accept_plan(short, ms(30))
    target.complete(begun(target, 43), good_result(), ms(50))
    health = health_of(target, 50)
    assert (health.conditioned, health.forecast_exceeded, health.prefix_clamped) == (2, 2, 1)


def test_a_plan_that_could_not_be_decoded_is_counted():
    target = listening('rtc')
    refusal = Refusal(reason='bad_plan', detail='execution_plan: lengths differ')
    assert target.refuse_input('execution_plan', refusal) is refusal
    assert (health_of(target, 0).plans_received, health_of(target, 0).plans_refused) == (1, 1)


def test_every_refused_plan_is_counted_with_what_came_of_its_stamp():
    target = listening('rtc')
    target.accept_plan(plan_at(50, 'rtc'), ms(50))
    late = target.accept_plan(plan_at(20, 'rtc'), ms(60))
    assert 'execution_plan: stamp is 0.030 s older' in late.detail
    assert (health_of(target, 60).plans_received, health_of(target, 60).plans_refused) == (2, 1)


@pytest.mark.parametrize(('excess_ms', 'refused'), [(1000, False), (1000.000001, True)])
def test_a_splice_delay_may_be_wrong_by_what_clocks_may_be(excess_ms, refused):
    target = listening('rtc')
    target.accept_plan(plan_at(0, 'rtc'), ms(0))
    chunk = target.complete(begun(target, 10), good_result(), ms(40))
    delay_ns = ms(50 + excess_ms) - ms(10)
    splice = SpliceDelay(epoch=chunk.epoch, sequence=chunk.sequence, delay_ns=delay_ns)
    found = target.accept_plan(plan_at(50, 'rtc', splice=splice), ms(50))
    assert (found is not None) == refused


def test_a_plan_as_old_as_the_bound_is_still_told_to_the_policy():
    for late_ns, cold in ((0, 0), (1, 1)):
        target = listening('rollforward')
        long = plan_of(range(ms(0), ms(3000), FRAME_NS), strategy='rollforward', stamp_ns=ms(0))
        target.accept_plan(long, ms(0))
        feed(target, 1000)
        observation = target.next_observation(ms(1000))
        target.begin(observation, ms(1000) + late_ns)
        assert health_of(target, 1000).cold_starts == cold


def test_plans_may_be_of_auto_and_malformed_in_several_ways_at_once():
    target = listening('rtc')
    assert target.accept_plan(plan_at(0, 'auto'), ms(0)) is None
    bad = plan_of([5, 4], np.full((2, 3), np.inf), strategy='rtc', tracking_error=np.zeros(2))
    detail = target.accept_plan(bad, ms(10)).detail
    for part in ('rows [2, 3], expected [2, 14]', 'error [2], expected [14]', 'finite', 'rise'):
        assert part in detail


@pytest.mark.parametrize('value', [np.nan, np.inf])
def test_a_tracking_error_that_is_not_finite_is_refused(value):
    target = listening('rtc')
    plan = plan_at(0, 'rtc', tracking_error=np.full(LAYOUT.width, value))
    assert 'not finite' in target.accept_plan(plan, ms(0)).detail


def test_arms_rest_since_the_first_plan_that_said_so_until_they_are_given_something_to_do():
    target = listening('sync')

    def heard(now_ms, **fields):
        rest = resting_plan(strategy='sync', stamp_ns=ms(now_ms), **fields)
        assert target.accept_plan(rest, ms(now_ms)) is None
        return target._listener.oldest_anchor_ns

    assert target._listener.oldest_anchor_ns is None
    assert [heard(0), heard(10), heard(20)] == [ms(0)] * 3
    assert heard(30, sequence=1) == ms(30)  # another chunk came and went between two plans
    assert heard(40, sequence=1) == ms(30)
    target.accept_plan(plan_at(50, 'sync', sequence=1), ms(50))
    assert target._listener.oldest_anchor_ns is None
    assert heard(60, sequence=1) == ms(60)
    other = listening('rtc')
    other.accept_plan(resting_plan(strategy='rtc', stamp_ns=ms(0)), ms(0))
    assert other._listener.oldest_anchor_ns is None


def test_a_jump_of_the_clock_forgets_the_plan_and_since_when_the_arms_rest():
    target = listening('sync')
    target.accept_plan(resting_plan(strategy='sync', stamp_ns=ms(0)), ms(0))
    target.next_observation(ms(-2000))
    assert target._listener.oldest_anchor_ns is None
    assert health_of(target, -2000).plan_age_s == -1.0
    again = resting_plan(strategy='sync', stamp_ns=ms(-1990))
    assert target.accept_plan(again, ms(-1990)) is None


def test_a_rest_that_repeats_its_stamp_replaces_the_plan_before():
    target = listening('rtc')
    target.accept_plan(plan_at(0, 'rtc'), ms(0))
    target.accept_plan(resting_plan(strategy='rtc', stamp_ns=ms(0)), ms(1))
    assert begun(target, 10).request.prefix is None


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
