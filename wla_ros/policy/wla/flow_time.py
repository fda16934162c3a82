"""
The published embeddings of flow time.

Time runs from 0 (noise) to 1 (data); the network sees it in buckets, as integers.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor
from torch import nn

# Width of the sinusoidal input of the time-step embedder: diffusers' Timesteps(256).
_TIMESTEP_CHANNELS = 256
_LONGEST_PERIOD = 10_000.0


def sinusoids(time: Tensor, width: int) -> Tensor:
    """Return [sin | cos] of `time` [...] times 1e4^(-i / (width/2)), fp32 [..., width]."""
    half = width // 2
    exponent = torch.arange(half, device=time.device, dtype=torch.float32) / half
    angles = time[..., None].float() * torch.exp(-math.log(_LONGEST_PERIOD) * exponent)
    return torch.cat((angles.sin(), angles.cos()), dim=-1)


class TimestepEmbedder(nn.Module):
    """Discrete flow time to a modulation vector."""

    def __init__(self, width: int) -> None:
        """Create the two layers with the published names."""
        super().__init__()
        self.linear_1 = nn.Linear(_TIMESTEP_CHANNELS, width)
        self.linear_2 = nn.Linear(width, width)

    def forward(self, time: Tensor) -> Tensor:
        """Return [..., c] of discrete times [...]: cos first, frequencies 1e4^(-i / (half-1))."""
        half = _TIMESTEP_CHANNELS // 2
        exponent = torch.arange(half, device=time.device, dtype=torch.float32) / (half - 1)
        angles = time[..., None].float() * torch.exp(-math.log(_LONGEST_PERIOD) * exponent)
        channels = torch.cat((angles.cos(), angles.sin()), dim=-1)
        return self.linear_2(F.silu(self.linear_1(channels.to(self.linear_1.weight.dtype))))


class TimestepEncoder(nn.Module):
    """Holder that gives the embedder its published name."""

    def __init__(self, width: int) -> None:
        """Create the embedder."""
        super().__init__()
        self.timestep_embedder = TimestepEmbedder(width)

    def forward(self, time: Tensor) -> Tensor:
        """Return the embedder's output."""
        return self.timestep_embedder(time)
