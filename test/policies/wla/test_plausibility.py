# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Live joints against the statistics of the data set."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wla_ros.policies.wla.statistics import ColumnStatistics
from wla_ros.policies.wla.statistics import columns_outside

NAMES = ('left/joint1', 'left/joint2', 'left/gripper')
BOUNDS = ColumnStatistics(
    kind='min_max', first=np.array([-1.0, 0.0, 0.0]), second=np.array([1.0, 2.0, 0.0])
)
TOLERANCE = np.array([0.05, 0.05, 0.005])


def outside(values, *, statistics=BOUNDS, margin=0.1):
    return columns_outside(np.array(values), statistics, NAMES, margin=margin, tolerance=TOLERANCE)


def test_values_within_the_bounds_and_the_margin_are_plausible():
    assert outside([0.0, 1.0, 0.0]) == ()
    assert outside([1.2, -0.2, 0.005]) == ()


def test_every_column_outside_is_listed_with_value_and_bounds():
    found = outside([90.0, 1.0, 0.035])
    assert [column.column for column in found] == ['left/joint1', 'left/gripper']
    assert str(found[0]) == 'left/joint1 = 90 outside [-1.2, 1.2]'


def test_a_value_that_is_not_a_number_is_outside():
    assert [column.column for column in outside([0.0, np.nan, 0.0])] == ['left/joint2']


def test_without_margin_the_tolerance_still_holds():
    assert outside([1.05, 0.0, 0.0], margin=0.0) == ()
    assert len(outside([1.06, 0.0, 0.0], margin=0.0)) == 1


def test_mean_and_deviation_allow_four_deviations():
    statistics = ColumnStatistics(kind='mean_std', first=np.zeros(3), second=np.full(3, 0.5))
    assert outside([2.0, -2.0, 0.0], statistics=statistics) == ()
    assert len(outside([9.0, 0.0, 0.0], statistics=statistics)) == 1


@given(st.lists(st.floats(0.0, 1.0), min_size=3, max_size=3))
def test_whatever_the_data_set_contains_is_plausible(fractions):
    values = BOUNDS.first + np.array(fractions) * (BOUNDS.second - BOUNDS.first)
    assert outside(values) == ()
