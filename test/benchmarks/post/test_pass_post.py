# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest

from wla_ros.benchmarks.post.pass_post import ARM
from wla_ros.benchmarks.post.pass_post import GOAL
from wla_ros.benchmarks.post.pass_post import NEXT
from wla_ros.benchmarks.post.pass_post import PLANE_M
from wla_ros.benchmarks.post.pass_post import POST
from wla_ros.benchmarks.post.pass_post import PassPost
from wla_ros.sim.expert.plane import PlaneChart
from wla_ros.sim.scene import TwoArmScene
from wla_ros.sim.tasks.task import make_task
from wla_ros.sim.tasks.task_options import PostOptions
from wla_ros.sim.tasks.task_options import TaskOptions

CHART = PlaneChart(ARM, height_m=PLANE_M, tilt_rad=math.radians(60.0), radius_range_m=(0.18, 0.60))


@pytest.fixture(scope='module')
def shared():
    return TwoArmScene(make_task('pass_post'))


@pytest.fixture
def scene(shared):
    shared.reset(seed=1)
    return shared


def put_tool(scene, point):
    scene.place_arm(ARM, CHART.joints_at(np.array([point]))[0], gripper_width_m=0.004)


def test_a_tool_that_stays_in_the_wandering_goal_succeeds_and_that_is_final(scene):
    for _ in range(80):
        put_tool(scene, scene.object_point(GOAL)[:2])
        scene.step()
    judgement = scene.judge()
    assert judgement.success
    assert judgement.final


def test_a_tool_that_only_passes_through_the_goal_does_not(scene):
    for step in range(80):
        away = 0.0 if step % 40 < 20 else 0.05
        put_tool(scene, scene.object_point(GOAL)[:2] + np.array([away, 0.0]))
        scene.step()
    assert not scene.judge().success


def test_fingers_that_touch_the_post_end_the_episode(scene):
    put_tool(scene, scene.object_point(POST)[:2] - np.array([0.02, 0.0]))
    scene.step(2)
    judgement = scene.judge()
    assert judgement.final
    assert not judgement.success
    assert 'touched the post' in judgement.text
    put_tool(scene, scene.object_point(GOAL)[:2])
    scene.step(100)
    assert not scene.judge().success


def test_the_mean_of_passing_left_and_right_touches_the_post(scene):
    post = scene.object_point(POST)[:2]
    for along in np.linspace(0.20, post[0] + 0.05, 60):
        put_tool(scene, np.array([along, post[1]]))
        scene.step()
    assert scene.judge().final


@pytest.mark.parametrize('side', [-1.0, 1.0])
def test_both_sides_of_the_post_are_free(scene, side):
    post = scene.object_point(POST)[:2]
    for along in np.linspace(0.20, post[0] + 0.10, 60):
        put_tool(scene, np.array([along, post[1] + side * 0.06]))
        scene.step()
    assert not scene.judge().final


def test_a_reset_forgets_the_touch(scene):
    put_tool(scene, scene.object_point(POST)[:2] - np.array([0.02, 0.0]))
    scene.step(2)
    assert scene.judge().final
    scene.reset(seed=1)
    scene.step()
    assert not scene.judge().final


def test_goals_are_reached_one_after_the_other_and_only_the_last_is_stayed_in():
    scene = TwoArmScene(make_task('pass_post', TaskOptions(post=PostOptions(passes=3))))
    scene.reset(seed=1)
    post_x = scene.object_point(POST)[0]
    sides = []
    for _ in range(3):
        following = scene.object_point(NEXT)
        sides.append(scene.object_point(GOAL)[0] > post_x)
        put_tool(scene, scene.object_point(GOAL)[:2])
        scene.step(2)
        np.testing.assert_allclose(scene.object_point(GOAL), following, atol=0.005)
    assert sides == [True, False, True]
    assert scene.judge().text == '2 of 3 goals were reached'
    np.testing.assert_array_equal(scene.object_point(NEXT), scene.object_point(GOAL))
    for _ in range(80):
        put_tool(scene, scene.object_point(GOAL)[:2])
        scene.step()
    assert scene.judge().success


def test_more_passes_begin_with_the_goal_of_one():
    one, three = (PassPost(PostOptions(passes=n)).course(5).drive(10**9) for n in (1, 3))
    np.testing.assert_array_equal(one[POST].pose, three[POST].pose)
    np.testing.assert_array_equal(one[GOAL].pose, three[GOAL].pose)


def test_the_goal_wanders_within_its_bounds_and_the_post_stands():
    task = PassPost(PostOptions(drift_m=0.05))
    for seed in range(10):
        course = task.course(seed)
        states = [course.drive(t * 10**8) for t in range(60)]
        posts = np.array([state[POST].pose for state in states])
        goals = np.array([state[GOAL].pose for state in states])
        assert np.ptp(posts, axis=0).max() == 0.0
        assert 0.005 < np.ptp(goals[:, 1]) < 0.10
        assert np.all(goals[:, 0] > posts[:, 0] + 0.08)
