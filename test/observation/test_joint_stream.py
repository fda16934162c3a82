# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
import numpy as np
from inference.session_feed import joint_sample
from inference.session_feed import ms
from inference.session_feed import reason
from inference.session_feed import sync_config

from wla_ros.base.timing import NS_PER_S
from wla_ros.observation.config import JointSync
from wla_ros.observation.joints import JointStream

HOME = np.array([0.0, 1.2, -1.0, 0.0, 0.8, 0.0, 0.03])
OTHER = HOME + np.array([0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
PARTIAL = HOME * np.array([1, 1, 0, 0, 0, 0, 0])  # the driver has the first CAN frame only


def stream(**settings):
    return JointStream('left', sync_config(joints=JointSync(**settings)), reach_ns=NS_PER_S)


def offer(target, *samples):
    """Offer (milliseconds, position) pairs; return the reasons of refusals, '' where taken."""
    verdicts = [
        target.offer(joint_sample('left', ms(time_ms), position=position))
        for time_ms, position in samples
    ]
    return ['' if verdict is None else reason(verdict) for verdict in verdicts]


def test_a_single_glitch_is_refused_and_the_motion_goes_on():
    target = stream()
    taken = offer(target, (0, HOME), (5, HOME), (10, OTHER), (15, HOME), (20, HOME))
    assert taken == ['', '', 'implausible', '', '']
    np.testing.assert_allclose(target.at(ms(12)).position, HOME)
    assert 'joint1 moved by 0.500 rad' in target.buffer.last_refusal.detail


def test_a_state_that_two_samples_confirm_is_the_new_one_and_never_joined_with_the_old():
    target = stream()
    taken = offer(target, (0, HOME), (5, HOME), (10, OTHER), (15, OTHER), (20, OTHER))
    assert taken == ['', '', 'implausible', '', '']
    assert reason(target.at(ms(12))) == 'gap'
    np.testing.assert_allclose(target.at(ms(17)).position, OTHER)


def test_a_driver_that_starts_with_some_of_its_frames_is_corrected():
    target = stream()
    assert offer(target, (0, PARTIAL), (5, HOME), (10, HOME)) == ['', 'implausible', '']
    assert target.buffer.stamps_ns == [ms(10)]


def test_noise_between_two_states_is_never_taken():
    target = stream()
    far = HOME - np.array([1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    taken = offer(target, (0, HOME), (5, OTHER), (10, far), (15, OTHER), (20, HOME))
    assert taken == ['', 'implausible', 'implausible', 'implausible', '']


def test_the_fastest_motion_of_a_piper_passes_with_scattered_stamps():
    target = stream()
    times_ms = (0, 5, 9.8, 10.2, 20, 60, 61)
    rate = np.array([3.0] * 6 + [0.1])
    samples = [(time_ms, 0.1 + rate * time_ms * 1e-3) for time_ms in times_ms]
    assert offer(target, *samples) == [''] * len(times_ms)


def test_after_a_silence_the_arm_may_stand_elsewhere():
    assert offer(stream(), (0, HOME), (100, OTHER)) == ['', '']


def test_a_calibrated_latency_moves_the_stamp():
    target = stream(latency_s=0.004)
    offer(target, (10, HOME))
    assert target.buffer.stamps_ns == [ms(6)]
