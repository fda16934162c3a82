# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
An expert that errs as a trained policy does: every chunk is smooth in itself, and another one each
time.

The error grows from nothing at the beginning of what the policy decides, so it neither hides nor
adds a step where the chunk continues rows that are committed.
"""

import dataclasses
from dataclasses import dataclass
from typing import Protocol
from typing import runtime_checkable

import numpy as np

from wla_ros.base.config import parameter
from wla_ros.base.joints import ARM_WIDTH
from wla_ros.base.timing import NS_PER_S
from wla_ros.base.types import FloatArray
from wla_ros.base.types import Observation
from wla_ros.base.types import Policy
from wla_ros.base.types import PolicyRequest
from wla_ros.base.types import PolicyResult
from wla_ros.base.types import PolicySpec
from wla_ros.benchmarks.post.pass_post_expert import PassPostExpert
from wla_ros.policies.adapters import PolicyWithCameras
from wla_ros.policies.registry import PolicyContext
from wla_ros.policies.registry import PolicyEntry
from wla_ros.sim.expert.plan import make_expert

_GROWTH_S = 0.15  # time constant; within 0.1 s an error reaches 14 %
_SLOWEST_HZ = 0.5
_TERMS = 3
# Columns that hardly move err less: an arm that holds still does so for every policy.
_MOVES_RAD = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpertNoise:
    """How an expert errs."""

    sigma_rad: float = parameter(
        'standard deviation of every joint late in the chunk',
        unit='rad',
        minimum=0.0,
        maximum=1.0,
        default=0.02,
    )
    wavering: bool = parameter('draws between equally good ways at every inference', default=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoisyExpertSettings:
    """The policy noisy_expert; simulation only."""

    task: str = parameter('task of the simulated rig', default='stack_cup')
    noise: ExpertNoise = parameter('how it errs', default_factory=ExpertNoise)


@runtime_checkable
class RowListener(Protocol):
    """An expert that believes in the rows it gave, and so has to know the real ones."""

    def gave(self, rows: FloatArray, *, row0_ns: int) -> None:
        """Note the rows [H, D] that the arms are really given; row 0 is due at `row0_ns`."""
        ...


class NoisyExpert:
    """A policy whose joint rows are those of `policy` with a smooth error of their own."""

    def __init__(self, policy: Policy, noise: ExpertNoise) -> None:
        """Wrap `policy`, whose rows are joint positions."""
        self._policy = policy
        self._noise = noise
        self._spec = dataclasses.replace(policy.spec, name='noisy_expert')
        elapsed_s = np.arange(self._spec.horizon) * (self._spec.dt_ns / NS_PER_S)
        growth = 1.0 - (1.0 + elapsed_s / _GROWTH_S) * np.exp(-elapsed_s / _GROWTH_S)
        waves = np.cos(2 * np.pi * _SLOWEST_HZ * np.outer(elapsed_s, np.arange(_TERMS)))
        # Constant and cosines of equal weight: mean square 1/2 for each wave, 1 for the constant.
        self._shapes: FloatArray = growth[:, None] * waves / np.sqrt(1.0 + 0.5 * (_TERMS - 1))
        width = len(self._spec.columns)
        self._joints = np.array([i for i in range(width) if i % ARM_WIDTH != ARM_WIDTH - 1])
        self._random = np.random.default_rng((0, 0x0153))

    @property
    def spec(self) -> PolicySpec:
        """That of the wrapped policy under another name."""
        return self._spec

    def reset(self, *, seed: int) -> None:
        """Reset the wrapped policy; the errors are drawn by `seed`."""
        self._policy.reset(seed=seed)
        self._random = np.random.default_rng((seed, 0x0153))

    def infer(self, observation: Observation, request: PolicyRequest) -> PolicyResult:
        """Return the rows of the wrapped policy, those after its committed ones with an error."""
        result = self._policy.infer(observation, request)
        drawn = self._random.normal(0.0, self._noise.sigma_rad, (_TERMS, len(self._joints)))
        first = max(result.committed_prefix - 1, 0)
        rows = np.array(result.rows)
        moves = np.minimum(np.ptp(rows[:, self._joints], axis=0) / _MOVES_RAD, 1.0)
        error = self._shapes[: len(rows) - first] @ (drawn * moves)
        rows[first:, self._joints] += error
        if isinstance(self._policy, RowListener):
            row0_ns = observation.stamp_ns + request.row_offset * self._spec.dt_ns
            self._policy.gave(rows, row0_ns=row0_ns)
        return dataclasses.replace(result, rows=rows)

    def close(self) -> None:
        """Close the wrapped policy."""
        self._policy.close()


def make_noisy_expert(task: str, noise: ExpertNoise) -> NoisyExpert:
    """Return the expert of `task` with `noise`. Raises ConfigurationError as make_expert does."""
    if noise.wavering and task == 'pass_post':
        return NoisyExpert(PassPostExpert(wavering=True), noise)
    return NoisyExpert(make_expert(task), noise)


def _make(settings: NoisyExpertSettings, context: PolicyContext) -> Policy:
    expert = make_noisy_expert(settings.task, settings.noise)
    return PolicyWithCameras(expert, context.cameras)


NOISY_EXPERT = PolicyEntry(settings=NoisyExpertSettings, make=_make, looks=False)
