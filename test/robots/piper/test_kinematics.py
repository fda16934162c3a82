# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Inverse kinematics: exact, complete within the limits, and never a jump."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from wla_ros.base.geometry import matrix_to_pose7
from wla_ros.base.geometry import multiply_quaternions
from wla_ros.base.geometry import pose7_to_matrix
from wla_ros.base.geometry import rotation_angle
from wla_ros.base.types import Refusal
from wla_ros.robots.piper.forward_kinematics import ZeroConvention
from wla_ros.robots.piper.inverse_kinematics import branches
from wla_ros.robots.piper.kinematics import INVALID_POSE
from wla_ros.robots.piper.kinematics import INVALID_SEED
from wla_ros.robots.piper.kinematics import JOINT_LIMIT
from wla_ros.robots.piper.kinematics import STEP_CAP
from wla_ros.robots.piper.kinematics import UNREACHABLE
from wla_ros.robots.piper.kinematics import PiperKinematics
from wla_ros.robots.piper.limits import JOINT_LOWER_RAD
from wla_ros.robots.piper.limits import JOINT_UPPER_RAD
from wla_ros.robots.piper.limits import joint_bounds

LOWER, UPPER = np.array(JOINT_LOWER_RAD), np.array(JOINT_UPPER_RAD)
WHOLE = PiperKinematics(margin_rad=0.0)
STANDBY = (0.0, 0.32, -0.36, 0.0, 0.24, 0.0)  # folded; its wrist centre is 10 mm from axis 1


def in_limits(margin=0.0):
    bounds = zip(LOWER + margin, UPPER - margin, strict=True)
    return st.tuples(*(st.floats(low, high) for low, high in bounds))


def random_rows(count, seed, margin=0.0):
    return np.random.default_rng(seed).uniform(LOWER + margin, UPPER - margin, (count, 6))


@pytest.mark.parametrize('zero', list(ZeroConvention))
def test_every_branch_reaches_the_pose_and_one_is_the_original(zero):
    arm = PiperKinematics(margin_rad=0.0, zero=zero)
    counts = []
    for joints in random_rows(2000, seed=5):
        pose = arm.pose(joints)
        every = np.array(branches(pose, STANDBY, zero=zero))
        allowed = arm.solutions(pose)
        reached = arm.pose(np.concatenate([every, allowed]))
        assert np.abs(reached - pose).max() < 1e-9
        assert np.abs(allowed - joints).max(axis=1).min() < 1e-6
        assert ((allowed >= LOWER) & (allowed <= UPPER)).all()
        counts.append(len(allowed))
    assert max(counts) <= 8
    # Most reachable poses have one solution within the limits, so branches matter less than seeds.
    assert 0.70 < counts.count(1) / len(counts) < 0.78


@settings(max_examples=200, deadline=None)
@given(joints=in_limits())
def test_forward_of_inverse_is_the_pose_everywhere_in_the_limits(joints):
    pose = WHOLE.pose(joints)
    solved = WHOLE.solve(pose, joints)
    assert not isinstance(solved, Refusal)
    assert np.abs(WHOLE.pose(solved) - pose).max() < 1e-8


def test_pose7_matrix_tool_and_mounting_describe_the_same_arm():
    base = pose7_to_matrix([0.1, 0.28, 0.0, 0.0, 0.0, math.sin(0.2), math.cos(0.2)])
    arm = PiperKinematics(base=base, tool_offset_m=0.132)
    for joints in random_rows(50, seed=8, margin=0.2):
        pose = arm.pose(joints)
        np.testing.assert_allclose(
            np.linalg.inv(base) @ pose @ [0, 0, -0.132, 1], WHOLE.pose(joints)[:, 3], atol=1e-12
        )
        for form in (pose, matrix_to_pose7(pose), matrix_to_pose7(pose).tolist()):
            solved = arm.solve_step(form, joints, max_step_rad=1e-6)
            assert not isinstance(solved, Refusal)
        np.testing.assert_allclose(arm.link_frames(joints)[6][:3, 2], pose[:3, 2], atol=1e-12)


def test_jacobian_turns_with_the_mounting():
    base = pose7_to_matrix([0, 0, 0, 0, 0, math.sqrt(0.5), math.sqrt(0.5)])
    turned = PiperKinematics(base=base).jacobian(STANDBY)
    np.testing.assert_allclose(turned[0], -WHOLE.jacobian(STANDBY)[1], atol=1e-12)


def test_wrist_singularity_keeps_joint_4_of_the_seed():
    joints = np.array([0.3, 1.2, -1.1, 0.4, 0.0, 0.5])
    pose = WHOLE.pose(joints)
    for joint_4 in (-0.9, 0.0, 0.4, 1.2):
        seed = np.array([0.3, 1.2, -1.1, joint_4, 0.0, 0.0])
        solved = WHOLE.solve(pose, seed)
        assert solved[3] == pytest.approx(joint_4, abs=1e-12)
        assert solved[5] == pytest.approx(0.9 - joint_4, abs=1e-9)
        assert np.abs(WHOLE.pose(solved) - pose).max() < 1e-9


def test_wrist_singularity_shares_the_turn_if_joint_6_alone_would_break_its_bound():
    pose = WHOLE.pose([0.3, 1.2, -1.1, 0.5, 0.0, 2.0])
    seed = np.array([0.3, 1.2, -1.1, 0.0, 0.0, 1.0])
    solved = WHOLE.solve(pose, seed)
    assert solved[3] + solved[5] == pytest.approx(2.5, abs=1e-9)
    assert solved[5] <= UPPER[5]
    assert np.abs(WHOLE.pose(solved) - pose).max() < 1e-9


def test_zero_pose_is_a_wrist_singularity_that_keeps_its_joints():
    solved = WHOLE.solve(WHOLE.pose(np.zeros(6)), np.zeros(6))
    np.testing.assert_allclose(solved, np.zeros(6), atol=1e-9)


def test_shoulder_singularity_keeps_joint_1_of_the_seed():
    # Joint 2 at which the wrist centre lies on axis 1, found by bisection.
    low, high = 0.32, 0.6
    for _ in range(60):
        middle = 0.5 * (low + high)
        wrist_x = WHOLE.link_frames([0, middle, -0.36, 0, 0.24, 0])[4][0, 3]
        low, high = (middle, high) if wrist_x < 0 else (low, middle)
    joints = np.array([0.7, low, -0.36, 0.1, 0.24, 0.0])
    pose = WHOLE.pose(joints)
    solved = WHOLE.solve_step(pose, joints, max_step_rad=1e-3)
    assert solved[0] == pytest.approx(0.7, abs=1e-12)
    np.testing.assert_allclose(WHOLE.pose(solved), pose, atol=1e-9)


def smooth_path(start, generator, rows=60, size_m=0.05):
    """Poses that leave that of `start` smoothly, turn up to four radians per metre, and return."""
    axis, direction = generator.normal(size=(2, 3))
    axis, direction = axis / np.linalg.norm(axis), direction / np.linalg.norm(direction)
    bump = size_m * np.sin(np.linspace(0.0, np.pi, rows))[:, None]
    first = matrix_to_pose7(WHOLE.pose(start))
    turns = np.concatenate([axis * np.sin(2 * bump), np.cos(2 * bump)], axis=1)
    rotations = multiply_quaternions(np.tile(first[3:], (rows, 1)), turns)
    return np.concatenate([first[:3] + bump * direction, rotations], axis=1)


def near_singular_start(kind, generator):
    joints = generator.uniform(LOWER + 0.3, UPPER - 0.3)
    if kind == 'wrist':
        joints[3:5] = 0.3 * joints[3], 1e-3 * generator.normal()
    if kind == 'shoulder':
        joints = np.array([0.5, 0.45, -0.45, 0.0, 0.3, 0.0]) + 0.02 * generator.normal(size=6)
    return joints


@pytest.mark.parametrize('kind', ['wrist', 'shoulder', 'anywhere'])
@pytest.mark.parametrize('tolerances', [(0.0, 0.0), (0.002, 0.02)])
def test_no_jump_along_smooth_paths_through_singular_regions(kind, tolerances):
    generator, cap = np.random.default_rng(21), 0.1
    arm, complete = PiperKinematics(), 0
    lower, upper = (np.array(bound) for bound in joint_bounds())
    for _ in range(40):
        start = near_singular_start(kind, generator)
        poses = smooth_path(start, generator)
        path = arm.solve_path(
            poses,
            start,
            max_step_rad=cap,
            position_tolerance_m=tolerances[0],
            rotation_tolerance_rad=tolerances[1],
        )
        count = len(path.joints)
        steps = np.diff(np.concatenate([[start], path.joints]), axis=0)
        assert np.abs(steps).max(initial=0.0) <= cap
        assert ((path.joints >= lower) & (path.joints <= upper)).all()
        if count:
            reached, wanted = arm.pose(path.joints), pose7_to_matrix(poses[:count])
            offset = np.linalg.norm(reached[:, :3, 3] - wanted[:, :3, 3], axis=1)
            assert offset.max() <= tolerances[0] + 1e-9
            assert rotation_angle(reached, wanted).max() <= tolerances[1] + 1e-9
        assert path.complete == (count == len(poses)) == (path.failed_row is None)
        if not path.complete:
            assert path.failed_row == count
            assert path.refusal.reason in (STEP_CAP, JOINT_LIMIT, UNREACHABLE)
            assert f'row {count}' in path.refusal.detail
        complete += path.complete
    if kind == 'wrist':  # tolerances are what carries an arm through a wrist singularity
        assert complete > 15 if tolerances[1] else complete < 10


@settings(max_examples=200, deadline=None)
@given(joints=in_limits(1e-4), seed=in_limits(), cap=st.floats(1e-3, 1.0))
def test_step_is_capped_or_refused_whatever_the_seed(joints, seed, cap):
    solved = WHOLE.solve_step(
        WHOLE.pose(joints),
        seed,
        max_step_rad=cap,
        position_tolerance_m=0.01,
        rotation_tolerance_rad=0.1,
    )
    if isinstance(solved, Refusal):
        assert solved.reason == STEP_CAP
        assert 'joint' in solved.detail
    else:
        assert np.abs(solved - seed).max() <= cap


def test_first_row_may_be_further_away_than_the_others():
    joints = np.linspace([0.1, 1.2, -1.0, 0.1, 0.4, 0.0], [0.3, 1.4, -1.2, 0.2, 0.5, 0.1], 10)
    seed = joints[0] + 0.2
    poses = WHOLE.pose(joints)
    assert WHOLE.solve_path(poses, seed, max_step_rad=0.1).failed_row == 0
    path = WHOLE.solve_path(poses, seed, max_step_rad=0.1, first_step_rad=0.3)
    assert path.complete
    np.testing.assert_allclose(path.joints, joints, atol=1e-9)


def test_nearest_solution_to_the_seed_wins():
    for joints in random_rows(2000, seed=13):
        every = WHOLE.solutions(WHOLE.pose(joints), seed=joints)
        if len(every) > 1:
            other = every[-1]
            np.testing.assert_allclose(WHOLE.solve(WHOLE.pose(joints), other), other, atol=1e-6)
            return
    pytest.fail('no pose with two solutions found')


def test_refusals_name_what_is_wrong():
    seed = np.array([0.0, 1.2, -1.0, 0.0, 0.4, 0.0])
    pose = WHOLE.pose(seed)
    far = pose.copy()
    far[0, 3] += 1.0
    mirrored = pose.copy()
    mirrored[:3, 0] *= -1
    behind = WHOLE.pose([3.0, 1.2, -1.0, 0.0, 0.4, 0.0])
    cases = [
        (far, seed, UNREACHABLE),
        (np.full((4, 4), np.nan), seed, INVALID_POSE),
        (mirrored, seed, INVALID_POSE),
        (np.zeros(7), seed, INVALID_POSE),
        (np.zeros(5), seed, INVALID_POSE),
        (pose, [np.nan] * 6, INVALID_SEED),
        (pose, [0.0] * 7, INVALID_SEED),
        (behind, seed, JOINT_LIMIT),
        (pose, seed + 0.5, STEP_CAP),
    ]
    for wanted, start, reason in cases:
        refusal = WHOLE.solve_step(wanted, start, max_step_rad=0.1)
        assert isinstance(refusal, Refusal)
        assert refusal.reason == reason
        assert refusal.detail


def test_step_cap_that_is_no_number_refuses():
    seed = np.array([0.0, 1.2, -1.0, 0.0, 0.4, 0.0])
    refusal = WHOLE.solve_step(WHOLE.pose(seed), seed, max_step_rad=math.nan)
    assert isinstance(refusal, Refusal)


def test_margin_shrinks_what_is_solvable():
    on_bound = np.array([0.3, 0.5, -1.0, 0.1, UPPER[4], 0.2])
    pose = WHOLE.pose(on_bound)
    assert not isinstance(WHOLE.solve(pose, on_bound), Refusal)
    refusal = PiperKinematics().solve(pose, on_bound)
    assert refusal.reason == JOINT_LIMIT
    assert 'joint5' in refusal.detail


def test_impossible_settings_are_refused():
    with pytest.raises(ValueError, match='tool_offset_m'):
        PiperKinematics(tool_offset_m=math.nan)
    with pytest.raises(ValueError, match='weights'):
        PiperKinematics(weights=(1.0, 1.0, 0.0, 1.0, 1.0, 1.0))
    with pytest.raises(ValueError, match='base'):
        PiperKinematics(base=np.zeros((4, 4)))
    with pytest.raises(ValueError, match='got shape'):
        WHOLE.solutions(np.zeros(6))
