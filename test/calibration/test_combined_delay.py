# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""One offset for an arm: the median of its joints, if they agree."""

import pytest

from wla_ros.base.types import Refusal
from wla_ros.calibration.delay import DelayEstimate
from wla_ros.calibration.delay import combine_delays


def estimate(delay_s):
    return DelayEstimate(
        delay_s=delay_s, uncertainty_s=1e-4, correlation=0.999, gain=1.0, motion=0.1
    )


REFUSED = Refusal(reason='no_motion', detail='')


def test_one_odd_joint_does_not_move_the_median():
    found = combine_delays(
        {'a': estimate(0.080), 'b': estimate(0.081), 'c': estimate(0.095)}, largest_spread_s=0.03
    )
    assert found.delay_s == 0.081
    assert found.spread_s == pytest.approx(0.015)


def test_refused_columns_are_left_out_up_to_a_half():
    found = combine_delays({'a': estimate(0.08), 'b': REFUSED}, largest_spread_s=0.03)
    assert found.columns == ('a',)
    refusal = combine_delays(
        {'a': estimate(0.08), 'b': REFUSED, 'c': REFUSED}, largest_spread_s=0.03
    )
    assert refusal.reason == 'nothing_measured'


def test_joints_that_disagree_are_named():
    refusal = combine_delays({'a': estimate(0.02), 'b': estimate(0.12)}, largest_spread_s=0.03)
    assert refusal.reason == 'scattered'
    assert 'b lags 120.0 ms' in refusal.detail
