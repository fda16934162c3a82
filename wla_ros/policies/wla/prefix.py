# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Rows that are executed whatever the policy says, as the flow sampler takes them.

Owns which rows a checkpoint can be given and how. The rows come in robot units and are normalised
here, relative to the same reference as the answer.
"""

import numpy as np
import torch

from wla_ros.base.types import CommittedPrefix
from wla_ros.base.types import FloatArray
from wla_ros.base.types import PrefixUse
from wla_ros.policies.flow_sampler import CleanPrefix
from wla_ros.policies.flow_sampler import GuidedPrefix
from wla_ros.policies.wla.columns import ModelColumns
from wla_ros.policies.wla.settings import WlaSettings


def sampler_prefix(
    prefix: CommittedPrefix | None,
    columns: ModelColumns,
    reference: FloatArray,
    settings: WlaSettings,
    *,
    chunk_size: int,
    device: torch.device,
) -> tuple[CleanPrefix | GuidedPrefix | None, int]:
    """
    Return the prefix for the sampler and how many of its rows are certain.

    Clean rows beyond those the checkpoint was trained with are left out. `reference` [D] are the
    joints that relative actions start from. Columns that only pad the model are not guided.
    """
    if prefix is None or prefix.use is PrefixUse.NONE or not len(prefix.rows):
        return None, 0
    length = min(len(prefix.rows), chunk_size)
    certain = min(prefix.committed, length)
    if prefix.use is PrefixUse.CLEAN:
        certain = min(certain, settings.clean_prefix_rows)
        if not certain:
            return None, 0
        clean = columns.actions(prefix.rows[:certain], reference)
        return CleanPrefix(rows=_prefix_tensor(clean, device)), certain
    rows = np.zeros((chunk_size, columns.action_dim))
    rows[:length] = columns.actions(prefix.rows[:length], reference)
    weights = np.zeros(chunk_size)
    weights[:length] = prefix.weights[:length]
    guided = GuidedPrefix(
        rows=_prefix_tensor(rows, device),
        weights=_prefix_tensor(weights, device),
        max_weight=settings.guidance_weight,
        jacobian=settings.guidance_jacobian == 'full',
        columns=columns.space.width,
    )
    return guided, certain


def _prefix_tensor(values: FloatArray, device: torch.device) -> torch.Tensor:
    return torch.as_tensor(values, dtype=torch.float32, device=device)
