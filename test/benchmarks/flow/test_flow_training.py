# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Training: reproducible, and it learns."""

import dataclasses

import pytest

torch = pytest.importorskip('torch')

import numpy as np
from benchmarks.flow.small_demonstrations import config
from benchmarks.flow.small_demonstrations import demonstrations

from wla_ros.base.config import ConfigurationError
from wla_ros.benchmarks.flow.flow_training import FlowTraining
from wla_ros.benchmarks.flow.flow_training import train
from wla_ros.benchmarks.flow.flow_weights import WEIGHTS


def losses_of(folder, **changes):
    losses = []
    training = FlowTraining(policy=config(), steps=60, batch=64, learning_rate=0.01, **changes)
    plain = demonstrations()
    waves = 0.3 * np.sin(np.arange(plain.plans.shape[1]) / 3.0)[:, None, None]
    wavy = dataclasses.replace(plain, plans=plain.plans + waves)
    train(training, wavy, folder, progress=lambda _d, _t, loss: losses.append(loss))
    return losses


def test_the_loss_falls_and_the_same_seed_gives_the_same_weights(tmp_path):
    losses = losses_of(tmp_path / 'a')
    torch.rand(7)  # what else draws from torch does not matter
    assert losses == losses_of(tmp_path / 'b')
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:5])
    first, second = ((tmp_path / name / WEIGHTS).read_bytes() for name in 'ab')
    assert first == second
    losses_of(tmp_path / 'c', seed=1)
    assert (tmp_path / 'c' / WEIGHTS).read_bytes() != first


def test_all_that_does_not_fit_is_said_at_once(tmp_path):
    policy = config(arm='right', objects=('post', 'bin'), horizon=9, dt_ns=20_000_000)
    with pytest.raises(ConfigurationError) as caught:
        train(FlowTraining(policy=policy), demonstrations(), tmp_path)
    text = str(caught.value)
    for part in ('right/joint1', "'bin'", '8 rows, the policy makes 9', '20000000 ns'):
        assert part in text


def test_shares_above_the_whole_are_refused():
    with pytest.raises(ValueError, match='exceed 1'):
        FlowTraining(policy=config(), prefixed=0.7, rolled=0.4)


def test_demonstrations_that_contradict_themselves_are_refused():
    good = demonstrations()
    with pytest.raises(ValueError, match='plans is') as caught:
        dataclasses.replace(
            good,
            plans=good.plans[:, 1:],
            joints=np.full_like(good.joints, np.nan),
            lengths=np.array([20, 21]),
        )
    assert 'joints is not finite' in str(caught.value)
    assert 'lengths' in str(caught.value)
