# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Which strategy `auto` is for each policy, by what the policy says of itself."""

import numpy as np
import pytest

from wla_ros.bags.actions import RecordedActions
from wla_ros.base.joints import JointLayout
from wla_ros.inference.pacing import choose_strategy
from wla_ros.inference.strategy import StrategyConfig
from wla_ros.policies.simple import HoldPolicy
from wla_ros.policies.simple import ReplayPolicy

LAYOUT = JointLayout(('left', 'right'))


def chosen(policy) -> str:
    config, reason = choose_strategy(policy.spec, StrategyConfig())
    assert policy.spec.name in reason
    return config.name


def test_hold_and_replay_are_asked_for_nothing():
    recording = RecordedActions(
        source='ramp.bag',
        stamps_ns=np.arange(3, dtype=np.int64) * 100_000_000,
        positions=np.zeros((3, len(LAYOUT.columns))),
        columns=LAYOUT.columns,
    )
    assert chosen(HoldPolicy(LAYOUT)) == 'latest'
    assert chosen(ReplayPolicy(recording, LAYOUT)) == 'latest'


@pytest.mark.parametrize(
    ('task', 'name'),
    [('stack_cup', 'latest'), ('dispose_trash', 'prefix'), ('pass_post', 'prefix')],
)
def test_experts_keep_to_a_prefix_if_they_plan_one(task, name):
    pytest.importorskip('mujoco')
    from wla_ros.sim.expert.plan import make_expert

    assert chosen(make_expert(task)) == name


@pytest.mark.parametrize(
    ('settings', 'name'),
    [
        ({}, 'rtc'),  # as published: not trained with a prefix
        ({'clean_prefix_rows': 3}, 'rtc'),  # too few for the expected delay
        ({'clean_prefix_rows': 8}, 'prefix'),
    ],
)
def test_wla_is_guided_unless_it_was_trained_with_a_prefix(settings, name):
    pytest.importorskip('torch')
    from policies.wla.small_policy import small_policy

    assert chosen(small_policy(**settings)) == name
