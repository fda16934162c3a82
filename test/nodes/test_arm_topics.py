# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Every shipped driver profile on the wire: what is subscribed, decoded, encoded and published."""

import sys
import time
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest

rclpy = pytest.importorskip('rclpy')

from geometry_msgs.msg import PoseStamped  # noqa: E402 - not without rclpy
from rclpy.context import Context  # noqa: E402
from rclpy.serialization import deserialize_message  # noqa: E402
from rclpy.serialization import serialize_message  # noqa: E402
from sensor_msgs.msg import JointState  # noqa: E402
from std_msgs.msg import Float64MultiArray  # noqa: E402
from trajectory_msgs.msg import JointTrajectory  # noqa: E402

from wla_ros.base.config import ConfigurationError  # noqa: E402
from wla_ros.base.reasons import TYPE_MISMATCH  # noqa: E402
from wla_ros.base.topic_use import Endpoint  # noqa: E402
from wla_ros.base.topic_use import TopicEnds  # noqa: E402
from wla_ros.base.topic_use import judge_topic  # noqa: E402
from wla_ros.base.types import JointCommand  # noqa: E402
from wla_ros.base.types import JointSample  # noqa: E402
from wla_ros.base.types import Refusal  # noqa: E402
from wla_ros.msg import ActionChunk  # noqa: E402
from wla_ros.msg import PiperPosCmd  # noqa: E402
from wla_ros.msg import PiperStatus  # noqa: E402
from wla_ros.nodes import graph  # noqa: E402
from wla_ros.nodes.arms import ArmStatusInputs  # noqa: E402
from wla_ros.nodes.arms import JointInputs  # noqa: E402
from wla_ros.nodes.arms import arm_condition  # noqa: E402
from wla_ros.nodes.executor.outputs import CommandOutputs  # noqa: E402
from wla_ros.nodes.graph import CHUNKS  # noqa: E402
from wla_ros.nodes.graph import topic_ends  # noqa: E402
from wla_ros.nodes.messages import resolve_type  # noqa: E402
from wla_ros.robots.profile import END_POSE  # noqa: E402
from wla_ros.robots.profile import JOINTS  # noqa: E402
from wla_ros.robots.profile import StatusEncoding  # noqa: E402
from wla_ros.robots.robot import Robot  # noqa: E402
from wla_ros.robots.robot import RobotSection  # noqa: E402
from wla_ros.robots.robot import load_robot  # noqa: E402

ARM = (0.1, 0.6, -0.7, 0.1, 0.5, 0.1, 0.03)
PROFILES = (
    'piper_ros',
    'cobot_magic',
    'agx_arm_ros',
    'ros2_control',
    'ros2_control_forward',
    'piper_ros_single',
)


class FakeNode:
    """Remembers what is created on it; publishers remember what is published."""

    def __init__(self) -> None:
        self.published: dict[str, list[Any]] = {}
        self.callbacks: dict[str, Any] = {}
        self.kinds: dict[str, Any] = {}

    def create_publisher(self, kind: Any, topic: str, qos: Any) -> Any:
        del kind, qos
        messages = self.published.setdefault(topic, [])
        return type('Publisher', (), {'publish': lambda _, message: messages.append(message)})()

    def create_subscription(self, kind: Any, topic: str, callback: Any, qos: Any) -> str:
        del qos
        assert topic not in self.callbacks
        self.callbacks[topic] = callback
        self.kinds[topic] = kind
        return topic

    def destroy_subscription(self, topic: str) -> None:
        del self.callbacks[topic], self.kinds[topic]


def robot(profile: str, *, simulated: bool = False) -> Robot:
    loaded = load_robot(RobotSection(driver_profile=profile, simulated=simulated))
    assert isinstance(loaded, Robot), loaded
    return loaded


def command(machine: Robot, **changes: float) -> JointCommand:
    position = np.tile(ARM, len(machine.layout.arms))
    for column, value in changes.items():
        position[int(column.removeprefix('column'))] = value
    rest = np.zeros(machine.layout.width)
    return JointCommand(stamp_ns=5, position=position, velocity=rest, acceleration=rest)


def outputs_of(node: FakeNode, machine: Robot, form: str, period_ms: int = 5) -> CommandOutputs:
    return CommandOutputs(node, machine, form=form, period_ns=period_ms * 1_000_000)


@pytest.mark.parametrize('profile', PROFILES)
def test_every_profile_publishes_one_command_per_arm(profile: str) -> None:
    node, machine = FakeNode(), robot(profile)
    outputs = outputs_of(node, machine, JOINTS)
    assert outputs.publish(command(machine)) is None
    assert {len(messages) for messages in node.published.values()} == {1}
    assert set(node.published) == {arm.channels.command_topic for arm in machine.arms}


def test_piper_ros_takes_seven_names_speed_and_force() -> None:
    node, machine = FakeNode(), robot('piper_ros')
    outputs_of(node, machine, JOINTS).publish(command(machine))
    (message,) = node.published['joint_ctrl_cmd_left']
    assert isinstance(message, JointState)
    assert list(message.name) == [*(f'joint{i}' for i in range(1, 7)), 'gripper']
    assert message.position.tolist() == pytest.approx(ARM)
    assert message.velocity.tolist() == [0.0] * 6 + [100.0]
    assert len(message.effort) == 7


@pytest.mark.parametrize(('period_ms', 'due_ms'), [(5, 10), (2, 10), (20, 40)])
def test_ros2_control_takes_a_trajectory_of_one_point_in_the_future(
    period_ms: int, due_ms: int
) -> None:
    node, machine = FakeNode(), robot('ros2_control')
    outputs_of(node, machine, JOINTS, period_ms).publish(command(machine))
    (message,) = node.published['left_arm_controller/joint_trajectory']
    assert isinstance(message, JointTrajectory)
    (point,) = message.points
    assert message.joint_names[0] == 'left_joint1'
    assert point.positions[6] == pytest.approx(0.015)
    # Two periods at least: the next point comes before this one is due.
    assert point.time_from_start.nanosec == due_ms * 1_000_000
    assert message.header.stamp.sec == 0


def test_a_forward_command_controller_reads_back_the_positions_by_order() -> None:
    node, machine = FakeNode(), robot('ros2_control_forward')
    asked = command(machine, column6=0.2, column7=-0.4)  # wider than the gripper opens
    assert outputs_of(node, machine, JOINTS).publish(asked) is None
    wide = machine.profile.command.gripper.maximum_m
    for arm, width in (('left', wide), ('right', ARM[6])):
        (sent,) = node.published[f'{arm}_arm_controller/commands']
        read = deserialize_message(serialize_message(sent), Float64MultiArray)
        assert len(read.data) == 7
        assert not read.layout.dim
        *joints, finger = read.data
        columns = machine.layout.arm_slice(arm)
        assert joints == asked.position[columns][:6].tolist()
        assert 2.0 * finger == pytest.approx(width)


def test_native_end_poses_are_of_the_flange() -> None:
    node, machine = FakeNode(), robot('piper_ros', simulated=True)
    outputs_of(node, machine, END_POSE).publish(command(machine))
    (message,) = node.published['pos_cmd_left']
    assert isinstance(message, PiperPosCmd)
    assert 0.1 < np.linalg.norm([message.x, message.y, message.z]) < 0.8
    assert message.gripper == pytest.approx(0.03)

    node, machine = FakeNode(), robot('agx_arm_ros')
    outputs_of(node, machine, END_POSE).publish(command(machine))
    (pose,) = node.published['left/control/move_p']
    assert isinstance(pose, PoseStamped)
    assert pose.header.frame_id == 'base_link'


@pytest.mark.parametrize('poison', [float('nan'), 50.0])
def test_what_cannot_be_sent_to_one_arm_is_sent_to_none(poison: float) -> None:
    node, machine = FakeNode(), robot('piper_ros')
    outputs = outputs_of(node, machine, JOINTS)
    assert isinstance(outputs.publish(command(machine, column8=poison)), Refusal)
    assert not any(node.published.values())

    node, machine = FakeNode(), robot('ros2_control_forward')
    outputs = outputs_of(node, machine, JOINTS)
    assert isinstance(outputs.publish(command(machine, column8=poison)), Refusal)
    assert not any(node.published.values())


def test_arms_that_share_a_topic_are_decoded_from_one_subscription() -> None:
    node, machine = FakeNode(), robot('ros2_control')
    samples: list[JointSample] = []
    refusals: list[tuple[str, Refusal]] = []
    JointInputs(
        node,
        machine.arms,
        now_ns=lambda: 9,
        on_sample=samples.append,
        on_refusal=lambda arm, refusal: refusals.append((arm, refusal)),
    )
    assert list(node.callbacks) == ['joint_states']
    names = [f'{arm}_joint{i}' for arm in ('right', 'left') for i in range(1, 8)]
    values = [*ARM[:6], 0.01, *(-angle for angle in ARM[:6]), 0.02]
    node.callbacks['joint_states'](
        JointState(name=names, position=values, velocity=[0.0] * 14), {}
    )
    assert [sample.arm for sample in samples] == ['left', 'right']
    assert samples[0].position[0] == pytest.approx(-0.1)
    assert samples[0].position[6] == pytest.approx(0.04)
    assert not refusals

    node.callbacks['joint_states'](JointState(name=names[:7], position=values[:7]), {})
    assert [(arm, refusal.reason) for arm, refusal in refusals] == [('left', 'missing_joints')]


def test_the_status_of_an_arm_becomes_its_condition() -> None:
    stopped = arm_condition('left', PiperStatus(ctrl_mode=1, arm_status=1))
    assert not stopped.ok
    assert stopped.emergency_stop
    silent = arm_condition('left', PiperStatus(ctrl_mode=1, communication_status_joint_3=True))
    assert silent.silent_joints == (3,)
    assert arm_condition('left', PiperStatus(ctrl_mode=1)).ok


@pytest.fixture
def driver_messages(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A package of a driver with a status of its own, as if it were sourced."""
    package, messages = ModuleType('some_msgs'), ModuleType('some_msgs.msg')
    messages.Status = type('Status', (), {})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, 'some_msgs', package)
    monkeypatch.setitem(sys.modules, 'some_msgs.msg', messages)
    return messages


def with_status(machine: Robot, *names: str) -> Robot:
    profile = replace(machine.profile, status=StatusEncoding(message_types=names))
    return replace(machine, profile=profile)


def status_inputs(node: FakeNode, machine: Robot) -> ArmStatusInputs:
    return ArmStatusInputs(node, machine, on_condition=lambda _: None)  # type: ignore[arg-type]


def test_a_real_driver_is_never_read_in_a_type_of_ours() -> None:
    node = FakeNode()
    inputs = status_inputs(node, robot('piper_ros'))  # piper_msgs is not installed
    inputs.follow('arm_status_left', {'piper_msgs/msg/PiperStatusMsg'})
    assert not node.callbacks
    assert {use.type_name for use in inputs.uses} == {''}
    found = TopicEnds(
        publishers=[Endpoint(node='/piper', type_name='piper_msgs/msg/PiperStatusMsg')]
    )
    for use in inputs.uses:
        assert [problem.reason for problem in judge_topic(use, found)] == [TYPE_MISMATCH]


def test_the_simulated_rig_is_read_in_types_of_ours_whatever_is_installed(
    driver_messages: Any,
) -> None:
    del driver_messages
    names = ('some_msgs/msg/Status', 'wla_ros/msg/PiperStatus')
    node = FakeNode()
    status_inputs(node, with_status(robot('piper_ros', simulated=True), *names))
    assert set(node.kinds.values()) == {PiperStatus}

    node = FakeNode()
    inputs = status_inputs(node, with_status(robot('piper_ros'), *names))
    assert PiperStatus not in node.kinds.values()
    inputs.follow('arm_status_left', {'wla_ros/msg/PiperStatus'})
    assert node.kinds['arm_status_left'] is PiperStatus


def test_the_status_is_read_in_the_type_that_is_published_if_the_profile_names_it(
    driver_messages: Any,
) -> None:
    node = FakeNode()
    other = driver_messages.Other = type('Other', (), {})
    machine = with_status(robot('piper_ros'), 'some_msgs/msg/Status', 'some_msgs/msg/Other')
    inputs = status_inputs(node, machine)
    assert node.kinds['arm_status_left'] is driver_messages.Status

    both = {'some_msgs/msg/Status', 'some_msgs/msg/Other'}
    for published in ({'elsewhere/msg/Status'}, {'wla_ros/msg/PiperStatus'}, both, set()):
        inputs.follow('arm_status_left', published)
        assert node.kinds['arm_status_left'] is driver_messages.Status
    inputs.follow('arm_status_left', {'some_msgs/msg/Other'})
    assert node.kinds['arm_status_left'] is other
    assert node.kinds['arm_status_right'] is driver_messages.Status
    assert [use.type_name for use in inputs.uses] == [
        'some_msgs/msg/Other',
        'some_msgs/msg/Status',
    ]


def test_end_poses_are_not_sent_to_a_real_driver_in_a_type_of_ours() -> None:
    with pytest.raises(ConfigurationError, match='piper_msgs/msg/PosCmd'):
        outputs_of(FakeNode(), robot('piper_ros'), END_POSE)


def test_the_first_installed_message_type_is_taken_and_none_is_named() -> None:
    names = ('piper_msgs_that_is_missing/msg/PosCmd', 'wla_ros/msg/PiperPosCmd')
    assert resolve_type(names, where='here') is PiperPosCmd
    with pytest.raises(ConfigurationError, match=r'here: no message type of no_such/msg/Type'):
        resolve_type(('no_such/msg/Type',), where='here')


def test_arms_that_the_profile_lacks_are_listed() -> None:
    problems = load_robot(
        RobotSection(driver_profile='piper_ros', arms=('left', 'middle', 'left'))
    )
    assert not isinstance(problems, Robot)
    texts = [str(problem) for problem in problems]
    assert any("'middle' is no arm" in text for text in texts)
    assert any('names an arm twice' in text for text in texts)


def test_the_graph_tells_the_fields_of_a_type_as_they_are_installed(
    ros_context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two hosts with two versions of a message are named by the node that has the other one."""
    node = rclpy.create_node('policy', context=ros_context)
    node.create_publisher(ActionChunk, CHUNKS.topic, 1)
    end_s = time.monotonic() + 20.0
    while not topic_ends(node, CHUNKS.topic).publishers:
        assert time.monotonic() < end_s
        time.sleep(0.02)
    (end,) = topic_ends(node, CHUNKS.topic).publishers
    if not end.type_hash:
        pytest.skip('this distribution tells no hash of a type')
    assert end.type_hash == graph.installed_hash(CHUNKS.type_name)
    assert not graph.judge(node, CHUNKS)
    monkeypatch.setattr(graph, 'installed_hash', lambda _: 'RIHS01_of_another_version')
    (problem,) = graph.judge(node, CHUNKS)
    assert problem.reason == TYPE_MISMATCH
    assert '/policy' in problem.detail
    node.destroy_node()
