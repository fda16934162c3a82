# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The experts that plan anew at every observation: dispose_trash and pass_post."""

import dataclasses

import numpy as np
import pytest

from wla_ros.base.joints import JointLayout
from wla_ros.base.types import CommittedPrefix
from wla_ros.base.types import PolicyRequest
from wla_ros.benchmarks.post.noisy_expert import ExpertNoise
from wla_ros.benchmarks.post.noisy_expert import make_noisy_expert
from wla_ros.benchmarks.post.pass_post import POST
from wla_ros.benchmarks.post.post_plane import joints_at
from wla_ros.benchmarks.post.post_plane import point_of
from wla_ros.inference.result import check_result
from wla_ros.sim.expert.direct_run import observe
from wla_ros.sim.expert.direct_run import run_direct_episode
from wla_ros.sim.expert.plan import DT_NS
from wla_ros.sim.expert.plan import HORIZON
from wla_ros.sim.expert.plan import make_expert
from wla_ros.sim.scene import TwoArmScene
from wla_ros.sim.tasks.task import make_task
from wla_ros.sim.tasks.task_options import PostOptions
from wla_ros.sim.tasks.task_options import TaskOptions
from wla_ros.sim.tasks.task_options import TurntableOptions

LAYOUT = JointLayout(('left', 'right'))
REQUEST = PolicyRequest(instruction='')
LEFT = LAYOUT.arm_slice('left')
JOINTS = list(LAYOUT.joint_indices)
OPEN_SEED = 6  # the goal lies straight behind the post: both sides are open


@pytest.fixture(scope='module')
def post_scene():
    return TwoArmScene(make_task('pass_post'))


@pytest.fixture(scope='module')
def post_expert():
    return make_expert('pass_post')


def ways(expert, scene, seed, count):
    """Return answers to `count` observations of arms that are exactly where rows say."""
    scene.reset(seed=seed)
    expert.reset(seed=seed)
    observation = observe(scene)
    for _ in range(count):
        result = expert.infer(observation, REQUEST)
        yield observation, result
        velocity = (result.rows[3] - result.rows[1]) / (2 * DT_NS * 1e-9)
        scene.step(round(2 * DT_NS / scene.timestep_ns))
        seen = observe(scene)
        observation = dataclasses.replace(
            seen,
            stamp_ns=observation.stamp_ns + 2 * DT_NS,
            joint_position=result.rows[2],
            joint_velocity=velocity,
            objects=dataclasses.replace(seen.objects, stamp_ns=observation.stamp_ns + 2 * DT_NS),
        )


def side_at_post(scene, rows):
    """Return on which side of the post `rows` pass it, 0 if they do not."""
    post = scene.object_point(POST)
    points = point_of(rows[:, LEFT][:, :6])
    beside = np.abs(points[:, 0] - post[0]) < 0.02
    return np.sign(np.mean(points[beside, 1] - post[1])) if beside.any() else 0


def told_side(result):
    """Return the side that the subtask names, 0 if it names none."""
    return {'left': 1, 'right': -1}.get(result.subtask.split()[-1], 0)


@pytest.mark.parametrize('seed', [0, 4])
def test_the_post_is_passed_and_the_goal_reached(post_scene, post_expert, seed):
    outcome = run_direct_episode(seed, task='pass_post', scene=post_scene, expert=post_expert)
    assert outcome.success, outcome
    assert outcome.duration_s < 3.0


@pytest.mark.parametrize('seed', [0, 1, 2])
def test_goals_on_both_sides_of_the_post_are_reached_one_after_the_other(seed):
    scene = TwoArmScene(make_task('pass_post', TaskOptions(post=PostOptions(passes=5))))
    expert = make_expert('pass_post')
    outcome = run_direct_episode(seed, task='pass_post', scene=scene, expert=expert)
    assert outcome.success, outcome
    assert 5.0 < outcome.duration_s < 9.0


@pytest.mark.parametrize(('seed', 'speed'), [(1, 0.3), (2, 1.0), (3, 2.0)])
def test_the_ball_is_thrown_into_the_bin(seed, speed):
    task = make_task('dispose_trash', TaskOptions(turntable=TurntableOptions(speed_rad_s=speed)))
    outcome = run_direct_episode(
        seed, task='dispose_trash', scene=TwoArmScene(task), expert=make_expert('dispose_trash')
    )
    assert outcome.success, outcome
    assert outcome.duration_s < 12.0


def test_both_sides_are_drawn(post_scene, post_expert):
    sides = set()
    for seed in range(8):
        post_scene.reset(seed=seed)
        post_expert.reset(seed=seed)
        sides.add(told_side(post_expert.infer(observe(post_scene), REQUEST)))
    assert sides == {-1, 1}


def test_chunks_cut_at_different_times_are_one_motion(post_scene, post_expert):
    before = None
    for _, result in ways(post_expert, post_scene, seed=2, count=12):
        if before is not None:
            step = np.abs(before[2:6] - result.rows[:4])[:, JOINTS]
            assert step.max() < 0.02
        before = result.rows


def test_rows_keep_the_limits_of_the_arm(post_scene, post_expert):
    for _, result in ways(post_expert, post_scene, seed=3, count=12):
        speed = np.abs(np.diff(result.rows[:, JOINTS], axis=0)) / (DT_NS * 1e-9)
        assert speed.max() < 3.0


@pytest.mark.parametrize('task', ['pass_post', 'dispose_trash'])
@pytest.mark.parametrize('count', [1, 2, 6])
def test_committed_rows_come_back_and_the_motion_goes_on_from_them(task, count):
    scene, expert = TwoArmScene(make_task(task)), make_expert(task)
    scene.reset(seed=0)
    expert.reset(seed=0)
    observation = observe(scene)
    expert.infer(observation, REQUEST)
    speed = np.zeros(14)
    speed[LEFT][:3] = (0.05, 0.10, -0.10)
    given = observation.joint_position + np.outer(np.arange(count) * DT_NS * 1e-9, speed)
    if count == 1:
        observation = dataclasses.replace(observation, joint_velocity=speed)
    prefix = CommittedPrefix(rows=given, weights=np.ones(count))
    result = expert.infer(observation, dataclasses.replace(REQUEST, prefix=prefix))
    assert result.committed_prefix == count
    assert check_result(expert.spec, result, prefix) is None
    np.testing.assert_array_equal(result.rows[:count], given)
    if task == 'pass_post':  # the arm at work
        step = (result.rows[count] - given[-1])[LEFT][:6] / (DT_NS * 1e-9)
        most = 5.0 * DT_NS * 1e-9  # what full acceleration makes of it in one row
        np.testing.assert_allclose(step, speed[LEFT][:6], atol=most)


@pytest.mark.parametrize('side', [-1, 1])
def test_the_side_that_committed_rows_show_is_kept(post_scene, side):
    expert = make_noisy_expert('pass_post', ExpertNoise(sigma_rad=0.0))
    post_scene.reset(seed=0)
    observation = observe(post_scene)
    y = post_scene.object_point(POST)[1]
    points = np.stack((np.linspace(0.20, 0.26, 10), y + side * np.linspace(0.0, 0.03, 10)), axis=1)
    rows = np.tile(observation.joint_position, (10, 1))
    rows[:, LEFT.start : LEFT.start + 6] = joints_at(points)
    prefix = CommittedPrefix(rows=rows, weights=np.ones(10))
    for seed in range(5):
        expert.reset(seed=seed)
        result = expert.infer(observation, dataclasses.replace(REQUEST, prefix=prefix))
        assert side_at_post(post_scene, result.rows) in (0, side)
        assert told_side(result) == side


@pytest.mark.parametrize('side', [-1, 1])
def test_rows_that_only_may_be_executed_decide_the_side_too(post_scene, side):
    expert = make_noisy_expert('pass_post', ExpertNoise(sigma_rad=0.0))
    post_scene.reset(seed=0)
    observation = observe(post_scene)
    y = post_scene.object_point(POST)[1]
    points = np.stack((np.linspace(0.20, 0.33, 20), y + side * np.linspace(0.0, 0.05, 20)), axis=1)
    rows = np.tile(observation.joint_position, (20, 1))
    rows[:, LEFT.start : LEFT.start + 6] = joints_at(points)
    prefix = CommittedPrefix(rows=rows, weights=np.linspace(0.9, 0.1, 20))
    for seed in range(5):
        expert.reset(seed=seed)
        result = expert.infer(observation, dataclasses.replace(REQUEST, prefix=prefix))
        assert told_side(result) == side


def test_a_wavering_expert_changes_its_mind_while_it_can(post_scene):
    expert = make_noisy_expert('pass_post', ExpertNoise(sigma_rad=0.0))
    post_scene.reset(seed=OPEN_SEED)
    expert.reset(seed=0)
    sides = set()
    for _ in range(20):
        sides.add(told_side(expert.infer(observe(post_scene), REQUEST)))
    assert sides == {-1, 1}


def test_row_offset_shifts_the_plan_in_time(post_scene, post_expert):
    post_scene.reset(seed=0)
    post_expert.reset(seed=0)
    observation = observe(post_scene)
    rows = post_expert.infer(observation, REQUEST).rows
    velocity = (rows[5] - rows[3]) / (2 * DT_NS * 1e-9)
    ahead = dataclasses.replace(observation, joint_position=rows[4], joint_velocity=velocity)
    shifted = post_expert.infer(ahead, dataclasses.replace(REQUEST, row_offset=4)).rows
    np.testing.assert_allclose(shifted[: HORIZON - 4], rows[4:], atol=0.02)


def test_the_error_begins_at_nothing_is_smooth_and_another_one_each_time(post_scene):
    noisy = make_noisy_expert('pass_post', ExpertNoise(sigma_rad=0.02, wavering=False))
    exact = make_expert('pass_post')
    post_scene.reset(seed=0)
    observation = observe(post_scene)
    errors = []
    noisy.reset(seed=3)
    exact.reset(seed=3)
    expected = exact.infer(observation, REQUEST).rows
    for _ in range(2):
        noisy._policy.reset(seed=3)
        errors.append(noisy.infer(observation, REQUEST).rows - expected)
    for error in errors:
        assert np.abs(error[0]).max() == 0.0
        assert np.abs(error[1]).max() < 0.003
        assert 0.002 < np.abs(error[-1]).max() < 0.1
        assert np.abs(np.diff(error, n=2, axis=0)).max() < 0.006
        assert not error[:, list(LAYOUT.gripper_indices)].any()
    assert not np.array_equal(errors[0], errors[1])


def test_the_same_seed_errs_the_same_way(post_scene):
    noisy = make_noisy_expert('pass_post', ExpertNoise())
    post_scene.reset(seed=0)
    observation = observe(post_scene)
    answers = []
    for _ in range(2):
        noisy.reset(seed=7)
        answers.append([noisy.infer(observation, REQUEST).rows for _ in range(3)])
    np.testing.assert_array_equal(answers[0], answers[1])


@pytest.mark.parametrize('task', ['pass_post', 'dispose_trash'])
def test_without_object_poses_the_expert_refuses(task, post_scene):
    observation = dataclasses.replace(observe(post_scene), objects=None)
    with pytest.raises(ValueError, match='object poses'):
        make_expert(task).infer(observation, REQUEST)
