# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""How late a chunk will be."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wla_ros.base.types import SpliceDelay
from wla_ros.inference.pacing import DelayForecast
from wla_ros.inference.pacing import delay_rows
from wla_ros.inference.strategy import StrategyConfig

MS = 1_000_000
DT_NS = 33_333_333
CONFIG = StrategyConfig(expected_delay_s=0.15, forecast_window=4, warm_up=2)


def splice(sequence, delay_ms, epoch=0):
    return SpliceDelay(epoch=epoch, sequence=sequence, delay_ns=round(delay_ms * MS))


def warm(config=CONFIG):
    """Return a forecast whose warm-up is over."""
    forecast = DelayForecast(config, DT_NS)
    while not forecast.begin(plan_known=True):
        pass
    return forecast


def learn(forecast, sequence, delay_ms):
    forecast.expect(0, sequence, 0)
    return forecast.learn(splice(sequence, delay_ms))


@given(st.integers(0, 10**10), st.integers(1, 10**9), st.integers(0, 5))
def test_exactly_the_rows_due_before_the_splice_are_counted(delay_ns, dt_ns, margin):
    rows = delay_rows(delay_ns, dt_ns, margin) - margin
    assert rows * dt_ns >= delay_ns  # row d may be new
    assert rows == 0 or (rows - 1) * dt_ns < delay_ns  # row d - 1 was due before


def test_the_expected_delay_holds_until_something_was_measured():
    forecast = warm()
    assert forecast.delay_ns == 150 * MS
    assert forecast.rows == 5 + 1
    learn(forecast, 0, 60)
    assert forecast.delay_ns == 60 * MS


@given(st.lists(st.floats(0, 2000), min_size=1, max_size=40), st.integers(1, 12))
def test_the_forecast_is_the_largest_of_the_window(delays_ms, window):
    forecast = warm(dataclasses.replace(CONFIG, forecast_window=window))
    for sequence, delay_ms in enumerate(delays_ms):
        assert learn(forecast, sequence, delay_ms)
    assert forecast.delay_ns == round(max(delays_ms[-window:]) * MS)
    assert forecast.measured == len(delays_ms)


def test_a_spike_leaves_with_the_window():
    forecast = warm()
    for sequence, delay_ms in enumerate((700, 100, 100, 100, 100)):
        learn(forecast, sequence, delay_ms)
    assert forecast.delay_ns == 100 * MS


def test_warm_up_inferences_and_those_before_the_first_plan_do_not_count():
    forecast = DelayForecast(CONFIG, DT_NS)
    counts = [forecast.begin(plan_known=known) for known in (True, False, False, True)]
    assert counts == [False, False, False, True]


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 900)), max_size=60))
def test_a_chunk_counts_at_most_once_and_only_if_it_was_expected(reports):
    forecast = warm()
    for sequence in range(5):
        forecast.expect(0, sequence, 0)
    learnt = [sequence for sequence, ms in reports if forecast.learn(splice(sequence, ms))]
    assert len(learnt) == len(set(learnt))
    assert learnt == sorted(learnt)
    assert set(learnt) <= set(range(5))


def test_chunks_of_another_process_are_not_learnt_from():
    forecast = warm()
    forecast.expect(7, 0, 0)
    assert not forecast.learn(splice(0, 300, epoch=3))
    assert forecast.learn(splice(0, 80, epoch=7))


def test_a_negative_delay_is_a_matter_of_clocks():
    assert not learn(warm(), 0, -1)


def test_a_clock_jump_forgets_delays_but_not_the_warm_up():
    forecast = warm()
    learn(forecast, 0, 400)
    forecast.expect(0, 1, 0)
    forecast.clear()
    assert forecast.delay_ns == 150 * MS
    assert not forecast.learn(splice(1, 50))
    assert forecast.begin(plan_known=True)


def test_what_is_expected_is_bounded():
    forecast = warm()
    for sequence in range(3000):
        forecast.expect(0, sequence, 0)
    assert not forecast.learn(splice(5, 10))


@pytest.mark.parametrize('margin', [0, 3])
def test_the_margin_is_added_to_the_rows(margin):
    forecast = warm(dataclasses.replace(CONFIG, forecast_margin_rows=margin))
    learn(forecast, 0, 100)
    assert forecast.rows == 4 + margin


def test_a_delay_is_too_long_by_what_it_exceeds_the_age_of_its_observation():
    forecast = warm()
    forecast.expect(0, 3, 100 * MS)
    now_ns = 400 * MS
    assert forecast.excess_ns(splice(3, 300), now_ns) == 0
    assert forecast.excess_ns(splice(3, 301), now_ns) == MS
    assert forecast.excess_ns(splice(3, 10), now_ns) == 0
    assert forecast.excess_ns(splice(4, 9000), now_ns) == 0  # nobody waits for it


def test_a_delay_of_nothing_is_a_delay():
    forecast = warm()
    assert learn(forecast, 0, 0)
    assert (forecast.delay_ns, forecast.rows, forecast.measured) == (0, 1, 1)
    assert delay_rows(-5 * DT_NS, DT_NS, 1) == 1


def test_chunks_before_a_spliced_one_are_no_longer_expected_and_later_ones_are():
    forecast = warm()
    for sequence in (1, 2, 3):
        forecast.expect(0, sequence, 0)
    assert [forecast.learn(splice(sequence, 50)) for sequence in (2, 1, 2, 3)] == [
        True,
        False,
        False,
        True,
    ]


def test_a_thousand_chunks_are_expected_and_the_oldest_leaves_first():
    forecast = warm()
    for sequence in range(1001):
        forecast.expect(0, sequence, 0)
    assert not forecast.learn(splice(0, 10))
    assert forecast.learn(splice(1, 10))
    assert forecast.learn(splice(1000, 10))


def test_a_forecast_has_measured_nothing_at_first_and_warms_up_as_long_as_it_is_told():
    forecast = DelayForecast(dataclasses.replace(CONFIG, warm_up=0), DT_NS)
    assert forecast.measured == 0
    assert forecast.begin(plan_known=True)
