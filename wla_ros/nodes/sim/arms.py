# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
One simulated arm as the piper_ros driver shows it: topic names of its two-arm launch, types, order
of publication.

Owns messages; what they say is the business of sim.driver. Topics that nobody reads are not built.
"""

from array import array
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from geometry_msgs.msg import Pose
from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from sensor_msgs.msg import JointState

from wla_ros.base.publisher_gaps import PublisherGaps
from wla_ros.nodes import qos
from wla_ros.nodes.messages import note_number
from wla_ros.nodes.messages import pose_message
from wla_ros.nodes.messages import resolve_type
from wla_ros.nodes.messages import stamp_ns
from wla_ros.nodes.messages import time_message
from wla_ros.robots.encoding import EncodedJointState
from wla_ros.robots.encoding import EncodedPosCmd
from wla_ros.sim.driver.driver import JointStateMessage
from wla_ros.sim.driver.driver import PiperArmStatus
from wla_ros.sim.driver.driver import Publication

# What tells the rig from a driver: `robot.simulated` in the other nodes reads and sends these.
STATUS_TYPES = ('wla_ros/msg/PiperStatus',)
POSE_COMMAND_TYPES = ('wla_ros/msg/PiperPosCmd',)
_STATUS_FIELDS = (
    'ctrl_mode',
    'arm_status',
    'mode_feedback',
    'teach_status',
    'motion_status',
    'trajectory_num',
    'err_code',
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmTopicCounts:
    """Messages of one arm between processes; None where the middleware gives no numbers."""

    joint_states: int  # published
    commands_missed: int | None  # sent between those that came
    commands_unheard: int | None  # sent before the first that came


class SimArmTopics:
    """Publishers and subscriptions of one arm, suffix '_left' or '_right'."""

    def __init__(
        self,
        node: Node,
        arm: str,
        on_command: Callable[[str, EncodedJointState | EncodedPosCmd, int], None],
    ) -> None:
        """
        Create them on `node`; commands arrive in the thread that spins it.

        `on_command` gets the arm, the command and its stamp, 0 if it has none.
        """
        self._arm = arm
        self._on_command = on_command
        self._gaps = PublisherGaps()
        self._published = 0
        self._status_type = resolve_type(STATUS_TYPES, where=f'status of arm {arm}')
        pose_type = resolve_type(POSE_COMMAND_TYPES, where=f'pose command of arm {arm}')

        def publisher(kind: Any, name: str) -> Any:
            return node.create_publisher(kind, f'{name}_{arm}', qos.SENSOR_OUTPUT)

        self._joint_states = publisher(JointState, 'joint_states')
        self._joint_copy = publisher(JointState, 'joint')
        self._joint_ctrl = publisher(JointState, 'joint_states_ctrl')
        self._status = publisher(self._status_type, 'arm_status')
        self._end_pose = publisher(Pose, 'end_pose')
        self._end_pose_stamped = publisher(PoseStamped, 'end_pose_stamped')
        node.create_subscription(
            JointState, f'joint_ctrl_cmd_{arm}', self._take_joints, qos.RIG_COMMAND
        )
        node.create_subscription(pose_type, f'pos_cmd_{arm}', self._take_pose, qos.RIG_COMMAND)

    def publish(self, publication: Publication, *, slip_ns: int) -> None:
        """
        Publish one turn of the driver's loop; `slip_ns` is added to the stamps, except to stamps
        of zero.
        """
        if publication.joint_state is not None:
            message = _joint_state(publication.joint_state, slip_ns)
            self._joint_states.publish(message)
            self._published += 1
            if self._joint_copy.get_subscription_count():
                self._joint_copy.publish(message)
        if self._joint_ctrl.get_subscription_count():
            self._joint_ctrl.publish(_joint_state(publication.joint_ctrl, slip_ns))
        if self._status.get_subscription_count():
            self._status.publish(self._status_message(publication.status))
        plain = self._end_pose.get_subscription_count()
        stamped = self._end_pose_stamped.get_subscription_count()
        if plain or stamped:
            flange = publication.flange
            pose = pose_message((*flange.position, *flange.orientation))
            if plain:
                self._end_pose.publish(pose)
            if stamped:
                message = PoseStamped(pose=pose)
                message.header.stamp = time_message(_slipped(flange.stamp_ns, slip_ns))
                self._end_pose_stamped.publish(message)

    def _status_message(self, status: PiperArmStatus) -> Any:
        fields = {name: getattr(status, name) for name in _STATUS_FIELDS}
        for i in range(6):
            fields[f'joint_{i + 1}_angle_limit'] = bool(status.joint_angle_limit[i])
            fields[f'communication_status_joint_{i + 1}'] = bool(
                status.communication_status_joint[i]
            )
        return self._status_type(**fields)

    def counts(self) -> ArmTopicCounts:
        """Return the counters."""
        return ArmTopicCounts(
            joint_states=self._published,
            commands_missed=self._gaps.missed,
            commands_unheard=self._gaps.unheard,
        )

    def _take_joints(self, message: JointState, info: Mapping[str, Any]) -> None:
        note_number(self._gaps, info)
        self._on_command(
            self._arm,
            EncodedJointState(
                names=tuple(message.name),
                position=tuple(message.position),
                velocity=tuple(message.velocity),
                effort=tuple(message.effort),
            ),
            stamp_ns(message.header.stamp),
        )

    def _take_pose(self, message: Any, info: Mapping[str, Any]) -> None:
        note_number(self._gaps, info)
        fields = ('x', 'y', 'z', 'roll', 'pitch', 'yaw', 'gripper', 'mode1', 'mode2')
        self._on_command(
            self._arm, EncodedPosCmd(**{name: getattr(message, name) for name in fields}), 0
        )


def _joint_state(state: JointStateMessage, slip_ns: int) -> JointState:
    # Arrays are taken over without a look at every number.
    position, velocity, effort = (
        array('d', values) for values in (state.position, state.velocity, state.effort)
    )
    message = JointState(name=state.names, position=position, velocity=velocity, effort=effort)
    message.header.stamp = time_message(_slipped(state.stamp_ns, slip_ns))
    return message


def _slipped(stamp_ns: int, slip_ns: int) -> int:
    return stamp_ns + slip_ns if stamp_ns else 0
