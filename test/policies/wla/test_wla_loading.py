# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""From a folder to a running policy."""

import dataclasses
import json

import numpy as np
import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('tokenizers')

from policies.wla.small_policy import LAYOUT  # noqa: E402
from policies.wla.small_policy import observation  # noqa: E402

from wla_ros.base.config import ConfigurationError  # noqa: E402
from wla_ros.base.types import PolicyRequest  # noqa: E402
from wla_ros.inference.result import check_result  # noqa: E402
from wla_ros.policies.wla.checkpoint.create import SIZES  # noqa: E402
from wla_ros.policies.wla.checkpoint.create import create_checkpoint  # noqa: E402
from wla_ros.policies.wla.loading import load_wla_policy  # noqa: E402
from wla_ros.policies.wla.settings import ActionSection  # noqa: E402
from wla_ros.policies.wla.settings import StatisticsSection  # noqa: E402
from wla_ros.policies.wla.settings import WlaSettings  # noqa: E402

HOME = np.array([0.0, 0.5, -0.5, 0.0, 0.0, 0.0, 0.03] * 2)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('checkpoints') / 'nano'
    create_checkpoint(folder, SIZES['nano'])
    return folder


def settings(folder, **changes):
    return dataclasses.replace(WlaSettings(checkpoint=str(folder), device='cpu'), **changes)


def test_a_created_checkpoint_loads_and_acts(folder):
    policy = load_wla_policy(settings(folder), LAYOUT, {})
    result = policy.infer(observation(joints=HOME), PolicyRequest(instruction='stack the cups'))
    assert check_result(policy.spec, result) is None
    assert policy.spec.version.startswith('wla-')
    assert policy.spec.horizon == 32


def problems(folder, **changes):
    with pytest.raises(ConfigurationError) as caught:
        load_wla_policy(settings(folder, **changes), LAYOUT, {})
    return str(caught.value)


def test_a_checkpoint_must_be_named():
    with pytest.raises(ConfigurationError, match='checkpoint: is empty .give the folder'):
        load_wla_policy(WlaSettings(), LAYOUT, {})


def test_a_device_that_is_not_there_is_refused(folder):
    assert 'quantum' in problems(folder, device='quantum')
    if not torch.cuda.is_available():
        assert 'torch finds no GPU' in problems(folder, device='cuda')


def test_statistics_of_another_robot_are_refused(folder, tmp_path):
    file = tmp_path / 'norm_stats.json'
    columns = {'min': [0.0] * 7, 'max': [1.0] * 7}
    file.write_text(json.dumps({'one_arm': {'action': columns, 'observation.state': columns}}))
    section = StatisticsSection(file=str(file))
    message = problems(folder, statistics=section)
    assert 'one_arm.action.min: must be a list of 14 numbers, is 7 entries' in message


def test_a_missing_file_of_statistics_is_named(folder, tmp_path):
    section = StatisticsSection(file=str(tmp_path / 'none.json'))
    assert 'none.json: does not exist' in problems(folder, statistics=section)


def test_an_unknown_data_set_is_refused(folder):
    assert 'there are no statistics of this name' in problems(
        folder, statistics=StatisticsSection(key='plates')
    )


def test_poses_need_more_columns_than_a_joint_checkpoint_has(folder):
    kinematics = dict.fromkeys(LAYOUT.arms, lambda joints: np.zeros((*joints.shape[:-1], 7)))
    section = ActionSection(space='end_effector')
    with pytest.raises(ConfigurationError, match='must be a list of 16 numbers'):
        load_wla_policy(settings(folder, actions=section), LAYOUT, kinematics)
