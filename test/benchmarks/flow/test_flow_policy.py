# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The flow policy behind the policy port."""

import dataclasses

import pytest

torch = pytest.importorskip('torch')

import numpy as np
from benchmarks.flow.small_demonstrations import DT_NS
from benchmarks.flow.small_demonstrations import HORIZON
from benchmarks.flow.small_demonstrations import LAYOUT
from benchmarks.flow.small_demonstrations import config
from benchmarks.flow.small_demonstrations import demonstrations
from policies.observations import observation

from wla_ros.base.config import ConfigurationError
from wla_ros.base.joints import JointLayout
from wla_ros.base.types import CommittedPrefix
from wla_ros.base.types import ObjectPoses
from wla_ros.base.types import PolicyRequest
from wla_ros.base.types import PrefixUse
from wla_ros.benchmarks.flow.flow_network import FlowNetwork
from wla_ros.benchmarks.flow.flow_policy import FlowPolicy
from wla_ros.benchmarks.flow.flow_policy import load_flow_policy
from wla_ros.benchmarks.flow.flow_settings import FlowSettings
from wla_ros.benchmarks.flow.flow_training import FlowTraining
from wla_ros.benchmarks.flow.flow_training import train
from wla_ros.inference.pacing import choose_strategy
from wla_ros.inference.strategy import StrategyConfig

JOINTS = np.array([0.1, 1.0, -1.0, 0.0, 0.3, 0.0, 0.07, -0.1, 0.9, -0.9, 0.1, 0.2, 0.1, 0.05])
PLAIN = PolicyRequest(instruction='')
LEFT = slice(0, 6)


@pytest.fixture(scope='module')
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp('flow')
    return train(FlowTraining(policy=config(), steps=30, batch=64), demonstrations(), folder)


@pytest.fixture
def policy(weights):
    made = load_flow_policy(weights, LAYOUT, FlowSettings())
    made.reset(seed=3)
    return made


def seen(goal=(0.5, 0.28, 0.25), *, joints=JOINTS, stamp_ns=0, names=('goal', 'post')):
    poses = np.zeros((len(names), 7))
    poses[0, :3] = goal
    objects = ObjectPoses(stamp_ns=stamp_ns, receive_ns=stamp_ns, names=names, poses=poses)
    return dataclasses.replace(observation(joints, stamp_ns=stamp_ns), objects=objects)


def prefix(count, use, *, ahead=0.3):
    rows = np.tile(JOINTS + ahead, (HORIZON, 1))
    rows[:, LEFT] += 0.01 * np.arange(HORIZON)[:, None]
    weights = np.where(np.arange(HORIZON) < count, 1.0, 0.0)
    return CommittedPrefix(rows=rows, weights=weights, use=use)


def test_it_says_what_strategies_may_ask_of_it(policy):
    spec = policy.spec
    assert (spec.horizon, spec.dt_ns, spec.columns) == (HORIZON, DT_NS, LAYOUT.columns)
    assert spec.needs_objects
    assert spec.guided_prefix
    assert (spec.clean_prefix_rows, spec.rolled_rows) == (3, 3)
    assert spec.forward_model


def test_auto_gives_it_a_prefix_if_it_was_trained_with_as_many_rows_as_the_delay(policy):
    quick = StrategyConfig(expected_delay_s=0.05, forecast_margin_rows=0)
    assert choose_strategy(policy.spec, quick)[0].name == 'prefix'
    assert choose_strategy(policy.spec, StrategyConfig(expected_delay_s=0.3))[0].name == 'rtc'


def test_the_same_seed_answers_alike_and_another_one_differently(policy):
    first = [policy.infer(seen(), PLAIN).rows for _ in range(2)]
    policy.reset(seed=3)
    second = [policy.infer(seen(), PLAIN).rows for _ in range(2)]
    np.testing.assert_array_equal(first, second)
    assert np.any(first[0] != first[1])  # every inference draws its own noise
    policy.reset(seed=4)
    assert np.any(policy.infer(seen(), PLAIN).rows != first[0])


def test_the_other_arm_stays_where_it_was_at_first_and_the_gripper_closes_steadily(policy):
    policy.infer(seen(), PLAIN)
    moved = JOINTS.copy()
    moved[7:] += 0.02
    rows = policy.infer(seen(joints=moved), PLAIN).rows
    np.testing.assert_array_equal(rows[:, 7:], np.tile(JOINTS[7:], (HORIZON, 1)))
    np.testing.assert_allclose(rows[:, 6], 0.07 - 0.2 * np.arange(HORIZON) / 30, atol=1e-8)


def test_a_clean_prefix_comes_back_exactly_and_counts_up_to_what_was_trained(policy):
    given = prefix(2, PrefixUse.CLEAN)
    result = policy.infer(seen(), PolicyRequest(instruction='', prefix=given))
    np.testing.assert_array_equal(result.rows[:2], given.rows[:2])
    assert result.committed_prefix == 2
    result = policy.infer(seen(), PolicyRequest(instruction='', prefix=prefix(7, PrefixUse.CLEAN)))
    assert result.committed_prefix == 3


def test_with_a_clean_prefix_projected_joints_change_nothing(policy):
    """The prefix says where the arm is; whether the joints are those of its begin or its end."""
    request = PolicyRequest(instruction='', prefix=prefix(3, PrefixUse.CLEAN))
    first = policy.infer(seen(), request).rows
    policy.reset(seed=3)
    policy.infer(seen(), request)
    policy.reset(seed=3)
    projected = JOINTS.copy()
    projected[LEFT] += 0.02
    np.testing.assert_array_equal(policy.infer(seen(joints=projected), request).rows, first)


@pytest.mark.parametrize('jacobian', [False, True])
def test_guidance_pulls_towards_the_prefix_and_never_out_of_the_data(jacobian):
    torch.manual_seed(1)
    network = FlowNetwork(config())
    torch.nn.init.normal_(network.end.weight, std=0.3)
    settings = FlowSettings(jacobian=jacobian)
    policy = FlowPolicy(config(), network.requires_grad_(False), LAYOUT, settings, version='')
    given = prefix(4, PrefixUse.GUIDED)

    def distance(request):
        policy.reset(seed=3)
        result = policy.infer(seen(), request)
        assert result.committed_prefix == (4 if request.prefix else 0)
        return np.abs(result.rows - given.rows)[:4, LEFT].mean()

    guided = PolicyRequest(instruction='', prefix=given)
    assert distance(guided) < 0.9 * distance(PLAIN)
    network.row_low.fill_(-0.01)
    network.row_high.fill_(0.01)
    policy.reset(seed=3)
    rows = policy.infer(seen(), guided).rows
    assert np.abs(rows[:, LEFT] - JOINTS[LEFT]).max() <= 0.01 + 1e-6


def test_the_forward_model_imagines_the_objects_where_their_drift_leads(policy):
    """Imagined two rows later, the goal is where a policy that saw it there finds it."""
    request = PolicyRequest(instruction='', row_offset=2, imagine=True)
    policy.infer(seen(), PLAIN)
    there = policy.infer(seen((0.53, 0.28, 0.25), stamp_ns=3 * DT_NS), request).rows
    policy.reset(seed=3)
    policy.infer(seen((0.52, 0.28, 0.25), stamp_ns=2 * DT_NS), PLAIN)
    later = policy.infer(seen((0.55, 0.28, 0.25), stamp_ns=5 * DT_NS), PLAIN).rows
    np.testing.assert_allclose(there[:, LEFT], later[:, LEFT], atol=1e-6)


def test_what_was_imagined_is_not_remembered(policy):
    request = PolicyRequest(instruction='', row_offset=3, imagine=True)
    stamps = [0, 3 * DT_NS, 6 * DT_NS]
    places = [(0.50, 0.28, 0.25), (0.53, 0.28, 0.25), (0.53, 0.28, 0.25)]
    policy.infer(seen(places[0]), PLAIN)
    policy.infer(seen(places[1], stamp_ns=stamps[1]), request)
    imagined_before = policy.infer(seen(places[2], stamp_ns=stamps[2]), PLAIN).rows
    policy.reset(seed=3)
    for place, stamp_ns in zip(places, stamps, strict=True):
        plain_before = policy.infer(seen(place, stamp_ns=stamp_ns), PLAIN).rows
    np.testing.assert_array_equal(imagined_before, plain_before)


def test_missing_objects_and_arms_are_named(policy, weights):
    with pytest.raises(ConfigurationError, match='no poses of post'):
        policy.infer(seen(names=('goal',)), PLAIN)
    with pytest.raises(ConfigurationError, match='no poses of post, goal'):
        policy.infer(observation(JOINTS), PLAIN)
    with pytest.raises(ConfigurationError, match="moves 'left', the robot has right"):
        load_flow_policy(weights, JointLayout(('right',)), FlowSettings())


def test_a_guidance_that_overshoots_is_refused():
    with pytest.raises(ValueError, match='overshoots'):
        FlowSettings(steps=4)
