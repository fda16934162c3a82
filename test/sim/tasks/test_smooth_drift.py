# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from wla_ros.sim.tasks.smooth_drift import SmoothDrift


def drift(seed, amplitude=0.5):
    return SmoothDrift(
        np.random.default_rng(seed), amplitude=amplitude, slowest_hz=0.1, fastest_hz=0.4
    )


@settings(max_examples=50)
@given(seed=st.integers(0, 10**6), time_s=st.floats(0.0, 100.0))
def test_the_value_stays_within_its_amplitude_and_rate(seed, time_s):
    one = drift(seed)
    assert abs(one.at(time_s)) <= 0.5 + 1e-12
    assert abs(one.rate_at(time_s)) <= 2 * np.pi * 0.4 * 0.5


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6), time_s=st.floats(0.01, 20.0))
def test_rate_and_integral_belong_to_the_value(seed, time_s):
    one, step = drift(seed), 1e-5
    slope = (one.at(time_s + step) - one.at(time_s - step)) / (2 * step)
    assert one.rate_at(time_s) == pytest.approx(slope, abs=1e-6)
    slope = (one.integral(time_s + step) - one.integral(time_s - step)) / (2 * step)
    assert one.at(time_s) == pytest.approx(slope, abs=1e-6)
    assert one.integral(0.0) == 0.0


def test_the_same_seed_drifts_the_same_way():
    assert drift(3).at(1.7) == drift(3).at(1.7)
    assert drift(3).at(1.7) != drift(4).at(1.7)
