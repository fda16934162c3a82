# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""What the strategies ask for, by rules that hold over the whole table."""

import pytest

from wla_ros.base.types import Join
from wla_ros.base.types import PrefixUse
from wla_ros.inference.strategy import STRATEGIES
from wla_ros.inference.strategy import StrategyConfig
from wla_ros.inference.strategy import strategy_named

COMBINED = [name for name in STRATEGIES if '+' in name]


def test_strategies_that_tell_the_policy_of_the_plan_join_behind_what_it_was_told():
    for strategy in STRATEGIES.values():
        told = strategy.rolls_state or strategy.prefix is not PrefixUse.NONE
        assert told == (strategy.join is Join.COMMITTED), strategy.name


@pytest.mark.parametrize('name', COMBINED)
def test_a_combination_asks_for_all_that_its_parts_ask_for(name):
    combined, parts = STRATEGIES[name], [STRATEGIES[part] for part in name.split('+')]
    assert combined.prefix is PrefixUse.CLEAN
    for ability in ('rolls_state', 'imagines', 'waits'):
        assert getattr(combined, ability) == any(getattr(part, ability) for part in parts)


def test_what_is_imagined_is_imagined_for_a_projected_state():
    imagining = {name for name, strategy in STRATEGIES.items() if strategy.imagines}
    assert imagining == {'grounded', 'prefix+grounded'}
    assert all(STRATEGIES[name].rolls_state for name in (*imagining, 'rollforward'))
    assert not any(STRATEGIES[name].rolls_state for name in ('rtc', 'prefix'))


def test_sync_alone_waits_and_begins_its_rows_when_they_arrive():
    assert [name for name, strategy in STRATEGIES.items() if strategy.waits] == ['sync']
    joins = {name: STRATEGIES[name].join for name in ('sync', 'latest', 'crossfade', 'ensemble')}
    assert joins == {
        'sync': Join.ARRIVAL,
        'latest': Join.LATEST,
        'crossfade': Join.CROSSFADE,
        'ensemble': Join.ENSEMBLE,
    }


@pytest.mark.parametrize('name', STRATEGIES)
def test_every_strategy_is_found_by_its_name_with_its_parts_in_any_order(name):
    assert strategy_named(name) is STRATEGIES[name]
    backwards = ' + '.join(reversed(name.split('+')))
    assert strategy_named(backwards) is STRATEGIES[name]
    assert StrategyConfig(name=backwards).full_name == name


@pytest.mark.parametrize('name', ['nonsense', 'prefix+nonsense', 'nonsense+prefix', ''])
def test_a_part_that_does_not_exist_is_named(name):
    part = 'nonsense' if name else ''
    with pytest.raises(ValueError, match=f"^'{part}' is no strategy; there are sync, latest"):
        strategy_named(name)


@pytest.mark.parametrize('name', ['rtc+prefix', 'latest+sync', 'prefix+prefix', 'sync+prefix'])
def test_parts_that_contradict_each_other_are_refused_with_the_combinations_there_are(name):
    with pytest.raises(ValueError, match='contradicts itself') as caught:
        StrategyConfig(name=name)
    assert all(combination in str(caught.value) for combination in COMBINED)


def test_auto_is_no_strategy_until_one_was_chosen():
    config = StrategyConfig(name='auto')
    assert config.full_name == 'auto'
    with pytest.raises(ValueError, match="'auto' is no strategy"):
        _ = config.strategy


@pytest.mark.parametrize(
    ('rows', 'horizon', 'between'), [(0, 16, 8), (0, 5, 2), (0, 1, 1), (3, 16, 3), (1, 16, 1)]
)
def test_half_the_horizon_lies_between_two_inferences_unless_rows_are_given(
    rows, horizon, between
):
    assert StrategyConfig(rows=rows).rows_between(horizon) == between
