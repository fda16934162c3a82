# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The code is read under the conditions of a workshop; what cannot be read is refused."""

import cv2
import numpy as np
import pytest
from calibration.screen import View
from calibration.screen import picture
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from wla_ros.base.types import Refusal
from wla_ros.calibration import time_code
from wla_ros.calibration.time_code import CodeReading
from wla_ros.calibration.time_code import TimeCodeReader

READER = TimeCodeReader()


def alone(count):
    return CodeReading(first=count, last=count)


def test_neighbouring_counts_differ_in_one_bit_also_where_the_code_wraps():
    for count in range(time_code.COUNTS):
        changed = time_code.gray_code(count) ^ time_code.gray_code(count + 1)
        assert changed.bit_count() == 1
        assert time_code.count_of(time_code.gray_code(count)) == count


def test_the_corners_are_the_markers_of_opencv():
    dictionary = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50)
    panel = time_code.draw_code(0, module_px=1)
    for marker, (x, y) in enumerate(time_code.MARKER_CORNERS):
        drawn = cv2.aruco.generateImageMarker(dictionary, marker, time_code.MARKER_MODULES)
        size = time_code.MARKER_MODULES
        assert np.array_equal(panel[y : y + size, x : x + size], drawn)


def test_cells_lie_between_the_markers_and_never_overlap():
    taken = set(time_code.black_modules())
    for cells in time_code.BIT_CELLS:
        for x, y in (cells.one, cells.zero):
            own = {
                (x + i, y + j)
                for i in range(time_code.CELL_MODULES)
                for j in range(time_code.CELL_MODULES)
            }
            assert not own & taken
            taken |= own
    assert max(x for x, _ in taken) < time_code.WIDTH - 1
    assert max(y for _, y in taken) < time_code.HEIGHT - 1


@settings(max_examples=30, deadline=None)
@given(
    count=st.integers(0, time_code.COUNTS - 1),
    module_px=st.floats(5.0, 19.0),
    turn_deg=st.floats(-12.0, 12.0),
    slant=st.floats(0.0, 0.2),
    noise=st.floats(0.0, 6.0),
    seed=st.integers(0, 99),
)
def test_near_or_far_turned_or_slanted(count, module_px, turn_deg, slant, noise, seed):
    view = View(module_px=module_px, turn_deg=turn_deg, slant=slant, noise=noise)
    assert READER.read(picture([(count, 1.0)], view, seed)) == alone(count)


@pytest.mark.parametrize(
    'view',
    [
        View(blur_px=3.0),
        View(module_px=7.0, blur_px=1.5, noise=5.0),
        View(contrast=0.25, black=10.0),
        View(contrast=0.3, black=150.0, background=200.0),
        View(glare=120.0, contrast=0.5),
        View(turn_deg=180.0),
        View(turn_deg=90.0, module_px=9.0),
    ],
    ids=['blurred', 'far and blurred', 'dark', 'washed out', 'glare', 'upside down', 'upright'],
)
def test_bad_conditions(view):
    for count in (0, 1, 1365, 2730, 4095):
        assert READER.read(picture([(count, 1.0)], view, seed=count)) == alone(count)


@pytest.mark.parametrize('count', [0, 1, 7, 2047, 4095])
def test_an_exposure_that_saw_a_change_says_so(count):
    after = (count + 1) % time_code.COUNTS
    seen = picture([(count, 0.3), (after, 0.7)])
    assert READER.read(seen) == CodeReading(first=count, last=after)


@settings(max_examples=60, deadline=None)
@given(count=st.integers(0, time_code.COUNTS - 2), share=st.floats(0.0, 1.0))
def test_a_mixture_is_never_read_as_anything_else(count, share):
    reading = READER.read(picture([(count, 1.0 - share), (count + 1, share)]))
    assert isinstance(reading, CodeReading), reading
    assert {reading.first, reading.last} <= {count, count + 1}
    if share < 0.05:
        assert reading == alone(count)
    if share > 0.95:
        assert reading == alone(count + 1)


def test_an_exposure_longer_than_a_count_is_refused():
    reading = READER.read(picture([(5, 0.3), (6, 0.4), (7, 0.3)]))
    assert isinstance(reading, Refusal)
    assert reading.reason == 'inconsistent'


@pytest.mark.parametrize(
    ('view', 'reason'),
    [
        (View(module_px=1.2), 'no_panel'),
        (View(centre=(640.0, 240.0)), 'no_panel'),
        (View(blur_px=14.0), 'no_panel'),
        (View(contrast=0.02, noise=0.0), 'no_panel'),
    ],
    ids=['too far', 'half outside', 'out of focus', 'no light'],
)
def test_what_cannot_be_read_is_refused(view, reason):
    reading = READER.read(picture([(77, 1.0)], view))
    assert isinstance(reading, Refusal)
    assert reading.reason == reason


def test_cells_that_hardly_differ_are_refused():
    panel = time_code.draw_code(9, module_px=20)
    left, right = 7 * 20, 17 * 20
    panel[:, left:right] = 250 - (panel[:, left:right] < 128).astype(np.uint8) * 10
    reading = READER.read(panel)
    assert isinstance(reading, Refusal)
    assert reading.reason == 'low_contrast'


def test_a_picture_without_a_panel_is_refused():
    noise = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    assert READER.read(noise).reason == 'no_panel'
