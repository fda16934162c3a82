"""Positions of a prompt with images: time, height, width per token, for the decoder's rotary."""

from collections.abc import Sequence

import torch
from torch import Tensor

from wla_ros.policy.wla.image_grid import ImageGrid


def token_positions(
    tokens: Tensor, image_token: int, grids: Sequence[ImageGrid], merge: int
) -> tuple[Tensor, int]:
    """
    Return positions [3, s] of `tokens` [s] and the position of the next token.

    A text token takes p on all axes and moves to p + 1. An image block that starts at p takes
    t = p, h = p + row, w = p + column of the merged grid; text goes on at p + max(rows, columns):

        tokens    a  b  [ 0,0  0,1  1,0  1,1 ]  c
        t         0  1     2    2    2    2     4
        h         0  1     2    2    3    3     4
        w         0  1     2    3    2    3     4

    Raises ValueError if the image tokens do not match `grids`.
    """
    values = tokens.tolist()
    parts: list[Tensor] = []
    position, index = 0, 0
    remaining = list(grids)
    while index < len(values):
        if values[index] != image_token:
            parts.append(torch.full((3, 1), position))
            position, index = position + 1, index + 1
            continue
        if not remaining:
            raise ValueError(f'token {index} begins an image, only {len(grids)} images are given')
        rows, columns = remaining.pop(0).merged(merge)
        count = rows * columns
        if values[index : index + count] != [image_token] * count:
            raise ValueError(f'image at token {index} needs {rows} x {columns} image tokens')
        flat = torch.arange(count)
        block = torch.stack((torch.zeros_like(flat), flat // columns, flat % columns))
        parts.append(block + position)
        position, index = position + max(rows, columns), index + count
    if remaining:
        raise ValueError(f'{len(remaining)} of {len(grids)} images have no tokens in the prompt')
    return torch.cat(parts, dim=1).to(tokens.device), position
