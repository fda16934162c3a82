# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Qwen3-VL text decoder: embeddings to hidden states, with a key-value cache.

Axis letters: b prompts, s new tokens, p cached tokens, h heads, g key-value heads, d head width.
"""

import torch
import torch.nn.functional as F
from torch import Tensor
from torch import nn

from wla_ros.policies.wla.model.config import TextConfig
from wla_ros.policies.wla.model.layers import attention
from wla_ros.policies.wla.model.layers import rotate
from wla_ros.policies.wla.model.network import Cache


def select_rows(x: Tensor, rows: Tensor) -> Tensor:
    """Return rows [b, r, ...] of `x` [b, s, ...]; `rows` [b, r]."""
    return x.take_along_dim(rows[..., None], dim=1)


class RMSNorm(nn.Module):
    """Root-mean-square norm: statistics in fp32, product in the input's type, as in Qwen."""

    def __init__(self, width: int, eps: float) -> None:
        """Create the scale."""
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Return the same shape."""
        wide = x.float()
        wide = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.eps)
        return self.weight * wide.to(x.dtype)


class KeyValueCache:
    """A `Cache` that grows by concatenation, so that gradients pass."""

    def __init__(self) -> None:
        """Begin without tokens."""
        self._layers: list[tuple[Tensor, Tensor]] = []

    @property
    def length(self) -> int:
        """See Cache. The first layer has them all; a pruned run leaves the last ones out."""
        return self._layers[0][0].shape[2] if self._layers else 0

    def append(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """See Cache."""
        if layer == len(self._layers):
            self._layers.append((key, value))
        else:
            old_key, old_value = self._layers[layer]
            self._layers[layer] = (torch.cat((old_key, key), 2), torch.cat((old_value, value), 2))
        return self._layers[layer]

    def truncate(self, length: int) -> None:
        """See Cache."""
        self._layers = [(key[:, :, :length], value[:, :, :length]) for key, value in self._layers]


class TextAttention(nn.Module):
    """Grouped-query attention with per-head norms of q and k before the rotation."""

    def __init__(self, config: TextConfig) -> None:
        """Create the projections; none has a bias."""
        super().__init__()
        width, d = config.hidden_size, config.head_dim
        self.head_dim = d
        self.q_proj = nn.Linear(width, config.num_attention_heads * d, bias=False)
        self.k_proj = nn.Linear(width, config.num_key_value_heads * d, bias=False)
        self.v_proj = nn.Linear(width, config.num_key_value_heads * d, bias=False)
        self.o_proj = nn.Linear(config.num_attention_heads * d, width, bias=False)
        self.q_norm = RMSNorm(d, config.rms_norm_eps)
        self.k_norm = RMSNorm(d, config.rms_norm_eps)

    def keys_and_values(self, x: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor]:
        """Return rotated keys and plain values [b, g, s, d] of normed inputs [b, s, width]."""
        key = self.k_norm(self.k_proj(x).unflatten(-1, (-1, self.head_dim))).transpose(1, 2)
        value = self.v_proj(x).unflatten(-1, (-1, self.head_dim)).transpose(1, 2)
        return rotate(key, cos[:, None], sin[:, None]), value

    def attend(
        self,
        x: Tensor,
        key: Tensor,
        value: Tensor,
        cos: Tensor,
        sin: Tensor,
        mask: Tensor | None,
    ) -> Tensor:
        """
        Return [b, s, width] of normed inputs [b, s, width].

        Keys and values are [b, g, k, d], `mask` [b or 1, 1, s, k] says where a token may look.
        """
        query = self.q_norm(self.q_proj(x).unflatten(-1, (-1, self.head_dim))).transpose(1, 2)
        query = rotate(query, cos[:, None], sin[:, None])  # [b, h, s, d]
        attended = attention(query, key, value, mask)
        return self.o_proj(attended.transpose(1, 2).flatten(2))


class TextMLP(nn.Module):
    """SwiGLU."""

    def __init__(self, config: TextConfig) -> None:
        """Create the projections; none has a bias."""
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return [b, s, width]."""
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class TextLayer(nn.Module):
    """Pre-norm decoder layer."""

    def __init__(self, config: TextConfig) -> None:
        """Create norms, attention and MLP."""
        super().__init__()
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.self_attn = TextAttention(config)
        self.mlp = TextMLP(config)

    def forward(
        self,
        x: Tensor,
        cos: Tensor,
        sin: Tensor,
        mask: Tensor | None,
        cache: Cache,
        index: int,
        rows: Tensor | None = None,
    ) -> Tensor:
        """
        Return the output and append this layer's keys and values to `cache`.

        Only `rows` [b, r] of [b, s, width] where they are given. Leaving rows out is exact: a row
        depends on others through their keys and values only, and those come from all of `x`.
        """
        normed = self.input_layernorm(x)
        key, value = cache.append(index, *self.self_attn.keys_and_values(normed, cos, sin))
        if rows is not None:
            x, normed, cos, sin = (select_rows(part, rows) for part in (x, normed, cos, sin))
            if mask is not None:
                mask = select_rows(mask[:, 0].expand(len(x), -1, -1), rows)[:, None]
        x = x + self.self_attn.attend(normed, key, value, cos, sin, mask)
        return x + self.mlp(self.post_attention_layernorm(x))


class TextDecoder(nn.Module):
    """Embedding, layers and final norm; the head is the embedding's transpose (tied)."""

    def __init__(self, config: TextConfig) -> None:
        """Create the layers with the published names."""
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(TextLayer(config) for _ in range(config.num_hidden_layers))
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)

    def logits(self, x: Tensor) -> Tensor:
        """Return [..., vocab] of last-layer outputs [..., width]."""
        return F.linear(self.norm(x), self.embed_tokens.weight)
