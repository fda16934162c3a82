# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Intervals cover what they say and shrink as they should."""

import numpy as np
import pytest

from wla_ros.benchmarks.execution.paired_statistics import mean_estimate
from wla_ros.benchmarks.execution.paired_statistics import relative_difference
from wla_ros.benchmarks.execution.paired_statistics import success_difference


def test_nothing_is_estimated_from_nothing():
    empty = np.zeros(0)
    assert not mean_estimate(empty).known
    assert not relative_difference(empty, empty).known
    assert not success_difference(empty, empty).known


def test_the_same_values_give_the_same_interval():
    values = np.random.default_rng(1).normal(5.0, 1.0, 200)
    assert mean_estimate(values) == mean_estimate(values)


def test_the_mean_interval_covers_about_as_often_as_it_says():
    random = np.random.default_rng(0)
    covered = sum(
        estimate.low <= 3.0 <= estimate.high
        for estimate in (mean_estimate(random.normal(3.0, 1.0, 40)) for _ in range(200))
    )
    assert 178 <= covered <= 200


def test_pairs_cancel_what_both_have_in_common():
    random = np.random.default_rng(2)
    hardness = random.uniform(3.0, 9.0, 200)
    paired = relative_difference(1.03 * hardness, hardness)
    assert paired.value == pytest.approx(0.03)
    assert paired.high - paired.low < 1e-9
    shuffled = relative_difference(1.03 * hardness, random.permutation(hardness))
    assert shuffled.high - shuffled.low > 0.05


def test_equal_success_has_an_interval_around_zero():
    everything = np.ones(200)
    estimate = success_difference(everything, everything)
    assert estimate.value == 0.0
    assert -0.03 < estimate.low < 0.0 < estimate.high < 0.03


def test_the_success_interval_covers_about_as_often_as_it_says():
    random = np.random.default_rng(3)
    covered = 0
    for _ in range(300):
        hard = random.random(100)  # the same seeds are hard for both
        first = (hard + 0.2 * random.random(100) < 0.95).astype(float)
        second = (hard + 0.2 * random.random(100) < 0.85).astype(float)
        estimate = success_difference(first, second)
        covered += estimate.low <= 0.1 <= estimate.high
    assert covered >= 282


def test_unequal_lengths_are_no_pairs():
    with pytest.raises(ValueError, match='pairs are needed'):
        relative_difference(np.ones(3), np.ones(4))
    with pytest.raises(ValueError, match='pairs are needed'):
        success_difference(np.ones(3), np.ones(4))
