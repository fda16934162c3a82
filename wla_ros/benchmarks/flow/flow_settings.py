# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""How a trained flow policy is run."""

from dataclasses import dataclass

from wla_ros.base.config import parameter


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowSettings:
    """Nothing here needs another training."""

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
