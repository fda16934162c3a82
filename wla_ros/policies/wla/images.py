# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Camera images to the pixel rows of the vision tower: letterbox, normalisation, patches."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from wla_ros.base.types import ImageArray
from wla_ros.policies.wla.model.config import VisionConfig
from wla_ros.policies.wla.prompt_plan import ImageGrid

# The processor of Qwen3-VL: images in [0, 1] less the mean, by the standard deviation.
_MEAN = 0.5
_STANDARD_DEVIATION = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class PreparedImages:
    """What the vision tower takes: rows of patches, images one after the other."""

    pixels: Tensor  # [n, channels * temporal * patch * patch] float32
    grids: tuple[ImageGrid, ...]


def prepare_images(
    images: Sequence[tuple[ImageArray, int]], config: VisionConfig, *, device: torch.device
) -> PreparedImages:
    """
    Return patches and grids of (image [h, w, 3] uint8 RGB, side of its square [pixels]).

    Raises ValueError if a side is no multiple of patch x merge.
    """
    rows, grids = [], []
    for pixels, side in images:
        square = letterbox(_unit_floats(pixels, device), side)
        rows.append(patches((square - _MEAN) / _STANDARD_DEVIATION, config))
        grids.append(ImageGrid(side // config.patch_size, side // config.patch_size))
    return PreparedImages(torch.cat(rows), tuple(grids))


def letterbox(image: Tensor, side: int) -> Tensor:
    """
    Return `image` [c, h, w] fitted into a square of `side`, black around it.

    The longer side is scaled to `side`, the shorter one is truncated to whole pixels; an odd pixel
    of padding goes right or below. Scaling is what torchvision's v2.Resize does with floats:
    bilinear, antialiased, and nothing at all where the size is right already.
    """
    height, width = image.shape[-2:]
    scale = side / max(height, width)
    # int() after the product, as published: 100 x 41 at 50 becomes 50 x 20.
    new_height, new_width = int(height * scale), int(width * scale)
    if new_height < 1 or new_width < 1:
        raise ValueError(f'an image of {width} x {height} has no pixels left at {side}')
    if (new_height, new_width) != (height, width):
        image = F.interpolate(
            image[None],
            size=(new_height, new_width),
            mode='bilinear',
            align_corners=False,
            antialias=True,
        )[0]
    across, down = side - new_width, side - new_height
    return F.pad(image, (across // 2, (across + 1) // 2, down // 2, (down + 1) // 2))


def patches(image: Tensor, config: VisionConfig) -> Tensor:
    """
    Return the patches [n, channels * temporal * patch * patch] of an image [c, h, w].

    In merge order: the merge x merge patches of one token stand together, tokens in raster order.
    A still image is a film of equal frames. Raises ValueError if h or w is no multiple of
    patch x merge.
    """
    patch, merge = config.patch_size, config.spatial_merge_size
    channels, height, width = image.shape
    if height % (patch * merge) or width % (patch * merge):
        raise ValueError(f'an image of {width} x {height} is not made of {patch * merge} x same')
    tokens = image.reshape(
        channels, height // (patch * merge), merge, patch, width // (patch * merge), merge, patch
    )
    # c token_y in_y py token_x in_x px -> token_y token_x in_y in_x c py px
    tokens = tokens.permute(1, 4, 2, 5, 0, 3, 6).flatten(0, 3)  # [n, c, patch, patch]
    film = tokens[:, :, None].expand(-1, -1, config.temporal_patch_size, -1, -1)
    return film.reshape(tokens.shape[0], -1)


def _unit_floats(pixels: ImageArray, device: torch.device) -> Tensor:
    """Return [3, h, w] in [0, 1]; bytes travel to the device, not floats."""
    if pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(f'an image must be [h, w, 3], got {list(pixels.shape)}')
    on_device = torch.from_numpy(pixels.copy()).to(device)
    return on_device.permute(2, 0, 1).float() / 255.0
