# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Delays are recovered from noisy, jittered signals, and refused where they cannot be known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from wla_ros.base.types import Refusal
from wla_ros.calibration.delay import DelayEstimate
from wla_ros.calibration.delay import DelaySettings
from wla_ros.calibration.delay import Signal
from wla_ros.calibration.delay import estimate_delay
from wla_ros.calibration.excitation import Excitation

SETTINGS = DelaySettings(least_motion=0.02)
MOTION = Excitation(start=0.3, offset=0.0, amplitude=0.05, duration_s=6.0, fade_s=1.0)
BEGIN_NS = 1_700_000_000_123_456_789
REST_S = 0.8


def signal(times_s, values):
    stamps = BEGIN_NS + np.round(np.asarray(times_s) * 1e9).astype(np.int64)
    return Signal(stamps_ns=stamps, values=np.asarray(values, dtype=np.float64))


def command(rate_hz=100.0, motion=MOTION):
    times = np.arange(-REST_S, motion.duration_s + REST_S, 1.0 / rate_hz)
    return signal(times, motion.position(times))


def lagged(times, lag_s, motion=MOTION):
    """Return the response of a first-order lag to the motion, by integration on a fine grid."""
    step = 0.0005
    fine = np.arange(-2.0, motion.duration_s + 2.0, step)
    wanted = motion.position(fine)
    if lag_s == 0.0:
        return np.interp(times, fine, wanted)
    seen = np.empty_like(wanted)
    seen[0] = wanted[0]
    share = 1.0 - np.exp(-step / lag_s)
    for i in range(1, fine.size):
        seen[i] = seen[i - 1] + share * (wanted[i] - seen[i - 1])
    return np.interp(times, fine, seen)


def feedback(delay_s, lag_s=0.0, noise=0.0, jitter_s=0.0, seed=0, rate_hz=200.0, gain=1.0):
    random = np.random.default_rng(seed)
    true = np.arange(-REST_S, MOTION.duration_s + REST_S, 1.0 / rate_hz)
    values = MOTION.start + gain * (lagged(true - delay_s, lag_s) - MOTION.start)
    values = values + noise * random.standard_normal(true.size)
    return signal(true + jitter_s * random.uniform(-1.0, 1.0, true.size), values)


@settings(max_examples=40, deadline=None)
@given(
    delay_s=st.floats(0.0, 0.4),
    lag_s=st.floats(0.0, 0.05),
    noise=st.floats(0.0, 5e-4),
    jitter_s=st.floats(0.0, 0.004),
    seed=st.integers(0, 1000),
)
def test_delay_and_lag_add_up_to_what_is_found(delay_s, lag_s, noise, jitter_s, seed):
    found = estimate_delay(command(), feedback(delay_s, lag_s, noise, jitter_s, seed), SETTINGS)
    assert isinstance(found, DelayEstimate), found
    assert found.delay_s == pytest.approx(delay_s + lag_s, abs=0.003)
    assert found.correlation > 0.99
    assert found.uncertainty_s < 0.003


@settings(max_examples=20, deadline=None)
@given(delay_s=st.floats(0.0, 0.5))
def test_a_clean_delay_is_found_between_the_samples(delay_s):
    found = estimate_delay(command(), feedback(delay_s), SETTINGS)
    assert found.delay_s == pytest.approx(delay_s, abs=2e-4)


def test_the_stated_uncertainty_covers_the_scatter_of_repetitions():
    found = [
        estimate_delay(command(), feedback(0.08, noise=1e-3, seed=seed), SETTINGS)
        for seed in range(30)
    ]
    scatter = np.std([estimate.delay_s for estimate in found])
    stated = np.median([estimate.uncertainty_s for estimate in found])
    assert 0.5 < stated / scatter < 2.0


def test_order_and_repetition_of_samples_do_not_matter():
    straight = feedback(0.1)
    order = np.random.default_rng(0).permutation(straight.stamps_ns.size)
    order = np.concatenate([order, order[:50]])
    mixed = Signal(stamps_ns=straight.stamps_ns[order], values=straight.values[order])
    found = estimate_delay(command(), mixed, SETTINGS)
    assert found.delay_s == pytest.approx(0.1, abs=2e-4)


def test_the_gain_tells_a_doubled_feedback():
    found = estimate_delay(command(), feedback(0.05, gain=2.0), SETTINGS)
    assert found.gain == pytest.approx(2.0, abs=0.01)


def test_feedback_ahead_of_its_command_is_named_not_folded_to_a_positive_delay():
    refusal = estimate_delay(command(), feedback(-0.04), SETTINGS)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == 'ahead'
    assert '40.0 ms ahead' in refusal.detail


def test_feedback_ahead_by_less_than_a_driver_period_is_as_good_as_no_delay():
    found = estimate_delay(command(), feedback(-0.003), SETTINGS)
    assert isinstance(found, DelayEstimate), found
    assert found.delay_s == pytest.approx(-0.003, abs=0.001)


def poisoned():
    good = feedback(0.1)
    values = good.values.copy()
    values[300] = np.nan
    return Signal(stamps_ns=good.stamps_ns, values=values)


def with_gap():
    good = feedback(0.1)
    keep = np.ones(good.stamps_ns.size, dtype=bool)
    keep[600:650] = False
    return Signal(stamps_ns=good.stamps_ns[keep], values=good.values[keep])


def noise_only():
    good = feedback(0.1)
    random = np.random.default_rng(1)
    return Signal(stamps_ns=good.stamps_ns, values=0.02 * random.standard_normal(good.values.size))


def frozen_stamps():
    good = feedback(0.1)
    return Signal(stamps_ns=np.full_like(good.stamps_ns, BEGIN_NS), values=good.values)


@pytest.mark.parametrize(
    ('given_feedback', 'reason'),
    [
        (feedback(0.1, gain=0.01), 'no_motion'),
        (feedback(0.1, gain=-1.0), 'reversed'),
        (feedback(0.75), 'at_the_edge'),
        (noise_only(), 'unlike'),
        (poisoned(), 'not_finite'),
        (with_gap(), 'gap'),
        (frozen_stamps(), 'few_samples'),
    ],
    ids=['still', 'reversed', 'late', 'noise', 'nan', 'gap', 'frozen'],
)
def test_what_cannot_be_trusted_is_refused_by_name(given_feedback, reason):
    refusal = estimate_delay(command(), given_feedback, SETTINGS)
    assert isinstance(refusal, Refusal), refusal
    assert refusal.reason == reason


def test_a_motion_that_repeats_itself_is_ambiguous():
    times = np.arange(0.0, 8.0, 0.01)
    given_command = signal(times, 0.05 * np.sin(2 * np.pi * 3.0 * times))
    seen = signal(times, 0.05 * np.sin(2 * np.pi * 3.0 * (times - 0.1)))
    refusal = estimate_delay(given_command, seen, SETTINGS)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == 'ambiguous'


def test_signals_that_hardly_overlap_are_refused():
    refusal = estimate_delay(
        command(), signal(np.arange(5.9, 7.0, 0.005), np.linspace(0, 1, 220)), SETTINGS
    )
    assert refusal.reason == 'few_samples'
