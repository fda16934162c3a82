# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Qwen3-VL vision tower: patches to merged image tokens and deepstack features.

Axis letters: n patches of all images, m merged tokens (n / merge^2), c channels. Patches come in
merge order: the patches of one token stand together. Images attend within themselves only.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from torch import nn

from wla_ros.policies.wla.model.config import VisionConfig
from wla_ros.policies.wla.model.layers import attention
from wla_ros.policies.wla.model.layers import rotate
from wla_ros.policies.wla.model.layers import vision_angles
from wla_ros.policies.wla.model.network import VisionFeatures
from wla_ros.policies.wla.prompt_plan import ImageGrid

_LAYER_NORM_EPS = 1e-6  # fixed in the published vision tower, not in its config


class PatchEmbed(nn.Module):
    """Conv3d whose stride equals its kernel: published as 5-D weight, applied as one product."""

    def __init__(self, config: VisionConfig) -> None:
        """Create the projection of one patch, [channels, temporal, patch, patch] pixels."""
        super().__init__()
        size = (config.temporal_patch_size, config.patch_size, config.patch_size)
        self.proj = nn.Conv3d(
            config.in_channels, config.hidden_size, kernel_size=size, stride=size
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """Return [n, c] of pixel rows [n, channels * temporal * patch * patch]."""
        return F.linear(pixels, self.proj.weight.flatten(1), self.proj.bias)


class VisionAttention(nn.Module):
    """Multi-head attention within each image."""

    def __init__(self, config: VisionConfig) -> None:
        """Create the fused qkv and the output projection."""
        super().__init__()
        self.num_heads = config.num_heads
        self.qkv = nn.Linear(config.hidden_size, 3 * config.hidden_size)
        self.proj = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, lengths: list[int]) -> Tensor:
        """Return [n, c]; `lengths` are the patches of each image, cos and sin fp32 [n, d]."""
        q, k, v = self.qkv(x).unflatten(-1, (3, self.num_heads, -1)).unbind(1)  # [n, heads, d]
        cos, sin = cos[:, None], sin[:, None]
        q = rotate(q.float(), cos, sin).to(q.dtype)
        k = rotate(k.float(), cos, sin).to(k.dtype)
        attended = [
            attention(*(part.transpose(0, 1) for part in image)).transpose(0, 1)
            for image in zip(q.split(lengths), k.split(lengths), v.split(lengths), strict=True)
        ]
        return self.proj(torch.cat(attended).flatten(1))


class VisionMLP(nn.Module):
    """Two linear layers with tanh-approximated GELU."""

    def __init__(self, config: VisionConfig) -> None:
        """Create the layers."""
        super().__init__()
        self.linear_fc1 = nn.Linear(config.hidden_size, config.intermediate_size)
        self.linear_fc2 = nn.Linear(config.intermediate_size, config.hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        """Return [n, c]."""
        return self.linear_fc2(F.gelu(self.linear_fc1(x), approximate='tanh'))


class VisionBlock(nn.Module):
    """Pre-norm transformer block."""

    def __init__(self, config: VisionConfig) -> None:
        """Create norms, attention and MLP."""
        super().__init__()
        self.norm1 = nn.LayerNorm(config.hidden_size, eps=_LAYER_NORM_EPS)
        self.norm2 = nn.LayerNorm(config.hidden_size, eps=_LAYER_NORM_EPS)
        self.attn = VisionAttention(config)
        self.mlp = VisionMLP(config)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, lengths: list[int]) -> Tensor:
        """Return [n, c]."""
        x = x + self.attn(self.norm1(x), cos, sin, lengths)
        return x + self.mlp(self.norm2(x))


class PatchMerger(nn.Module):
    """Joins the patches of one token and projects them to the decoder's width."""

    def __init__(self, config: VisionConfig, *, norm_after_joining: bool) -> None:
        """`norm_after_joining` is the deepstack variant: the norm sees the joined width."""
        super().__init__()
        joined = config.hidden_size * config.spatial_merge_size**2
        self.joined = joined
        self.norm_after_joining = norm_after_joining
        width = joined if norm_after_joining else config.hidden_size
        self.norm = nn.LayerNorm(width, eps=_LAYER_NORM_EPS)
        self.linear_fc1 = nn.Linear(joined, joined)
        self.linear_fc2 = nn.Linear(joined, config.out_hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        """Return [m, out_hidden] of [n, c]."""
        if self.norm_after_joining:
            x = self.norm(x.reshape(-1, self.joined))
        else:
            x = self.norm(x).reshape(-1, self.joined)
        return self.linear_fc2(F.gelu(self.linear_fc1(x)))


class VisionTower(nn.Module):
    """All images of one observation to tokens and deepstack features."""

    def __init__(self, config: VisionConfig) -> None:
        """Create the layers with the published names."""
        super().__init__()
        self.config = config
        self.patch_embed = PatchEmbed(config)
        self.pos_embed = nn.Embedding(config.num_position_embeddings, config.hidden_size)
        self.blocks = nn.ModuleList(VisionBlock(config) for _ in range(config.depth))
        self.merger = PatchMerger(config, norm_after_joining=False)
        self.deepstack_merger_list = nn.ModuleList(
            PatchMerger(config, norm_after_joining=True) for _ in config.deepstack_visual_indexes
        )

    def forward(self, pixels: Tensor, grids: Sequence[ImageGrid]) -> VisionFeatures:
        """
        Return the features of all images.

        Args:
            pixels: normalised pixel rows [n, channels * temporal * patch * patch] in merge order.
            grids: size of each image; raises ValueError if they do not add up to n.

        """
        lengths = [grid.patches for grid in grids]
        if sum(lengths) != pixels.shape[0]:
            raise ValueError(f'{pixels.shape[0]} patches given, images have {lengths}')
        x = self.patch_embed(pixels.to(self.pos_embed.weight.dtype))
        x = x + torch.cat([self._positions(grid) for grid in grids])
        raster = [self._merge_order(grid) for grid in grids]
        cos, sin = vision_angles(
            torch.cat([at // grid.width for at, grid in zip(raster, grids, strict=True)]),
            torch.cat([at % grid.width for at, grid in zip(raster, grids, strict=True)]),
            self.config.hidden_size // self.config.num_heads,
        )
        deepstack = []
        tapped = self.config.deepstack_visual_indexes
        for index, block in enumerate(self.blocks):
            x = block(x, cos, sin, lengths)
            if index in tapped:
                deepstack.append(self.deepstack_merger_list[tapped.index(index)](x))
        return VisionFeatures(tuple(grids), self.merger(x), tuple(deepstack))

    def _merge_order(self, grid: ImageGrid) -> Tensor:
        """Return raster indices [n] of the patches of an image, in merge order."""
        merge = self.config.spatial_merge_size
        rows, columns = grid.merged(merge)
        device = self.pos_embed.weight.device
        raster = torch.arange(grid.patches, device=device).view(rows, merge, columns, merge)
        return raster.transpose(1, 2).flatten()

    def _positions(self, grid: ImageGrid) -> Tensor:
        """Return the learned grid [n, c] resampled to the image: bilinear, corners aligned."""
        side = round(self.config.num_position_embeddings**0.5)
        device = self.pos_embed.weight.device
        row = torch.linspace(0, side - 1, grid.height, device=device)  # [h]
        column = torch.linspace(0, side - 1, grid.width, device=device)  # [w]
        above, left = row.long(), column.long()
        below, right = (above + 1).clamp(max=side - 1), (left + 1).clamp(max=side - 1)
        down, along = (row - above)[:, None], (column - left)[None]  # [h, 1], [1, w]
        corners = (
            (above, left, (1 - down) * (1 - along)),
            (above, right, (1 - down) * along),
            (below, left, down * (1 - along)),
            (below, right, down * along),
        )
        table = self.pos_embed.weight
        weighted = [
            table[rows[:, None] * side + columns] * weight[..., None].to(table.dtype)
            for rows, columns, weight in corners
        ]  # each [h, w, c]
        total = weighted[0] + weighted[1] + weighted[2] + weighted[3]
        return total.flatten(0, 1)[self._merge_order(grid)]
