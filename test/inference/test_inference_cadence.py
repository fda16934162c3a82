# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""When to infer."""

import numpy as np
import pytest
from inference.plans import DT_NS
from inference.plans import plan_of
from inference.plans import resting_plan
from inference.plans import spec_of
from inference.session_feed import START_NS

from wla_ros.inference.pacing import LOST_CHUNK_NS
from wla_ros.inference.pacing import NEWS_NS
from wla_ros.inference.pacing import PLAN_MAX_AGE_NS
from wla_ros.inference.pacing import InferenceCadence
from wla_ros.inference.pacing import ReceivedPlan
from wla_ros.inference.strategy import StrategyConfig

MS = 1_000_000


def cadence(name='latest', infer='fast', rows=4):
    return InferenceCadence(StrategyConfig(name=name, infer=infer, rows=rows), spec_of())


def heard(plan, received_ns=START_NS):
    return ReceivedPlan(plan=plan, received_ns=received_ns)


def moving(rows_left=10, **fields):
    return heard(plan_of(START_NS + DT_NS * np.arange(-2, rows_left + 1), **fields))


def ended(target, sequence=0):
    """Let an inference begin and make a chunk at once."""
    target.begun(START_NS)
    target.published(0, sequence, START_NS)


def reason(refusal):
    return '' if refusal is None else refusal.reason


@pytest.mark.parametrize('plan', [None, moving(), heard(resting_plan())])
def test_fast_is_always_due_for_a_policy_that_is_told_nothing(plan):
    target = cadence()
    target.begun(START_NS)
    target.published(0, 7, START_NS)
    assert target.judge(plan, START_NS + 1) is None


@pytest.mark.parametrize('name', ['rtc', 'prefix', 'rollforward', 'grounded'])
def test_a_policy_that_is_told_of_the_plan_is_told_of_the_newest_chunk(name):
    target = cadence(name)
    assert target.judge(moving(), START_NS) is None
    target.published(0, 1, START_NS)
    assert reason(target.judge(moving(sequence=0), START_NS + MS)) == 'not_due'
    assert target.judge(moving(sequence=1), START_NS + MS) is None
    # the chunk was lost: an older plan is better than none
    assert target.judge(moving(sequence=0), START_NS + NEWS_NS) is None


@pytest.mark.parametrize('infer', ['every', 'below'])
def test_without_an_executor_there_is_no_pace_to_keep(infer):
    target = cadence(infer=infer)
    target.begun(START_NS)
    assert target.judge(None, START_NS + 1) is None
    assert target.judge(moving(), START_NS + PLAN_MAX_AGE_NS + 1) is None


def test_every_waits_for_its_rows_to_the_nearest_anchor():
    target = cadence(infer='every', rows=4)
    assert target.judge(moving(), START_NS) is None
    ended(target)
    assert reason(target.judge(moving(), START_NS + 3 * DT_NS)) == 'not_due'
    assert target.judge(moving(), START_NS + 4 * DT_NS - 10 * MS) is None


def test_an_inference_that_came_to_nothing_is_made_up_for_at_once():
    target = cadence(infer='every', rows=4)
    ended(target)
    target.begun(START_NS + 4 * DT_NS)  # and failed
    assert target.judge(moving(), START_NS + 5 * DT_NS) is None


def test_a_chunk_that_was_lost_or_refused_is_made_up_for_when_it_should_have_been_heard_of():
    target = cadence(infer='every', rows=8)
    ended(target, sequence=1)
    assert reason(target.judge(moving(), START_NS + NEWS_NS - 1)) == 'not_due'
    assert target.judge(moving(), START_NS + NEWS_NS) is None
    assert reason(target.judge(moving(sequence=1), START_NS + NEWS_NS)) == 'not_due'


def test_every_does_not_wait_when_nothing_is_left_to_execute():
    target = cadence(infer='every', rows=4)
    ended(target)
    assert target.judge(heard(resting_plan()), START_NS + DT_NS) is None
    # but a chunk that was just published is given the time to arrive
    target.published(0, 1, START_NS + DT_NS)
    assert reason(target.judge(heard(resting_plan()), START_NS + 2 * DT_NS)) == 'not_due'


def test_below_counts_the_rows_that_are_left_on_the_clock_of_this_process():
    target = cadence(infer='below', rows=4)
    assert reason(target.judge(moving(rows_left=10), START_NS)) == 'not_due'
    assert reason(target.judge(moving(rows_left=10), START_NS + 6 * DT_NS)) == 'not_due'
    assert target.judge(moving(rows_left=10), START_NS + 6 * DT_NS + MS) is None
    elsewhere = moving(rows_left=10, stamp_ns=START_NS)
    late = ReceivedPlan(plan=elsewhere.plan, received_ns=START_NS + 10**12)
    assert reason(target.judge(late, START_NS + 10**12)) == 'not_due'


def test_below_waits_for_the_chunk_in_flight():
    target = cadence(infer='below', rows=4)
    target.published(0, 1, START_NS)
    assert reason(target.judge(moving(rows_left=1), START_NS + MS)) == 'not_due'
    assert target.judge(moving(rows_left=1, sequence=1), START_NS + MS) is None
    assert target.judge(moving(rows_left=1), START_NS + NEWS_NS) is None


def test_sync_thinks_only_while_the_arms_rest_and_chunks_are_taken():
    target = cadence('sync')
    assert reason(target.judge(None, START_NS)) == 'waiting_for_plan'
    assert reason(target.judge(moving(), START_NS)) == 'not_due'
    assert reason(target.judge(heard(resting_plan(accepting=False)), START_NS)) == 'not_due'
    assert target.judge(heard(resting_plan()), START_NS) is None
    stale_ns = START_NS + PLAN_MAX_AGE_NS + 1
    assert reason(target.judge(heard(resting_plan()), stale_ns)) == 'waiting_for_plan'


def test_one_pause_makes_one_inference_and_a_lost_chunk_does_not_end_it_for_ever():
    target = cadence('sync')
    target.published(0, 3, START_NS)
    before = heard(resting_plan(sequence=2))
    assert reason(target.judge(before, START_NS + 10 * MS)) == 'not_due'
    assert reason(target.judge(heard(resting_plan(sequence=3)), START_NS + 10 * MS)) == ''
    assert target.judge(before, START_NS + LOST_CHUNK_NS) is None


def test_a_new_epoch_waits_for_no_chunk_of_the_old_one():
    target = cadence('sync')
    target.published(4, 3, START_NS)
    target.clear()
    assert target.judge(heard(resting_plan(epoch=4, sequence=2)), START_NS) is None


def test_a_plan_is_believed_until_ten_of_its_successors_are_missing():
    assert PLAN_MAX_AGE_NS == 1000 * MS
    received = moving()
    assert received.is_fresh(START_NS + PLAN_MAX_AGE_NS)
    assert not received.is_fresh(START_NS + PLAN_MAX_AGE_NS + 1)


def test_what_is_left_is_counted_from_the_receipt_and_never_below_nothing():
    received = heard(plan_of([START_NS - DT_NS, START_NS + 5 * MS]), START_NS + 10**12)
    left = [received.left_ns(START_NS + 10**12 + after * MS) for after in (0, 2, 5, 6)]
    assert left == [5 * MS, 3 * MS, 0, 0]
    assert heard(resting_plan()).left_ns(START_NS) == 0
    assert heard(plan_of([START_NS + MS], resting=True)).left_ns(START_NS) == 0


def test_one_row_is_a_plan_as_well():
    assert heard(plan_of([START_NS + 5 * MS])).left_ns(START_NS) == 5 * MS


@pytest.mark.parametrize(
    ('name', 'patience_ns'), [('sync', LOST_CHUNK_NS), ('rtc', NEWS_NS), ('latest', NEWS_NS)]
)
def test_news_of_a_chunk_are_awaited_for_as_long_as_it_pays(name, patience_ns):
    assert (LOST_CHUNK_NS, NEWS_NS) == (500 * MS, 100 * MS)
    target = cadence(name, infer='below', rows=99)
    target.published(0, 1, START_NS)
    plan = resting_plan(sequence=0) if name == 'sync' else moving(1, sequence=0).plan
    assert 'on its way' in target.judge(heard(plan), START_NS + patience_ns - 1).detail
    assert target.judge(heard(plan), START_NS + patience_ns) is None


@pytest.mark.parametrize(
    ('known', 'awaited'), [((0, 9), True), ((1, 3), True), ((1, 4), False), ((2, 0), False)]
)
def test_a_chunk_is_awaited_until_it_or_a_newer_one_is_heard_of(known, awaited):
    target = cadence('rtc')
    target.published(1, 4, START_NS)
    plan = moving(epoch=known[0], sequence=known[1])
    assert (target.judge(plan, START_NS + MS) is not None) == awaited


def test_half_a_row_early_is_the_nearest_anchor():
    target = cadence(infer='every', rows=4)
    ended(target)
    due_ns = START_NS + 7 * DT_NS // 2
    assert target.judge(moving(), due_ns + 1) is None
    refusal = target.judge(moving(), due_ns - MS)
    assert refusal.detail == '3.5 rows have passed since the last one, of 4'
    early = target.judge(moving(), START_NS + DT_NS)
    assert early.detail == '1.0 rows have passed since the last one, of 4'


def test_below_begins_with_fewer_rows_than_asked_for_and_tells_how_many_are_left():
    target = cadence(infer='below', rows=4)
    refusal = target.judge(moving(rows_left=10), START_NS + 3 * DT_NS)
    assert refusal.detail == '7.0 rows are left, inference begins below 4'
    assert target.judge(moving(rows_left=4), START_NS) is not None
    assert target.judge(moving(rows_left=4), START_NS + 1) is None


def test_sync_tells_for_how_long_no_plan_came():
    assert 'was received for 1.0 s' in cadence('sync').judge(None, START_NS).detail


def test_a_new_epoch_counts_its_rows_anew():
    target = cadence(infer='every', rows=4)
    ended(target)
    target.clear()
    assert target.judge(moving(), START_NS + MS) is None
    target.published(1, 0, START_NS)  # begun before the epoch
    assert target.judge(moving(epoch=1), START_NS + MS) is None
