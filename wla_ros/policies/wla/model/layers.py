# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Attention and rotary positions, shared by backbone and Action Expert."""

import torch
import torch.nn.functional as F
from torch import Tensor

# Scaled dot-product attention: the one place that decides how it is computed.


def attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Tensor:
    """
    Return softmax(Q K^T / sqrt(d)) V, [..., h, s, d].

    Args:
        query: [..., h, s, d].
        key: [..., g, k, d]; h is a multiple of g, each key serves h / g neighbouring queries.
        value: [..., g, k, d].
        mask: bool [..., 1, s, k], true where a query may look; None looks everywhere.

    """
    groups = query.shape[-3] // key.shape[-3]
    if groups > 1:
        key, value = key.repeat_interleave(groups, -3), value.repeat_interleave(groups, -3)
    return F.scaled_dot_product_attention(query, key, value, attn_mask=mask)


def causal_mask(
    queries: int, keys: int, present: Tensor | None, device: torch.device
) -> Tensor | None:
    """
    Return where the last `queries` s of `keys` k tokens may look, bool [b or 1, 1, s, k].

    A token looks at itself and everything before that is present [b, k]. None: everywhere.
    """
    if queries == 1 and present is None:
        return None
    mask = torch.ones(queries, keys, dtype=torch.bool, device=device).tril(keys - queries)
    if present is None:
        return mask[None, None]
    # A padded token sees itself at least: a softmax over nothing would be NaN.
    return ((mask & present[:, None]) | mask.triu(keys - queries))[:, None]


def inverse_frequencies(dim: int, theta: float, device: torch.device | None = None) -> Tensor:
    """Return theta^(-2i/dim) for i < dim/2, fp32 [dim/2]."""
    return 1.0 / theta ** (torch.arange(0, dim, 2, dtype=torch.float32, device=device) / dim)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """
    Rotate `x` [..., d] by angles whose cos and sin [..., d] broadcast against it.

    The pairs are (i, i + d/2).
    """
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-second, first), dim=-1) * sin


def vision_angles(
    rows: Tensor, columns: Tensor, head_dim: int, theta: float = 10_000.0
) -> tuple[Tensor, Tensor]:
    """
    Return cos and sin [n, head_dim] of patches at integer `rows` [n] and `columns` [n].

    Of the head_dim / 2 pairs the first half turns by the row, the second by the column.
    """
    frequencies = inverse_frequencies(head_dim // 2, theta, rows.device)  # [head_dim/4]
    angles = torch.cat((rows[:, None] * frequencies, columns[:, None] * frequencies), dim=-1)
    angles = torch.cat((angles, angles), dim=-1)  # [n, head_dim]
    return angles.cos(), angles.sin()


def text_angles(
    positions: Tensor, head_dim: int, theta: float, section: tuple[int, int, int]
) -> tuple[Tensor, Tensor]:
    """
    Return cos and sin [b, s, head_dim] for positions [3, b, s] of time, height and width.

    Interleaved: pair i turns by time, except i = 1, 4, 7, ... (height, `section[1]` of them) and
    i = 2, 5, 8, ... (width, `section[2]` of them).
    """
    frequencies = inverse_frequencies(head_dim, theta, positions.device)
    angles = positions[..., None].float() * frequencies  # [3, b, s, d/2]
    mixed = angles[0].clone()
    for axis in (1, 2):
        pairs = slice(axis, 3 * section[axis], 3)
        mixed[..., pairs] = angles[axis][..., pairs]
    mixed = torch.cat((mixed, mixed), dim=-1)  # [b, s, d]
    return mixed.cos(), mixed.sin()
