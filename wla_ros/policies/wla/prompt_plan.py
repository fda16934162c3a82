# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
What the host knows of a prompt before anything touches the device: tokens, positions, rows.

Knows no torch. With it the network never has to look at a value to go on: nothing in it waits for
the device.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wla_ros.policies.wla.model.config import WLAConfig

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ImageGrid:
    """Height and width of one still image in patches; both are multiples of the merge size."""

    height: int
    width: int

    @property
    def patches(self) -> int:
        """Number of patches."""
        return self.height * self.width

    def merged(self, merge: int) -> tuple[int, int]:
        """Return rows and columns of tokens, `merge` x `merge` patches each."""
        return self.height // merge, self.width // merge


@dataclass(frozen=True, slots=True)
class ImageOrder:
    """The images of a prompt, in its order."""

    grids: tuple[ImageGrid, ...]
    head: int  # which of them is the current one of the head camera


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PromptPlan:
    """One prompt of s tokens."""

    tokens: Integers  # [s]
    positions: Integers  # [3, s] time, height, width of every token, for the rotary of the decoder
    next_position: int  # of the token behind the last
    image_rows: tuple[range, ...]  # tokens of each image
    head_image: int  # which of them is the current one of the head camera
    query_rows: range  # the meta-queries, where the prompt ends with them; else empty

    @property
    def wanted_rows(self) -> range:
        """Rows whose output is read: the meta-queries, or the last token."""
        return self.query_rows or range(len(self.tokens) - 1, len(self.tokens))


def plan_prompt(tokens: Sequence[int], images: ImageOrder, config: WLAConfig) -> PromptPlan:
    """
    Return the plan of `tokens`.

    Raises ValueError if the image tokens do not match `images`.
    """
    values = np.asarray(tokens, np.int64)
    positions, following, image_rows = _positions(
        values, config.image_token, images.grids, config.vision.spatial_merge_size
    )
    first = len(values) - config.num_metaqueries
    has_queries = first >= 0 and np.array_equal(values[first:], config.query_tokens)
    return PromptPlan(
        tokens=values,
        positions=positions,
        next_position=following,
        image_rows=image_rows,
        head_image=images.head,
        query_rows=range(first, len(values)) if has_queries else range(0),
    )


def _positions(
    tokens: Integers, image_token: int, grids: Sequence[ImageGrid], merge: int
) -> tuple[Integers, int, tuple[range, ...]]:
    """
    Return positions [3, s] of `tokens` [s], the position that follows, and the rows of the images.

    A text token takes p on all axes and moves to p + 1. An image block that starts at p takes
    t = p, h = p + row, w = p + column of the merged grid; text goes on at p + max(rows, columns):

        tokens    a  b  [ 0,0  0,1  1,0  1,1 ]  c
        t         0  1     2    2    2    2     4
        h         0  1     2    2    3    3     4
        w         0  1     2    3    2    3     4
    """
    positions = np.empty((3, len(tokens)), np.int64)
    image_rows: list[range] = []
    position, index = 0, 0
    for begin in np.flatnonzero(tokens == image_token):
        if begin < index:
            continue  # within the image before
        if len(image_rows) == len(grids):
            raise ValueError(f'token {begin} begins an image, only {len(grids)} images are given')
        positions[:, index:begin] = position + np.arange(begin - index)
        position += int(begin) - index
        rows, columns = grids[len(image_rows)].merged(merge)
        index = int(begin) + rows * columns
        if index > len(tokens) or (tokens[begin:index] != image_token).any():
            raise ValueError(f'image at token {begin} needs {rows} x {columns} image tokens')
        row, column = np.divmod(np.arange(rows * columns), columns)
        positions[:, begin:index] = position + np.stack((np.zeros_like(row), row, column))
        position += max(rows, columns)
        image_rows.append(range(int(begin), index))
    if len(image_rows) < len(grids):
        missing = len(grids) - len(image_rows)
        raise ValueError(f'{missing} of {len(grids)} images have no tokens in the prompt')
    positions[:, index:] = position + np.arange(len(tokens) - index)
    return positions, position + len(tokens) - index, tuple(image_rows)
