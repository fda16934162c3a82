"""
Rotary position embeddings of Qwen3-VL: 2-D for images, interleaved multimodal for the decoder.

Angles, cos and sin are always fp32 here; who rotates decides in which type.
"""

import torch
from torch import Tensor


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
    Return cos and sin [s, head_dim] for positions [3, s] of time, height and width.

    Interleaved: pair i turns by time, except i = 1, 4, 7, ... (height, `section[1]` of them) and
    i = 2, 5, 8, ... (width, `section[2]` of them).
    """
    frequencies = inverse_frequencies(head_dim, theta, positions.device)
    angles = positions[..., None].float() * frequencies  # [3, s, d/2]
    mixed = angles[0].clone()
    for axis in (1, 2):
        pairs = slice(axis, 3 * section[axis], 3)
        mixed[:, pairs] = angles[axis][:, pairs]
    mixed = torch.cat((mixed, mixed), dim=-1)  # [s, d]
    return mixed.cos(), mixed.sin()
