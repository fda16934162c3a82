# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
import pytest

from wla_ros.base.timing import NS_PER_MS
from wla_ros.base.timing import NS_PER_S
from wla_ros.base.timing import RateMeter


@pytest.mark.parametrize('rate_hz', [2.5, 30.0, 200.0])
def test_a_steady_stream_reads_its_rate_at_any_phase(rate_hz):
    meter = RateMeter()
    period_ns = NS_PER_S / rate_hz
    for i in range(int(3 * rate_hz)):
        meter.add(round(i * period_ns))
    newest_ns = round((int(3 * rate_hz) - 1) * period_ns)
    for late_ns in (0, 1, round(period_ns * 0.7)):
        assert meter.rate_hz(newest_ns + late_ns) == pytest.approx(rate_hz, rel=1e-6)


def test_fewer_than_two_stamps_in_the_window_are_no_rate():
    meter = RateMeter()
    assert meter.rate_hz(0) == 0.0
    meter.add(0)
    assert meter.rate_hz(1) == 0.0
    meter.add(NS_PER_MS)
    assert meter.rate_hz(NS_PER_MS) == pytest.approx(1000.0)
    assert meter.rate_hz(2 * NS_PER_S) == 0.0


def test_clear_forgets():
    meter = RateMeter()
    meter.add(0)
    meter.add(1)
    meter.clear()
    assert meter.rate_hz(1) == 0.0
