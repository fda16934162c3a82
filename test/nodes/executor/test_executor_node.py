# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The executor as a process: what it commands, refuses and reports over ROS."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('rclpy')

from diagnostic_msgs.msg import DiagnosticArray  # noqa: E402 - not without rclpy
from diagnostic_msgs.msg import DiagnosticStatus  # noqa: E402
from lifecycle_msgs.msg import Transition  # noqa: E402
from nodes.graph import BIMANUAL  # noqa: E402
from nodes.graph import Graph  # noqa: E402
from nodes.graph import NodeProcess  # noqa: E402
from nodes.rig_probe import PATIENT_EXECUTOR  # noqa: E402
from nodes.rig_probe import REST  # noqa: E402
from nodes.rig_probe import RigProbe  # noqa: E402
from sensor_msgs.msg import JointState  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402

from wla_ros.msg import ControlMode  # noqa: E402
from wla_ros.msg import ExecutorStatus  # noqa: E402
from wla_ros.nodes import qos  # noqa: E402
from wla_ros.srv import SetControlMode  # noqa: E402


@pytest.fixture
def executor(graph: Graph) -> NodeProcess:
    return graph.start_active('executor_node', BIMANUAL, PATIENT_EXECUTOR)


@pytest.fixture
def rig(graph: Graph, executor: NodeProcess) -> Iterator[RigProbe]:
    """A probe whose arms the executor holds."""
    del executor
    probe = RigProbe(graph)
    probe.wait_for_state(ExecutorStatus.HOLDING)
    yield probe
    assert_counters_add_up(probe.status)


def assert_counters_add_up(status: ExecutorStatus) -> None:
    assert status.chunks_received == status.chunks_accepted + status.chunks_rejected
    assert status.ticks == (
        status.commands_published + status.ticks_not_ready + status.ticks_failed
    )
    assert status.rows_received == (
        status.rows_executed
        + status.rows_late
        + status.rows_superseded
        + status.rows_flushed
        + status.rows_queued
    )


def set_mode(graph: Graph, mode: int) -> SetControlMode.Response:
    return graph.call(SetControlMode, 'executor_node/set_mode', mode=mode, reason='test')


def engage(rig: RigProbe) -> None:
    response = set_mode(rig.graph, ControlMode.AUTONOMY)
    assert response.success, response.message
    rig.wait_for_mode(ControlMode.AUTONOMY)


def test_nothing_is_commanded_before_every_arm_reports(
    graph: Graph, executor: NodeProcess
) -> None:
    del executor
    rig = RigProbe(graph)
    rig.silent.add('right')
    rig.wait_for_state(ExecutorStatus.NOT_READY)
    graph.wait_until(lambda: rig.status.ticks > 100, 'a hundred ticks')
    assert not rig.commands['left']

    rig.silent.clear()
    rig.wait_for_state(ExecutorStatus.HOLDING)
    graph.wait_until(lambda: len(rig.commands['right']) > 10, 'commands of the right arm')
    first = rig.commands['left'][0]
    assert list(first.name) == [*(f'joint{i}' for i in range(1, 7)), 'gripper']
    assert np.allclose(first.position, REST, atol=1e-3)
    assert len(first.velocity) == len(first.effort) == 7


def test_chunks_move_the_arm_and_without_more_of_them_it_comes_to_rest(rig: RigProbe) -> None:
    engage(rig)
    start = rig.position['left'][0]
    rig.send(rig.chunk(rig.moving_rows(), sequence=0))
    rig.wait_for_state(ExecutorStatus.TRACKING)
    rig.graph.wait_until(lambda: rig.status.starvations == 1, 'the starvation')
    rig.wait_for_state(ExecutorStatus.HOLDING)

    assert rig.status.reason == 'starvation'
    assert rig.mode == ControlMode.AUTONOMY
    rested = len(rig.commands['left'])
    rig.graph.wait_until(lambda: len(rig.commands['left']) > rested + 20, 'commands at rest')
    positions = np.array([message.position[0] for message in rig.commands['left'][-20:]])
    assert np.ptp(positions) < 1e-9
    assert 0.1 < positions[0] - start < 0.25


@pytest.mark.parametrize('poison', [np.nan, np.inf, 50.0])
def test_a_chunk_with_a_bad_number_never_becomes_a_command(rig: RigProbe, poison: float) -> None:
    engage(rig)
    rows = rig.rest_rows()
    rows[7, 3] = poison
    rig.send(rig.chunk(rows, sequence=0))
    rig.send(rig.chunk(rig.rest_rows(), sequence=1))  # the sentinel: it is behind the bad one
    rig.graph.wait_until(lambda: rig.status.chunks_accepted == 1, 'the good chunk')

    assert rig.status.chunks_rejected == 1
    for arm in ('left', 'right'):
        sent = np.array([message.position for message in rig.commands[arm]])
        assert np.isfinite(sent).all()
        assert np.abs(sent - sent[0]).max() < 1e-3


def test_a_chunk_whose_fields_contradict_each_other_is_counted_and_refused(rig: RigProbe) -> None:
    engage(rig)
    chunk = rig.chunk(rig.rest_rows(), sequence=0)
    chunk.horizon = 31
    rig.send(chunk)
    rig.graph.wait_until(lambda: rig.status.chunks_rejected == 1, 'the refusal')
    assert rig.status.chunks_received == 1


def test_chunks_are_refused_outside_of_autonomy(rig: RigProbe) -> None:
    rig.send(rig.chunk(rig.moving_rows(), sequence=0))
    rig.graph.wait_until(lambda: rig.status.chunks_rejected == 1, 'the refusal')
    assert rig.status.last_rejection.startswith('wrong_mode')


def test_the_emergency_stop_is_latched_until_its_reset(rig: RigProbe) -> None:
    engage(rig)
    rig.send(rig.chunk(rig.moving_rows(), sequence=0))
    rig.wait_for_state(ExecutorStatus.TRACKING)

    assert rig.graph.call(Trigger, 'executor_node/estop').success
    rig.wait_for_mode(ControlMode.ESTOP)
    for mode in (ControlMode.AUTONOMY, ControlMode.HOLD, ControlMode.HOMING):
        assert not set_mode(rig.graph, mode).success
    rig.wait_for_state(ExecutorStatus.HOLDING)
    commanded = len(rig.commands['left'])
    rig.graph.wait_until(
        lambda: len(rig.commands['left']) > commanded + 10, 'commands that hold: no arm may fall'
    )

    assert rig.graph.call(Trigger, 'executor_node/estop_reset').success
    rig.wait_for_mode(ControlMode.HOLD)
    assert not rig.graph.call(Trigger, 'executor_node/estop_reset').success


def stop_arms(rig: RigProbe) -> None:
    engage(rig)
    rig.send(rig.chunk(rig.moving_rows(), sequence=0))
    rig.wait_for_state(ExecutorStatus.TRACKING)
    answer = rig.graph.call(Trigger, 'executor_node/estop')
    assert (answer.success, answer.message) == (True, 'ESTOP')


def test_no_clean_up_and_configuration_unlatches_the_emergency_stop(rig: RigProbe) -> None:
    stop_arms(rig)
    for transition in (
        Transition.TRANSITION_DEACTIVATE,
        Transition.TRANSITION_CLEANUP,
        Transition.TRANSITION_CONFIGURE,
        Transition.TRANSITION_ACTIVATE,
    ):
        assert rig.graph.transition('executor_node', transition)
    rig.modes.clear()
    rig.statuses.clear()
    rig.wait_for_state(ExecutorStatus.HOLDING)
    assert rig.status.mode == ControlMode.ESTOP
    refused = set_mode(rig.graph, ControlMode.AUTONOMY)
    assert not refused.success
    assert rig.graph.call(Trigger, 'executor_node/estop_reset').success


def test_no_killed_process_unlatches_the_emergency_stop(graph: Graph) -> None:
    first = graph.start_active('executor_node', BIMANUAL, PATIENT_EXECUTOR)
    rig = RigProbe(graph)
    rig.wait_for_state(ExecutorStatus.HOLDING)
    stop_arms(rig)
    first.process.kill()
    first.process.wait()
    graph.nodes.remove(first)

    rig.modes.clear()
    second = graph.start_active('executor_node', BIMANUAL, PATIENT_EXECUTOR)
    rig.wait_for_mode(ControlMode.ESTOP)
    assert 'latched before the start: estop service, 20' in rig.modes[-1].reason
    assert not set_mode(graph, ControlMode.AUTONOMY).success
    assert graph.call(Trigger, 'executor_node/estop_reset').success
    second.process.kill()
    second.process.wait()
    graph.nodes.remove(second)

    rig.modes.clear()
    graph.start_active('executor_node', BIMANUAL, PATIENT_EXECUTOR)
    rig.wait_for_mode(ControlMode.HOLD)


def test_where_nothing_can_be_kept_the_arms_stop_and_the_answer_says_so(
    graph: Graph, ros_home: Path
) -> None:
    # Stands for a disk that takes nothing: no folder can be made in a file.
    ros_home.mkdir()
    blocked = ros_home / 'wla_ros'
    graph.start_active('executor_node', BIMANUAL, PATIENT_EXECUTOR)
    rig = RigProbe(graph)
    rig.wait_for_state(ExecutorStatus.HOLDING)
    engage(rig)
    shutil.rmtree(blocked)  # made when the node was configured
    blocked.write_text('')
    answer = graph.call(Trigger, 'executor_node/estop')
    assert answer.success
    assert f'lost when the node restarts: {blocked}' in answer.message
    rig.wait_for_mode(ControlMode.ESTOP)


def test_modes_are_published_with_rising_revisions_and_reasons(rig: RigProbe) -> None:
    engage(rig)
    assert not set_mode(rig.graph, ControlMode.HOMING).success
    assert not set_mode(rig.graph, 77).success
    assert set_mode(rig.graph, ControlMode.HOLD).success
    rig.wait_for_mode(ControlMode.HOLD)
    revisions = [message.revision for message in rig.modes]
    assert revisions == sorted(set(revisions))
    assert [message.mode for message in rig.modes[-2:]] == [ControlMode.AUTONOMY, ControlMode.HOLD]
    assert rig.modes[-1].reason == 'test'


def test_home_is_reached_and_held(rig: RigProbe) -> None:
    assert rig.graph.call(Trigger, 'executor_node/home').success
    rig.wait_for_mode(ControlMode.HOMING)
    rig.wait_for_mode(ControlMode.HOLD)
    assert rig.modes[-1].cause == 'homed'
    home = (0.0, 0.4754, -0.603, 0.0, 0.7384, 0.0)
    assert np.allclose(rig.position['right'][:6], home, atol=1e-3)


def test_silent_feedback_holds_and_names_the_arm(rig: RigProbe) -> None:
    engage(rig)
    rig.silent.add('right')
    rig.graph.wait_until(lambda: rig.status.reason == 'feedback_stale', 'the stale feedback')
    assert rig.status.state == ExecutorStatus.HOLDING


def test_feedback_that_cannot_be_decoded_is_counted_and_named(rig: RigProbe) -> None:
    reports = rig.graph.collect(DiagnosticArray, '/diagnostics')
    half = rig.graph.probe.create_publisher(JointState, 'joint_states_left', qos.SENSOR_OUTPUT)
    rig.graph.probe.create_timer(
        0.1, lambda: half.publish(JointState(name=['joint1'], position=[0.0]))
    )

    def undecodable() -> int:
        return sum(
            int(pair.value)
            for report in reports[-2:]
            for status in report.status
            if status.name == 'executor_node: execution'
            for pair in status.values
            if pair.key == 'feedback_undecodable'
        )

    rig.graph.wait_until(lambda: undecodable() > 0, 'the count')
    assert 'feedback of left is not usable' in rig.graph.nodes[0].output()
    assert rig.status.state == ExecutorStatus.HOLDING


def wait_for_motion(rig: RigProbe, limited: list[JointState]) -> None:
    rig.graph.wait_until(
        lambda: any(message.velocity[0] > 0.1 for message in limited), 'arms in motion'
    )


def test_deactivation_comes_to_rest_first_and_then_commands_nothing(rig: RigProbe) -> None:
    limited = rig.graph.collect(JointState, 'limited_command')
    engage(rig)
    rig.send(rig.chunk(rig.moving_rows(0.5), sequence=0))
    wait_for_motion(rig, limited)
    assert rig.graph.transition('executor_node', Transition.TRANSITION_DEACTIVATE)
    assert rig.graph.transition('executor_node', Transition.TRANSITION_CLEANUP)
    # The clean-up destroyed the publisher: what was sent has arrived or never will.
    rig.graph.wait_until(
        lambda: rig.graph.probe.count_publishers('joint_ctrl_cmd_left') == 0, 'the last command'
    )
    # Every second tick; a hundredth of the speed is left at the most in the tick before the rest.
    assert np.abs(limited[-1].velocity).max() < 0.005


def test_a_node_whose_terminal_goes_away_comes_to_rest_before_it_ends(rig: RigProbe) -> None:
    limited = rig.graph.collect(JointState, 'limited_command')
    engage(rig)
    rig.send(rig.chunk(rig.moving_rows(0.5), sequence=0))
    wait_for_motion(rig, limited)
    node = rig.graph.nodes[0]
    node.process.send_signal(signal.SIGHUP)
    rig.graph.wait_until(lambda: node.ended, 'the end of the node')
    assert node.wait() == 0
    rig.graph.wait_until(
        lambda: rig.graph.probe.count_publishers('limited_command') == 0, 'the last command'
    )
    assert np.abs(limited[-1].velocity).max() < 0.005


FAILING_TICKS = """
import pathlib
from wla_ros.execution.command import CommandedMotion
from wla_ros.nodes.executor.node import main

remember = CommandedMotion.remember

def fail_at_will(self, *arguments, **options):
    if pathlib.Path('fail').exists():
        raise KeyError('broken')
    remember(self, *arguments, **options)

CommandedMotion.remember = fail_at_will
raise SystemExit(main())
"""


def test_ticks_that_go_on_failing_are_no_healthy_loop(graph: Graph) -> None:
    graph.start_active('executor_node', BIMANUAL, PATIENT_EXECUTOR, program=FAILING_TICKS)
    rig = RigProbe(graph)
    rig.wait_for_state(ExecutorStatus.HOLDING)
    reports = graph.collect(DiagnosticArray, '/diagnostics')
    engage(rig)
    rig.send(rig.chunk(rig.moving_rows(), sequence=0))
    rig.wait_for_state(ExecutorStatus.TRACKING)

    (graph.folder / 'fail').touch()
    rig.wait_for_state(ExecutorStatus.FAILED)
    rig.wait_for_mode(ControlMode.HOLD)
    assert (rig.modes[-1].cause, rig.modes[-1].reason) == ('tick_failed', "KeyError: 'broken'")
    assert rig.status.reason == 'tick_failed'
    graph.wait_until(lambda: rig.status.ticks_failed > 100, 'a hundred failed ticks')
    refused = set_mode(graph, ControlMode.AUTONOMY)
    assert not refused.success
    assert refused.message.startswith('tick_failed')

    def loop_level() -> int:
        return max(
            (
                ord(status.level)
                for report in reports[-4:]
                for status in report.status
                if status.name == 'executor_node: control loop'
            ),
            default=0,
        )

    graph.wait_until(lambda: loop_level() == ord(DiagnosticStatus.ERROR), 'the error')
    assert_counters_add_up(rig.status)

    (graph.folder / 'fail').unlink()
    rig.wait_for_state(ExecutorStatus.HOLDING)
    graph.wait_until(lambda: set_mode(graph, ControlMode.AUTONOMY).success, 'the recovery')


HELD_UP_READING = """
import pathlib, time
from wla_ros.execution.executor import ChunkExecutor
from wla_ros.nodes.executor.node import main

def solve_for_ever(self, chunk):
    pathlib.Path('solving').touch()
    while not pathlib.Path('done').exists():
        time.sleep(0.01)

ChunkExecutor.solve_poses = solve_for_ever
raise SystemExit(main())
"""


def test_a_stop_does_not_wait_for_a_chunk_that_is_being_solved(graph: Graph) -> None:
    graph.start_active('executor_node', BIMANUAL, PATIENT_EXECUTOR, program=HELD_UP_READING)
    rig = RigProbe(graph)
    rig.wait_for_state(ExecutorStatus.HOLDING)
    engage(rig)
    rig.send(rig.chunk(rig.rest_rows(), sequence=0))
    graph.wait_until((graph.folder / 'solving').exists, 'the solving to begin')

    assert graph.call(Trigger, 'executor_node/estop').success
    rig.wait_for_mode(ControlMode.ESTOP)
    assert rig.status.chunks_received == 0, 'the chunk is still being solved'
    (graph.folder / 'done').touch()
    graph.wait_until(lambda: rig.status.chunks_rejected == 1, 'the refusal')
    assert rig.status.last_rejection.startswith('wrong_mode')


def test_planned_path_and_limited_command_are_shown(rig: RigProbe) -> None:
    from visualization_msgs.msg import Marker
    from visualization_msgs.msg import MarkerArray

    paths = rig.graph.collect(MarkerArray, 'planned_path')
    limited = rig.graph.collect(JointState, 'limited_command')
    engage(rig)
    for sequence in range(3):
        rig.send(rig.chunk(rig.moving_rows(), sequence=sequence))
        seen = len(paths)
        rig.graph.wait_until(lambda n=seen: len(paths) > n + 1, 'two more markers')
    lines = [m for array in paths for m in array.markers if m.action == Marker.ADD]
    assert lines
    assert {marker.ns for marker in lines} == {'planned_path/left', 'planned_path/right'}
    assert all(marker.header.frame_id == 'world' for marker in lines)
    assert limited
    assert limited[-1].name[0] == 'left/joint1'
    assert len(limited[-1].position) == 14


def test_the_executor_never_loads_torch(executor: NodeProcess) -> None:
    maps = Path(f'/proc/{executor.process.pid}/maps')
    if maps.exists():
        assert 'torch' not in maps.read_text()
    program = (
        'import sys, wla_ros.nodes.executor.node; '
        "bad = {'torch', 'mujoco', 'cv2', 'rosbags', 'matplotlib'} & set(sys.modules); "
        'sys.exit(str(bad) if bad else 0)'
    )
    done = subprocess.run(
        [sys.executable, '-c', program], cwd='/', capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
