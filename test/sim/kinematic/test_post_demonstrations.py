"""Demonstrations of pass_post: clear of the post, into the goal, on both sides."""

import numpy as np
import pytest

from wla_ros.robots.piper.forward_kinematics import flange_pose
from wla_ros.robots.piper.limits import joint_bounds
from wla_ros.sim.arm_settings import ARM_BASES
from wla_ros.sim.arm_settings import TCP_OFFSET_M
from wla_ros.sim.kinematic.post_demonstrations import PostDemonstrationConfig
from wla_ros.sim.kinematic.post_demonstrations import post_demonstrations
from wla_ros.sim.kinematic.post_law import KEEP_OUT_M
from wla_ros.sim.kinematic.post_law import TOUCH_M
from wla_ros.sim.kinematic.post_law import Scene
from wla_ros.sim.kinematic.post_law import ToolState
from wla_ros.sim.kinematic.post_law import way
from wla_ros.sim.tasks.pass_post import PassPost

CALM = PostDemonstrationConfig(
    episodes=40, away_share=0.0, force_m_s2=0.0, kick_hz=0.0, wander_rad=0.0, seed=5
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
    tool = tools(disturbed.plans[:, :, -1])
    np.testing.assert_allclose(tool[..., 2], 0.25, atol=0.005)
    off = np.abs(disturbed.commands[..., 3]).max()
    assert off > 0.01  # joint 4 is zero on the way
    assert np.abs(disturbed.plans[:, :, -1, 3]).max() < 0.1 * off


def test_all_joints_stay_within_their_bounds(disturbed):
    lower, upper = joint_bounds()
    assert np.all(disturbed.commands > lower)
    assert np.all(disturbed.commands < upper)


def test_the_goal_wanders_as_in_the_rig(calm):
    course = PassPost().course(6_000_000_003)
    for step in (0, 40, 80):
        state = course.drive(step * calm.dt_ns)['goal']
        np.testing.assert_array_equal(calm.positions[3, step, 1], state.pose[:3])


def test_the_same_seed_gives_the_same_demonstrations(disturbed):
    again = post_demonstrations(DISTURBED)
    for name in ('joints', 'velocities', 'commands', 'plans', 'positions'):
        np.testing.assert_array_equal(getattr(again, name), getattr(disturbed, name))


@pytest.mark.parametrize('side', [-1.0, 1.0])
def test_the_way_passes_on_the_side_that_is_asked_for(side):
    scene = Scene(
        post=np.array([[0.35, 0.28]]), goal=np.array([[0.51, 0.28]]), drift=np.zeros((1, 2))
    )
    start = ToolState(point=np.array([[0.20, 0.28]]), velocity=np.zeros((1, 2)))
    points = way(start, scene, np.array([side]), rows=90, dt_s=1 / 30)[0]
    beside = np.argmin(np.abs(points[:, 0] - 0.35))
    assert side * (points[beside, 1] - 0.28) > KEEP_OUT_M - 0.005
    np.testing.assert_allclose(points[-1], [0.51, 0.28], atol=0.003)
