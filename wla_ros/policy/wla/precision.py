"""In which types the weights are computed with: decided here, never by what a file stores."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch

from wla_ros.policy.wla.checkpoint_parts import Part


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision:
    """Types of backbone and Action Expert; actions are integrated in fp32 in any case."""

    backbone: torch.dtype
    expert: torch.dtype

    def of(self, part: Part) -> torch.dtype:
        """Return the type of a part that acts."""
        return self.expert if part is Part.EXPERT else self.backbone


PRECISIONS: Mapping[str, Precision] = MappingProxyType(
    {
        # The published RoboTwin and RMBench adapters cast everything.
        'bfloat16': Precision(backbone=torch.bfloat16, expert=torch.bfloat16),
        'float32': Precision(backbone=torch.float32, expert=torch.float32),
        # As the released checkpoints are stored.
        'mixed': Precision(backbone=torch.bfloat16, expert=torch.float32),
    }
)
