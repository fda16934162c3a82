# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from sim.driver.fake_arm import HOME
from sim.driver.fake_arm import NAMES
from sim.driver.fake_arm import START_NS
from sim.driver.fake_arm import Bench

from wla_ros.base.geometry import matrix_to_rpy
from wla_ros.base.geometry import quaternion_to_matrix
from wla_ros.robots.encoding import EncodedPosCmd
from wla_ros.robots.piper.forward_kinematics import flange_pose
from wla_ros.sim.config import ArmFaults
from wla_ros.sim.config import FaultWindow
from wla_ros.sim.driver.commands import MISSING_JOINT_NAMES
from wla_ros.sim.driver.driver import CAN_SILENT
from wla_ros.sim.driver.driver import DRIVER_BUSY
from wla_ros.sim.driver.driver import DRIVER_DEAD
from wla_ros.sim.driver.driver import NOT_ENABLED
from wla_ros.sim.driver.firmware import EMERGENCY_STOP
from wla_ros.sim.driver.firmware import MOTORS_OFF
from wla_ros.sim.fault_injection import FaultyBus
from wla_ros.sim.servos import ArmPower


def failing(**faults):
    return FaultyBus(ArmFaults(**faults), seed=0, arm='left')


def silent(begin_ns, end_ns):
    """Return a bus that is silent from `begin_ns` to `end_ns`."""
    window = FaultWindow(start_s=begin_ns / 1e9, duration_s=(end_ns - begin_ns) / 1e9)
    return failing(can_silence=window)


def pose_command(joints, gripper=0.03):
    pose = flange_pose(np.array(joints))
    x, y, z = pose[:3, 3].tolist()
    roll, pitch, yaw = matrix_to_rpy(pose[:3, :3]).tolist()
    return EncodedPosCmd(x=x, y=y, z=z, roll=roll, pitch=pitch, yaw=yaw, gripper=gripper)


# feedback


def test_feedback_has_seven_positions_six_velocities_seven_efforts():
    message = Bench().run(0.005)[-1].joint_state
    assert message.names == NAMES
    assert [len(field) for field in (message.position, message.velocity, message.effort)] == [
        7,
        6,
        7,
    ]


def test_feedback_carries_the_drivers_factor_and_the_stamp_of_the_can_frame():
    bench = Bench()
    publication = bench.run(0.005)[-1]
    expected = [round(np.degrees(angle) * 1000) / 1000 * 0.017444 for angle in HOME]
    assert publication.joint_state.position[:6] == pytest.approx(expected, abs=1e-12)
    assert publication.joint_state.position[6] == 0.05
    assert publication.joint_state.stamp_ns == bench.now_ns == publication.published_ns


def test_feedback_beyond_3_5_is_dropped_by_newer_drivers_only():
    newer, older = Bench(), Bench(drop_implausible=False)
    for bench in (newer, older):
        bench.arm.position = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 4.0])
        bench.arm.power = ArmPower.LIMP
    assert newer.run(0.005)[-1].joint_state is None
    assert newer.driver.dropped_feedback == 1
    assert older.run(0.005)[-1].joint_state.position[5] == pytest.approx(4.0, rel=1e-3)


def test_before_the_first_frame_feedback_is_all_zeros_with_stamp_zero():
    publication = Bench(bus=failing(zero_start_s=10.0)).run(0.005)[-1]
    assert publication.joint_state.stamp_ns == 0
    assert set(publication.joint_state.position) == {0.0}
    assert publication.flange.position == (0.0, 0.0, 0.0)


def test_end_pose_is_the_flange_in_base_link():
    publication = Bench().run(0.005)[-1]
    expected = flange_pose(np.array(HOME))
    assert publication.flange.position == pytest.approx(expected[:3, 3], abs=1e-5)
    rotation = quaternion_to_matrix(np.array(publication.flange.orientation))
    assert rotation == pytest.approx(expected[:3, :3], abs=1e-4)


def test_joint_ctrl_echoes_commands_and_is_zero_before_the_first():
    bench = Bench()
    assert set(bench.run(0.005)[-1].joint_ctrl.position) == {0.0}
    bench.send()
    echo = bench.run(0.005)[-1].joint_ctrl
    assert echo.position == pytest.approx((*HOME, 0.05), abs=1e-4)
    assert set(echo.velocity) == set(echo.effort) == {0.0}


# commands


def test_a_command_moves_the_arm_there():
    bench = Bench()
    assert bench.send((0.3, *HOME[1:]), gripper=0.02) is None
    bench.run(2.0)
    assert bench.arm.position[0] == pytest.approx(0.3 * 1.000507, abs=1e-5)
    assert (bench.arm.width_m, bench.arm.force_n) == (0.02, 1.0)


def test_strict_commands_refuse_missing_names_and_count_them():
    bench = Bench()
    refusal = bench.send(names=NAMES[1:])
    bench.run(1.0)
    assert refusal.reason == MISSING_JOINT_NAMES
    assert 'joint1' in refusal.detail
    assert bench.arm.position == pytest.approx(HOME)
    assert bench.driver.counts().refused == {MISSING_JOINT_NAMES: 1}


def test_faithful_commands_with_missing_names_slam_the_arm_to_zero():
    bench = Bench(strict_commands=False)
    assert bench.send(names=()) is None
    bench.run(2.0)
    assert bench.arm.position == pytest.approx(np.zeros(6), abs=1e-5)


def test_speed_percent_limits_the_speed():
    bench = Bench()
    bench.send((1.0, *HOME[1:]), velocity=(0.0,) * 6 + (10.0,))
    speeds = []
    for _ in range(400):
        bench.run(0.005)
        speeds.append(bench.arm.velocity[0])
    assert max(speeds) == pytest.approx(0.3)


def test_commands_while_not_enabled_are_ignored():
    bench = Bench(auto_enable=False)
    assert bench.send((0.5, *HOME[1:])).reason == NOT_ENABLED
    bench.run(1.0)
    assert bench.arm.position == pytest.approx(HOME)


def test_command_counters_add_up():
    bench = Bench()
    bench.send()
    bench.send(names=())
    bench.driver.set_enable_flag(enable=False, now_ns=bench.now_ns)
    bench.send()
    counts = bench.driver.counts()
    assert counts.received == 3 == counts.applied + sum(counts.refused.values())
    assert counts.last_refusal.reason == NOT_ENABLED


def test_targets_beyond_a_limit_are_clipped_and_raise_its_bit():
    bench = Bench()
    bench.send((0.0, -0.2, *HOME[2:]))
    status = bench.run(3.0)[-1].status
    assert bench.arm.position[1] == pytest.approx(0.0, abs=1e-6)
    assert status.joint_angle_limit == (False, True, False, False, False, False)
    assert status.err_code == 1 << 9
    assert status.arm_status == 4
    bench.send()
    assert bench.run(0.005)[-1].status.arm_status == 0


def test_the_bounds_of_the_sdk_raise_no_limit_bit():
    for joints in (
        (2.6179, 3.14, -2.967, 1.745, 1.22, 2.09439),
        (-2.6179, 0.0, 0.0, -1.745, -1.22, -2.09439),
    ):
        bench = Bench()
        bench.send(joints)
        assert bench.run(0.005)[-1].status.err_code == 0


# status


def test_status_is_standby_until_the_first_command_then_can_control_move_j():
    bench = Bench()
    assert bench.run(0.005)[-1].status.ctrl_mode == 0
    bench.send()
    status = bench.run(0.005)[-1].status
    assert (status.ctrl_mode, status.mode_feedback, status.arm_status) == (1, 1, 0)


def test_motion_status_is_one_until_the_target_is_reached():
    bench = Bench()
    bench.send((0.5, *HOME[1:]))
    assert bench.run(0.1)[-1].status.motion_status == 1
    assert bench.run(2.0)[-1].status.motion_status == 0


# power


def test_enabling_closes_the_gripper():
    bench = Bench(auto_enable=False)
    bench.driver.set_enable_flag(enable=True, now_ns=bench.now_ns)
    assert bench.arm.power is ArmPower.POWERED
    assert bench.arm.width_m == 0.0


def test_enabling_again_closes_the_gripper_too():
    bench = Bench()
    bench.send(gripper=0.06)
    bench.driver.set_enable_flag(enable=True, now_ns=bench.now_ns)
    assert bench.arm.width_m == 0.0


def test_enabling_holds_the_arm_where_it_is():
    bench = Bench()
    bench.send((0.8, *HOME[1:]))
    bench.run(0.1)
    bench.driver.set_enable_flag(enable=False, now_ns=bench.now_ns)
    bench.arm.position = np.array((0.2, 0.0, -0.1, 0.0, 0.0, 0.0))
    bench.run(0.1)
    bench.driver.set_enable_flag(enable=True, now_ns=bench.now_ns)
    bench.run(0.5)
    assert bench.arm.position == pytest.approx((0.2, 0.0, -0.1, 0.0, 0.0, 0.0))


def test_disabling_cuts_the_power():
    bench = Bench()
    bench.driver.set_enable_flag(enable=False, now_ns=bench.now_ns)
    assert bench.arm.power is ArmPower.LIMP
    assert bench.send().reason == NOT_ENABLED


def test_enabled_bits_are_reported_at_40_hz():
    bench = Bench()
    bench.driver.set_enable_flag(enable=False, now_ns=bench.now_ns)
    reported = []
    for _ in range(10):
        bench.run(0.005)
        reported.append(bench.driver.firmware.reported_enabled)
    assert reported == [True] * 4 + [False] * 6 or reported == [False] * 10


def test_the_enable_service_answers_when_the_bits_are_reported():
    bench = Bench(auto_enable=False)
    call = bench.driver.call_enable(enable=True, now_ns=bench.now_ns)
    bench.run(0.4)
    assert call.response is None
    assert bench.send().reason == DRIVER_BUSY
    bench.run(0.2)
    assert call.response is True
    assert bench.send() is None


def test_the_enable_service_gives_up_after_five_seconds():
    bench = Bench(auto_enable=False)
    bench.driver.emergency_stop()
    call = bench.driver.call_enable(enable=True, now_ns=bench.now_ns)
    bench.run(4.9)
    assert call.response is None
    bench.run(1.0)
    assert call.response is False


def test_an_emergency_stop_sinks_damped_and_ignores_commands():
    bench = Bench()
    bench.driver.emergency_stop()
    assert bench.arm.power is ArmPower.DAMPED
    assert bench.send().reason == EMERGENCY_STOP
    assert bench.run(0.005)[-1].status.arm_status == 1


def test_a_reset_after_a_stop_drops_the_arm_and_needs_enabling_twice():
    bench = Bench()
    bench.driver.emergency_stop()
    bench.driver.resume()
    assert bench.arm.power is ArmPower.LIMP
    assert bench.run(0.005)[-1].status.arm_status == 0
    bench.driver.set_enable_flag(enable=True, now_ns=bench.now_ns)
    assert bench.arm.power is ArmPower.LIMP
    assert bench.send().reason == MOTORS_OFF
    bench.driver.set_enable_flag(enable=True, now_ns=bench.now_ns)
    assert bench.arm.power is ArmPower.POWERED


# bus


def test_a_silent_bus_repeats_the_last_stamp_and_ends_the_driver_after_a_quarter_second():
    bench = Bench(bus=silent(START_NS + 100_000_000, START_NS + 10**12))
    publications = bench.run(0.5)
    alive = [publication for publication in publications if publication is not None]
    assert alive[-1].published_ns - START_NS == 345_000_000
    assert {p.joint_state.stamp_ns for p in alive[19:]} == {START_NS + 95_000_000}
    assert not bench.driver.alive
    assert bench.send().reason == DRIVER_DEAD


def test_a_dead_driver_stays_dead_when_the_bus_returns():
    bench = Bench(bus=silent(START_NS + 100_000_000, START_NS + 400_000_000))
    assert bench.run(1.0)[-1] is None


def test_a_short_silence_is_survived_but_commands_are_lost():
    bench = Bench(bus=silent(START_NS + 100_000_000, START_NS + 200_000_000))
    bench.run(0.15)
    assert bench.send((0.5, *HOME[1:])).reason == CAN_SILENT
    publication = bench.run(0.5)[-1]
    assert publication.joint_state.stamp_ns == bench.now_ns
    assert bench.arm.position == pytest.approx(HOME)


def test_an_arm_whose_driver_died_goes_on_to_its_last_target():
    bench = Bench(bus=silent(START_NS + 10_000_000, START_NS + 10**12))
    bench.send((0.6, *HOME[1:]))
    bench.run(2.0)
    assert bench.arm.power is ArmPower.POWERED
    assert bench.arm.position[0] == pytest.approx(0.6, abs=1e-3)


# poses


def test_a_pose_command_moves_the_flange_there_within_its_rounding():
    bench = Bench()
    goal = (0.3, 1.0, -1.0, 0.3, 0.5, -0.4)
    assert bench.driver.command_pose(pose_command(goal), now_ns=bench.now_ns) is None
    status = bench.run(3.0)[-1].status
    reached = flange_pose(bench.arm.position)
    assert np.max(np.abs(reached[:3, 3] - flange_pose(np.array(goal))[:3, 3])) <= 0.0005 + 1e-6
    assert (status.arm_status, status.mode_feedback, status.motion_status) == (0, 0, 0)
    assert bench.arm.width_m == pytest.approx(0.03)


def test_a_pose_is_rounded_to_whole_millimetres():
    bench = Bench()
    bench.driver.command_pose(pose_command((0.3, 1.0, -1.0, 0.3, 0.5, -0.4)), now_ns=bench.now_ns)
    bench.run(3.0)
    millimetres = flange_pose(bench.arm.position)[:3, 3] * 1000
    assert millimetres == pytest.approx(np.round(millimetres), abs=1e-3)


def test_poses_move_at_half_speed():
    bench = Bench()
    bench.driver.command_pose(pose_command((2.0, *HOME[1:])), now_ns=bench.now_ns)
    fastest = 0.0
    for _ in range(600):
        bench.run(0.005)
        fastest = max(fastest, np.max(np.abs(bench.arm.velocity)))
    assert fastest == pytest.approx(1.5)


@pytest.mark.parametrize(
    ('command', 'code'),
    [
        (EncodedPosCmd(x=2.0, y=0.0, z=0.2, roll=0.0, pitch=1.5, yaw=0.0, gripper=0.0), 2),
        (EncodedPosCmd(x=-0.3, y=0.0, z=0.2, roll=0.0, pitch=0.0, yaw=0.0, gripper=0.0), 4),
        (pose_command((0.0, 1.0, -1.0, 0.0, 0.0, 0.0)), 3),
    ],
)
def test_a_pose_without_solution_moves_nothing_and_sets_arm_status(command, code):
    bench = Bench()
    assert bench.driver.command_pose(command, now_ns=bench.now_ns) is None
    assert bench.run(0.5)[-1].status.arm_status == code
    assert bench.arm.position == pytest.approx(HOME)


def test_a_negative_gripper_in_a_pose_closes_it():
    bench = Bench()
    bench.driver.command_pose(pose_command(HOME, gripper=-0.02), now_ns=bench.now_ns)
    assert bench.arm.width_m == 0.0


def test_reset_revives_a_dead_driver():
    bench = Bench(bus=silent(START_NS, START_NS + 300_000_000))
    bench.run(0.5)
    bench.driver.reset(bench.now_ns, gripper_m=0.05)
    assert bench.run(0.005)[-1] is not None
    assert bench.send() is None
