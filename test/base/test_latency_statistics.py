# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from wla_ros.base.timing import LatencyStatistics
from wla_ros.base.types import StageTiming


def statistics_of(durations, window=1000):
    statistics = LatencyStatistics(window)
    for duration_ns in durations:
        statistics.add((StageTiming(stage='inference', duration_ns=duration_ns),))
    return statistics


def percentile(statistics, percent):
    ((timing,),) = statistics.percentiles(percent)
    return timing.duration_ns


def test_percentiles_are_nearest_ranks():
    statistics = statistics_of(range(1, 101))
    assert [percentile(statistics, p) for p in (50, 95, 99, 100)] == [50, 95, 99, 100]
    assert percentile(statistics_of([7]), 50) == 7


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=60), st.floats(0.1, 100.0))
def test_a_percentile_was_measured_and_enough_durations_are_not_above_it(durations, percent):
    value = percentile(statistics_of(durations), percent)
    assert value in durations
    below = sum(duration <= value for duration in durations)
    assert below >= percent / 100.0 * len(durations) - 1e-9


def test_only_the_newest_window_counts():
    statistics = statistics_of([10**6] * 50 + [1] * 10, window=10)
    assert percentile(statistics, 100) == 1
    assert statistics.count('inference') == 10


def test_stages_keep_the_order_of_their_first_appearance():
    statistics = LatencyStatistics()
    for stage in ('wait', 'decode', 'wait'):
        statistics.add((StageTiming(stage=stage, duration_ns=1),))
    assert [t.stage for t in statistics.percentiles(50)[0]] == ['wait', 'decode']
    assert (statistics.count('wait'), statistics.count('unknown')) == (2, 0)


def test_without_durations_there_are_no_percentiles():
    statistics = statistics_of([1])
    statistics.clear()
    assert statistics.percentiles(50, 99) == ((), ())


@pytest.mark.parametrize('percent', [0, -1, 100.1, float('nan')])
def test_percentiles_outside_their_range_are_mistakes(percent):
    with pytest.raises(ValueError, match='percent'):
        statistics_of([1]).percentiles(percent)


def test_an_empty_window_is_a_mistake():
    with pytest.raises(ValueError, match='window'):
        LatencyStatistics(0)
