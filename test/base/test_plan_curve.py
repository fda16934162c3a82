# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The executor's plan between its rows."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wla_ros.base.curve import HermiteInterpolation
from wla_ros.base.curve import PlanCurve

gaps_ns = st.lists(st.integers(1_000_000, 120_000_000), min_size=0, max_size=12)


def random_plan(gaps, seed):
    due_ns = 10**18 + np.concatenate(([0], np.cumsum(gaps))).astype(np.int64)
    return due_ns, np.random.default_rng(seed).normal(size=(len(due_ns), 3))


@given(gaps=gaps_ns, seed=st.integers(0, 99), places=st.lists(st.floats(-0.2, 1.2), min_size=1))
def test_the_curve_is_the_one_the_executor_follows(gaps, seed, places):
    due_ns, rows = random_plan(gaps, seed)
    span = due_ns[-1] - due_ns[0]
    times_ns = due_ns[0] + (np.array(places) * span).astype(np.int64)
    position, velocity = PlanCurve(due_ns, rows).at(times_ns)
    executed = HermiteInterpolation(due_ns, rows)
    for i, time_ns in enumerate(times_ns):
        sample = executed.sample(int(time_ns), np.zeros(3))
        np.testing.assert_allclose(position[i], sample.position, atol=1e-9)
        np.testing.assert_allclose(velocity[i], sample.velocity, atol=1e-6)


@given(gaps=gaps_ns, seed=st.integers(0, 99))
def test_rows_are_met_exactly(gaps, seed):
    due_ns, rows = random_plan(gaps, seed)
    assert np.array_equal(PlanCurve(due_ns, rows).at(due_ns)[0], rows)


def test_outside_of_the_rows_the_curve_rests_at_the_nearest_one():
    due_ns, rows = random_plan([30_000_000, 30_000_000], 1)
    position, velocity = PlanCurve(due_ns, rows).at(due_ns[[0, 2]] + [-(10**9), 10**9])
    assert np.array_equal(position, rows[[0, 2]])
    assert not velocity.any()
