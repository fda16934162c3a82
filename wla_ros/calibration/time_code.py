"""
The code on the screen: a count that rises with time, readable from a blurred camera image.

A panel of 24 x 16 square modules on white: four ArUco markers (DICT_4X4_50, ids 0 to 3) in the
corners say where it is, twelve pairs of cells between them show the count. The first cell of a
pair is black for a 1, the second for a 0, so a bit is a comparison of neighbours and needs no
threshold. The count is Gray coded: from one to the next exactly one pair changes. An exposure that
sees both shows that pair as grey, and says when it was taken instead of showing nonsense.
"""

from dataclasses import dataclass

import numpy as np

from wla_ros.core.types import ImageArray

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
