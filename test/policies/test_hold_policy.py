# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
import numpy as np
from policies.observations import observation

from wla_ros.base.joints import JointLayout
from wla_ros.base.types import PolicyRequest
from wla_ros.policies.simple import HoldPolicy

LAYOUT = JointLayout(('left', 'right'))
REQUEST = PolicyRequest(instruction='hold')


def test_rows_are_the_measured_joints():
    policy = HoldPolicy(LAYOUT, horizon=5)
    measured = np.linspace(-0.3, 0.4, LAYOUT.width)
    result = policy.infer(observation(measured), REQUEST)
    assert result.rows.shape == (5, LAYOUT.width)
    assert np.array_equal(result.rows, np.tile(measured, (5, 1)))


def test_a_sagging_arm_does_not_drag_the_target_down():
    policy = HoldPolicy(LAYOUT)
    first = np.zeros(LAYOUT.width)
    policy.infer(observation(first), REQUEST)
    result = policy.infer(observation(first - 0.05, stamp_ns=10**9), REQUEST)
    assert np.array_equal(result.rows[0], first)


def test_a_new_epoch_and_a_reset_take_a_new_target():
    policy = HoldPolicy(LAYOUT)
    policy.infer(observation(np.zeros(LAYOUT.width)), REQUEST)
    moved = np.full(LAYOUT.width, 0.2)
    assert np.array_equal(policy.infer(observation(moved, epoch=1), REQUEST).rows[0], moved)
    policy.reset(seed=0)
    again = np.full(LAYOUT.width, 0.3)
    assert np.array_equal(policy.infer(observation(again, epoch=1), REQUEST).rows[0], again)


def test_the_observation_is_not_written_to():
    policy = HoldPolicy(LAYOUT)
    measured = np.zeros(LAYOUT.width)
    policy.infer(observation(measured), REQUEST).rows[:] = 7.0
    assert not measured.any()
