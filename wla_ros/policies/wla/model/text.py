# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Qwen3-VL text decoder: embeddings to hidden states, with a key-value cache.

Axis letters: s new tokens, p cached tokens, h heads, g key-value heads, d head width. One sequence
at a time: a robot has one conversation, and a batch axis would only hide the shapes.
"""

from dataclasses import dataclass
from dataclasses import field

import torch
import torch.nn.functional as F
from torch import Tensor
from torch import nn

from wla_ros.policies.wla.model.config import TextConfig
from wla_ros.policies.wla.model.layers import attention
from wla_ros.policies.wla.model.layers import rotate

ALL_ROWS = slice(None)
LAST_ROW = slice(-1, None)


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


@dataclass(slots=True, eq=False)
class KeyValueCache:
    """Keys and values of every layer, each [g, p, d]; grows by appending, never in place."""

    layers: list[tuple[Tensor, Tensor]] = field(default_factory=list)

    def append(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Append [g, s, d] to `layer` and return all of it, [g, p + s, d]."""
        if layer == len(self.layers):
            self.layers.append((key, value))
        else:
            old_key, old_value = self.layers[layer]
            self.layers[layer] = (torch.cat((old_key, key), 1), torch.cat((old_value, value), 1))
        return self.layers[layer]

    def fork(self) -> 'KeyValueCache':
        """Return a cache that starts with the same tokens and grows on its own."""
        return KeyValueCache(list(self.layers))


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
        """Return rotated keys and plain values [g, s, d] of normed inputs [s, width]."""
        key = self.k_norm(self.k_proj(x).unflatten(-1, (-1, self.head_dim))).transpose(0, 1)
        value = self.v_proj(x).unflatten(-1, (-1, self.head_dim)).transpose(0, 1)
        return rotate(key, cos, sin), value

    def attend(self, x: Tensor, key: Tensor, value: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """
        Return [s, width] of normed inputs [s, width], the last s of all k tokens.

        Keys and values are [g, k, d]; a token looks at itself and everything before.
        """
        query = self.q_norm(self.q_proj(x).unflatten(-1, (-1, self.head_dim))).transpose(0, 1)
        query = rotate(query, cos, sin)  # [h, s, d]
        s, k = query.shape[1], key.shape[1]
        mask = None
        if s > 1:
            mask = torch.ones(s, k, dtype=torch.bool, device=x.device).tril(k - s)
        attended = attention(query, key, value, mask)
        return self.o_proj(attended.transpose(0, 1).flatten(1))


class TextMLP(nn.Module):
    """SwiGLU."""

    def __init__(self, config: TextConfig) -> None:
        """Create the projections; none has a bias."""
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return [s, width]."""
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
        cache: KeyValueCache,
        index: int,
        rows: slice = ALL_ROWS,
    ) -> Tensor:
        """
        Return `rows` of the output [s, width] and append this layer's keys and values to `cache`.

        `rows` is a suffix of the s tokens. Leaving rows out is exact: a row depends on
        others through their keys and values only, and those come from all of `x` [s, width].
        """
        normed = self.input_layernorm(x)
        key, value = cache.append(index, *self.self_attn.keys_and_values(normed, cos, sin))
        x = x[rows] + self.self_attn.attend(normed[rows], key, value, cos[rows], sin[rows])
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
        """Return [s, vocab] of last-layer outputs [s, width]."""
        return F.linear(self.norm(x), self.embed_tokens.weight)
