# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""What `robots` encodes and decodes against what the driver stand-in takes and gives."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from sim.driver.fake_arm import Bench

from wla_ros.robots.decoding import decode_feedback
from wla_ros.robots.encoding import encode_command
from wla_ros.robots.encoding import encode_end_pose
from wla_ros.robots.piper.forward_kinematics import flange_pose
from wla_ros.robots.profile import load_driver_profile

DRIVERS = Path(__file__).parents[3] / 'config' / 'drivers'
LOWER = (-2.6, 0.01, -2.9, -1.7, -1.2, -2.0, 0.0)
UPPER = (2.6, 3.1, -0.01, 1.7, 1.2, 2.0, 0.07)


@pytest.fixture(scope='module')
def left():
    return load_driver_profile(DRIVERS / 'piper_ros.yaml').arm('left')


@settings(max_examples=15, deadline=None)
@given(share=st.lists(st.floats(0.0, 1.0), min_size=7, max_size=7))
def test_an_encoded_command_is_reached_and_decoded_again(left, share):
    goal = np.array(LOWER) + np.array(share) * (np.array(UPPER) - np.array(LOWER))
    bench = Bench()
    assert bench.send_encoded(encode_command(left, goal)) is None
    message = bench.run(3.0)[-1].joint_state
    decoded = decode_feedback(
        left, message.names, message.position, message.velocity, message.effort
    )
    # Both factors of the driver together lose 25 ppm, rounding 0.001 deg twice.
    assert decoded.position[:6] == pytest.approx(goal[:6], abs=1.3e-4)
    assert decoded.position[6] == pytest.approx(goal[6], abs=1e-6)


def test_an_encoded_pose_is_reached(left):
    goal = flange_pose(np.array((0.3, 1.0, -1.0, 0.3, 0.5, -0.4)))
    bench = Bench()
    command = encode_end_pose(left, goal, 0.02)
    assert bench.driver.command_pose(command, now_ns=bench.now_ns) is None
    bench.run(3.0)
    assert flange_pose(bench.arm.position)[:3, 3] == pytest.approx(goal[:3, 3], abs=6e-4)
    assert bench.arm.width_m == pytest.approx(0.02)


def test_a_gripper_command_below_zero_is_clamped_before_the_driver_opens_it(left):
    bench = Bench()
    command = encode_command(left, np.array((*bench.arm.position, -0.03)))
    assert bench.send_encoded(command) is None
    assert bench.arm.width_m == 0.0
