# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""How a trained flow policy is run, and the policy `flow` by its name."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem
from wla_ros.base.config import parameter
from wla_ros.base.joints import JointLayout
from wla_ros.base.types import Policy
from wla_ros.policies.adapters import PolicyWithCameras
from wla_ros.policies.registry import PolicyContext
from wla_ros.policies.registry import PolicyEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowSettings:
    """Nothing here needs another training."""

    weights: str = parameter('folder that bench-execution wrote', default='')
    steps: int = parameter('Euler steps', minimum=1, maximum=1000, default=8)
    guidance_weight: float = parameter(
        'largest weight of a guided prefix, at most the number of steps',
        minimum=0.0,
        maximum=1000.0,
        default=5.0,
    )
    jacobian: bool = parameter(
        'guide with the true Jacobian of the network instead of the identity', default=False
    )

    def __post_init__(self) -> None:
        """Raise ValueError for a guidance that overshoots."""
        if self.guidance_weight > self.steps:
            raise ValueError(
                f'guidance_weight {self.guidance_weight:g} exceeds {self.steps} steps: overshoots'
            )


def _make(settings: FlowSettings, context: PolicyContext) -> Policy:
    if not settings.weights:
        problem = Problem(where='policy.flow.weights', what='is empty', remedy='give the folder')
        raise ConfigurationError('policy', (problem,))
    return PolicyWithCameras(_load(settings, context.layout), context.cameras)


@lru_cache(maxsize=8)
def _load(settings: FlowSettings, layout: JointLayout) -> Policy:
    """Return the policy of this process: thousands of episodes take turns with a few weights."""
    import torch

    from wla_ros.benchmarks.flow.flow_policy import load_flow_policy

    torch.set_num_threads(1)
    return load_flow_policy(Path(settings.weights), layout, settings)


FLOW = PolicyEntry(settings=FlowSettings, make=_make, looks=False)
