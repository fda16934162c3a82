# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""What training samples are made of."""

import pytest

pytest.importorskip('torch')

import numpy as np
from benchmarks.flow.small_demonstrations import HORIZON
from benchmarks.flow.small_demonstrations import config
from benchmarks.flow.small_demonstrations import demonstrations

from wla_ros.benchmarks.flow.flow_config import PAST_ROWS
from wla_ros.benchmarks.flow.training_samples import Mixture
from wla_ros.benchmarks.flow.training_samples import SampleDrawer
from wla_ros.benchmarks.flow.training_samples import past_of_prefix
from wla_ros.benchmarks.flow.training_samples import velocity_after

GOAL_X = 12 + 3 + 3  # after joints, velocities, tool point and post, from the base at x = 0


def draw(count=400, *, prefixed=0.0, rolled=0.0, seed=0):
    drawer = SampleDrawer(config(), demonstrations(), Mixture(prefixed=prefixed, rolled=rolled))
    return drawer.draw(count, np.random.default_rng(seed))


def test_plain_rows_are_the_plan_relative_to_the_measured_joints():
    samples = draw()
    wanted = 0.1 + 0.0001 + 0.001 * np.arange(HORIZON)
    np.testing.assert_allclose(samples.rows[:, PAST_ROWS:], np.tile(wanted[:, None], (400, 1, 6)))
    assert not np.any(samples.clean)


def test_a_prefix_is_what_was_executed_and_the_plan_of_its_last_step_follows():
    samples = draw(prefixed=1.0)
    assert set(samples.clean) == {0, PAST_ROWS + 1}  # 0 where an episode ends
    rows = samples.rows[samples.clean > 0]
    later = 0.1 + 0.001 * np.arange(1, HORIZON)
    wanted = np.concatenate(([-0.003, -0.002, -0.001, 0.1], later))
    wanted[PAST_ROWS] = 0.1  # plans of these demonstrations begin with a jump
    # A prefix of one row knows no change of rows but the measured one, of 0.001 per row as well.
    np.testing.assert_allclose(rows, np.tile(wanted[:, None], (len(rows), 1, 6)), atol=1e-6)


def test_with_an_offset_joints_are_newer_than_objects():
    samples = draw(rolled=1.0)
    offset = np.round(samples.features[:, -1] * HORIZON)
    assert set(offset) == {0.0, 1.0, 2.0, 3.0}
    step = np.round(np.mod(samples.features[:, 0] + 0.0001, 1.0) * 1000)
    goal_x = samples.features[:, GOAL_X]
    np.testing.assert_allclose(goal_x, 0.005 * (step - offset), atol=1e-9)
    np.testing.assert_allclose(samples.rows[:, PAST_ROWS, 0], 0.1001)


def test_imagined_objects_are_newer_than_the_joints():
    samples = draw(prefixed=1.0)
    offset = np.round(samples.features[:, -1] * HORIZON)
    imagined = offset < 0
    assert 0.1 < imagined.mean() < 0.4
    assert np.all(offset[imagined] == -1)  # the joints are those of the last clean row
    assert set(offset[~imagined]) == {0.0, 1.0, 2.0}


@pytest.mark.parametrize(
    ('count', 'wanted'),
    [
        (6, [1.0, 4.0, 9.0, 16.0]),
        (4, [1.0, 4.0, 9.0, 16.0]),
        (3, [-1.0, 4.0, 9.0, 16.0]),  # continued backwards by 9 - 4
        (2, [-5.0, 2.0, 9.0, 16.0]),
        (1, [14.5, 15.0, 15.5, 16.0]),  # by the measured velocity
    ],
)
def test_what_a_prefix_does_not_reach_back_to_is_continued(count, wanted):
    last = np.array([1.0, 4.0, 9.0, 16.0])[:, None]
    past = past_of_prefix(last, np.array(count), np.array([0.5]))
    np.testing.assert_allclose(past[:, 0], wanted)


def test_the_velocity_behind_a_prefix_is_that_of_a_parabola():
    rows = np.array([9.0, 16.0, 25.0])[:, None]
    assert velocity_after(rows) == pytest.approx(10.0)


def test_drift_is_that_of_the_objects_whatever_the_time_it_is_measured_over():
    samples = draw()
    drift = samples.features[:, -4]  # of the goal along x: x y z and the offset come last
    known = drift != 0.0  # at the first step nothing is known
    assert known.mean() > 0.9
    np.testing.assert_allclose(drift[known], 0.005 / 0.033333333, rtol=1e-9)


def test_the_same_seed_draws_the_same_samples():
    first, second = draw(prefixed=0.4, rolled=0.3), draw(prefixed=0.4, rolled=0.3)
    np.testing.assert_array_equal(first.features, second.features)
    np.testing.assert_array_equal(first.rows, second.rows)
