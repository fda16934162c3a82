# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The code on the screen: a count that rises with time, readable from a blurred camera image.

A panel of 24 x 16 square modules on white: four ArUco markers (DICT_4X4_50, ids 0 to 3) in the
corners say where it is, twelve pairs of cells between them show the count. The first cell of a
pair is black for a 1, the second for a 0, so a bit is a comparison of neighbours and needs no
threshold. The count is Gray coded: from one to the next exactly one pair changes. An exposure that
sees both shows that pair as grey, and says when it was taken instead of showing nonsense.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from wla_ros.base.types import FloatArray
from wla_ros.base.types import ImageArray
from wla_ros.base.types import Refusal

WIDTH, HEIGHT = 24, 16  # modules
BITS = 12
COUNTS = 1 << BITS
MARKER_MODULES = 6
# Upper left module of every marker, by id: upper left, upper right, lower left, lower right.
MARKER_CORNERS = ((1, 1), (17, 1), (1, 9), (17, 9))
# The 4 x 4 inner modules of ids 0 to 3 of DICT_4X4_50, row by row, 1 is white.
_MARKER_BITS = (0xB532, 0x0F9A, 0x332D, 0x9946)
CELL_MODULES = 2
_FIRST_CELL = (8, 2)
# Rows from the middle outwards: rolling shutters expose one row after the other, and the low bits,
# which change most often, should stand in the middle of the panel.
_ROWS = (2, 3, 1, 4, 0, 5)


@dataclass(frozen=True, slots=True)
class BitCells:
    """Upper left modules of the two cells of a bit."""

    one: tuple[int, int]  # black if the bit is 1
    zero: tuple[int, int]  # black if the bit is 0


def _cells(bit: int) -> BitCells:
    x = _FIRST_CELL[0] + 2 * CELL_MODULES * (bit % 2)
    y = _FIRST_CELL[1] + CELL_MODULES * _ROWS[bit // 2]
    return BitCells(one=(x, y), zero=(x + CELL_MODULES, y))


BIT_CELLS = tuple(_cells(bit) for bit in range(BITS))  # lowest bit first


def gray_code(count: int) -> int:
    """Return the code of `count` modulo COUNTS; codes of neighbours differ in one bit."""
    count %= COUNTS
    return count ^ (count >> 1)


def count_of(code: int) -> int:
    """Return the count whose Gray code is `code`."""
    count = 0
    while code:
        count ^= code
        code >>= 1
    return count


def black_modules() -> tuple[tuple[int, int], ...]:
    """Return the modules (x, y) of the markers that are always black."""
    black = []
    for (left, top), bits in zip(MARKER_CORNERS, _MARKER_BITS, strict=True):
        for y in range(MARKER_MODULES):
            for x in range(MARKER_MODULES):
                inside = 0 < x < MARKER_MODULES - 1 and 0 < y < MARKER_MODULES - 1
                if not inside or not bits >> (15 - 4 * (y - 1) - (x - 1)) & 1:
                    black.append((left + x, top + y))
    return tuple(black)


def draw_code(count: int, *, module_px: int) -> ImageArray:
    """Return the panel as a grey image [HEIGHT * module_px, WIDTH * module_px]."""
    panel = np.full((HEIGHT, WIDTH), 255, dtype=np.uint8)
    for x, y in black_modules():
        panel[y, x] = 0
    code = gray_code(count)
    for bit, cells in enumerate(BIT_CELLS):
        x, y = cells.one if code >> bit & 1 else cells.zero
        panel[y : y + CELL_MODULES, x : x + CELL_MODULES] = 0
    return np.kron(panel, np.ones((module_px, module_px), dtype=np.uint8))


# Camera images to what the screen showed: one count, or two neighbours within one exposure.
#
# Judges each image by itself and says why one cannot be read. Knows no time.

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
    ours = range(len(MARKER_CORNERS))
    seen = [int(identifier) for identifier in np.ravel(identifiers)]
    return {
        identifier: np.asarray(corner, dtype=np.float64).reshape(4, 2)
        for identifier, corner in zip(seen, corners, strict=True)
        if identifier in ours and seen.count(identifier) == 1
    }


def _marker_corners(marker: int) -> FloatArray:
    """Return the corners [4, 2] of a marker in modules, clockwise from the upper left."""
    x, y = MARKER_CORNERS[marker]
    size = MARKER_MODULES
    return np.array([(x, y), (x + size, y), (x + size, y + size), (x, y + size)], dtype=np.float64)


def _read_cells(grey: ImageArray, homography: FloatArray) -> CodeReading | Refusal:
    one = [_brightness(grey, homography, cells.one) for cells in BIT_CELLS]
    zero = [_brightness(grey, homography, cells.zero) for cells in BIT_CELLS]
    contrast = np.array(zero) - np.array(one)  # [BITS] positive is a 1
    usual = float(np.median(np.abs(contrast)))
    if not usual >= _LEAST_CONTRAST:
        return Refusal(
            reason=LOW_CONTRAST,
            detail=f'cells differ by {usual:.0f} grey levels, needed are {_LEAST_CONTRAST:.0f}: '
            'exposure, reflections, brightness of the screen?',
        )
    code = sum(1 << bit for bit in range(BITS) if contrast[bit] > 0.0)
    blended = np.flatnonzero(np.abs(contrast) < _BLENDED_SHARE * usual)
    count = count_of(code)
    if blended.size == 0:
        return CodeReading(first=count, last=count)
    other = count_of(code ^ (1 << int(blended[0])))
    if blended.size == 1:
        for first, last in ((count, other), (other, count)):
            if (first + 1) % COUNTS == last:
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
