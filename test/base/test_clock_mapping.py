# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
import pytest

from wla_ros.base.timing import NS_PER_MS
from wla_ros.base.timing import NS_PER_S
from wla_ros.base.timing import ClockMapping

OFFSET = 1_700_000_000 * NS_PER_S


def observe(mapping, monotonic_ns, offset_ns=OFFSET, *, read_ns=2000):
    return mapping.observe(
        monotonic_ns, monotonic_ns + read_ns // 2 + offset_ns, monotonic_ns + read_ns
    )


def test_times_map_both_ways_by_the_offset():
    mapping = ClockMapping()
    assert observe(mapping, 5 * NS_PER_S) is None
    assert mapping.to_ros_ns(7 * NS_PER_S) == 7 * NS_PER_S + OFFSET
    assert mapping.to_monotonic_ns(mapping.to_ros_ns(123)) == 123


def test_without_a_reading_there_is_no_mapping():
    with pytest.raises(ValueError, match='no clock reading'):
        ClockMapping().to_ros_ns(0)
    assert ClockMapping().offset_ns is None


@pytest.mark.parametrize('step_ms', [-500, -21, 21, 3_600_000])
def test_a_step_is_reported_once_and_followed_at_once(step_ms):
    mapping = ClockMapping()
    observe(mapping, 0)
    stepped = OFFSET + step_ms * NS_PER_MS
    step = observe(mapping, NS_PER_S, stepped)
    assert step.step_ns == step_ms * NS_PER_MS
    assert mapping.offset_ns == stepped
    assert observe(mapping, 2 * NS_PER_S, stepped) is None


def test_a_slew_is_followed_without_a_step():
    mapping = ClockMapping()
    slew_ns = 500_000 // 10  # 500 us per second, ten readings per second
    steps = [observe(mapping, i * NS_PER_S // 10, OFFSET + i * slew_ns) for i in range(600)]
    assert not any(steps)
    assert abs(mapping.offset_ns - (OFFSET + 599 * slew_ns)) < NS_PER_MS


def test_an_interrupted_reading_is_no_measurement():
    mapping = ClockMapping()
    assert observe(mapping, 0, read_ns=11 * NS_PER_MS) is None
    assert mapping.offset_ns is None
    observe(mapping, NS_PER_S)
    assert observe(mapping, 2 * NS_PER_S, OFFSET + NS_PER_S, read_ns=40 * NS_PER_MS) is None
    assert mapping.offset_ns == OFFSET


def test_a_tolerance_that_is_not_positive_is_a_mistake():
    with pytest.raises(ValueError, match='step_tolerance_ns'):
        ClockMapping(step_tolerance_ns=0)
