"""
Camera images to what the screen showed: one count, or two neighbours within one exposure.

Judges each image by itself and says why one cannot be read. Knows no time.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from wla_ros.calibration import time_code
from wla_ros.core.types import FloatArray
from wla_ros.core.types import ImageArray
from wla_ros.core.types import Refusal

NO_PANEL = 'no_panel'
LOW_CONTRAST = 'low_contrast'
INCONSISTENT = 'inconsistent'

# At least this many of the four markers; two lie on a line and do not pin a plane down well.
_LEAST_MARKERS = 3
_LEAST_CONTRAST = 20.0  # grey levels between the cells of a pair
# A pair with less than this share of the usual contrast shows two counts.
_BLENDED_SHARE = 0.5
# Cells are sampled in their middle, where blur of the neighbours does not reach.
_SAMPLES = np.linspace(0.6, 1.4, 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeReading:
    """Counts modulo time_code.COUNTS; `last` follows `first` if the exposure saw a change."""

    first: int
    last: int


class TimeCodeReader:
    """Reads images, one at a time. One thread."""

    def __init__(self) -> None:
        """Prepare the detector of the installed OpenCV: 4.7 made it a class."""
        aruco: Any = cv2.aruco
        dictionary = aruco.getPredefinedDictionary(aruco.DICT_4X4_50)
        if hasattr(aruco, 'ArucoDetector'):
            self._detect = aruco.ArucoDetector(dictionary).detectMarkers
        else:
            self._detect = lambda image: aruco.detectMarkers(image, dictionary)

    def read(self, pixels: ImageArray) -> CodeReading | Refusal:
        """Return what `pixels` [h, w] grey or [h, w, 3] RGB show, or why it cannot be said."""
        grey = pixels
        if pixels.ndim == 3:
            grey = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
        corners, identifiers, _ = self._detect(np.ascontiguousarray(grey))[:3]
        placed = _placed_markers(corners, identifiers)
        if len(placed) < _LEAST_MARKERS:
            return Refusal(
                reason=NO_PANEL,
                detail=f'{len(placed)} of 4 markers found: show the whole panel, nearer, larger, '
                'sharp, not overexposed',
            )
        modules = np.concatenate([_marker_corners(marker) for marker in placed])
        seen = np.concatenate([placed[marker] for marker in placed])
        homography: Any = cv2.findHomography(modules, seen)[0]
        if homography is None:
            return Refusal(reason=NO_PANEL, detail='the markers do not span a plane')
        return _read_cells(grey, np.asarray(homography, dtype=np.float64))


def _placed_markers(corners: Any, identifiers: Any) -> dict[int, FloatArray]:
    """Return image corners [4, 2] by marker id; an id that is seen twice is left out."""
    if identifiers is None:
        return {}
    ours = range(len(time_code.MARKER_CORNERS))
    seen = [int(identifier) for identifier in np.ravel(identifiers)]
    return {
        identifier: np.asarray(corner, dtype=np.float64).reshape(4, 2)
        for identifier, corner in zip(seen, corners, strict=True)
        if identifier in ours and seen.count(identifier) == 1
    }


def _marker_corners(marker: int) -> FloatArray:
    """Return the corners [4, 2] of a marker in modules, clockwise from the upper left."""
    x, y = time_code.MARKER_CORNERS[marker]
    size = time_code.MARKER_MODULES
    return np.array([(x, y), (x + size, y), (x + size, y + size), (x, y + size)], dtype=np.float64)


def _read_cells(grey: ImageArray, homography: FloatArray) -> CodeReading | Refusal:
    one = [_brightness(grey, homography, cells.one) for cells in time_code.BIT_CELLS]
    zero = [_brightness(grey, homography, cells.zero) for cells in time_code.BIT_CELLS]
    contrast = np.array(zero) - np.array(one)  # [BITS] positive is a 1
    usual = float(np.median(np.abs(contrast)))
    if not usual >= _LEAST_CONTRAST:
        return Refusal(
            reason=LOW_CONTRAST,
            detail=f'cells differ by {usual:.0f} grey levels, needed are {_LEAST_CONTRAST:.0f}: '
            'exposure, reflections, brightness of the screen?',
        )
    code = sum(1 << bit for bit in range(time_code.BITS) if contrast[bit] > 0.0)
    blended = np.flatnonzero(np.abs(contrast) < _BLENDED_SHARE * usual)
    count = time_code.count_of(code)
    if blended.size == 0:
        return CodeReading(first=count, last=count)
    other = time_code.count_of(code ^ (1 << int(blended[0])))
    if blended.size == 1:
        for first, last in ((count, other), (other, count)):
            if (first + 1) % time_code.COUNTS == last:
                return CodeReading(first=first, last=last)
    return Refusal(
        reason=INCONSISTENT,
        detail=f'{blended.size} bits are in between, as no two neighbouring counts are: exposure '
        'longer than a count, reflections, or the panel is moving',
    )


def _brightness(grey: ImageArray, homography: FloatArray, cell: tuple[int, int]) -> float:
    x, y = np.meshgrid(cell[0] + _SAMPLES, cell[1] + _SAMPLES)
    points = np.stack([x.ravel(), y.ravel()], axis=-1)[None]
    seen = cv2.perspectiveTransform(points, homography)[0].astype(np.float32)
    values = cv2.remap(grey, seen[:, 0], seen[:, 1], cv2.INTER_LINEAR)
    return float(values.mean())
