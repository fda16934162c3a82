# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Images to features; a frame that was seen before is not computed again."""

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor

from wla_ros.base.timing import StageClock
from wla_ros.base.types import ImageArray
from wla_ros.policies.wla.cameras import Picture
from wla_ros.policies.wla.cameras import Pictures
from wla_ros.policies.wla.images import prepare_images
from wla_ros.policies.wla.model.network import Network
from wla_ros.policies.wla.model.network import VisionFeatures

# Frames to keep: the history of a camera at the rate of inferences, and the first of the episode.
# One of the published size takes 1 MB.
_CAPACITY = 16


class Sight:
    """
    The eyes of one episode.

    Images attend within themselves only, so that features of a frame are those of any observation
    it is part of: today's head image is the history of a later one. A frame is known by its array,
    which nobody writes to.
    """

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self._seen: OrderedDict[tuple[int, int], tuple[ImageArray, VisionFeatures]] = OrderedDict()

    def forget(self) -> None:
        """Begin another episode."""
        self._seen.clear()

    def see(self, network: Network, pictures: Pictures, clock: StageClock) -> VisionFeatures:
        """Return the features of all images, one after the other."""
        fresh = {_key(item): item for item in pictures.pictures if _key(item) not in self._seen}
        with clock.stage('preprocess'):
            config, device = network.config.vision, network.device
            images = [(item.frame.pixels, item.side) for item in fresh.values()]
            prepared = prepare_images(images, config, device=device) if images else None
        with clock.stage('vision'):
            if prepared is not None:
                features = network.see(prepared.pixels, prepared.grids)
                parts = split_features(features, config.spatial_merge_size)
                for (key, item), part in zip(fresh.items(), parts, strict=True):
                    self._seen[key] = (item.frame.pixels, part)
            found = [self._seen[_key(item)][1] for item in pictures.pictures]
            for item in pictures.pictures:
                self._seen.move_to_end(_key(item))
            while len(self._seen) > max(_CAPACITY, len(pictures.pictures)):
                self._seen.popitem(last=False)
            return join_features(found)


def split_features(features: VisionFeatures, merge: int) -> list[VisionFeatures]:
    """Return the features of every image by itself."""
    sizes = [rows * columns for rows, columns in (grid.merged(merge) for grid in features.grids)]
    tokens = features.tokens.split(sizes)
    deepstack = [layer.split(sizes) for layer in features.deepstack]
    return [
        VisionFeatures((grid,), tokens[index], tuple(layer[index] for layer in deepstack))
        for index, grid in enumerate(features.grids)
    ]


def join_features(parts: Sequence[VisionFeatures]) -> VisionFeatures:
    """Return the features of several images, in the order of `parts`."""

    def joined(tensors: Sequence[Tensor]) -> Tensor:
        return torch.cat(list(tensors))

    return VisionFeatures(
        tuple(grid for part in parts for grid in part.grids),
        joined([part.tokens for part in parts]),
        tuple(joined(layers) for layers in zip(*(part.deepstack for part in parts), strict=True)),
    )


def _key(picture: Picture) -> tuple[int, int]:
    # The array is kept with its features, so that its number is not used again.
    return id(picture.frame.pixels), picture.side
