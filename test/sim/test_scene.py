# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from wla_ros.sim.arm_settings import HOME_RAD
from wla_ros.sim.scene import TwoArmScene
from wla_ros.sim.servos import ArmPower
from wla_ros.sim.tasks.task import make_task

SECOND = 400  # steps


@pytest.fixture(scope='module')
def shared():
    return TwoArmScene(make_task('stack_cup'))


@pytest.fixture
def scene(shared):
    shared.reset(seed=3)
    return shared


def wave(scene, arm, steps):
    """Move all joints by 0.3 rad and back; return the largest tracking error."""
    start = np.array(HOME_RAD)
    direction = np.array([1.0, 1.0, -1.0, 1.0, -1.0, 1.0])
    worst = 0.0
    for _ in range(steps // 2):
        t = scene.elapsed_ns * 1e-9 + 0.005
        target = start + 0.15 * (1 - np.cos(2 * t)) * direction
        scene.arm(arm).set_joint_target(target, 0.3 * np.sin(2 * t) * direction)
        scene.step(2)
        worst = max(worst, float(np.max(np.abs(scene.arm(arm).joint_position() - target))))
    return worst


def test_a_powered_arm_holds_its_pose_without_a_command(scene):
    scene.step(SECOND)
    for arm in ('left', 'right'):
        np.testing.assert_allclose(scene.arm(arm).joint_position(), HOME_RAD, atol=1e-4)


def test_servos_track_a_moving_target_within_three_milliradians(scene):
    assert wave(scene, 'left', SECOND) < 0.003


def test_the_same_seed_gives_the_same_motion_bit_by_bit(scene):
    def run(which):
        which.reset(seed=5)
        which.arm('left').set_gripper_target(width_m=0.05, force_n=3.0)
        wave(which, 'left', SECOND // 2)
        return which.data.qpos.copy()

    first = run(scene)
    np.testing.assert_array_equal(run(scene), first)
    np.testing.assert_array_equal(run(TwoArmScene(make_task('stack_cup'))), first)


def test_a_limp_arm_falls_and_a_stopped_one_sinks_slowly(scene):
    start = scene.flange_pose('left')[2, 3]
    scene.arm('left').set_power(ArmPower.LIMP)
    scene.arm('right').set_power(ArmPower.DAMPED)
    scene.step(SECOND // 2)
    fallen = start - scene.flange_pose('left')[2, 3]
    sunk = start - scene.flange_pose('right')[2, 3]
    assert fallen > 0.15
    assert 0.02 < sunk < fallen / 3
    scene.step(3 * SECOND)
    assert start - scene.flange_pose('right')[2, 3] > 0.12


def test_a_set_point_does_not_move_an_arm_without_power(scene):
    for power in (ArmPower.LIMP, ArmPower.DAMPED):
        scene.reset(seed=3)
        scene.arm('left').set_power(power)
        scene.step(SECOND)
        left_alone = scene.arm('left').joint_position()
        scene.reset(seed=3)
        scene.arm('left').set_power(power)
        scene.arm('left').set_joint_target(np.array(HOME_RAD) + 0.2, np.zeros(6))
        scene.step(SECOND)
        np.testing.assert_array_equal(scene.arm('left').joint_position(), left_alone)


def test_power_returns_without_a_jump(scene):
    scene.arm('left').set_power(ArmPower.DAMPED)
    scene.step(SECOND // 2)
    before = scene.arm('left').joint_position()
    scene.arm('left').set_power(ArmPower.POWERED)
    scene.step(SECOND // 2)
    np.testing.assert_allclose(scene.arm('left').joint_position(), before, atol=0.02)


def test_reset_restores_power_and_weight_compensation(scene):
    scene.arm('left').set_power(ArmPower.LIMP)
    scene.step(SECOND)
    scene.reset(seed=3)
    assert scene.arm('left').power is ArmPower.POWERED
    scene.step(SECOND)
    np.testing.assert_allclose(scene.arm('left').joint_position(), HOME_RAD, atol=1e-4)


def test_the_gripper_opens_at_its_speed_and_stops_at_its_ends(scene):
    scene.arm('left').set_gripper_target(width_m=1.0, force_n=10.0)
    scene.step(40)
    assert 0.01 < scene.arm('left').gripper_width() < 0.03
    scene.step(SECOND // 2)
    assert scene.arm('left').gripper_width() == pytest.approx(0.07, abs=1e-3)
    scene.arm('left').set_gripper_target(width_m=-1.0, force_n=10.0)
    scene.step(SECOND)
    assert scene.arm('left').gripper_width() == pytest.approx(0.0, abs=1e-3)


def test_finger_force_stays_within_the_commanded_one(scene):
    scene.arm('left').set_gripper_target(width_m=-0.01, force_n=2.0)
    scene.step(SECOND // 2)
    assert scene.arm('left').gripper_force() == pytest.approx(-2.0, abs=0.01)


@pytest.mark.parametrize('bad', [np.nan, np.inf])
def test_numbers_that_are_not_finite_never_reach_the_servos(scene, bad):
    before = scene.data.ctrl.copy()
    with pytest.raises(ValueError, match='not finite'):
        scene.arm('left').set_joint_target(np.full(6, bad), np.zeros(6))
    with pytest.raises(ValueError, match='not finite'):
        scene.arm('left').set_joint_target(np.zeros(6), np.full(6, bad))
    with pytest.raises(ValueError, match='not finite'):
        scene.arm('left').set_gripper_target(width_m=bad, force_n=1.0)
    with pytest.raises(ValueError, match='six'):
        scene.arm('left').set_joint_target(np.zeros(7), np.zeros(7))
    np.testing.assert_array_equal(scene.data.ctrl, before)


def test_cups_stay_where_they_were_put(scene):
    before = scene.object_poses()[1]
    scene.step(2 * SECOND)
    after = scene.object_poses()[1]
    np.testing.assert_allclose(after[:, :3], before[:, :3], atol=1e-3)
    assert not scene.judge().success


def test_a_snapshot_keeps_its_instant(scene):
    snapshot = scene.snapshot()
    scene.step(10)
    assert snapshot.elapsed_ns == 0
    assert scene.elapsed_ns == 25_000_000
    assert not np.array_equal(snapshot.qpos, scene.data.qpos)
