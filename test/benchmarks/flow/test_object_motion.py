# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Drift of objects from their positions."""

import numpy as np
import pytest

from wla_ros.benchmarks.flow.object_motion import ObjectMotion
from wla_ros.benchmarks.flow.object_motion import drift_of

MS = 1_000_000


def test_drift_is_what_an_object_moved_per_second():
    moved = np.array([[[0.01, 0.0, 0.0], [0.0, -0.02, 0.0]]])
    drift = drift_of(moved, np.array([0.1]))
    np.testing.assert_allclose(drift, [[[0.1, 0.0, 0.0], [0.0, -0.2, 0.0]]])


def test_an_object_that_was_put_elsewhere_has_no_drift_the_others_keep_theirs():
    motion = ObjectMotion(shortest_ns=60 * MS)
    motion.see(0, np.array([[0.50, 0.28, 0.25], [0.35, 0.28, 0.0]]))
    later = np.array([[0.21, 0.28, 0.25], [0.36, 0.28, 0.0]])
    np.testing.assert_allclose(motion.drift(100 * MS, later), [[0, 0, 0], [0.1, 0, 0]], atol=1e-12)


@pytest.mark.parametrize('elapsed_ms', [20, 900])
def test_nothing_is_known_from_too_near_or_too_old_positions(elapsed_ms):
    motion = ObjectMotion(shortest_ns=60 * MS)
    motion.see(0, np.array([[0.50, 0.28, 0.25]]))
    drift = motion.drift(elapsed_ms * MS, np.array([[0.52, 0.28, 0.25]]))
    np.testing.assert_array_equal(drift, np.zeros((1, 3)))
