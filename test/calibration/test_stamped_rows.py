# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""What a calibration records keeps to the time line of its sender."""

import numpy as np
import pytest

pytest.importorskip('rclpy')

from hypothesis import given  # noqa: E402 - not without rclpy
from hypothesis import strategies as st  # noqa: E402

from wla_ros.base.timing import NS_PER_S  # noqa: E402
from wla_ros.calibration.excitation_client import StampedRows  # noqa: E402

BEGIN_NS = 10**18
PERIOD_NS = 5_000_000
COUNT = 400


def recorded(wrong_index=None, wrong_stamp_ns=0):
    """Return stamps and rows of a sender at 200 Hz, one message with a stamp of its own."""
    rows = StampedRows()
    rows.take(BEGIN_NS - PERIOD_NS, BEGIN_NS - PERIOD_NS, np.zeros(1))
    rows.begin()
    for index in range(COUNT):
        time_ns = BEGIN_NS + index * PERIOD_NS
        stamp_ns = wrong_stamp_ns if index == wrong_index else time_ns
        rows.take(stamp_ns, time_ns, np.array([float(index)]))
    return rows.stamps_ns(), rows.rows(1)


@pytest.mark.parametrize('offset_s', [-1e9, -3600, -5, 5, 3600, 1e9])
def test_one_stamp_of_another_time_is_left_out(offset_s):
    stamps, rows = recorded(200, BEGIN_NS + 200 * PERIOD_NS + int(offset_s * NS_PER_S))
    assert stamps.size == COUNT - 1
    assert np.all(np.diff(stamps) > 0)
    assert np.ptp(stamps) == (COUNT - 1) * PERIOD_NS
    assert 200.0 not in rows


@given(st.integers(0, COUNT - 1), st.integers(0, 2 * BEGIN_NS))
def test_stamps_rise_whatever_one_message_says(index, stamp_ns):
    stamps, rows = recorded(index, stamp_ns)
    assert np.all(np.diff(stamps) > 0)
    # A stamp that is a little ahead is taken: at most a second of the true ones is older.
    assert stamps.size >= COUNT - 1 - NS_PER_S // PERIOD_NS
    assert rows.shape == (stamps.size, 1)


def test_nothing_is_kept_before_it_begins():
    rows = StampedRows()
    rows.take(BEGIN_NS, BEGIN_NS, np.zeros(7))
    assert rows.rows(7).shape == (0, 7)
    assert rows.stamps_ns().size == 0
