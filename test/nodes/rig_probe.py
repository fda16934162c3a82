# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
A perfect two-arm robot with cameras inside the probe: joints are where they were last commanded.

Publishes while the graph is served; the topics are those of the piper_ros profile.
"""

from typing import Any

import numpy as np
from nodes.graph import Graph
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image
from sensor_msgs.msg import JointState

from wla_ros.base.joints import ARM_COLUMNS
from wla_ros.base.joints import JointLayout
from wla_ros.base.types import ActionChunk
from wla_ros.base.types import FloatArray
from wla_ros.base.types import Provenance
from wla_ros.base.types import Representation
from wla_ros.msg import ActionChunk as ActionChunkMessage
from wla_ros.msg import ControlMode
from wla_ros.msg import ExecutorStatus
from wla_ros.nodes import qos
from wla_ros.nodes.images import image_message
from wla_ros.nodes.messages import chunk_message
from wla_ros.nodes.messages import time_message

LAYOUT = JointLayout(('left', 'right'))
REST = (0.1, 0.6, -0.7, 0.1, 0.5, 0.1, 0.03)
DT_NS = 33_333_333
HORIZON = 32
# The probe shares two cores with the nodes: a pause of it is no fault of the robot.
PATIENT_EXECUTOR: dict[str, Any] = {
    'execution.feedback.max_age_s': 2.0,
    'execution.motion.stall_s': 2.0,
    'execution.feedback.require_condition': False,  # it has none
    'discovery_s': 0.1,  # the tests of it say otherwise
}
PATIENT_POLICY: dict[str, Any] = {
    'policy.name': 'hold',
    'synchronisation.joints.max_age_s': 5.0,
    'synchronisation.joints.max_gap_s': 1.0,
    'synchronisation.max_skew_s': 0.5,
    **{
        f'synchronisation.cameras.{camera}.max_age_s': 2.0
        for camera in ('head', 'left_wrist', 'right_wrist')
    },
}


class RigProbe:
    """Arms and cameras that behave, until a test makes them misbehave."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._node = graph.probe
        self.position = {arm: np.array(REST) for arm in LAYOUT.arms}
        self.commands: dict[str, list[JointState]] = {arm: [] for arm in LAYOUT.arms}
        self.silent: set[str] = set()  # arms and cameras that publish nothing
        self.images = {name: 0 for name in ('head', 'left_wrist', 'right_wrist')}
        self.exposures: set[int] = set()
        self.modes = graph.collect(ControlMode, 'control_mode', qos.LATCHED)
        self.statuses = graph.collect(ExecutorStatus, 'executor_status')
        self._random = np.random.default_rng(0)
        self._chunks = self._node.create_publisher(ActionChunkMessage, 'action_chunk', qos.CHUNK)
        self._states: dict[str, Any] = {}
        for arm in LAYOUT.arms:
            self._states[arm] = self._node.create_publisher(
                JointState, f'joint_states_{arm}', qos.SENSOR_OUTPUT
            )
            self._node.create_subscription(
                JointState,
                f'joint_ctrl_cmd_{arm}',
                lambda m, a=arm: self._follow(a, m),
                qos.COMMAND,
            )
        self._cameras = {
            name: self._node.create_publisher(
                Image, f'camera/{name}/image_raw', qos_profile_sensor_data
            )
            for name in self.images
        }
        self._node.create_timer(0.01, self._publish_joints)

    def with_cameras(self) -> 'RigProbe':
        """Let the cameras run as well."""
        self._node.create_timer(1.0 / 30.0, self._publish_images)
        return self

    @property
    def now_ns(self) -> int:
        return int(self._node.get_clock().now().nanoseconds)

    @property
    def status(self) -> ExecutorStatus:
        return self.statuses[-1]

    @property
    def mode(self) -> int | None:
        return self.modes[-1].mode if self.modes else None

    def wait_for_state(self, state: int) -> None:
        self.graph.wait_until(
            lambda: bool(self.statuses) and self.status.state == state, f'executor state {state}'
        )

    def wait_for_mode(self, mode: int) -> None:
        self.graph.wait_until(lambda: self.mode == mode, f'mode {mode}')

    def chunk(
        self, rows: FloatArray, *, sequence: int, epoch: int = 1, stamp_ns: int | None = None
    ) -> ActionChunkMessage:
        """Return a chunk [H, 14] anchored now."""
        return chunk_message(
            ActionChunk(
                stamp_ns=self.now_ns if stamp_ns is None else stamp_ns,
                dt_ns=DT_NS,
                epoch=epoch,
                sequence=sequence,
                representation=Representation.JOINT_POSITION,
                columns=LAYOUT.columns,
                rows=rows,
                provenance=Provenance(policy='test', policy_version='1', instruction=''),
            )
        )

    def send(self, chunk: ActionChunkMessage) -> None:
        """Publish a chunk once the executor listens."""
        self.graph.wait_until(
            lambda: self._chunks.get_subscription_count() > 0, 'the executor to listen to chunks'
        )
        self._chunks.publish(chunk)

    def rest_rows(self) -> FloatArray:
        """Return rows that stay where the arms are."""
        return np.tile(np.concatenate([self.position[arm] for arm in LAYOUT.arms]), (HORIZON, 1))

    def moving_rows(self, speed_rad_s: float = 0.2) -> FloatArray:
        """Return rows in which joint 1 of the left arm moves."""
        rows = self.rest_rows()
        rows[:, 0] += speed_rad_s * DT_NS * 1e-9 * np.arange(HORIZON)
        return rows

    def _follow(self, arm: str, message: JointState) -> None:
        self.commands[arm].append(message)
        self.position[arm] = np.array(message.position)

    def _publish_joints(self) -> None:
        for arm, publisher in self._states.items():
            if arm in self.silent:
                continue
            message = JointState(name=list(ARM_COLUMNS), position=self.position[arm].tolist())
            # The last bit moves: feedback that never changes is what a dead bus looks like.
            message.position[5] += 1e-6 * float(self._random.standard_normal())
            message.velocity, message.effort = [0.0] * 6, [0.0] * 7
            message.header.stamp = time_message(self.now_ns)
            publisher.publish(message)

    def _publish_images(self) -> None:
        stamp = self.now_ns
        self.exposures.add(stamp)
        for name, publisher in self._cameras.items():
            if name not in self.silent:
                self.images[name] += 1
                publisher.publish(self.picture(stamp))

    def picture(self, stamp_ns: int) -> Image:
        pixels = self._random.integers(0, 256, (48, 64, 3), dtype=np.uint8)
        return image_message(pixels, stamp_ns=stamp_ns, frame_id='camera')
