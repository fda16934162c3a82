# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Two arms that are where they were last commanded, and a flood of one kind for the executor.

A process of its own, started by `wla_ros bench-stop`: what it costs is not part of what is
measured.
"""

import argparse
import threading
from collections.abc import Callable

import numpy as np
import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.serialization import serialize_message
from sensor_msgs.msg import JointState

from wla_ros.base.geometry import matrix_to_pose7
from wla_ros.base.joints import ARM_COLUMNS
from wla_ros.base.joints import JointLayout
from wla_ros.base.types import ActionChunk
from wla_ros.base.types import FloatArray
from wla_ros.base.types import Provenance
from wla_ros.base.types import Representation
from wla_ros.msg import ActionChunk as ActionChunkMessage
from wla_ros.msg import PiperStatus
from wla_ros.nodes import qos
from wla_ros.nodes.lifecycle import prefer_local_transport
from wla_ros.nodes.messages import chunk_message
from wla_ros.nodes.messages import time_message
from wla_ros.nodes.starter_watch import watch_starter
from wla_ros.robots.piper.kinematics import PiperKinematics
from wla_ros.srv import SetControlMode

LAYOUT = JointLayout(('left', 'right'))
REST = (0.1, 0.6, -0.7, 0.1, 0.5, 0.1, 0.03)
FLOODS = (
    'none',
    'oversize',
    'large',
    'duplicates',
    'poses',
    'feedback',
    'names',
    'services',
    'reasons',
)
SESSION = 1  # the flood claims to be who has autonomy
_DT_NS = 33_333_333
_ROWS = 1000  # the longest chunk that the executor accepts by default
_LARGE = 4_000_000  # [bytes]
_PAUSE_S = 0.001  # between two messages of a flood
_NO_MODE = 255
_CAN_CONTROL = 1  # ctrl_mode of an arm that obeys its driver


class FloodedRig:
    """Echoes commands as feedback at 200 Hz and floods from a thread of its own."""

    def __init__(self, node: Node, flood: str) -> None:
        """Create publishers and subscriptions on `node`."""
        self._node = node
        self._position = {arm: np.array(REST) for arm in LAYOUT.arms}
        self._stop = threading.Event()
        self._random = np.random.default_rng(0)
        self._states = {
            arm: node.create_publisher(JointState, f'joint_states_{arm}', qos.SENSOR_OUTPUT)
            for arm in LAYOUT.arms
        }
        for arm in LAYOUT.arms:
            node.create_subscription(
                JointState,
                f'joint_ctrl_cmd_{arm}',
                lambda message, arm=arm: self._follow(arm, message),
                qos.COMMAND,
            )
        self._conditions = [
            node.create_publisher(PiperStatus, f'arm_status_{arm}', qos.STATUS)
            for arm in LAYOUT.arms
        ]
        node.create_timer(0.005, self._publish_states)
        node.create_timer(0.05, self._publish_conditions)
        self._chunks = (
            None
            if flood in ('none', 'feedback', 'names', 'services', 'reasons')
            else node.create_publisher(ActionChunkMessage, 'action_chunk', qos.CHUNK)
        )
        self._modes = node.create_client(SetControlMode, 'executor_node/set_mode')
        turn = self._turn(flood)
        self._flood = threading.Thread(target=self._pour, args=(turn,), daemon=True)

    def start(self) -> None:
        """Begin to flood."""
        self._flood.start()

    def stop(self) -> None:
        """End the flood."""
        self._stop.set()
        self._flood.join()

    def _follow(self, arm: str, message: JointState) -> None:
        self._position[arm] = np.array(message.position)

    def _publish_states(self) -> None:
        for arm, publisher in self._states.items():
            message = JointState(name=list(ARM_COLUMNS), position=self._position[arm].tolist())
            # The last bit moves: feedback that never changes is what a dead bus looks like.
            message.position[5] += 1e-6 * float(self._random.standard_normal())
            message.velocity, message.effort = [0.0] * 6, [0.0] * 7
            message.header.stamp = self._stamp()
            publisher.publish(message)

    def _publish_conditions(self) -> None:
        for publisher in self._conditions:
            publisher.publish(PiperStatus(ctrl_mode=_CAN_CONTROL))

    def _stamp(self) -> object:
        return time_message(self._node.get_clock().now().nanoseconds)

    def _pour(self, turn: Callable[[], None]) -> None:
        while not self._stop.wait(_PAUSE_S):
            turn()

    def _turn(self, flood: str) -> Callable[[], None]:
        """Return what sends one message of `flood`."""
        if flood == 'none':
            return lambda: None
        if flood in ('services', 'reasons'):
            reason = 'flood' if flood == 'services' else 'x' * _LARGE
            request = SetControlMode.Request(mode=_NO_MODE, reason=reason)
            return lambda: self._ask(request)
        if flood == 'feedback':
            strange = JointState(name=['joint1'], position=[0.0])
            return lambda: self._states['left'].publish(strange)
        if flood == 'names':
            many = serialize_message(JointState(name=['joint'] * (_LARGE // 10)))
            return lambda: self._states['left'].publish(many)
        rest = np.tile(REST * 2, (_ROWS, 1))
        if flood == 'oversize':
            # No peer can write it into the type; one that sends bytes can.
            content = serialize_message(_chunk(rest, sequence=0)) + bytes(_LARGE)
            return lambda: self._send(content)
        if flood == 'duplicates':
            return lambda: self._send(self._stamped(_chunk(rest, sequence=0)))
        if flood == 'large':
            # New, in time and well formed, refused for its last number alone.
            rest[-1, 0] = 50.0
            return lambda: self._send(self._stamped(_chunk(rest, sequence=2**40)))
        poses = self._poses()
        return lambda: self._send(
            self._stamped(
                _chunk(poses, sequence=2**40, representation=Representation.END_EFFECTOR_POSE)
            )
        )

    def _ask(self, request: SetControlMode.Request) -> None:
        if self._modes.service_is_ready():
            self._modes.call_async(request)

    def _poses(self) -> FloatArray:
        """Return poses of both arms at rest, all of which must be solved to refuse the last."""
        pose = matrix_to_pose7(PiperKinematics().pose(np.array(REST[:6])))
        rows = np.tile([*pose, REST[6]] * 2, (_ROWS, 1))
        rows[-1, 0] += 5.0
        return rows

    def _stamped(self, message: ActionChunkMessage) -> ActionChunkMessage:
        message.header.stamp = self._stamp()
        return message

    def _send(self, content: ActionChunkMessage | bytes) -> None:
        if self._chunks is not None:
            self._chunks.publish(content)


def _chunk(
    rows: FloatArray,
    *,
    sequence: int,
    representation: Representation = Representation.JOINT_POSITION,
) -> ActionChunkMessage:
    poses = representation == Representation.END_EFFECTOR_POSE
    return chunk_message(
        ActionChunk(
            stamp_ns=0,
            dt_ns=_DT_NS,
            epoch=1,
            session=SESSION,
            sequence=sequence,
            representation=representation,
            columns=LAYOUT.pose_columns if poses else LAYOUT.columns,
            rows=rows,
            provenance=Provenance(policy='flood', policy_version='1', instruction=''),
        )
    )


def main() -> int:
    """Run until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--flood', choices=FLOODS, default='none')
    parsed, _ = parser.parse_known_args()
    prefer_local_transport()
    rclpy.init()
    watch_starter()
    node = rclpy.create_node('flooded_rig')
    rig = FloodedRig(node, parsed.flood)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    rig.start()
    try:
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        executor.shutdown()
        node.destroy_node()
        rclpy.try_shutdown()
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
