"""
Which images a WLA checkpoint sees, in which order and size. Knows no pixels and no torch.

    [first of the episode]  head history  head  left wrist  right wrist
"""

from dataclasses import dataclass

from wla_ros.core.types import ImageArray
from wla_ros.core.types import ImageFrame
from wla_ros.core.types import Observation
from wla_ros.policy.wla.configuration import WLAConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraOrder:
    """Head camera and the others, in the order of the data."""

    config: WLAConfig
    head: str
    wrists: tuple[str, ...]

    @property
    def cameras(self) -> tuple[str, ...]:
        """All cameras."""
        return (self.head, *self.wrists)

    def images(
        self, observation: Observation, first: ImageFrame | None
    ) -> list[tuple[ImageArray, int]]:
        """
        Return images and the sides of their squares [pixels].

        `first` is the first head image of the episode, for checkpoints that want it. At the start
        of an episode there may be no history; it is left out then.
        """
        primary, auxiliary = self.config.primary_image_size, self.config.auxiliary_image_size
        images = []
        if self.config.use_begin_frame_context and first is not None:
            images.append((first.pixels, primary))
        if self.config.use_history_obs:
            past = observation.history.get(self.head, ())
            images += [(frame.pixels, auxiliary) for frame in past]
        images.append((observation.images[self.head].pixels, primary))
        images += [(observation.images[name].pixels, auxiliary) for name in self.wrists]
        return images
