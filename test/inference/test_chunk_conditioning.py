# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""What a policy is asked for besides the observation."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from inference.plans import DT_NS
from inference.plans import HORIZON
from inference.plans import WIDTH
from inference.plans import observation_at
from inference.plans import plan_of
from inference.plans import position_at
from inference.plans import resting_plan
from inference.plans import spec_of
from inference.same_fields import same_fields
from inference.session_feed import START_NS

from wla_ros.base.types import PrefixUse
from wla_ros.inference.conditioning import ChunkConditioning
from wla_ros.inference.strategy import MASKS
from wla_ros.inference.strategy import STRATEGIES
from wla_ros.inference.strategy import StrategyConfig

ASKING = [s.name for s in STRATEGIES.values() if s.rolls_state or s.prefix is not PrefixUse.NONE]


def condition(name, plan, delay_rows, *, stamp_ns=START_NS, joints=None, mask='hard', **spec):
    conditioning = ChunkConditioning(StrategyConfig(name=name, mask=mask), spec_of(**spec))
    return conditioning.condition(observation_at(stamp_ns, joints), plan, delay_rows)


def grid_plan(first, last, **fields):
    """Return rows first..last (inclusive) of the grid of an observation at the start."""
    return plan_of(START_NS + DT_NS * np.arange(first, last + 1), **fields)


@pytest.mark.parametrize('name', ['sync', 'latest', 'crossfade', 'ensemble'])
def test_strategies_that_ask_for_nothing_get_nothing(name):
    found = condition(name, grid_plan(-3, 12), 4)
    assert found.prefix is None
    assert (found.row_offset, found.imagine, found.asked) == (0, False, False)


@pytest.mark.parametrize('name', ASKING)
@pytest.mark.parametrize('plan', [None, plan_of([], np.empty((0, WIDTH))), grid_plan(-9, -2)])
def test_without_rows_ahead_it_is_a_cold_start(name, plan):
    found = condition(name, plan, 4)
    assert (found.prefix, found.row_offset, found.imagine, found.cold) == (None, 0, False, True)
    assert np.array_equal(found.observation.joint_position, position_at(START_NS))


@pytest.mark.parametrize('name', ['rollforward', 'rtc'])
def test_arms_that_rest_begin_when_the_chunk_is_there(name):
    found = condition(name, resting_plan(), 4)
    assert (found.prefix, found.row_offset, found.cold) == (None, 4, True)
    assert np.array_equal(found.observation.joint_position, position_at(START_NS))
    assert condition(name, resting_plan(accepting=False), 4).row_offset == 0


@pytest.mark.parametrize('name', ['prefix', 'prefix+rollforward', 'prefix+grounded'])
def test_the_position_in_which_arms_rest_is_committed_to(name):
    error = np.linspace(-0.02, 0.02, WIDTH)
    found = condition(name, resting_plan(tracking_error=error), 4)
    assert (found.cold, found.row_offset, found.prefix.committed) == (True, 0, 4)
    held = position_at(START_NS) - error
    assert np.array_equal(found.prefix.rows, np.tile(held, (len(found.prefix.rows), 1)))
    assert found.imagine == (name == 'prefix+grounded')
    assert condition(name, resting_plan(accepting=False), 4).prefix is None
    assert condition(name, resting_plan(), 0).prefix is None


@given(
    seed=st.integers(0, 999),
    first=st.integers(-6, 0),
    last=st.integers(3, 30),
    delay_rows=st.integers(0, 20),
    mask=st.sampled_from(MASKS),
)
def test_rows_due_on_the_grid_are_taken_exactly(seed, first, last, delay_rows, mask):
    due_ns = START_NS + DT_NS * np.arange(first, last + 1)
    rows = np.random.default_rng(seed).normal(size=(len(due_ns), WIDTH))
    prefix = condition('rtc', plan_of(due_ns, rows), delay_rows, mask=mask).prefix
    overlap = min(last + 1, HORIZON)
    assert np.array_equal(prefix.rows[:overlap], rows[-first : -first + overlap])
    assert prefix.committed == min(delay_rows, overlap)


@given(
    shift_ns=st.integers(0, DT_NS - 1),
    last=st.integers(2, 30),
    delay_rows=st.integers(0, 20),
    name=st.sampled_from(ASKING),
)
def test_a_plan_of_constant_velocity_is_found_again_on_any_grid(shift_ns, last, delay_rows, name):
    due_ns = START_NS - shift_ns + DT_NS * np.arange(-2, last + 1)
    found = condition(name, plan_of(due_ns), delay_rows)
    if found.prefix is not None:
        weighed = found.prefix.weights > 0.0
        grid_ns = START_NS + DT_NS * np.arange(len(weighed))
        np.testing.assert_allclose(
            found.prefix.rows[weighed], position_at(grid_ns)[weighed], atol=1e-9
        )
    rows = found.row_offset or (found.prefix.committed if found.prefix else 0)
    if STRATEGIES[name].rolls_state:
        expected = position_at(min(START_NS + rows * DT_NS, due_ns[-1]))
        np.testing.assert_allclose(found.observation.joint_position, expected, atol=1e-9)
    else:
        assert np.array_equal(found.observation.joint_position, position_at(START_NS))


def test_beyond_the_plan_its_last_row_is_held_without_weight():
    prefix = condition('rtc', grid_plan(-2, 5), 3, mask='soft').prefix
    assert prefix.rows.shape == (HORIZON, WIDTH)
    assert np.array_equal(prefix.rows[6:], np.repeat(prefix.rows[5:6], HORIZON - 6, axis=0))
    assert not prefix.weights[6:].any()
    assert np.all(prefix.weights[:6] > 0.9)


def test_rows_before_the_plan_begin_at_the_measured_joints():
    joints = np.full(WIDTH, 0.123)
    prefix = condition('prefix', grid_plan(2, 12), 4, joints=joints).prefix
    assert np.array_equal(prefix.rows[0], joints)
    assert np.array_equal(prefix.rows[2:], position_at(START_NS + DT_NS * np.arange(2, 4)))


@pytest.mark.parametrize(
    ('delay_rows', 'last', 'trained', 'rows', 'exceeded', 'short'),
    [
        (4, 12, 8, 4, False, False),
        (10, 12, 8, 8, True, False),
        (6, 2, 8, 3, False, True),
        (10, 2, 8, 3, True, True),
        (0, 12, 8, 0, False, False),
    ],
)
@pytest.mark.parametrize('name', ['prefix', 'rollforward', 'prefix+rollforward'])
def test_a_policy_is_told_no_more_than_it_was_trained_for_nor_than_is_planned(
    name, delay_rows, last, trained, rows, exceeded, short
):
    found = condition(
        name, grid_plan(-2, last), delay_rows, clean_prefix_rows=trained, rolled_rows=trained
    )
    given_rows = 0 if found.prefix is None else len(found.prefix.rows)
    if name == 'rollforward':
        # The arms will rest at the last row: that is known as well.
        assert (found.row_offset, given_rows) == (min(delay_rows, trained), 0)
    else:
        assert (found.row_offset, given_rows) == (0, rows)
    assert (found.forecast_exceeded, found.plan_short) == (exceeded, short)


def test_clean_rows_are_certain_and_the_combination_projects_the_state_behind_them():
    found = condition('prefix+rollforward', grid_plan(-2, 12), 6, rolled_rows=5)
    assert found.prefix.use is PrefixUse.CLEAN
    assert found.prefix.committed == len(found.prefix.rows) == 5
    np.testing.assert_allclose(
        found.observation.joint_position, position_at(START_NS + 5 * DT_NS), atol=1e-12
    )


def test_the_projected_state_keeps_the_error_with_which_the_arms_follow():
    error = np.linspace(-0.02, 0.03, WIDTH)
    # What is measured beyond that is a bridge, which will be over.
    joints = position_at(START_NS) + error + 0.1
    plan = grid_plan(-2, 12, tracking_error=error)
    found = condition('rollforward', plan, 4, joints=joints)
    expected = position_at(START_NS + 4 * DT_NS) + error
    np.testing.assert_allclose(found.observation.joint_position, expected, atol=1e-12)
    velocity = np.linspace(-0.7, 0.9, WIDTH)
    np.testing.assert_allclose(found.observation.joint_velocity, velocity, atol=1e-6)
    assert found.observation.stamp_ns == START_NS


def test_only_a_forward_model_imagines_and_it_needs_no_training_with_old_images():
    found = condition('grounded', grid_plan(-2, 12), 6, rolled_rows=0)
    assert (found.imagine, found.row_offset) == (True, 6)
    assert not condition('rollforward', grid_plan(-2, 12), 6).imagine
    combined = condition('prefix+grounded', grid_plan(-2, 12), 6, rolled_rows=0)
    assert (combined.imagine, combined.row_offset, combined.prefix.committed) == (True, 0, 6)


def test_nothing_of_plan_or_observation_is_written_to():
    plan, observation = grid_plan(-2, 12), observation_at(START_NS)
    before = plan.rows.copy(), observation.joint_position.copy()
    config = StrategyConfig(name='prefix+rollforward')
    found = ChunkConditioning(config, spec_of()).condition(observation, plan, 4)
    assert np.array_equal(plan.rows, before[0])
    assert np.array_equal(observation.joint_position, before[1])
    assert not found.prefix.rows.flags.writeable
    rolled = {name: getattr(observation, name) for name in ('joint_position', 'joint_velocity')}
    assert same_fields(dataclasses.replace(found.observation, **rolled), observation)


@pytest.mark.parametrize(
    ('delay_rows', 'last', 'committed', 'exceeded', 'short'),
    [
        (HORIZON, 30, HORIZON, False, False),
        (HORIZON + 1, 30, HORIZON, True, False),
        (HORIZON + 9, 3, 4, True, True),
        (5, 3, 4, False, True),
        (4, 3, 4, False, False),
        (0, 3, 0, False, False),
    ],
)
def test_a_guided_policy_is_tied_to_no_more_rows_than_its_chunk_has_nor_than_are_planned(
    delay_rows, last, committed, exceeded, short
):
    found = condition('rtc', grid_plan(-2, last), delay_rows, rolled_rows=2)
    assert found.prefix.use is PrefixUse.GUIDED
    assert (found.prefix.committed, found.row_offset) == (committed, 0)
    assert (found.forecast_exceeded, found.plan_short) == (exceeded, short)
    assert (found.asked, found.cold, found.imagine) == (True, False, False)


@pytest.mark.parametrize(
    ('name', 'spec', 'rows'),
    [
        ('rtc', {'rolled_rows': 3}, 3),  # trained with rows that begin later
        ('rtc', {'rolled_rows': 0}, HORIZON),  # says nothing of it
        ('rtc', {'rolled_rows': HORIZON + 5}, HORIZON),
        ('rollforward', {'rolled_rows': 3}, 3),
        ('rollforward', {'rolled_rows': HORIZON + 5}, HORIZON),
        ('grounded', {'rolled_rows': 0}, HORIZON),
    ],
)
def test_arms_that_rest_begin_no_later_than_the_policy_was_trained_for(name, spec, rows):
    for delay_rows, exceeded in ((rows, False), (rows + 4, True), (0, False)):
        found = condition(name, resting_plan(), delay_rows, **spec)
        assert found.row_offset == min(rows, delay_rows)
        assert found.forecast_exceeded == exceeded
        assert (found.asked, found.cold, found.plan_short) == (True, True, False)
        assert found.imagine == (name == 'grounded' and delay_rows > 0)


@pytest.mark.parametrize(
    ('name', 'spec', 'rows'),
    [
        ('prefix', {'clean_prefix_rows': 3, 'rolled_rows': 1}, 3),
        ('prefix', {'clean_prefix_rows': HORIZON + 5}, HORIZON),
        ('prefix+rollforward', {'clean_prefix_rows': 6, 'rolled_rows': 2}, 2),
        ('prefix+rollforward', {'clean_prefix_rows': 2, 'rolled_rows': 6}, 2),
        ('prefix+grounded', {'clean_prefix_rows': 6, 'rolled_rows': 2}, 6),
    ],
)
@pytest.mark.parametrize('resting', [True, False])
def test_the_least_of_what_a_policy_was_trained_for_bounds_its_clean_prefix(
    name, spec, rows, resting
):
    plan = resting_plan() if resting else grid_plan(-2, 30)
    for delay_rows, exceeded in ((rows, False), (rows + 1, True)):
        found = condition(name, plan, delay_rows, **spec)
        assert len(found.prefix.rows) == found.prefix.committed == rows
        assert found.forecast_exceeded == exceeded


def test_where_nothing_can_be_given_nothing_was_exceeded():
    found = condition('rtc', resting_plan(accepting=False), 40)
    assert (found.cold, found.row_offset, found.forecast_exceeded) == (True, 0, False)
    assert not condition('prefix', None, 40).forecast_exceeded
    assert not condition('prefix', resting_plan(), 4, clean_prefix_rows=0).forecast_exceeded


def test_a_plan_that_ends_at_the_observation_has_one_row_left_and_one_before_it_none():
    at_the_end = condition('rtc', grid_plan(-5, 0), 3)
    assert (at_the_end.cold, at_the_end.prefix.committed) == (False, 1)
    assert condition('rtc', plan_of(grid_plan(-5, 0).due_ns - 1), 3).cold


def test_a_plan_that_begins_at_the_observation_is_taken_as_it_is():
    joints = np.full(WIDTH, 0.123)
    prefix = condition('prefix', grid_plan(0, 12), 4, joints=joints).prefix
    assert np.array_equal(prefix.rows, position_at(START_NS + DT_NS * np.arange(4)))


def test_beyond_the_plan_a_projected_state_rests_at_its_last_row():
    found = condition('rollforward', grid_plan(-2, 2), 6)
    assert (found.row_offset, found.plan_short) == (6, True)
    last = position_at(START_NS + 2 * DT_NS)
    np.testing.assert_allclose(found.observation.joint_position, last, atol=1e-12)
    assert not found.observation.joint_position.flags.writeable
    assert not found.observation.joint_velocity.flags.writeable


def test_weights_of_a_prefix_are_not_written_to():
    for name in ('rtc', 'prefix'):
        prefix = condition(name, grid_plan(-2, 12), 4).prefix
        assert not prefix.weights.flags.writeable
