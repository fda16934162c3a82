# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The independent check finds every excess and nothing else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from wla_ros.base.curve import CurveSample
from wla_ros.base.joints import JointLayout
from wla_ros.benchmarks.execution.command_check import check_commands
from wla_ros.execution.limiter import MotionLimiter
from wla_ros.robots.piper.limits import piper_limits

LAYOUT = JointLayout(('left',))
LIMITS = piper_limits(LAYOUT)
PERIOD_NS = 5_000_000
MIDDLE = (LIMITS.lower + LIMITS.upper) / 2.0


def check(position, stamps=None):
    stamps = np.arange(len(position)) * PERIOD_NS if stamps is None else stamps
    return check_commands(stamps, position, LIMITS, joint_columns=LAYOUT.joint_indices)


def polynomial(order, rate):
    """Return commands whose `order`-th derivative is `rate` in the first joint."""
    times = np.arange(40) * PERIOD_NS / 1e9
    commands = np.tile(MIDDLE, (40, 1))
    commands[:, 0] += rate * times**order / [1, 1, 2, 6][order]
    return commands


@pytest.mark.parametrize(('order', 'name'), [(1, 'velocity'), (2, 'acceleration'), (3, 'jerk')])
def test_a_rate_above_its_limit_is_found_and_one_below_is_not(order, name):
    limit = getattr(LIMITS, name)[0]
    found = check(polynomial(order, 1.02 * limit))
    assert found.violations[name] == 40 - order
    assert found.worst_ratio[name] == pytest.approx(1.02, rel=2e-3)  # less what rounding may be
    assert check(polynomial(order, 0.98 * limit)).violations[name] == 0


def test_positions_outside_and_not_finite_are_found():
    commands = np.tile(MIDDLE, (5, 1))
    commands[2, 1] = LIMITS.upper[1] + 0.01
    commands[3, 0] = np.nan
    assert check(commands).violations['position'] == 2


@pytest.mark.parametrize('gap_ms', [15, 40, 95])
def test_a_gap_is_judged_by_its_stamps(gap_ms):
    """On at full speed behind a gap, as if it had been a period, is braking by the clock."""
    stamps = np.arange(40) * PERIOD_NS
    stamps[20:] += gap_ms * 1_000_000 - PERIOD_NS
    commands = np.tile(MIDDLE, (40, 1))
    commands[:, 0] += 2.5 * np.arange(40) * 0.005
    found = check(commands, stamps)
    assert found.violations['acceleration'] > 0
    assert found.worst_ratio['acceleration'] > 5.0
    commands[:, 0] = MIDDLE[0] + 2.5 * stamps * 1e-9
    assert not check(commands, stamps).violated


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(50_000, 120_000_000), min_size=5, max_size=60))
def test_no_gaps_make_a_motion_within_the_limits_exceed_them(gaps):
    stamps = np.cumsum(gaps)
    times = stamps * 1e-9
    commands = np.tile(MIDDLE, (len(stamps), 1))
    rate = 2.0 * np.pi * 0.9  # rad/s: sine with the acceleration of the limit
    size = 0.99 * LIMITS.acceleration[0] / rate**2
    commands[:, 0] += size * np.sin(rate * times)
    assert not check(commands, stamps).violated


def test_a_command_that_was_set_to_a_released_arm_is_no_motion():
    commands = np.tile(MIDDLE, (20, 1))
    commands[10:, 0] += 0.5
    reseeded = np.zeros((20, LAYOUT.width), dtype=bool)
    stamps = np.arange(20) * PERIOD_NS
    arguments = {'joint_columns': LAYOUT.joint_indices, 'reseeded': reseeded}
    assert check_commands(stamps, commands, LIMITS, **arguments).violated
    reseeded[10, 1:] = True  # not the joint that stepped
    assert check_commands(stamps, commands, LIMITS, **arguments).violated
    reseeded[10, 0] = True
    assert not check_commands(stamps, commands, LIMITS, **arguments).violated
    commands[11:, 0] += 0.5  # one tick later nothing excuses it
    assert check_commands(stamps, commands, LIMITS, **arguments).violated


def test_no_commands_are_no_violation():
    found = check(np.zeros((0, LAYOUT.width)))
    assert (found.commands, found.violated, found.jerk.size) == (0, 0, 0)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_what_the_limiter_emits_is_within_the_limits(seed):
    random = np.random.default_rng(seed)
    limiter = MotionLimiter(LIMITS)
    nothing = np.zeros(LAYOUT.width)
    commands = []
    target = MIDDLE
    for tick in range(120):
        if tick % 7 == 0:
            target = random.uniform(LIMITS.lower - 0.3, LIMITS.upper + 0.3)
        limiter.step(CurveSample.of(target, nothing, nothing), 0.005)
        commands.append(limiter.position)
    found = check(np.array(commands))
    assert not found.violated, found
