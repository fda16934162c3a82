# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Joint limits: every senseless bound is named, and NaN is never within."""

import numpy as np
import pytest

from wla_ros.base.joints import JointLimits


def make_limits(**changes):
    values = {
        'columns': ('left/joint1', 'left/gripper'),
        'lower': [-1.0, 0.0],
        'upper': [1.0, 0.07],
        'velocity': [3.0, 0.25],
        'acceleration': [5.0, 2.5],
        'jerk': [50.0, 50.0],
    }
    return JointLimits(**{**values, **changes})


def test_arrays_are_copies_that_cannot_be_written():
    lower = np.array([-1.0, 0.0])
    limits = make_limits(lower=lower)
    lower[0] = -9.0
    assert limits.lower[0] == -1.0
    with pytest.raises(ValueError, match='read-only'):
        limits.lower[0] = 0.0


def test_every_senseless_value_is_listed():
    with pytest.raises(ValueError, match='joint limits') as caught:
        make_limits(lower=[2.0, np.nan], velocity=[0.0, 1.0], jerk=[np.inf, -1.0])
    message = str(caught.value)
    assert message.count('left/joint1') == 3
    assert message.count('left/gripper') == 2


def test_wrong_width_is_refused():
    with pytest.raises(ValueError, match='one value per column'):
        make_limits(upper=[1.0])


def test_bounds_are_inclusive_and_nan_is_never_within():
    limits = make_limits()
    assert limits.violations([1.0, 0.0]) == ()
    assert len(limits.violations([1.0 + 1e-12, 0.0])) == 1
    assert len(limits.violations([np.nan, 0.08])) == 2
    assert limits.violations([0.0, 0.07]) == ()


def test_clamp_moves_onto_the_bound_and_keeps_nan_for_the_gate():
    limits = make_limits()
    clamped = limits.clamp([[2.0, -0.01], [np.nan, 0.03]])
    assert clamped[0].tolist() == [1.0, 0.0]
    assert np.isnan(clamped[1, 0])
