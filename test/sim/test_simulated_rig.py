# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from wla_ros.base.config import ConfigurationError
from wla_ros.robots.encoding import EncodedJointState
from wla_ros.sim.arm_settings import HOME_RAD
from wla_ros.sim.config import ArmFaults
from wla_ros.sim.config import CameraFaults
from wla_ros.sim.config import DriverConfig
from wla_ros.sim.config import FaultConfig
from wla_ros.sim.config import FaultWindow
from wla_ros.sim.config import RigCamera
from wla_ros.sim.config import RigConfig
from wla_ros.sim.rig import SimulatedRig

NAMES = ('joint1', 'joint2', 'joint3', 'joint4', 'joint5', 'joint6', 'gripper')
START_NS = 10**18
TICK_NS = 5_000_000
SMALL = {'head': RigCamera(width=96, height=72), 'left_wrist': RigCamera(width=96, height=72)}


def rig_with(*, cameras=None, driver=None, arms=None, image_faults=None):
    faults = FaultConfig(arms=arms or {}, cameras=image_faults or {})
    rig = SimulatedRig(
        RigConfig(
            task='stack_cup', cameras=cameras or {}, driver=driver or DriverConfig(), faults=faults
        )
    )
    rig.reset(seed=1, now_ns=START_NS)
    return rig


def encoded(joints=HOME_RAD, gripper=0.05):
    return EncodedJointState(names=NAMES, position=(*joints, gripper))


def run(rig, seconds, *, command=None):
    for _ in range(round(seconds * 200)):
        if command is not None:
            rig.command('left', command)
        rig.step_to(rig.now_ns + TICK_NS)


@pytest.fixture(scope='module')
def plain():
    return rig_with()


def test_reset_puts_arms_at_home_enabled_with_open_grippers(plain):
    plain.reset(seed=3, now_ns=START_NS)
    run(plain, 0.5)
    for arm in plain.arms:
        feedback = plain.feedback(arm)
        assert feedback.position == pytest.approx((*HOME_RAD, 0.07), abs=2e-3)
        assert feedback.stamp_ns == START_NS + 500_000_000
        assert plain.status(arm).arm_status == 0


def test_there_is_no_feedback_before_the_first_period(plain):
    plain.reset(seed=3, now_ns=START_NS)
    assert plain.feedback('left') is None
    assert plain.status('left') is None
    plain.step_to(START_NS + TICK_NS - 1)
    assert plain.feedback('left') is None


def test_the_same_seed_and_commands_give_the_same_episode(plain):
    def episode():
        plain.reset(seed=5, now_ns=START_NS)
        run(plain, 0.5, command=encoded((0.2, *HOME_RAD[1:]), 0.01))
        return plain.feedback('left'), plain.object_poses().poses

    (first, first_poses), (second, second_poses) = episode(), episode()
    assert first == second
    assert np.array_equal(first_poses, second_poses)


def test_a_command_is_reached_within_the_drivers_bias(plain):
    plain.reset(seed=0, now_ns=START_NS)
    goal = (0.4, 0.7, -0.8, 0.1, 0.6, -0.2)
    run(plain, 1.5, command=encoded(goal, 0.03))
    assert plain.feedback('left').position == pytest.approx((*goal, 0.03), abs=1e-3)
    assert plain.feedback('right').position[:6] == pytest.approx(HOME_RAD, abs=1e-3)


def test_step_to_an_earlier_time_changes_nothing(plain):
    plain.reset(seed=0, now_ns=START_NS)
    plain.step_to(START_NS + 100 * TICK_NS)
    before = plain.scene.snapshot()
    plain.step_to(START_NS)
    assert plain.now_ns == START_NS + 100 * TICK_NS
    assert np.array_equal(plain.scene.snapshot().qpos, before.qpos)


def test_publications_come_at_200_hz_and_are_taken_once(plain):
    plain.reset(seed=0, now_ns=START_NS)
    plain.step_to(START_NS + 250_000_000 + 1_234_567)
    stamps = [publication.published_ns for publication in plain.take_publications('left')]
    assert stamps == [START_NS + (k + 1) * TICK_NS for k in range(50)]
    assert plain.take_publications('left') == ()


def test_a_disabled_arm_falls_and_the_other_stays(plain):
    plain.reset(seed=0, now_ns=START_NS)
    run(plain, 0.2)
    height = plain.scene.flange_pose('left')[2, 3]
    plain.set_enable_flag('left', enable=False)
    run(plain, 1.5, command=encoded())
    assert plain.scene.flange_pose('left')[2, 3] < height - 0.1
    assert plain.feedback('right').position[:6] == pytest.approx(HOME_RAD, abs=1e-3)
    assert plain.counts().arms['left'].commands_refused['not_enabled'] >= 300


def test_an_emergency_stop_descends_more_slowly_than_a_fall(plain):
    heights = {}
    for stop in (plain.emergency_stop, lambda arm: plain.set_enable_flag(arm, enable=False)):
        plain.reset(seed=0, now_ns=START_NS)
        run(plain, 0.2)
        stop('left')
        run(plain, 0.4)
        heights[plain.driver('left').power.value] = plain.scene.flange_pose('left')[2, 3]
    start = rig_height(plain)
    assert start > heights['damped'] > heights['limp']


def rig_height(rig):
    rig.reset(seed=0, now_ns=START_NS)
    return rig.scene.flange_pose('left')[2, 3]


def test_an_arm_that_fell_is_enabled_where_it_lies_and_moves_again(plain):
    plain.reset(seed=0, now_ns=START_NS)
    plain.set_enable_flag('left', enable=False)
    run(plain, 1.0)
    lying = plain.feedback('left').position
    call = plain.call_enable('left', enable=True)
    run(plain, 0.6)
    assert call.response is True
    assert plain.feedback('left').position[:6] == pytest.approx(lying[:6], abs=0.02)
    run(plain, 2.0, command=encoded())
    assert plain.feedback('left').position[:6] == pytest.approx(HOME_RAD, abs=2e-3)


def test_without_auto_enable_arms_fall_after_a_reset():
    rig = rig_with(driver=DriverConfig(auto_enable=False))
    height = rig.scene.flange_pose('left')[2, 3]
    run(rig, 1.5)
    assert rig.scene.flange_pose('left')[2, 3] < height - 0.1


def test_can_silence_stops_feedback_for_good_and_a_reset_brings_it_back():
    silence = FaultWindow(start_s=0.2, duration_s=0.5)
    rig = rig_with(arms={'left': ArmFaults(can_silence=silence)})
    run(rig, 1.0)
    assert rig.feedback('left').stamp_ns == START_NS + 195_000_000
    assert rig.feedback('right').stamp_ns == START_NS + 1_000_000_000
    assert rig.command('left', encoded()).reason == 'driver_dead'
    rig.reset(seed=1, now_ns=START_NS + 2 * 10**9)
    run(rig, 0.1)
    assert rig.feedback('left').stamp_ns == rig.now_ns


def test_actuation_lag_delays_commands_and_a_reset_flushes_them():
    rig = rig_with(arms={'left': ArmFaults(actuation_lag_s=0.05)})
    assert rig.command('left', encoded((0.5, *HOME_RAD[1:]))) is None
    run(rig, 0.045)
    assert rig.counts().arms['left'].commands_waiting == 1
    assert rig.feedback('left').position[0] == pytest.approx(0.0, abs=1e-4)
    run(rig, 1.5)
    assert rig.feedback('left').position[0] == pytest.approx(0.5, abs=1e-3)
    rig.command('left', encoded())
    rig.reset(seed=1, now_ns=START_NS)
    assert rig.counts().arms['left'].commands_flushed == 1


def test_feedback_delay_delivers_late_with_true_stamps():
    rig = rig_with(arms={'left': ArmFaults(feedback_delay_s=0.02)})
    run(rig, 0.1)
    assert rig.feedback('left').stamp_ns == rig.now_ns - 20_000_000
    assert rig.feedback('right').stamp_ns == rig.now_ns


def test_command_and_feedback_counters_add_up_over_faults_and_resets():
    rig = rig_with(
        arms={
            'left': ArmFaults(
                actuation_lag_s=0.03,
                feedback_delay_s=0.02,
                can_silence=FaultWindow(start_s=0.3, duration_s=0.1),
            )
        }
    )
    run(rig, 0.5, command=encoded())
    rig.reset(seed=2, now_ns=START_NS)
    run(rig, 0.1, command=EncodedJointState(names=(), position=(0.0,) * 7))
    counts = rig.counts().arms['left']
    assert counts.commands_received == 120
    assert counts.commands_received == (
        counts.commands_applied
        + sum(counts.commands_refused.values())
        + counts.commands_flushed
        + counts.commands_waiting
    )
    assert set(counts.commands_refused) == {'can_silent', 'missing_joint_names'}
    assert (
        counts.published
        == 120
        == (counts.delivered + counts.feedback_flushed + counts.feedback_waiting)
    )


def test_exposures_carry_exact_stamps_and_states_between_physics_steps():
    rig = rig_with(cameras=SMALL)
    rig.set_enable_flag('left', enable=False)  # something moves
    states = {0: rig.scene.snapshot().qpos}
    for k in range(1, 61):
        rig.step_to(START_NS + k * 2_500_000)
        states[k * 2_500_000] = rig.scene.snapshot().qpos
    head = [exposure for exposure in rig.due_exposures() if exposure.camera == 'head']
    assert [exposure.stamp_ns - START_NS for exposure in head] == [
        k * 33_333_333 for k in range(5)
    ]
    column = rig.scene.model.joint('left/joint2').qposadr[0]
    times = sorted(states)
    heights = [states[time][column] for time in times]
    for exposure in head:
        expected = np.interp(exposure.stamp_ns - START_NS, times, heights)
        assert exposure.snapshot.qpos[column] == pytest.approx(expected, abs=1e-9)
    assert rig.due_exposures() == ()


def test_cameras_that_expose_together_share_one_state():
    rig = rig_with(cameras=SMALL)
    run(rig, 0.1)
    exposures = rig.due_exposures()
    assert len(exposures) == 8 - 8 % 2 == 2 * len({id(e.snapshot) for e in exposures})


def test_image_counters_add_up_with_dropped_and_delayed_images():
    rig = rig_with(
        cameras=SMALL,
        image_faults={'head': CameraFaults(drop_probability=0.5, delivery_delay_s=0.2)},
    )
    run(rig, 1.0)
    delivered = [exposure.camera for exposure in rig.due_exposures()]
    for name, counts in rig.counts().cameras.items():
        assert counts.exposed == (
            counts.delivered + counts.dropped + counts.flushed + counts.waiting
        )
        assert counts.delivered == delivered.count(name)
    assert rig.counts().cameras['head'].dropped > 0


def test_a_frozen_camera_repeats_its_picture_with_new_stamps():
    freeze = FaultWindow(start_s=0.15, duration_s=0.1)
    rig = rig_with(cameras=SMALL, image_faults={'head': CameraFaults(freeze=freeze)})
    run(rig, 0.4)
    images = {'head': [], 'left_wrist': []}
    for exposure in rig.due_exposures():
        images[exposure.camera].append((exposure, rig.render(exposure).copy()))
    rig.close()
    frozen = [exposure.frozen for exposure, _ in images['head']]
    repeated = [
        np.array_equal(before, after)
        for (_, before), (_, after) in zip(images['head'], images['head'][1:], strict=False)
    ]
    assert repeated == frozen[1:]
    assert sum(frozen) == 3
    # A still scene is told from a frozen camera by its noise.
    wrist = [pixels for _, pixels in images['left_wrist']]
    assert not any(np.array_equal(*pair) for pair in zip(wrist, wrist[1:], strict=False))
    assert wrist[0].shape == (72, 96, 3)


def test_unknown_names_in_the_configuration_are_all_named():
    config = RigConfig(
        task='fold_towel',
        cameras={'heda': RigCamera()},
        faults=FaultConfig(arms={'middle': ArmFaults()}, cameras={'head': CameraFaults()}),
    )
    with pytest.raises(ConfigurationError) as error:
        SimulatedRig(config)
    assert [problem.where for problem in error.value.problems] == [
        'task',
        'cameras',
        'faults.cameras',
        'faults.arms',
    ]
