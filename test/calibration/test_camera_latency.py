# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Camera latencies: from pictures of a screen whose page has a clock of its own."""

import numpy as np
import pytest
from calibration.screen import Screen
from calibration.screen import picture
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from wla_ros.base.types import Refusal
from wla_ros.calibration.camera import estimate_camera_latency
from wla_ros.calibration.screen import ClockOffset
from wla_ros.calibration.screen import DisplayLog
from wla_ros.calibration.screen import RoundTrip
from wla_ros.calibration.time_code import COUNTS
from wla_ros.calibration.time_code import CodeReading
from wla_ros.calibration.time_code import TimeCodeReader
from wla_ros.sim.config import CameraFaults
from wla_ros.sim.fault_injection import CameraFaultInjector

HOST_BEGIN_NS = 1_700_000_000_000_000_000
PAGE_BEGIN_NS = 5_000_000_000  # a page counts from its loading


def host_ns(second):
    return HOST_BEGIN_NS + round(second * 1e9)


def page_ns(second):
    return PAGE_BEGIN_NS + round(second * 1e9)


def trip(at_s, there_s, back_s, work_s=0.001):
    return RoundTrip(
        sent_page_ns=page_ns(at_s),
        received_ns=host_ns(at_s + there_s),
        replied_ns=host_ns(at_s + there_s + work_s),
        answered_page_ns=page_ns(at_s + there_s + work_s + back_s),
    )


def log_of(screen, trips=None):
    log = DisplayLog()
    for count, drawn_s in enumerate(screen.drawn_s):
        log.add_count(count, page_ns(drawn_s))
    random = np.random.default_rng(2)
    for entry in trips or [
        trip(0.2 * i, *(0.002 + random.exponential(0.01, 2))) for i in range(60)
    ]:
        log.add_trip(entry)
    return log


def measured(screen, faults, *, rate_hz=29.4, exposure_s=0.008, count=110, begin_s=1.0):
    """Return bounds [n, 2] of pictures taken of `screen` with the faults of the simulated rig."""
    log, reader = log_of(screen), TimeCodeReader()
    offset = log.clock_offset()
    injector = CameraFaultInjector(faults, seed=3, camera='head')
    bounds = []
    for i in range(count):
        middle_s = begin_s + i / rate_hz
        fate = injector.fate(host_ns(middle_s))
        if fate.dropped:
            continue
        shown = screen.shown(middle_s - exposure_s / 2, middle_s + exposure_s / 2)
        reading = reader.read(picture(shown, seed=i))
        assert isinstance(reading, CodeReading), reading
        between = log.shown_between(reading, fate.stamp_ns, offset.offset_ns)
        assert not isinstance(between, Refusal), between
        bounds.append([(fate.stamp_ns - end) / 1e9 for end in reversed(between)])
    return np.array(bounds)


@pytest.mark.parametrize(
    ('latency_s', 'lag_s', 'exposure_s'),
    [(0.0, 0.0, 0.001), (0.04, 0.0167, 0.008), (0.125, 0.03, 0.03), (-0.02, 0.0, 0.01)],
)
def test_the_latency_of_the_simulated_camera_is_recovered(latency_s, lag_s, exposure_s):
    faults = CameraFaults(stamp_offset_s=latency_s, stamp_jitter_s=0.002, drop_probability=0.05)
    bounds = measured(Screen(lag_s=lag_s), faults, exposure_s=exposure_s)
    found = estimate_camera_latency(bounds, display_lag_s=lag_s)
    assert not isinstance(found, Refusal), found
    assert found.latency_s == pytest.approx(latency_s, abs=0.004)
    assert abs(found.latency_s - latency_s) < 0.001 + 2.0 * found.uncertainty_s
    assert found.uncertainty_s < 0.006
    assert found.spread_s < 0.004


@pytest.mark.parametrize('rate_hz', [15.0, 20.0, 30.0])
@pytest.mark.parametrize('begin_s', [1.002, 1.0155])
def test_a_camera_in_step_with_the_screen_states_what_it_leaves_open(rate_hz, begin_s):
    """Every exposure sees the same phase of a refresh: the rest stays open, and is said to."""
    faults = CameraFaults(stamp_offset_s=0.05)
    bounds = measured(
        Screen(), faults, rate_hz=rate_hz, exposure_s=0.002, count=75, begin_s=begin_s
    )
    found = estimate_camera_latency(bounds, display_lag_s=0.0)
    assert abs(found.latency_s - 0.05) <= found.uncertainty_s + 0.003
    assert 0.004 < found.uncertainty_s < 0.0095


@settings(max_examples=50, deadline=None)
@given(
    latency_s=st.floats(-0.05, 0.5),
    hold_s=st.floats(0.03, 0.07),
    outliers=st.integers(0, 12),
    seed=st.integers(0, 1000),
)
def test_outliers_do_not_move_the_estimate(latency_s, hold_s, outliers, seed):
    random = np.random.default_rng(seed)
    phase = random.uniform(0.0, hold_s, 150)
    bounds = np.stack([latency_s + phase - hold_s, latency_s + phase], axis=-1)
    bounds[:outliers] += random.choice([-1.0, 1.0], (outliers, 1)) * 0.4
    found = estimate_camera_latency(bounds, display_lag_s=0.0)
    assert found.latency_s == pytest.approx(latency_s, abs=0.006)
    assert found.outliers == outliers


def test_too_few_images_and_stamps_without_relation_are_refused():
    assert estimate_camera_latency(np.zeros((3, 2)), display_lag_s=0.0).reason == 'few_images'
    random = np.random.default_rng(0)
    low = random.uniform(0.0, 0.5, 200)
    refusal = estimate_camera_latency(np.stack([low, low + 0.05], axis=-1), display_lag_s=0.0)
    assert refusal.reason == 'scattered'


@settings(max_examples=40, deadline=None)
@given(
    quick_s=st.floats(0.0005, 0.01),
    slow_s=st.floats(0.0, 0.2),
    seed=st.integers(0, 1000),
)
def test_the_clock_of_the_page_is_known_within_half_of_the_quickest_trips(quick_s, slow_s, seed):
    random = np.random.default_rng(seed)
    trips = [
        trip(0.2 * i, quick_s + slow_s * random.random(), quick_s + slow_s * random.random())
        for i in range(50)
    ]
    offset = log_of(Screen(), trips).clock_offset()
    error_ns = abs(offset.offset_ns - (HOST_BEGIN_NS - PAGE_BEGIN_NS))
    assert error_ns <= offset.uncertainty_ns + 1
    assert offset.uncertainty_ns <= (quick_s + slow_s) * 1e9 + 1


def test_without_reports_there_is_no_offset_and_impossible_trips_do_not_count():
    log = DisplayLog()
    assert log.clock_offset().reason == 'no_report'
    log.add_trip(trip(1.0, -0.2, 0.1))
    assert log.clock_offset().reason == 'no_report'
    log.add_trip(trip(1.0, 0.01, 0.01))
    assert isinstance(log.clock_offset(), ClockOffset)


def test_counts_that_look_alike_are_told_apart_by_time():
    screen = Screen(seconds=450.0)
    log = log_of(screen, trips=[trip(0.0, 0.001, 0.001)])
    offset = log.clock_offset().offset_ns
    assert len(screen.drawn_s) > 2 * COUNTS + 200
    for lap in range(3):
        second = screen.drawn_s[lap * COUNTS + 100]
        between = log.shown_between(
            CodeReading(first=100, last=100), host_ns(second + 0.3), offset
        )
        assert between[0] == pytest.approx(host_ns(second), abs=2_000_000)


def test_an_exposure_that_saw_a_change_was_taken_around_it():
    screen = Screen()
    log = log_of(screen)
    offset = log.clock_offset().offset_ns
    changed_s = screen.drawn_s[101]
    begin, end = log.shown_between(
        CodeReading(first=100, last=101), host_ns(changed_s + 0.1), offset
    )
    assert (begin + end) // 2 - offset == pytest.approx(page_ns(changed_s), abs=2)
    assert 0 < end - begin < 0.06e9


def test_what_the_page_did_not_report_is_refused():
    screen = Screen()
    log = log_of(screen)
    offset = log.clock_offset().offset_ns
    last = len(screen.drawn_s) - 1
    for shown, at_s in ((last + 300, 5.0), (100, 500.0), (last, screen.drawn_s[last])):
        refusal = log.shown_between(CodeReading(first=shown, last=shown), host_ns(at_s), offset)
        assert isinstance(refusal, Refusal)


def test_a_page_that_slept_or_was_loaded_again_does_not_mix_old_and_new():
    screen = Screen()
    log = log_of(screen)
    offset = log.clock_offset().offset_ns
    last, end_s = len(screen.drawn_s) - 1, screen.drawn_s[-1]
    log.add_count(last + 1, page_ns(end_s + 8.0))
    refusal = log.shown_between(CodeReading(first=last, last=last), host_ns(end_s), offset)
    assert 'asleep' in refusal.detail
    log.add_count(0, page_ns(end_s + 10.0))
    assert log.counts == 1
