# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Publishers of set-points: all arms are encoded before the first message leaves.

Owns topics, message types and the choice between joint and native end-pose commands. What is sent
was limited before; a command that cannot be encoded for one arm is sent to none.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.qos import ReliabilityPolicy
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory
from trajectory_msgs.msg import JointTrajectoryPoint

from wla_ros.base.config import Problem
from wla_ros.base.joints import JointLayout
from wla_ros.base.timing import seconds_to_ns
from wla_ros.base.types import JointCommand
from wla_ros.base.types import Refusal
from wla_ros.composition.executor import ExecutorNodeConfiguration
from wla_ros.nodes.messages import duration_message
from wla_ros.nodes.messages import installed_type
from wla_ros.nodes.messages import pose_message
from wla_ros.nodes.messages import resolve_type
from wla_ros.nodes.messages import spoken_types
from wla_ros.nodes.messages import time_message
from wla_ros.nodes.qos import COMMAND
from wla_ros.robots.encoding import EncodedPosCmd
from wla_ros.robots.encoding import encode_command
from wla_ros.robots.encoding import encode_end_pose
from wla_ros.robots.piper.forward_kinematics import flange_pose
from wla_ros.robots.profile import END_POSE
from wla_ros.robots.profile import JOINTS
from wla_ros.robots.profile import ArmProfile
from wla_ros.robots.profile import QosEncoding
from wla_ros.robots.robot import Robot


def form_problems(configuration: ExecutorNodeConfiguration, robot: Robot) -> list[Problem]:
    """Return why the form of commands that is configured cannot be sent to this robot."""
    if configuration.command_form != END_POSE:
        return []
    problems = [
        Problem(
            where='command_form',
            what=f'the driver of arm {arm.name} takes no end poses',
            remedy="use 'joints'",
        )
        for arm in robot.arms
        if not arm.channels.end_pose_command_topic
    ]
    end_pose = robot.profile.end_pose
    names = () if end_pose is None else end_pose.message_types
    spoken = spoken_types(names, simulated=robot.simulated)
    if not problems and not installed_type(spoken):
        problems.append(
            Problem(
                where='command_form',
                what=f'no type of the end poses of the driver is installed: {", ".join(spoken)}',
                remedy="source the driver's package, or use 'joints'; robot.simulated for the rig",
            )
        )
    return problems


_Encoder = Callable[[JointCommand], Any]


class CommandOutputs:
    """One command publisher per arm. Every method may be called from any one thread."""

    def __init__(
        self,
        node: Node,
        robot: Robot,
        *,
        form: str,
        period_ns: int,
    ) -> None:
        """
        Create the publishers for `form` (joints or end_pose), used every `period_ns`, in the types
        of the driver, or of this package for the simulated rig.

        Raises ConfigurationError if a message type is not installed or the driver takes no end
        poses.
        """
        self._outputs: list[tuple[str, Any, _Encoder]] = []
        layout = robot.layout
        for arm in robot.arms:
            kind, topic, encoder, qos = (
                _joint_output(arm, layout, period_ns)
                if form == JOINTS
                else _pose_output(arm, layout, simulated=robot.simulated)
            )
            publisher = node.create_publisher(kind, topic, output_qos(qos))
            self._outputs.append((arm.name, publisher, encoder))

    def publish(self, command: JointCommand) -> Refusal | None:
        """Send the set-point to all arms but the silent ones, or to none and say why."""
        messages = []
        for arm, publisher, encoder in self._outputs:
            if arm in command.silent_arms:
                continue
            message = encoder(command)
            if isinstance(message, Refusal):
                return message
            messages.append((publisher, message))
        for publisher, message in messages:
            publisher.publish(message)
        return None


def output_qos(encoding: QosEncoding) -> QoSProfile:
    """Return the publisher profile of a driver profile's topic."""
    reliable = encoding.reliability == 'reliable'
    return QoSProfile(
        history=COMMAND.history,
        depth=encoding.depth,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=COMMAND.durability,
    )


def _joint_output(
    arm: ArmProfile, layout: JointLayout, period_ns: int
) -> tuple[Any, str, _Encoder, QosEncoding]:
    columns = layout.arm_slice(arm.name)
    kind = resolve_type(arm.command.message_types, where=f'command of arm {arm.name}')
    encoder = partial(_joint_state, arm, columns)
    if kind is JointTrajectory:
        # The next point comes before this one is due, also when set-points are decimated.
        due_ns = max(seconds_to_ns(arm.command.time_from_start_s), 2 * period_ns)
        encoder = partial(_trajectory, arm, columns, due_ns)
    elif kind is Float64MultiArray:
        encoder = partial(_float_array, arm, columns)
    return kind, arm.channels.command_topic, encoder, arm.command.qos


def _pose_output(
    arm: ArmProfile, layout: JointLayout, *, simulated: bool
) -> tuple[Any, str, _Encoder, QosEncoding]:
    if arm.end_pose is None:
        raise ValueError(f'the driver profile has no end-pose command for arm {arm.name!r}')
    names = spoken_types(arm.end_pose.message_types, simulated=simulated)
    kind = resolve_type(names, where=f'end pose of arm {arm.name}')
    encoder = partial(_end_pose, arm, layout.arm_slice(arm.name), kind)
    return kind, arm.channels.end_pose_command_topic, encoder, arm.end_pose.qos


def _joint_state(arm: ArmProfile, columns: slice, command: JointCommand) -> JointState | Refusal:
    encoded = encode_command(arm, command.position[columns], command.velocity[columns])
    if isinstance(encoded, Refusal):
        return encoded
    message = JointState(
        name=encoded.names,
        position=encoded.position,
        velocity=encoded.velocity,
        effort=encoded.effort,
    )
    message.header.stamp = time_message(command.stamp_ns)
    return message


def _trajectory(
    arm: ArmProfile, columns: slice, due_ns: int, command: JointCommand
) -> JointTrajectory | Refusal:
    encoded = encode_command(arm, command.position[columns], command.velocity[columns])
    if isinstance(encoded, Refusal):
        return encoded
    point = JointTrajectoryPoint(positions=encoded.position, velocities=encoded.velocity)
    point.time_from_start = duration_message(due_ns)
    # The stamp stays zero: the controller starts at reception, whatever its clock says.
    return JointTrajectory(joint_names=list(encoded.names), points=[point])


def _float_array(
    arm: ArmProfile, columns: slice, command: JointCommand
) -> Float64MultiArray | Refusal:
    encoded = encode_command(arm, command.position[columns])
    if isinstance(encoded, Refusal):
        return encoded
    return Float64MultiArray(data=encoded.position)


def _end_pose(arm: ArmProfile, columns: slice, kind: Any, command: JointCommand) -> Any:
    position = command.position[columns]
    encoded = encode_end_pose(arm, flange_pose(position[:6], zero=arm.zero), float(position[6]))
    if isinstance(encoded, Refusal):
        return encoded
    if isinstance(encoded, EncodedPosCmd):
        fields = ('x', 'y', 'z', 'roll', 'pitch', 'yaw', 'gripper', 'mode1', 'mode2')
        return kind(**{name: getattr(encoded, name) for name in fields})
    message = PoseStamped(pose=pose_message((*encoded.position, *encoded.orientation)))
    message.header.stamp = time_message(command.stamp_ns)
    message.header.frame_id = 'base_link'
    return message
