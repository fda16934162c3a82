"""
Notices a camera that delivers fresh stamps with the same picture again and again.

Real sensors have noise: two frames are never equal in all pixels. A renderer without noise repeats
itself when nothing moves, so the time bound belongs to the stream and 0 switches the check off.
"""

import numpy as np

from wla_ros.core.types import ImageArray

# A grid of 16 x 20 pixels decides nearly always, in microseconds; only equal grids are compared in
# full.
_GRID_ROWS = 16
_GRID_COLUMNS = 20


class FrozenDetection:
    """Remembers the first frame of the running series of identical frames."""

    def __init__(self, *, frozen_after_ns: int) -> None:
        """Call a series frozen when its stamps span `frozen_after_ns`; 0 never does."""
        self._frozen_after_ns = frozen_after_ns
        self._first_pixels: ImageArray | None = None
        self._first_grid = b''
        self._first_stamp_ns = 0

    def observe(self, stamp_ns: int, pixels: ImageArray) -> int | None:
        """
        Take the next frame [h, w, 3] and judge the series it belongs to.

        Return the stamp since which the picture stands still, or None if it lives.
        Keeps a reference to `pixels`, never a copy.
        """
        if self._frozen_after_ns <= 0:
            return None
        grid = _grid(pixels)
        same = (
            self._first_pixels is not None
            and grid == self._first_grid
            and stamp_ns >= self._first_stamp_ns
            and np.array_equal(pixels, self._first_pixels)
        )
        if not same:
            self._first_pixels, self._first_grid, self._first_stamp_ns = pixels, grid, stamp_ns
            return None
        return (
            self._first_stamp_ns
            if stamp_ns - self._first_stamp_ns >= self._frozen_after_ns
            else None
        )

    def restart(self) -> None:
        """Forget the running series: the next frame is the first of a new one."""
        self._first_pixels = None


def _grid(pixels: ImageArray) -> bytes:
    height, width = pixels.shape[:2]
    row_step = max(1, height // _GRID_ROWS)
    column_step = max(1, width // _GRID_COLUMNS)
    return pixels[row_step // 2 :: row_step, column_step // 2 :: column_step].tobytes()
