# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The Action Expert: a transformer that moves noisy action rows along the flow."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torch import nn

from wla_ros.policies.wla.model.config import ExpertConfig
from wla_ros.policies.wla.model.layers import attention

# The published embeddings of flow time.
#
# Time runs from 0 (noise) to 1 (data); the network sees it in buckets, as integers.

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


# Hidden width of state encoder and action decoder: fixed in the published code, whatever c is.
_MLP_HIDDEN = 1024
_FEED_FORWARD_WIDENING = 4  # default of diffusers' FeedForward
_BLOCK_NORM_EPS = 1e-5
_FINAL_NORM_EPS = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class ExpertContext:
    """What stays the same over all integration steps of one chunk."""

    state_token: Tensor  # [b, 1, c]
    keys_and_values: tuple[tuple[Tensor, Tensor] | None, ...]  # per block [b, heads, q, d]


class AdaLayerNorm(nn.Module):
    """LayerNorm scaled and shifted by the time, one vector per token (`ada_norm`)."""

    def __init__(self, width: int) -> None:
        """Create the modulation."""
        super().__init__()
        self.linear = nn.Linear(width, 2 * width)

    def forward(self, x: Tensor, modulation: Tensor | None) -> Tensor:
        """Return [b, t, c]; `modulation` is [b, t, c]."""
        scale, shift = self.linear(F.silu(modulation)).chunk(2, dim=-1)
        return F.layer_norm(x, x.shape[-1:], eps=_BLOCK_NORM_EPS) * (1 + scale) + shift


class PlainLayerNorm(nn.Module):
    """LayerNorm without parameters; ignores the time (`norm`, the released checkpoints)."""

    def forward(self, x: Tensor, modulation: Tensor | None) -> Tensor:  # noqa: ARG002
        """Return [b, t, c]."""
        return F.layer_norm(x, x.shape[-1:], eps=_BLOCK_NORM_EPS)


class ExpertAttention(nn.Module):
    """Multi-head attention with biases."""

    def __init__(self, config: ExpertConfig, context_width: int) -> None:
        """Create the projections with the published names."""
        super().__init__()
        inner = config.num_attention_heads * config.attention_head_dim
        self.heads = config.num_attention_heads
        self.to_q = nn.Linear(config.input_embedding_dim, inner)
        self.to_k = nn.Linear(context_width, inner)
        self.to_v = nn.Linear(context_width, inner)
        self.to_out = nn.ModuleList([nn.Linear(inner, config.input_embedding_dim)])

    def keys_and_values(self, context: Tensor) -> tuple[Tensor, Tensor]:
        """Return keys and values [b, heads, k, d] of context [b, k, context width]."""
        return self._split(self.to_k(context)), self._split(self.to_v(context))

    def forward(self, x: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Return [b, t, c] of x [b, t, c], keys and values [b or 1, heads, k, d]."""
        query = self._split(self.to_q(x))
        key, value = key.expand(len(x), -1, -1, -1), value.expand(len(x), -1, -1, -1)
        attended = attention(query, key, value)
        return self.to_out[0](attended.transpose(1, 2).flatten(2))

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class GeluProjection(nn.Module):
    """Linear layer and tanh-approximated GELU."""

    def __init__(self, width: int, inner: int) -> None:
        """Create the layer."""
        super().__init__()
        self.proj = nn.Linear(width, inner)

    def forward(self, x: Tensor) -> Tensor:
        """Return [..., inner]."""
        return F.gelu(self.proj(x), approximate='tanh')


class FeedForward(nn.Module):
    """Widening and back; index 1 is the dropout of the published code, which is off."""

    def __init__(self, width: int) -> None:
        """Create the layers with the published names."""
        super().__init__()
        inner = _FEED_FORWARD_WIDENING * width
        layers = [GeluProjection(width, inner), nn.Identity(), nn.Linear(inner, width)]
        self.net = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Tensor:
        """Return [b, t, c]."""
        for layer in self.net:
            x = layer(x)
        return x


class ExpertBlock(nn.Module):
    """Pre-norm block: attention (cross or self), then feed-forward."""

    def __init__(self, config: ExpertConfig, *, is_cross: bool) -> None:
        """`is_cross` blocks read the meta-queries, the others their own tokens."""
        super().__init__()
        width = config.input_embedding_dim
        self.norm1 = AdaLayerNorm(width) if config.norm_type == 'ada_norm' else PlainLayerNorm()
        self.attn1 = ExpertAttention(config, config.cross_attention_dim if is_cross else width)
        self.ff = FeedForward(width)

    def forward(
        self, x: Tensor, modulation: Tensor | None, given: tuple[Tensor, Tensor] | None
    ) -> Tensor:
        """Return [b, t, c]; `given` keys and values make it cross attention."""
        normed = self.norm1(x, modulation)
        x = x + self.attn1(normed, *(given or self.attn1.keys_and_values(normed)))
        return x + self.ff(F.layer_norm(x, x.shape[-1:], eps=_BLOCK_NORM_EPS))


class ExpertTransformer(nn.Module):
    """The blocks, the time encoder and the last norm."""

    def __init__(self, config: ExpertConfig) -> None:
        """Create the layers with the published names."""
        super().__init__()
        width = config.input_embedding_dim
        self.uses_time = config.norm_type == 'ada_norm'
        self.timestep_encoder = TimestepEncoder(width)
        self.transformer_blocks = nn.ModuleList(
            ExpertBlock(config, is_cross=config.is_cross(block))
            for block in range(config.num_layers)
        )
        self.norm_out = nn.LayerNorm(width, eps=_FINAL_NORM_EPS)

    def forward(
        self, x: Tensor, time: Tensor, given: Sequence[tuple[Tensor, Tensor] | None]
    ) -> Tensor:
        """Return [b, t, c] of x [b, t, c] at discrete `time` [b, t]."""
        modulation = self.timestep_encoder(time) if self.uses_time else None
        for block, keys_and_values in zip(self.transformer_blocks, given, strict=True):
            x = block(x, modulation, keys_and_values)
        return self.norm_out(x)


class TwoLayers(nn.Module):
    """Linear, ReLU, linear."""

    def __init__(self, width_in: int, hidden: int, width_out: int) -> None:
        """Create the layers with the published names."""
        super().__init__()
        self.layer1 = nn.Linear(width_in, hidden)
        self.layer2 = nn.Linear(hidden, width_out)

    def forward(self, x: Tensor) -> Tensor:
        """Return [..., width_out]."""
        return self.layer2(F.relu(self.layer1(x)))


class ActionEncoder(nn.Module):
    """Noisy rows and their flow time to tokens."""

    def __init__(self, action_dim: int, width: int) -> None:
        """Create the layers with the published names."""
        super().__init__()
        self.width = width
        self.layer1 = nn.Linear(action_dim, width)
        self.layer2 = nn.Linear(2 * width, width)
        self.layer3 = nn.Linear(width, width)

    def forward(self, rows: Tensor, time: Tensor) -> Tensor:
        """Return [b, h, c] of rows [b, h, action dim] at discrete times [b, h]."""
        embedded = self.layer1(rows)
        when = sinusoids(time, self.width).to(embedded.dtype)
        return self.layer3(F.silu(self.layer2(torch.cat((embedded, when), dim=-1))))


class ActionExpert(nn.Module):
    """State, noisy actions and meta-queries to the velocity of the flow (data minus noise)."""

    def __init__(self, config: ExpertConfig) -> None:
        """Create the layers with the published names."""
        super().__init__()
        self.config = config
        width = config.input_embedding_dim
        self.model = ExpertTransformer(config)
        self.state_encoder = TwoLayers(config.state_dim, _MLP_HIDDEN, width)
        self.action_encoder = ActionEncoder(config.action_dim, width)
        self.action_decoder = TwoLayers(width, _MLP_HIDDEN, config.action_dim)
        if config.add_pos_embed:
            self.position_embedding = nn.Embedding(config.max_seq_len, width)

    def prepare(self, state: Tensor, metaqueries: Sequence[Tensor]) -> ExpertContext:
        """
        Return what no integration step changes.

        Args:
            state: normalised proprioception [b, 1, state dim].
            metaqueries: per block, up to the last that reads them, [b, q, cross width]; those of
                blocks that do not read them are ignored.

        """
        dtype = self.state_encoder.layer1.weight.dtype
        blocks = self.model.transformer_blocks
        return ExpertContext(
            self.state_encoder(state.to(dtype)),
            tuple(
                block.attn1.keys_and_values(metaqueries[index].to(dtype))
                if self.config.is_cross(index)
                else None
                for index, block in enumerate(blocks)
            ),
        )

    def forward(self, rows: Tensor, time: Tensor, context: ExpertContext) -> Tensor:
        """
        Return the velocity [b, h, action dim].

        Args:
            rows: noisy normalised actions [b, h, action dim].
            time: discrete flow time of every row, integers [b, h]: 0 is noise, the number of
                buckets is data (the rows of a clean prefix).
            context: of the same b samples, or of one for all.

        """
        tokens = self.action_encoder(rows.to(context.state_token.dtype), time)
        if self.config.add_pos_embed:
            tokens = tokens + self.position_embedding.weight[: rows.shape[1]]
        x = torch.cat((context.state_token.expand(len(rows), -1, -1), tokens), dim=1)
        # The state takes the time of the rows that are denoised (the last), not of a clean prefix.
        x = self.model(x, torch.cat((time[:, -1:], time), dim=1), context.keys_and_values)
        return self.action_decoder(x[:, 1:])
