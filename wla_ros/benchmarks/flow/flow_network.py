# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The velocity field: a residual network over all rows at once, with its normalisation.

The network estimates the clean chunk x_1, from which the velocity follows: chunks are smooth, so
x_1 has few degrees of freedom where noise, and with it the velocity, has as many as numbers.

Rows are the motion relative to the joints it continues from, which are the measured ones or the
last of a clean prefix:

    row      0  1  2  3  4  5  6 ...
             past     state  what follows
    time     1  1  1  1  t  t  t ...      with a clean prefix
             t  t  t  t  t  t  t ...      without

Normalised per row and column, those next to the state, which hardly differ, are as precise as the
last. Axis letters: b samples, h rows, d joints, f features, w width.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch import nn

from wla_ros.base.types import FloatArray
from wla_ros.benchmarks.flow.features import feature_count
from wla_ros.benchmarks.flow.flow_config import BUCKETS
from wla_ros.benchmarks.flow.flow_config import JOINTS
from wla_ros.benchmarks.flow.flow_config import FlowConfig

_SMALLEST_REST = 0.05  # of flow time: the velocity is (x_1 - x_t) / rest
_TIME_WAVES = 4  # sines and cosines of flow time, from a quarter period over [0, 1] on


class FlowNetwork(nn.Module):
    """`forward` is the velocity, `normalised` and `relative` translate rows."""

    def __init__(self, config: FlowConfig) -> None:
        """Create random weights and neutral normalisation."""
        super().__init__()
        width, inputs, chunk = config.width, feature_count(config), (config.slots, JOINTS)
        self.shape = chunk
        self.observe = nn.Sequential(
            nn.Linear(inputs, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU()
        )
        self.time = nn.Linear(2 * _TIME_WAVES, width)
        self.begin = nn.Linear(config.slots * (JOINTS + 1), width)
        self.blocks = nn.ModuleList(_Block(width) for _ in range(config.blocks))
        self.end = nn.Linear(width, config.slots * JOINTS)
        nn.init.zeros_(self.end.weight)
        nn.init.zeros_(self.end.bias)
        self.register_buffer('feature_mean', torch.zeros(inputs))
        self.register_buffer('feature_scale', torch.ones(inputs))
        self.register_buffer('row_mean', torch.zeros(chunk))
        self.register_buffer('row_scale', torch.ones(chunk))
        self.register_buffer('row_low', torch.full(chunk, -torch.inf))  # of the data, normalised
        self.register_buffer('row_high', torch.full(chunk, torch.inf))

    def condition(self, features: Tensor) -> Tensor:
        """Return what the velocity depends on besides rows and time, [b, w], once per chunk."""
        conditioned: Tensor = self.observe((features - self.feature_mean) / self.feature_scale)
        return conditioned

    def forward(self, x_t: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        """Return v_t [b, h, d] for noisy rows `x_t` [b, h, d] at discrete `time` [b, h]."""
        rest = 1.0 - time[:, :, None].to(x_t.dtype) / BUCKETS
        v_t: Tensor = (self.clean(x_t, time, condition) - x_t) / rest.clamp_min(_SMALLEST_REST)
        return v_t

    def clean(self, x_t: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        """
        Return the estimate of x_1 [b, h, d].

        The last row is never clean: its time is that of the integration.
        """
        tau = time.to(x_t.dtype) / BUCKETS  # [b, h]
        condition = condition + self.time(_waves(tau[:, -1]))
        hidden = self.begin(torch.cat((x_t.flatten(1), tau), dim=1))
        for block in self.blocks:
            hidden = block(hidden, condition)
        x_1: Tensor = self.end(hidden).view(x_t.shape)
        return x_1

    def normalised(self, rows: Tensor) -> Tensor:
        """Return `rows` [..., h, d] relative to the joints as the network has them."""
        result: Tensor = (rows - self.row_mean) / self.row_scale
        return result

    def relative(self, normalised: Tensor) -> Tensor:
        """Return the rows [..., h, d] relative to the joints [rad]; inverse of `normalised`."""
        result: Tensor = normalised * self.row_scale + self.row_mean
        return result


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.modulate = nn.Linear(width, 2 * width)
        self.widen = nn.Linear(width, width)
        self.narrow = nn.Linear(width, width)

    def forward(self, hidden: Tensor, condition: Tensor) -> Tensor:
        shift, scale = self.modulate(condition).chunk(2, dim=-1)
        normal = F.layer_norm(hidden, hidden.shape[-1:])
        result: Tensor = hidden + self.narrow(F.silu(self.widen(normal * (1.0 + scale) + shift)))
        return result


def _waves(tau: Tensor) -> Tensor:
    """Return [b, 2 * waves] of `tau` [b]."""
    angles = tau[:, None] * (0.5 * torch.pi * 2.0 ** torch.arange(_TIME_WAVES, dtype=tau.dtype))
    return torch.cat((angles.sin(), angles.cos()), dim=-1)


def to_tensor(values: FloatArray) -> Tensor:
    """Return fp32."""
    return torch.from_numpy(values.astype(np.float32))
