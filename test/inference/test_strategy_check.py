# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Policy and strategy must fit before anything moves."""

import pytest
from inference.plans import spec_of

from wla_ros.inference.pacing import check_strategy
from wla_ros.inference.pacing import choose_strategy
from wla_ros.inference.strategy import STRATEGIES
from wla_ros.inference.strategy import StrategyConfig

NOTHING = {
    'guided_prefix': False,
    'clean_prefix_rows': 0,
    'rolled_rows': 0,
    'forward_model': False,
}


def problems(name, spec=None, **fields):
    return check_strategy(spec or spec_of(), StrategyConfig(name=name, **fields))


@pytest.mark.parametrize('name', STRATEGIES)
def test_a_policy_that_offers_everything_fits_every_strategy(name):
    assert problems(name) == ()


@pytest.mark.parametrize('name', ['sync', 'latest', 'crossfade', 'ensemble'])
def test_a_policy_that_offers_nothing_fits_strategies_of_the_executor(name):
    assert problems(name, spec_of(**NOTHING)) == ()


@pytest.mark.parametrize(
    ('name', 'words'),
    [
        ('rtc', ['cannot be guided']),
        ('prefix', ['6 rows', 'not trained with clean prefix rows']),
        ('rollforward', ['not trained with rows of rolling forward']),
        ('grounded', ['no forward model']),
        ('prefix+rollforward', ['clean prefix rows', 'rows of rolling forward']),
        ('prefix+grounded', ['clean prefix rows', 'no forward model']),
    ],
)
def test_everything_that_a_policy_lacks_is_named_at_once(name, words):
    found = problems(name, spec_of(**NOTHING))
    assert len(found) == len(words) - ('6 rows' in words)
    text = '; '.join(str(problem) for problem in found)
    assert all(word in text for word in words)
    assert all(problem.remedy for problem in found)


def test_the_expected_delay_must_lie_within_what_was_trained():
    assert problems('prefix', spec_of(clean_prefix_rows=6)) == ()
    found = problems('prefix', spec_of(clean_prefix_rows=5))
    assert 'at most 5 clean prefix rows' in found[0].what
    assert problems('prefix', spec_of(clean_prefix_rows=5), forecast_margin_rows=0) == ()


def test_the_next_chunk_must_come_before_the_end_of_this_one():
    found = problems('latest', expected_delay_s=0.4)  # 13 of 16 rows
    assert 'at most 8 rows' in found[0].remedy
    assert problems('sync', expected_delay_s=0.4) == ()


@pytest.mark.parametrize('infer', ['every', 'below'])
def test_d_s_and_h_minus_d_are_in_order(infer):
    assert problems('latest', infer=infer, rows=8) == ()
    for rows in (5, 11):
        (found,) = problems('latest', infer=infer, rows=rows)
        assert '6 to 10 rows' in found.remedy
    assert problems('latest', infer='fast', rows=5) == ()


def test_sync_executes_no_more_rows_than_there_are():
    (found,) = problems('sync', rows=17)
    assert found.where == 'strategy.rows'


@pytest.mark.parametrize(
    ('offers', 'chosen'),
    [
        ({}, 'prefix'),
        ({'clean_prefix_rows': 5}, 'rtc'),  # fewer than the 6 that are expected
        (NOTHING, 'latest'),
    ],
)
def test_auto_is_the_best_that_the_policy_supports_and_says_why(offers, chosen):
    spec = spec_of(**offers)
    config, reason = choose_strategy(spec, StrategyConfig(infer='every', rows=9))
    assert (config.name, config.infer, config.rows) == (chosen, 'every', 9)
    assert f'{chosen}, the best that policy {spec.name} supports' in reason
    assert check_strategy(spec, StrategyConfig()) == ()


def test_a_named_strategy_is_taken_or_refused_and_never_replaced():
    spec = spec_of(**NOTHING)
    config, _ = choose_strategy(spec, StrategyConfig(name='rtc'))
    assert config.name == 'rtc'
    assert check_strategy(spec, StrategyConfig(name='rtc'))


def test_auto_still_names_a_delay_that_chunks_are_too_short_for():
    (problem,) = check_strategy(spec_of(), StrategyConfig(expected_delay_s=1.0))
    assert problem.where == 'strategy.expected_delay_s'


@pytest.mark.parametrize(
    ('name', 'field'), [('prefix', 'clean_prefix_rows'), ('rollforward', 'rolled_rows')]
)
def test_what_is_expected_and_what_was_trained_are_told_in_rows(name, field):
    assert problems(name, spec_of(**{field: 6})) == ()
    (few,) = problems(name, spec_of(**{field: 5}))
    assert f'{name} expects a delay of 6 rows, policy fake is trained with at most 5' in few.what
    (none,) = problems(name, spec_of(**{field: 0}))
    assert 'policy fake is not trained with' in none.what
    assert (few.where, none.where) == ('strategy.name', 'strategy.name')


def test_a_strategy_that_imagines_needs_no_training_with_old_images_and_a_way_out():
    assert problems('grounded', spec_of(rolled_rows=0)) == ()
    (found,) = problems('prefix+grounded', spec_of(forward_model=False))
    assert found.remedy == 'prefix+rollforward'


def test_a_delay_may_be_half_of_a_chunk_and_no_more():
    """Rows of 33.3 ms and one of margin: 0.233 s are 8 of 16 rows."""
    assert problems('latest', expected_delay_s=0.233) == ()
    (found,) = problems('latest', expected_delay_s=0.234)
    assert 'a delay of 9 rows (0.300 s with margin)' in found.what
    assert 'at most 8 rows' in found.remedy


@pytest.mark.parametrize(('rows', 'fine'), [(5, False), (6, True), (10, True), (11, False)])
def test_a_chunk_lasts_until_the_next_one_has_come(rows, fine):
    found = problems('latest', infer='every', rows=rows)
    assert (found == ()) == fine
    if not fine:
        assert f'{rows} rows between inferences with a delay of 6 rows' in found[0].what


def test_sync_may_execute_all_rows_of_a_chunk():
    assert problems('sync', rows=16) == ()
    (found,) = problems('sync', rows=17)
    assert (found.what, found.remedy) == (
        '17 rows are executed of chunks that have 16',
        'at most 16',
    )


def test_a_specification_without_rows_or_time_is_a_matter_of_the_session():
    for fields in ({'horizon': 0}, {'dt_ns': 0}, {'dt_ns': -1}):
        assert check_strategy(spec_of(**fields), StrategyConfig(name='rtc')) == ()
    assert check_strategy(spec_of(horizon=1, dt_ns=10**9), StrategyConfig(name='latest')) != ()


def test_a_named_strategy_gives_its_name_as_the_reason():
    _, reason = choose_strategy(spec_of(), StrategyConfig(name='rtc'))
    assert reason == 'strategy.name is rtc'


def test_the_reason_for_auto_tells_what_the_better_ones_lack():
    _, reason = choose_strategy(spec_of(), StrategyConfig())
    assert reason.endswith(': the best there is')
    _, reason = choose_strategy(spec_of(**NOTHING), StrategyConfig())
    assert 'not trained with clean prefix rows; rtc guides the denoising' in reason
