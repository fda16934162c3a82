# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Two publishers of anything, over the graph: named, held, and never commanded into."""

import itertools
from collections.abc import Iterator

import numpy as np
import pytest

rclpy = pytest.importorskip('rclpy')

from diagnostic_msgs.msg import DiagnosticArray  # noqa: E402 - not without rclpy
from diagnostic_msgs.msg import DiagnosticStatus  # noqa: E402
from lifecycle_msgs.msg import Transition  # noqa: E402
from nodes.graph import BIMANUAL  # noqa: E402
from nodes.graph import Graph  # noqa: E402
from nodes.rig_probe import PATIENT_EXECUTOR  # noqa: E402
from nodes.rig_probe import PATIENT_POLICY  # noqa: E402
from nodes.rig_probe import REST  # noqa: E402
from nodes.rig_probe import RigProbe  # noqa: E402
from rclpy.context import Context  # noqa: E402
from rclpy.node import Node  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402
from sensor_msgs.msg import JointState  # noqa: E402
from std_msgs.msg import String  # noqa: E402

from wla_ros.base.joints import ARM_COLUMNS  # noqa: E402
from wla_ros.msg import ControlMode  # noqa: E402
from wla_ros.msg import ExecutorStatus  # noqa: E402
from wla_ros.msg import PiperStatus  # noqa: E402
from wla_ros.msg import PolicyStatus  # noqa: E402
from wla_ros.nodes import qos  # noqa: E402
from wla_ros.nodes.messages import time_message  # noqa: E402
from wla_ros.srv import SetControlMode  # noqa: E402


@pytest.fixture
def stranger() -> Iterator[Node]:
    """A node of another participant: one participant knows a topic in one type only."""
    context = Context()
    rclpy.init(context=context)
    node = rclpy.create_node('stranger', context=context)
    yield node
    node.destroy_node()
    rclpy.shutdown(context=context)


@pytest.fixture
def rig(graph: Graph) -> RigProbe:
    """A probe whose arms the executor holds."""
    graph.start_active('executor_node', BIMANUAL, PATIENT_EXECUTOR)
    probe = RigProbe(graph)
    probe.wait_for_state(ExecutorStatus.HOLDING)
    return probe


def wait_for_reason(rig: RigProbe, reason: str) -> None:
    rig.graph.wait_until(lambda: rig.status.reason == reason, f'the reason {reason}')


def set_mode(rig: RigProbe, mode: int, session: int = 0) -> SetControlMode.Response:
    return rig.graph.call(
        SetControlMode, 'executor_node/set_mode', mode=mode, session=session, reason='test'
    )


def move(rig: RigProbe) -> None:
    """Enter AUTONOMY and let an arm move."""
    response = set_mode(rig, ControlMode.AUTONOMY)
    assert response.success, response.message
    rig.wait_for_mode(ControlMode.AUTONOMY)
    rig.send(rig.chunk(rig.moving_rows(), sequence=0))
    rig.wait_for_state(ExecutorStatus.TRACKING)


def test_a_second_driver_holds_the_arms_where_they_are(rig: RigProbe) -> None:
    graph, node = rig.graph, rig.graph.probe
    reports = graph.collect(DiagnosticArray, '/diagnostics')
    move(rig)
    other = node.create_publisher(JointState, 'joint_states_left', qos.SENSOR_OUTPUT)

    def publish() -> None:
        elsewhere = np.array(REST)
        elsewhere[0] += 0.8
        message = JointState(name=list(ARM_COLUMNS), position=elsewhere.tolist())
        message.velocity, message.effort = [0.0] * 6, [0.1] * 7
        message.header.stamp = time_message(rig.now_ns)
        other.publish(message)

    timer = node.create_timer(0.0093, publish)
    rig.wait_for_mode(ControlMode.HOLD)  # for the deviation, if a sample comes before the look
    wait_for_reason(rig, 'several_publishers')
    rig.wait_for_state(ExecutorStatus.HOLDING)
    held = len(rig.commands['left'])
    graph.wait_until(lambda: len(rig.commands['left']) > held + 200, 'two hundred commands')
    positions = np.array([message.position[0] for message in rig.commands['left'][held:]])
    assert np.ptp(positions) < 1e-9
    refusal = set_mode(rig, ControlMode.AUTONOMY)
    assert not refusal.success
    assert 'several_publishers' in refusal.message
    assert 'joint_states_left' in refusal.message
    assert not set_mode(rig, ControlMode.HOMING).success

    def levels() -> set[bytes]:
        return {
            status.level
            for report in reports
            for status in report.status
            if status.name == 'executor_node: graph'
        }

    graph.wait_until(lambda: DiagnosticStatus.ERROR in levels(), 'the error in diagnostics')
    node.destroy_timer(timer)
    node.destroy_publisher(other)
    graph.wait_until(lambda: bool(set_mode(rig, ControlMode.AUTONOMY).success), 'AUTONOMY again')


@pytest.mark.parametrize('topic', ['joint_ctrl_cmd_right', 'arm_status_left'])
def test_a_second_publisher_of_commands_or_two_of_a_status_hold_the_arms(
    rig: RigProbe, topic: str
) -> None:
    move(rig)
    kind = JointState if topic.startswith('joint') else PiperStatus
    # Also from one process and one node: counted are endpoints, not names.
    for _ in range(2):
        rig.graph.probe.create_publisher(kind, topic, qos.COMMAND)
    rig.wait_for_mode(ControlMode.HOLD)
    assert rig.modes[-1].cause == 'several_publishers'
    assert topic in rig.modes[-1].reason


@pytest.mark.parametrize('topic', ['joint_states_left', 'arm_status_left'])
def test_another_type_name_on_a_topic_of_the_driver_blocks_motion(
    rig: RigProbe, stranger: Node, topic: str
) -> None:
    stranger.create_publisher(String, topic, qos.STATUS)
    rig.graph.wait_until(lambda: 'std_msgs/msg/String' in refusal_of(rig), 'the refusal')
    assert not set_mode(rig, ControlMode.HOMING).success


def refusal_of(rig: RigProbe, mode: int = ControlMode.HOMING) -> str:
    """Return why `mode` is refused, or leave it again."""
    response = set_mode(rig, mode)
    if response.success:
        set_mode(rig, ControlMode.HOLD)
    return str(response.message)


def test_a_command_that_is_read_as_another_type_blocks_motion(
    rig: RigProbe, stranger: Node
) -> None:
    stranger.create_subscription(String, 'joint_ctrl_cmd_left', lambda _: None, qos.COMMAND)
    rig.graph.wait_until(lambda: 'type_mismatch' in refusal_of(rig), 'the refusal')


def test_an_executor_sends_nothing_into_a_topic_that_has_an_owner(graph: Graph) -> None:
    owner: Node = graph.probe
    theirs = owner.create_publisher(JointState, 'joint_ctrl_cmd_left', qos.COMMAND)
    patient = {**PATIENT_EXECUTOR, 'discovery_s': 4.0}
    executor = graph.start_active('executor_node', BIMANUAL, patient)
    rig = RigProbe(graph)
    rig.wait_for_state(ExecutorStatus.NOT_READY)
    wait_for_reason(rig, 'several_publishers')
    graph.wait_until(lambda: rig.status.ticks > 600, 'three seconds')
    assert owner.count_publishers('joint_ctrl_cmd_left') == 1
    assert owner.count_publishers('joint_ctrl_cmd_right') == 0
    assert not rig.commands['left']
    assert not rig.commands['right']
    assert '/probe' in executor.output()

    owner.destroy_publisher(theirs)
    rig.wait_for_state(ExecutorStatus.HOLDING)
    graph.wait_until(lambda: len(rig.commands['left']) > 10, 'commands')


def test_of_two_executors_the_second_does_not_disturb_the_first(rig: RigProbe) -> None:
    graph = rig.graph
    move(rig)
    first = len(rig.modes)
    # as by default: on a busy machine the first one is not discovered at once
    second = graph.start('executor_node', BIMANUAL, {**PATIENT_EXECUTOR, 'discovery_s': 2.0})
    graph.wait_until(lambda: 'nothing is commanded' in second.output(), 'the second to say why')
    graph.wait_until(lambda: rig.status.ticks > 0, 'a status')
    assert graph.probe.count_publishers('joint_ctrl_cmd_left') == 1
    assert [message.mode for message in rig.modes[first:]].count(ControlMode.HOLD) <= 1


def test_discovery_is_waited_for_again_after_a_deactivation(graph: Graph) -> None:
    graph.start_active('executor_node', BIMANUAL, PATIENT_EXECUTOR)
    rig = RigProbe(graph)
    rig.wait_for_state(ExecutorStatus.HOLDING)
    assert graph.transition('executor_node', Transition.TRANSITION_DEACTIVATE)
    intruder = graph.probe.create_publisher(JointState, 'joint_ctrl_cmd_left', qos.COMMAND)
    graph.wait_until(
        lambda: graph.probe.count_publishers('joint_ctrl_cmd_left') == 2, 'both publishers'
    )
    place, steps = rig.position['left'], itertools.count(1)

    def moved_away() -> bool:  # by whoever commands meanwhile
        place[0] = REST[0] + min(0.3, 0.005 * next(steps))
        return bool(place[0] == REST[0] + 0.3)

    graph.wait_until(moved_away, 'the arm to be elsewhere')
    sent = len(rig.commands['left'])
    assert graph.transition('executor_node', Transition.TRANSITION_ACTIVATE)
    wait_for_reason(rig, 'several_publishers')
    assert len(rig.commands['left']) == sent
    graph.probe.destroy_publisher(intruder)
    rig.wait_for_state(ExecutorStatus.HOLDING)
    graph.wait_until(lambda: len(rig.commands['left']) > sent, 'commands')
    assert rig.commands['left'][sent].position[0] == pytest.approx(REST[0] + 0.3, abs=1e-3)


def test_of_two_policies_one_is_executed(rig: RigProbe) -> None:
    graph = rig.graph
    rig.graph.probe.create_publisher(
        type(rig.chunk(rig.rest_rows(), sequence=0)), 'action_chunk', 5
    )
    graph.wait_until(
        lambda: 'several_policies' in refusal_of(rig, ControlMode.AUTONOMY), 'the refusal'
    )
    assert set_mode(rig, ControlMode.AUTONOMY, session=2**64 - 1).success
    for count in range(10):
        session = (2**64 - 1, 8)[count % 2]
        chunk = rig.chunk(rig.rest_rows(), sequence=count // 2, epoch=1 + count % 2)
        chunk.session = session
        rig.send(chunk)
        graph.wait_until(lambda n=count: rig.status.chunks_received > n, 'the chunk')
    assert rig.status.chunks_accepted == 5
    assert list(rig.status.rejection_reasons) == ['other_session']
    assert rig.status.session == 2**64 - 1


@pytest.mark.parametrize(
    ('kind', 'topic'),
    [(Image, 'camera/head/image_raw'), (JointState, 'joint_states_left')],
)
def test_the_policy_makes_no_observation_of_two_sources(
    graph: Graph, kind: type, topic: str
) -> None:
    RigProbe(graph).with_cameras()
    statuses = graph.collect(PolicyStatus, 'policy_status')
    graph.start_active('policy_node', BIMANUAL, {**PATIENT_POLICY, 'run_without_task': True})
    graph.wait_until(lambda: bool(statuses) and statuses[-1].observations > 3, 'observations')
    graph.probe.create_publisher(kind, topic, qos.SENSOR_OUTPUT)
    graph.wait_until(lambda: statuses[-1].refusal == 'several_publishers', 'the refusal')
    assert topic in statuses[-1].refusal_detail
    assert not statuses[-1].ready
    made = statuses[-1].observations
    seen = len(statuses)
    graph.wait_until(lambda: len(statuses) > seen + 5, 'a second')
    assert statuses[-1].observations <= made + 1
