"""What training samples are made of."""

import pytest

pytest.importorskip('torch')

import numpy as np
from policy.flow.small_demonstrations import HORIZON
from policy.flow.small_demonstrations import config
from policy.flow.small_demonstrations import demonstrations

from wla_ros.policy.flow.training_samples import Mixture
from wla_ros.policy.flow.training_samples import SampleDrawer
from wla_ros.policy.flow.training_samples import end_of_prefix

GOAL_X = 12 + 3 + 3  # after joints, velocities, tool point and post, from the base at x = 0


def draw(count=400, *, prefixed=0.0, rolled=0.0, seed=0):
    drawer = SampleDrawer(config(), demonstrations(), Mixture(prefixed=prefixed, rolled=rolled))
    return drawer.draw(count, np.random.default_rng(seed))


def test_plain_rows_are_the_plan_relative_to_the_measured_joints():
    samples = draw()
    wanted = 0.1 + 0.0001 + 0.001 * np.arange(HORIZON)
    np.testing.assert_allclose(samples.rows, np.tile(wanted[:, None], (400, 1, 6)))
    assert not np.any(samples.prefix)


def test_a_prefix_is_what_was_executed_and_the_plan_goes_on_from_its_end():
    samples = draw(prefixed=1.0)
    assert set(samples.prefix) == {0, 1, 2, 3}  # 0 where an episode ends
    for count in (1, 2, 3):
        rows = samples.rows[samples.prefix == count]
        row = np.arange(HORIZON)
        wanted = 0.001 * (row - (count - 1)) + np.where(row < count, 0.0, 0.1)
        np.testing.assert_allclose(rows, np.tile(wanted[:, None], (len(rows), 1, 6)), atol=1e-12)


def test_with_an_offset_joints_are_newer_than_objects():
    samples = draw(rolled=1.0)
    offset = np.round(samples.features[:, -1] * HORIZON)
    assert set(offset) == {0.0, 1.0, 2.0, 3.0}
    step = np.round(np.mod(samples.features[:, 0] + 0.0001, 1.0) * 1000)
    goal_x = samples.features[:, GOAL_X]
    np.testing.assert_allclose(goal_x, 0.01 * (step - offset), atol=1e-9)
    np.testing.assert_allclose(samples.rows[:, 0, 0], 0.1001)


def test_imagined_objects_are_newer_than_the_joints():
    samples = draw(prefixed=1.0)
    offset = np.round(samples.features[:, -1] * HORIZON)
    imagined = offset < 0
    assert 0.1 < imagined.mean() < 0.4
    assert np.all(offset[imagined] == -1)  # the joints are those of the last clean row
    plain = ~imagined
    np.testing.assert_array_equal(offset[plain], np.maximum(samples.prefix[plain] - 1, 0))


def test_a_prefix_ends_with_the_velocity_of_its_last_rows():
    dt_s = 0.1
    rows = [np.array([0.5 * (0.1 * i) ** 2 + 2.0]) for i in (5, 4, 3)]  # accelerates with 1
    measured = np.array([7.0])
    assert end_of_prefix(rows, 3, dt_s, measured) == pytest.approx(0.5)
    assert end_of_prefix(rows, 2, dt_s, measured) == pytest.approx(0.45)
    assert end_of_prefix(rows, 1, dt_s, measured) == 7.0


def test_drift_is_that_of_the_objects_whatever_the_time_it_is_measured_over():
    samples = draw()
    drift = samples.features[:, -4]  # of the goal along x: x y z and the offset come last
    known = drift != 0.0  # at the first step nothing is known
    assert known.mean() > 0.9
    np.testing.assert_allclose(drift[known], 0.01 / 0.033333333, rtol=1e-9)


def test_the_same_seed_draws_the_same_samples():
    first, second = draw(prefixed=0.4, rolled=0.3), draw(prefixed=0.4, rolled=0.3)
    np.testing.assert_array_equal(first.features, second.features)
    np.testing.assert_array_equal(first.rows, second.rows)
