"""
Noise of an image sensor, cheap enough for 90 images a second: drawn once, added at shifting
offsets.
"""

import numpy as np

from wla_ros.core.types import ImageArray

_SPARE_ROWS = 97  # prime, so that the stride below visits every offset before one repeats
_STRIDE = 37


class SensorNoise:
    """
    Gaussian noise of `sigma` grey levels.

    Two images in a row never get the same noise, so a camera that repeats one frame can be told
    from a still scene.
    """

    def __init__(self, *, width: int, height: int, sigma: float, seed: int) -> None:
        """Draw the noise. Raises ValueError unless 0 < sigma <= 30."""
        if not 0.0 < sigma <= 30.0:
            raise ValueError(f'sigma must lie in (0, 30] grey levels, got {sigma!r}')
        random = np.random.default_rng((seed, 0x401E))
        self._bound = int(np.ceil(3 * sigma))
        drawn = random.normal(0.0, sigma, (height + _SPARE_ROWS, width, 3))
        bounded = np.clip(np.rint(drawn), -self._bound, self._bound).astype(np.int8)
        self._bank: ImageArray = bounded.view(np.uint8)
        self._height = height
        self._images = 0

    def applied_to(self, pixels: ImageArray) -> ImageArray:
        """Return a noisy copy of `pixels` [h, w, 3]."""
        offset = self._images * _STRIDE % _SPARE_ROWS
        self._images += 1
        # Kept away from 0 and 255 by the largest noise, uint8 arithmetic modulo 256 adds negative
        # noise correctly.
        noisy: ImageArray = np.clip(pixels, self._bound, 255 - self._bound)
        np.add(noisy, self._bank[offset : offset + self._height], out=noisy)
        return noisy
