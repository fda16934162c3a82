# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Demonstrations of pass_post: clear of the post, into the goal, on both sides."""

import numpy as np
import pytest

from wla_ros.benchmarks.post.pass_post import PassPost
from wla_ros.benchmarks.post.post_demonstrations import PostDemonstrationConfig
from wla_ros.benchmarks.post.post_demonstrations import post_demonstrations
from wla_ros.benchmarks.post.post_law import KEEP_OUT_M
from wla_ros.benchmarks.post.post_law import TOUCH_M
from wla_ros.benchmarks.post.post_law import Scene
from wla_ros.benchmarks.post.post_law import ToolState
from wla_ros.benchmarks.post.post_law import way
from wla_ros.robots.piper.forward_kinematics import flange_pose
from wla_ros.robots.piper.limits import joint_bounds
from wla_ros.sim.arm_settings import ARM_BASES
from wla_ros.sim.arm_settings import TCP_OFFSET_M
from wla_ros.sim.tasks.task_options import PostOptions

CALM = PostDemonstrationConfig(
    episodes=40,
    away_share=0.0,
    force_m_s2=0.0,
    kick_hz=0.0,
    wander_rad=0.0,
    pause_share=0.0,
    seed=5,
)
DISTURBED = PostDemonstrationConfig(episodes=40, seed=5)


def tools(joints):
    pose = flange_pose(joints, tool_offset_m=TCP_OFFSET_M)
    return pose[..., :3, 3] + ARM_BASES['left']


@pytest.fixture(scope='module')
def calm():
    return post_demonstrations(CALM)


@pytest.fixture(scope='module')
def disturbed():
    return post_demonstrations(DISTURBED)


def test_undisturbed_every_episode_passes_clear_of_the_post_and_stays_in_the_goal(calm):
    tool = tools(calm.commands)
    from_post = np.linalg.norm(tool[..., :2] - calm.positions[:, :, 0, :2], axis=-1)
    assert from_post.min() > TOUCH_M + 0.01
    from_goal = np.linalg.norm(tool - calm.positions[:, :, 1], axis=-1)
    assert from_goal[:, -1].max() < 0.02
    beside = np.argmin(from_post, axis=1)
    sides = np.sign((tool[..., 1] - calm.positions[:, :, 0, 1])[np.arange(40), beside])
    assert 5 < np.sum(sides > 0) < 35


def test_a_plan_begins_where_the_arm_is_commanded_to_be(disturbed):
    np.testing.assert_allclose(disturbed.plans[:, :, 0], disturbed.commands, atol=1e-9)
    np.testing.assert_array_equal(disturbed.joints, disturbed.commands)


def test_disturbances_move_what_is_executed_but_plans_lead_back(disturbed):
    moved = np.abs(disturbed.commands[:, 10:] - disturbed.plans[:, :-10, 10]).max(-1)
    assert np.median(moved) > 0.01
    first, last = (np.abs(tools(disturbed.plans[:, :, row])[..., 2] - 0.25) for row in (0, -1))
    assert np.mean(last) < 0.35 * np.mean(first)
    off = np.abs(disturbed.plans[..., 3])  # joint 4 is zero on the way
    assert off[:, :, 0].max() > 0.01
    assert off[:, :, -1].mean() < 0.35 * off[:, :, 0].mean()


def test_all_joints_stay_within_their_bounds(disturbed):
    lower, upper = joint_bounds()
    assert np.all(disturbed.commands > lower)
    assert np.all(disturbed.commands < upper)


def test_the_goal_wanders_as_in_the_rig(calm):
    course = PassPost().course(6_000_000_003)
    for step in (0, 40, 80):
        state = course.drive(step * calm.dt_ns)['goal']
        np.testing.assert_array_equal(calm.positions[3, step, 1], state.pose[:3])


def test_episodes_of_several_passes_see_the_goal_they_go_to_and_the_next_one():
    shown = post_demonstrations(CALM, PostOptions(passes=3))
    tool = tools(shown.commands)
    jumped = np.linalg.norm(np.diff(shown.positions[:, :, 1], axis=1), axis=-1) > 0.1
    assert np.count_nonzero(jumped) > 40
    episode, step = np.nonzero(jumped)
    # The goal was reached, and what was next is the goal.
    reached = np.linalg.norm(tool[episode, step + 1] - shown.positions[episode, step, 1], axis=-1)
    assert reached.max() < PostOptions().goal_radius_m + 0.002  # the goal moves as well
    np.testing.assert_allclose(
        shown.positions[episode, step + 1, 1], shown.positions[episode, step, 2], atol=0.01
    )
    np.testing.assert_array_equal(
        np.all(shown.positions[:, :, 1] == shown.positions[:, :, 2], axis=-1).any(axis=1),
        np.ones(40, dtype=bool),
    )


def test_the_same_seed_gives_the_same_demonstrations(disturbed):
    again = post_demonstrations(DISTURBED)
    for name in ('joints', 'velocities', 'commands', 'plans', 'positions'):
        np.testing.assert_array_equal(getattr(again, name), getattr(disturbed, name))


def a_way(*, side, following, rows):
    still = np.zeros((1, 2))
    scene = Scene(
        post=np.array([[0.35, 0.28]]),
        goal=np.array([[0.51, 0.28]]),
        drift=still,
        next_goal=np.array([following]),
        next_drift=still,
    )
    start = ToolState(point=np.array([[0.20, 0.28]]), velocity=still)
    return way(
        start,
        scene,
        np.array([side]),
        rows=rows,
        dt_s=1 / 30,
        goal_radius_m=0.03,
        next_draw=np.array([side]),
    )[0]


@pytest.mark.parametrize('side', [-1.0, 1.0])
def test_the_way_leads_through_a_goal_and_on_to_the_next_one(side):
    points = a_way(side=side, following=(0.21, 0.28), rows=120)
    turn = int(np.argmax(points[:, 0]))
    assert np.hypot(*(points[turn] - [0.51, 0.28])) < 0.03
    assert turn < 45  # it does not stop there
    from_post = np.hypot(*(points - [0.35, 0.28]).T)
    assert from_post.min() > TOUCH_M + 0.01
    np.testing.assert_allclose(points[-1], [0.21, 0.28], atol=0.01)


@pytest.mark.parametrize('side', [-1.0, 1.0])
def test_the_way_passes_on_the_side_that_is_asked_for(side):
    points = a_way(side=side, following=(0.51, 0.28), rows=90)
    beside = np.argmin(np.abs(points[:, 0] - 0.35))
    assert side * (points[beside, 1] - 0.28) > KEEP_OUT_M - 0.005
    np.testing.assert_allclose(points[-1], [0.51, 0.28], atol=0.003)
