# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest

from wla_ros.sim.scene import TwoArmScene
from wla_ros.sim.tasks.dispose_trash import BALL
from wla_ros.sim.tasks.dispose_trash import BIN
from wla_ros.sim.tasks.dispose_trash import BIN_ORBIT_M
from wla_ros.sim.tasks.dispose_trash import TURNTABLE_CENTRE_M
from wla_ros.sim.tasks.dispose_trash import DisposeTrash
from wla_ros.sim.tasks.task import ObjectState
from wla_ros.sim.tasks.task import make_task
from wla_ros.sim.tasks.task_options import TaskOptions
from wla_ros.sim.tasks.task_options import TurntableOptions

FAST = TaskOptions(turntable=TurntableOptions(speed_rad_s=2.0))


@pytest.fixture(scope='module')
def fast_scene():
    return TwoArmScene(make_task('dispose_trash', FAST))


def put_ball(scene, point):
    address = scene.model.joint(BALL).qposadr[0]
    scene.data.qpos[address : address + 3] = point
    dof = scene.model.joint(BALL).dofadr[0]
    scene.data.qvel[dof : dof + 6] = 0.0


def above_bin(scene, height_m):
    return scene.object_point(BIN) + np.array([0.0, 0.0, height_m])


def test_the_same_seed_gives_the_same_course_and_others_differ():
    one, same, other = (DisposeTrash().course(seed).drive(2 * 10**9)[BIN] for seed in (5, 5, 6))
    np.testing.assert_array_equal(one.pose, same.pose)
    assert not np.array_equal(one.pose, other.pose)


def test_the_bin_moves_on_its_circle_with_the_speed_it_claims():
    course = DisposeTrash(FAST.turntable).course(3)
    step_ns = 10_000
    for time_ns in range(0, 5 * 10**9, 333_000_000):
        before, now, after = (
            course.drive(time_ns + shift)[BIN] for shift in (-step_ns, 0, step_ns)
        )
        radius = math.dist(now.pose[:2], TURNTABLE_CENTRE_M)
        assert radius == pytest.approx(BIN_ORBIT_M)
        slope = (after.pose[:3] - before.pose[:3]) / (2e-9 * step_ns)
        np.testing.assert_allclose(now.velocity, slope, atol=1e-5)


def test_speed_and_variation_are_those_of_the_options():
    still = DisposeTrash(TurntableOptions(speed_rad_s=0.0)).course(1)
    assert still.drive(0)[BIN].turn_rad_s == 0.0
    steady = DisposeTrash(TurntableOptions(speed_rad_s=1.5, speed_variation=0.0)).course(1)
    turns = {round(steady.drive(t * 10**8)[BIN].turn_rad_s, 12) for t in range(50)}
    assert {abs(turn) for turn in turns} == {1.5}
    varied = DisposeTrash(TurntableOptions(speed_rad_s=1.0, speed_variation=0.8)).course(1)
    speeds = [abs(varied.drive(t * 10**8)[BIN].turn_rad_s) for t in range(100)]
    assert 0.2 <= min(speeds) < 0.8
    assert 1.2 < max(speeds) <= 1.8


def test_a_ball_that_drops_into_the_fastest_bin_stays_there_and_that_is_final(fast_scene):
    scene = fast_scene
    scene.reset(seed=2)
    put_ball(scene, above_bin(scene, 0.12))
    scene.step(20)
    assert not scene.judge().final
    scene.step(200)
    judgement = scene.judge()
    assert judgement.success, judgement
    assert judgement.final
    scene.step(1000)
    assert scene.judge().success


def test_a_ball_that_was_lifted_and_falls_beside_the_bin_is_lost(fast_scene):
    scene = fast_scene
    scene.reset(seed=2)
    put_ball(scene, np.array([0.30, 0.35, 0.15]))
    scene.step(100)
    judgement = scene.judge()
    assert judgement.final
    assert not judgement.success
    assert 'beside' in judgement.text


def test_a_ball_that_was_never_lifted_is_not_lost(fast_scene):
    fast_scene.reset(seed=2)
    fast_scene.step(100)
    assert not fast_scene.judge().final


def test_a_ball_that_was_pushed_off_the_table_is_lost(fast_scene):
    fast_scene.reset(seed=2)
    put_ball(fast_scene, np.array([0.30, 0.70, 0.02]))
    fast_scene.step(60)
    assert fast_scene.judge().final
    assert not fast_scene.judge().success


def test_a_ball_in_the_hand_is_no_success():
    bin_ = ObjectState(name=BIN, pose=np.eye(7)[6], speed_m_s=0.0, held_by=())
    ball = np.array([0.0, 0.0, 0.05, 0.0, 0.0, 0.0, 1.0])
    held = ObjectState(name=BALL, pose=ball, speed_m_s=0.0, held_by=('left',))
    free = ObjectState(name=BALL, pose=ball, speed_m_s=0.0, held_by=())
    assert DisposeTrash().judge({BALL: free, BIN: bin_}).success
    assert not DisposeTrash().judge({BALL: held, BIN: bin_}).success


@pytest.mark.parametrize('seed', range(20))
def test_the_ball_starts_clear_of_the_turntable_and_in_reach(seed):
    ball = DisposeTrash().place(seed)[BALL]
    assert math.dist(ball[:2], TURNTABLE_CENTRE_M) > 0.25
    base = (0.0, math.copysign(0.28, ball[1]))
    assert 0.22 <= math.dist(ball[:2], base) <= 0.50
