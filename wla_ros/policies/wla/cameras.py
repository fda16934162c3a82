# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Which images a WLA checkpoint sees, in which order and size. Knows no torch."""

from dataclasses import dataclass

from wla_ros.base.types import ImageFrame
from wla_ros.base.types import Observation
from wla_ros.policies.wla.model.config import WLAConfig
from wla_ros.policies.wla.prompt_plan import ImageGrid
from wla_ros.policies.wla.prompt_plan import ImageOrder


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A frame, which keeps its identity, and the side of the square it is fitted into [pixels]."""

    frame: ImageFrame
    side: int


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """All images of one prompt."""

    pictures: tuple[Picture, ...]
    order: ImageOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraOrder:
    """
    Head camera and the others, in the order of the data.

    First of the episode, head history, head, left wrist, right wrist, as the checkpoint wants.
    """

    config: WLAConfig
    head: str
    wrists: tuple[str, ...]

    @property
    def cameras(self) -> tuple[str, ...]:
        """All cameras."""
        return (self.head, *self.wrists)

    def pictures(self, observation: Observation, first: ImageFrame | None) -> Pictures:
        """
        Return the images of `observation`.

        `first` is the first head image of the episode, for checkpoints that want it. At the start
        of an episode there may be no history; it is left out then.
        """
        primary, auxiliary = self.config.primary_image_size, self.config.auxiliary_image_size
        found = []
        if self.config.use_begin_frame_context and first is not None:
            found.append(Picture(first, primary))
        if self.config.use_history_obs:
            past = observation.history.get(self.head, ())
            found += [Picture(frame, auxiliary) for frame in past]
        head = len(found)
        found.append(Picture(observation.images[self.head], primary))
        found += [Picture(observation.images[name], auxiliary) for name in self.wrists]
        patch = self.config.vision.patch_size
        grids = tuple(ImageGrid(item.side // patch, item.side // patch) for item in found)
        return Pictures(tuple(found), ImageOrder(grids, head))
