# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Rigid transforms against scipy and transforms3d, whose quaternions are w x y z."""

import math

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from scipy.spatial.transform import Slerp
from transforms3d import quaternions as wxyz

from wla_ros.base import geometry as rt

GENERATOR = np.random.default_rng(7)
RANDOM = Rotation.random(2000, random_state=11)
# Half turns and tiny turns about every axis: where naive conversions lose their digits.
AXES = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [-1, 2, 3.0]])
AXES = AXES / np.linalg.norm(AXES, axis=1, keepdims=True)
ANGLES = [math.pi, math.pi - 1e-9, 1e-9, 1e-5, math.pi / 2]
SPECIAL = Rotation.from_rotvec(np.concatenate([angle * AXES for angle in ANGLES]))
ROTATIONS = Rotation.concatenate([RANDOM, SPECIAL, Rotation.identity(1)])


def test_quaternion_to_matrix_agrees_with_scipy():
    np.testing.assert_allclose(
        rt.quaternion_to_matrix(ROTATIONS.as_quat()), ROTATIONS.as_matrix(), atol=1e-14
    )


def test_matrix_to_quaternion_agrees_with_transforms3d_in_the_other_order():
    for matrix in ROTATIONS.as_matrix()[::10]:
        expected = np.roll(wxyz.mat2quat(matrix), -1)
        got = rt.matrix_to_quaternion(matrix)
        np.testing.assert_allclose(got * np.sign(got @ expected), expected, atol=1e-8)


def test_matrix_quaternion_round_trip_keeps_the_rotation_and_a_positive_w():
    quaternions = rt.matrix_to_quaternion(ROTATIONS.as_matrix())
    assert (quaternions[:, 3] >= 0).all()
    np.testing.assert_allclose(
        rt.quaternion_to_matrix(quaternions), ROTATIONS.as_matrix(), atol=1e-14
    )


def test_product_applies_the_second_rotation_first():
    first, second = RANDOM[:500], RANDOM[500:1000]
    product = rt.multiply_quaternions(first.as_quat(), second.as_quat())
    np.testing.assert_allclose(
        rt.quaternion_to_matrix(product), (first * second).as_matrix(), atol=1e-14
    )


def test_euler_angles_are_extrinsic_xyz():
    angles = GENERATOR.uniform(-1.5, 1.5, (500, 3))
    expected = Rotation.from_euler('xyz', angles).as_matrix()
    for rpy, matrix in zip(angles, expected, strict=True):
        np.testing.assert_allclose(rt.rpy_to_matrix(rpy), matrix, atol=1e-14)
        np.testing.assert_allclose(rt.matrix_to_rpy(matrix), rpy, atol=1e-12)


@pytest.mark.parametrize('pitch', [math.pi / 2, -math.pi / 2])
def test_euler_angles_at_gimbal_lock_still_give_the_rotation_back(pitch):
    matrix = rt.rpy_to_matrix([0.7, pitch, -0.4])
    np.testing.assert_allclose(rt.rpy_to_matrix(rt.matrix_to_rpy(matrix)), matrix, atol=1e-9)


def test_rotation_angle_is_exact_for_tiny_and_half_turns():
    for angle in (0.0, 1e-12, 1e-7, 1.0, math.pi - 1e-7, math.pi):
        turned = RANDOM[0] * Rotation.from_rotvec(angle * AXES[4])
        got = rt.rotation_angle(RANDOM[0].as_matrix(), turned.as_matrix())
        assert got == pytest.approx(angle, abs=1e-9, rel=1e-3)


def test_pose7_round_trip_and_inverse():
    poses = np.concatenate([GENERATOR.normal(size=(2000, 3)), RANDOM.as_quat()], axis=1)
    matrices = rt.pose7_to_matrix(poses)
    np.testing.assert_allclose(
        rt.pose7_to_matrix(rt.matrix_to_pose7(matrices)), matrices, atol=1e-14
    )
    products = rt.invert(matrices) @ matrices
    np.testing.assert_allclose(products, np.broadcast_to(np.eye(4), products.shape), atol=1e-13)
    np.testing.assert_array_equal(rt.as_matrix(poses), matrices)
    np.testing.assert_array_equal(rt.as_matrix(matrices), matrices)


def test_slerp_agrees_with_scipy_and_takes_the_shorter_arc():
    for start, end in zip(RANDOM[:100], RANDOM[100:200], strict=True):
        expected = Slerp([0, 1], Rotation.concatenate([start, end]))([0.0, 0.3, 1.0])
        got = rt.slerp(start.as_quat(), -end.as_quat(), [0.0, 0.3, 1.0])
        np.testing.assert_allclose(rt.quaternion_to_matrix(got), expected.as_matrix(), atol=1e-12)


def test_slerp_of_equal_and_nearly_equal_quaternions_is_finite():
    start = RANDOM[3].as_quat()
    np.testing.assert_allclose(rt.slerp(start, start, 0.5), start, atol=1e-15)
    near = rt.normalise_quaternion(start + 1e-11)
    np.testing.assert_allclose(rt.slerp(start, near, 0.5), start, atol=1e-10)


@pytest.mark.parametrize(
    'quaternion', [[0, 0, 0, 0], [np.nan, 0, 0, 1], [1e-7, 0, 0, 0], [np.inf, 0, 0, 1]]
)
def test_quaternion_that_is_no_direction_is_refused(quaternion):
    with pytest.raises(ValueError, match='quaternion must be finite'):
        rt.quaternion_to_matrix(quaternion)


def test_pose_of_another_shape_is_refused():
    with pytest.raises(ValueError, match='got shape'):
        rt.as_matrix(np.zeros(6))


def test_continuous_quaternions_are_the_same_rotations_without_a_change_of_sign():
    turning = Rotation.from_rotvec(np.linspace(0.0, 3 * math.pi, 40)[:, None] * AXES[4])
    canonical = rt.matrix_to_quaternion(turning.as_matrix())
    assert np.any(np.sum(canonical[1:] * canonical[:-1], axis=1) < 0.0)
    for start in (None, canonical[0], -canonical[0]):
        found = rt.continuous_quaternions(canonical, start)
        assert np.all(np.sum(found[1:] * found[:-1], axis=1) > 0.0)
        np.testing.assert_array_equal(np.abs(found), np.abs(canonical))
        assert (canonical[0] if start is None else start) @ found[0] > 0.0
    assert rt.continuous_quaternions(np.empty((0, 4))).shape == (0, 4)
