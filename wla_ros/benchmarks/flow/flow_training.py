# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Trains a flow policy from demonstrations: reproducible by its seed, on one thread, in minutes.

Flow matching: x_t = (1 - t) noise + t rows, the network learns the rows. Rows of a clean prefix
keep time 1 and count nothing in the loss.
"""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem
from wla_ros.base.config import parameter
from wla_ros.benchmarks.execution.demonstrations import Demonstrations
from wla_ros.benchmarks.flow.flow_config import BUCKETS
from wla_ros.benchmarks.flow.flow_config import JOINTS
from wla_ros.benchmarks.flow.flow_config import FlowConfig
from wla_ros.benchmarks.flow.flow_network import FlowNetwork
from wla_ros.benchmarks.flow.flow_network import to_tensor
from wla_ros.benchmarks.flow.flow_weights import save_weights
from wla_ros.benchmarks.flow.training_samples import Mixture
from wla_ros.benchmarks.flow.training_samples import SampleDrawer
from wla_ros.benchmarks.flow.training_samples import Samples

_STATISTICS_SAMPLES = 20_000
# Below these a deviation is noise: precision there would cost precision elsewhere.
_SMALLEST_ROW_SCALE_RAD = 0.02
_SMALLEST_FEATURE_SCALE = 0.01  # rad, rad/s, m, m/s
_SMALLEST_REST = 0.1  # of flow time, for the weight of samples close to the data
_WARM_UP_STEPS = 100
_AVERAGE_STEPS = 300  # of the weights that are kept


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowTraining:
    """What to learn and for how long."""

    policy: FlowConfig = parameter('what comes out')
    steps: int = parameter('optimiser steps', minimum=1, default=6000)
    batch: int = parameter('samples per step', minimum=1, default=256)
    learning_rate: float = parameter('at its peak', minimum=1e-7, maximum=1.0, default=1e-3)
    prefixed: float = parameter(
        'share of samples with a clean prefix', minimum=0.0, maximum=1.0, default=0.35
    )
    rolled: float = parameter(
        'share of samples with joints newer than objects', minimum=0.0, maximum=1.0, default=0.3
    )
    seed: int = parameter('of weights, samples and noise', minimum=0, default=0)

    def __post_init__(self) -> None:
        """Raise ValueError if the shares exceed the whole."""
        if self.prefixed + self.rolled > 1.0:
            raise ValueError(
                f'shares of {self.prefixed:g} prefixed and {self.rolled:g} rolled exceed 1'
            )


def train(
    training: FlowTraining,
    demonstrations: Demonstrations,
    folder: Path,
    *,
    progress: Callable[[int, int, float], None] = lambda _done, _total, _loss: None,
) -> Path:
    """
    Train, write weights and config into `folder` and return it.

    `progress` gets steps done, steps in all and the loss. Raises ConfigurationError if the
    demonstrations do not fit.
    """
    config = training.policy
    _check(config, demonstrations)
    random = np.random.default_rng([training.seed, 0xF10])
    drawer = SampleDrawer(
        config, demonstrations, Mixture(prefixed=training.prefixed, rolled=training.rolled)
    )
    # Initial weights must not depend on what else drew from torch's own generator.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(training.seed)
        network = FlowNetwork(config)
    _measure(network, drawer.draw(_STATISTICS_SAMPLES, random))
    generator = torch.Generator().manual_seed(training.seed)
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=training.learning_rate, weight_decay=1e-4
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, _rate(training.steps))
    average = copy.deepcopy(network)
    for step in range(training.steps):
        loss = _loss(network, drawer.draw(training.batch, random), generator)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        _follow(average, network, share=1.0 / min(step + 1, _AVERAGE_STEPS))
        progress(step + 1, training.steps, float(loss.detach()))
    return save_weights(folder, config, average)


def _check(config: FlowConfig, demonstrations: Demonstrations) -> None:
    problems = [
        Problem(where='columns', what=f'{config.arm}/joint{i} is missing')
        for i in range(1, JOINTS + 1)
        if f'{config.arm}/joint{i}' not in demonstrations.columns
    ]
    problems.extend(
        Problem(where='objects', what=f'{name!r} is missing')
        for name in config.objects
        if name not in demonstrations.objects
    )
    if demonstrations.horizon < config.horizon:
        what = f'{demonstrations.horizon} rows, the policy makes {config.horizon}'
        problems.append(Problem(where='plans', what=what))
    if demonstrations.dt_ns != config.dt_ns:
        what = f'{demonstrations.dt_ns} ns, the policy has {config.dt_ns} ns'
        problems.append(Problem(where='dt_ns', what=what))
    if problems:
        raise ConfigurationError('demonstrations', tuple(problems))


def _measure(network: FlowNetwork, samples: Samples) -> None:
    """Set the normalisation from `samples`."""
    seen, rows = to_tensor(samples.features), to_tensor(samples.rows)
    network.feature_mean.copy_(seen.mean(0))
    network.feature_scale.copy_(seen.std(0).clamp_min(_SMALLEST_FEATURE_SCALE))
    network.row_mean.copy_(rows.mean(0))
    network.row_scale.copy_(rows.std(0).clamp_min(_SMALLEST_ROW_SCALE_RAD))
    normalised = network.normalised(rows)
    network.row_low.copy_(normalised.amin(0))
    network.row_high.copy_(normalised.amax(0))


def _loss(network: FlowNetwork, samples: Samples, generator: torch.Generator) -> Tensor:
    x_1 = network.normalised(to_tensor(samples.rows))  # [b, h, d]
    count, horizon = x_1.shape[:2]
    is_free = torch.arange(horizon) >= torch.as_tensor(samples.clean)[:, None]  # [b, h]
    tau = torch.where(is_free, torch.rand(count, 1, generator=generator), 1.0)
    x_0 = torch.randn(x_1.shape, generator=generator)
    x_t = x_0 + tau[..., None] * (x_1 - x_0)
    estimate = network.clean(x_t, tau * BUCKETS, network.condition(to_tensor(samples.features)))
    # Between the loss of x_1 and that of the velocity, which is 1 / rest^2 times as large.
    weight = is_free / (1.0 - tau).clamp_min(_SMALLEST_REST)
    loss: Tensor = ((estimate - x_1).square().mean(-1) * weight).sum() / weight.sum()
    return loss


def _rate(steps: int) -> Callable[[int], float]:
    """Return the learning rate's factor: up over the first steps, down in a half cosine."""

    def factor(step: int) -> float:
        return (
            min(1.0, (step + 1) / _WARM_UP_STEPS) * 0.5 * (1.0 + math.cos(math.pi * step / steps))
        )

    return factor


def _follow(average: FlowNetwork, network: FlowNetwork, *, share: float) -> None:
    """Move the averaged weights towards the newest."""
    for kept, newest in zip(average.parameters(), network.parameters(), strict=True):
        kept.data.lerp_(newest.data, share)
