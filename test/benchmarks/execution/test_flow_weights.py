# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Weights of the benchmark's flow policy are made once per choice."""

import dataclasses

import pytest

from wla_ros.base.joints import JointLayout
from wla_ros.benchmarks.execution.flow_weights import FlowChoices
from wla_ros.benchmarks.execution.flow_weights import flow_policy
from wla_ros.benchmarks.execution.flow_weights import flow_weights
from wla_ros.benchmarks.post.post_demonstrations import PostDemonstrationConfig

torch = pytest.importorskip('torch')

SMALL = FlowChoices(
    steps=3, demonstrations=PostDemonstrationConfig(episodes=3, duration_s=1.0, horizon=16)
)


def test_weights_are_trained_once_and_kept_under_the_choices_that_made_them(tmp_path):
    threads = torch.get_num_threads()
    folder = flow_weights(tmp_path, SMALL, quiet=True)
    assert torch.get_num_threads() == threads
    files = {file: file.stat().st_mtime_ns for file in folder.iterdir()}
    assert flow_weights(tmp_path, SMALL, quiet=True) == folder
    assert {file: file.stat().st_mtime_ns for file in folder.iterdir()} == files
    other = flow_weights(tmp_path, dataclasses.replace(SMALL, seed=1), quiet=True)
    assert other != folder
    assert len(list(tmp_path.iterdir())) == 2


def test_an_interrupted_training_is_begun_again(tmp_path):
    folder = flow_weights(tmp_path, SMALL, quiet=True)
    content = {file.name: file.read_bytes() for file in folder.iterdir()}
    (folder / 'flow.json').unlink()
    assert flow_weights(tmp_path, SMALL, quiet=True) == folder
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == content


def test_the_policy_is_ready_to_run(tmp_path):
    policy = flow_policy(flow_weights(tmp_path, SMALL, quiet=True), JointLayout(('left', 'right')))
    assert policy.spec.name == 'flow'
    assert policy.spec.horizon == 16
    assert policy.spec.clean_prefix_rows == 14
