# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
import math

import mujoco
import numpy as np
import pytest

from wla_ros.sim.scene import TwoArmScene
from wla_ros.sim.tasks.press_button import BUTTON
from wla_ros.sim.tasks.press_button import CAP
from wla_ros.sim.tasks.press_button import CAP_TOP_M
from wla_ros.sim.tasks.press_button import notches_of
from wla_ros.sim.tasks.press_button import presses_of
from wla_ros.sim.tasks.task import make_task
from wla_ros.sim.tasks.task_options import ButtonOptions
from wla_ros.sim.tasks.task_options import TaskOptions


def make_scene(presses=2):
    options = TaskOptions(button=ButtonOptions(presses=presses))
    scene = TwoArmScene(make_task('press_button', options))
    scene.reset(seed=2)
    return scene


def push(scene, depth_m, seconds=0.3):
    """Push the cap down with a force that holds it at `depth_m`, then let physics go on."""
    body = scene.model.body(CAP).id
    force = 1.2 + 300.0 * depth_m if depth_m else 0.0
    scene.data.xfrc_applied[body] = (0.0, 0.0, -force, 0.0, 0.0, 0.0)
    scene.step(round(seconds / 0.0025))


def press(scene):
    push(scene, 0.009)
    push(scene, 0.0)


def poses(scene):
    names, values = scene.object_poses()
    return dict(zip(names, values, strict=True))


def test_the_button_stands_where_the_seed_says_and_the_cap_is_up():
    scene = make_scene()
    scene.step(200)
    seen = poses(scene)
    np.testing.assert_allclose(seen[BUTTON], scene.task.place(2)[BUTTON], atol=1e-9)
    np.testing.assert_allclose(seen[CAP][:3], [*seen[BUTTON][:2], CAP_TOP_M], atol=2e-4)


def test_presses_are_counted_once_each_and_told_by_the_notches():
    scene = make_scene()
    for count in (1, 2):
        push(scene, 0.009)
        assert notches_of(poses(scene)[BUTTON]) == 2 * count - 1
        push(scene, 0.0)
        assert notches_of(poses(scene)[BUTTON]) == 2 * count
        assert presses_of(poses(scene)[BUTTON]) == count


def test_a_touch_is_no_press_and_a_press_half_let_up_does_not_count_again():
    scene = make_scene()
    push(scene, 0.004)
    assert presses_of(poses(scene)[BUTTON]) == 0
    for depth_m in (0.009, 0.0045, 0.009):
        push(scene, depth_m)
    assert presses_of(poses(scene)[BUTTON]) == 1


def test_the_episode_is_solved_when_pressed_as_told_and_left_alone():
    scene = make_scene()
    assert 'pressed 0 times of 2' in scene.judge().text
    press(scene)
    assert not scene.judge().success
    press(scene)
    assert scene.judge().success
    assert not scene.judge().final


def test_one_press_too_many_ends_the_episode_by_name():
    scene = make_scene(presses=1)
    press(scene)
    press(scene)
    judgement = scene.judge()
    assert judgement.final
    assert not judgement.success
    assert '2 times, told were 1' in judgement.text


def test_between_presses_the_scene_looks_the_same():
    """What differs is a turn of round bodies by some milliradians."""
    scene = make_scene(presses=5)
    scene.step(200)
    before = poses(scene)
    press(scene)
    after = poses(scene)
    for name in (BUTTON, CAP):
        np.testing.assert_allclose(after[name][:3], before[name][:3], atol=2e-4)
        assert abs(2 * math.asin(after[name][5]) - 2 * math.asin(before[name][5])) < 0.005
    geoms = [
        g
        for g in range(scene.model.ngeom)
        if scene.model.geom_bodyid[g] in (scene.model.body(BUTTON).id, scene.model.body(CAP).id)
    ]
    assert {int(scene.model.geom_type[g]) for g in geoms} == {int(mujoco.mjtGeom.mjGEOM_CYLINDER)}


@pytest.mark.parametrize(
    ('presses', 'instruction'), [(1, 'Press the button 1 time.'), (3, 'Press the button 3 times.')]
)
def test_the_instruction_says_how_often(presses, instruction):
    assert make_scene(presses).task.instruction == instruction
