# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from inference.session_feed import START_NS
from inference.session_feed import joint_sample

from wla_ros.robots.decoding import judge_joint_sample


def judge(*, refuse_all_zero=True, **vectors):
    return judge_joint_sample(
        joint_sample('left', START_NS, **vectors),
        max_angle_rad=3.5,
        max_gripper_m=0.15,
        refuse_all_zero=refuse_all_zero,
    )


ZEROS = np.zeros(7)


def test_plausible_feedback_passes():
    assert judge() is None


@pytest.mark.parametrize('vector', ['position', 'velocity', 'effort'])
@pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused_by_name(vector, value):
    values = np.full(7, 0.1)
    values[2] = value
    refusal = judge(**{vector: values})
    assert refusal.reason == 'not_finite'
    assert vector in refusal.detail
    assert 'joint3' in refusal.detail


@pytest.mark.parametrize('angle', [3.51, -3.51, 90.0])
def test_an_angle_no_piper_reaches_is_refused(angle):
    position = np.full(7, 0.01)
    position[4] = angle
    refusal = judge(position=position)
    assert refusal.reason == 'implausible'
    assert 'joint5' in refusal.detail
    assert '3.5' in refusal.detail


def test_a_gripper_in_millimetres_is_refused_and_a_small_negative_width_is_not():
    assert judge(position=[0.1] * 6 + [35.0]).reason == 'implausible'
    assert judge(position=[0.1] * 6 + [-0.002]) is None


@pytest.mark.parametrize('width', [0, 6, 8])
def test_wrong_widths_are_refused(width):
    refusal = judge(velocity=np.zeros(width))
    assert refusal.reason == 'wrong_width'
    assert 'velocity' in refusal.detail


def test_a_matrix_is_a_wrong_width():
    assert judge(position=np.zeros((7, 1))).reason == 'wrong_width'


def test_a_driver_without_frames_is_refused():
    assert judge(position=ZEROS, velocity=ZEROS, effort=ZEROS).reason == 'all_zero'


@pytest.mark.parametrize('vector', ['position', 'velocity', 'effort'])
def test_a_real_zero_pose_shows_in_any_of_the_21_numbers(vector):
    vectors = {'position': ZEROS, 'velocity': ZEROS, 'effort': ZEROS}
    vectors[vector] = np.array([0.0, 0.0, 1e-5, 0.0, 0.0, 0.0, 0.0])
    assert judge(**vectors) is None


def test_a_fake_driver_without_noise_may_stand_at_zero():
    assert judge(position=ZEROS, velocity=ZEROS, effort=ZEROS, refuse_all_zero=False) is None
