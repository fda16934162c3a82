# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
import numpy as np

from wla_ros.base.timing import NS_PER_MS
from wla_ros.observation.cameras import FrozenDetection

PICTURE = np.random.default_rng(1).integers(0, 255, (480, 640, 3), dtype=np.uint8)


def watch(detection, *frames):
    return [detection.observe(stamp_ms * NS_PER_MS, pixels) for stamp_ms, pixels in frames]


def test_equal_pictures_are_frozen_once_their_stamps_span_the_bound():
    detection = FrozenDetection(frozen_after_ns=100 * NS_PER_MS)
    copies = [(stamp, PICTURE.copy()) for stamp in (10, 50, 109, 110, 143)]
    since = 10 * NS_PER_MS
    assert watch(detection, *copies) == [None, None, None, since, since]


def test_a_new_picture_ends_the_series():
    detection = FrozenDetection(frozen_after_ns=100 * NS_PER_MS)
    watch(detection, (0, PICTURE), (200, PICTURE))
    assert watch(detection, (233, PICTURE + 1), (266, PICTURE)) == [None, None]


def test_one_pixel_between_the_grid_points_is_a_difference():
    detection = FrozenDetection(frozen_after_ns=100 * NS_PER_MS)
    changed = PICTURE.copy()
    changed[0, 0, 0] ^= 1
    assert watch(detection, (0, PICTURE), (200, changed)) == [None, None]


def test_zero_switches_the_check_off():
    detection = FrozenDetection(frozen_after_ns=0)
    assert watch(detection, (0, PICTURE), (10_000, PICTURE)) == [None, None]


def test_a_picture_of_another_size_is_a_difference():
    detection = FrozenDetection(frozen_after_ns=100 * NS_PER_MS)
    black = np.zeros((480, 640, 3), dtype=np.uint8)
    assert watch(detection, (0, black), (200, black[:240, :320])) == [None, None]


def test_a_clock_that_went_back_starts_a_new_series():
    detection = FrozenDetection(frozen_after_ns=100 * NS_PER_MS)
    assert watch(detection, (5000, PICTURE), (10, PICTURE), (60, PICTURE)) == [None, None, None]


def test_restart_forgets_the_series():
    detection = FrozenDetection(frozen_after_ns=100 * NS_PER_MS)
    watch(detection, (0, PICTURE))
    detection.restart()
    assert watch(detection, (5000, PICTURE)) == [None]
