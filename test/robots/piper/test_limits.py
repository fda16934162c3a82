# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Piper limits in column order, with margin, refusing what the arm cannot do."""

import math

import numpy as np
import pytest

from wla_ros.base.joints import JointLayout
from wla_ros.robots.piper.limits import piper_limits

TWO_ARMS = JointLayout(arms=('left', 'right'))


def test_columns_follow_the_layout():
    limits = piper_limits(TWO_ARMS)
    assert limits.columns == TWO_ARMS.columns
    for arm in TWO_ARMS.arms:
        part = TWO_ARMS.arm_slice(arm)
        assert limits.upper[part].tolist() == limits.upper[:7].tolist()
    assert limits.upper[list(TWO_ARMS.gripper_indices)].tolist() == [0.07, 0.07]
    assert limits.lower[list(TWO_ARMS.gripper_indices)].tolist() == [0.0, 0.0]


def test_margin_of_half_a_degree_keeps_targets_off_the_bounds_of_the_sdk():
    limits = piper_limits(JointLayout(arms=('arm',)))
    margin = math.radians(0.5)
    assert limits.upper[0] == pytest.approx(2.6179 - margin)
    assert limits.lower[1] == pytest.approx(margin)
    assert limits.upper[2] == pytest.approx(-margin)
    bare = piper_limits(JointLayout(arms=('arm',)), margin_rad=0.0, gripper_max_m=0.1)
    np.testing.assert_allclose(np.degrees(bare.upper), [150, 180, 0, 100, 70, 120, 5.73], atol=0.1)
    assert bare.upper[6] == 0.1


def test_rates_are_those_of_the_firmware():
    limits = piper_limits(JointLayout(arms=('arm',)))
    assert limits.velocity[:6].tolist() == [3.0] * 6
    assert limits.acceleration[:6].tolist() == [5.0] * 6
    assert limits.jerk[:6].tolist() == [50.0] * 6


def test_every_impossible_setting_is_listed():
    with pytest.raises(ValueError, match='Piper limits') as caught:
        piper_limits(
            TWO_ARMS,
            margin_rad=0.5,
            velocity_rad_s=4.0,
            acceleration_rad_s2=math.nan,
            jerk_rad_s3=0.0,
            gripper_max_m=70.0,
            gripper_velocity_m_s=-1.0,
        )
    for name in ('margin_rad', 'velocity_rad_s', 'acceleration', 'jerk', 'gripper_max_m', 'y_m_s'):
        assert name in str(caught.value)
