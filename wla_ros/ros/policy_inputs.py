"""
What the policy looks at: cameras, joints and object poses of the graph into the session.

Owns the subscriptions. Callbacks of the spinning thread put data in and go.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from visualization_msgs.msg import MarkerArray

from wla_ros.core import refusal_reasons
from wla_ros.core.inference_session import InferenceSession
from wla_ros.core.object_stream import OBJECTS_STREAM
from wla_ros.core.types import FloatArray
from wla_ros.core.types import ImageArray
from wla_ros.core.types import JointSample
from wla_ros.core.types import Refusal
from wla_ros.ros import qos
from wla_ros.ros.arm_inputs import JointInputs
from wla_ros.ros.camera_inputs import CameraInputs
from wla_ros.ros.conversions import object_poses
from wla_ros.ros.images_seen import ImagesSeen
from wla_ros.ros.lifecycle_shell import LifecycleShell
from wla_ros.ros.policy_configuration import CameraInput
from wla_ros.ros.policy_thinking import PolicyThinking
from wla_ros.ros.robot_configuration import Robot


class PolicyInputs:
    """Offers what comes to `session` and pokes `thinking` when it may make an observation."""

    def __init__(
        self,
        node: LifecycleShell[Any],
        session: InferenceSession,
        thinking: PolicyThinking,
        *,
        robot: Robot,
        cameras: Mapping[str, CameraInput],
        objects_topic: str,
    ) -> None:
        """Subscribe on `node`: to what the policy uses of `cameras`, to all arms, to objects."""
        self._node = node
        self._session = session
        self._thinking = thinking
        self._arms = robot.layout.arms
        self._positions: dict[str, FloatArray] = {}
        self._now_ns = node.now_ns
        self._seen = ImagesSeen(node) if node.simulated_time else None
        images = CameraInputs(
            node,
            {name: camera for name, camera in cameras.items() if name in session.spec.cameras},
            now_ns=node.now_ns,
            on_image=self._take_image,
            on_refusal=self._refuse,
        )
        joints = JointInputs(
            node,
            robot.arms,
            now_ns=node.now_ns,
            on_sample=self._take_joints,
            on_refusal=lambda arm, refusal: self._refuse(f'{arm}_joints', refusal),
        )
        # By stream, as the session names them
        self.gaps = {
            **images.gaps,
            **{f'{arm}_joints': gaps for arm, gaps in joints.gaps.items()},
        }
        if session.spec.needs_objects:
            node.create_subscription(MarkerArray, objects_topic, self._take_objects, qos.STATUS)

    @property
    def joints(self) -> FloatArray | None:
        """The newest accepted joints [D], None before every arm has reported."""
        if any(arm not in self._positions for arm in self._arms):
            return None
        return np.concatenate([self._positions[arm] for arm in self._arms])

    def _take_image(
        self, camera: str, stamp: int, receive_ns: int, pixels: ImageArray, decode_ns: int
    ) -> None:
        self._session.add_timing('decode', decode_ns)
        refusal = self._session.offer_image(camera, stamp, receive_ns, pixels)
        if self._taken(camera, refusal):
            self._thinking.poke()
        if self._seen is not None:
            self._seen.tell(camera, stamp)

    def _take_joints(self, sample: JointSample) -> None:
        if self._taken(f'{sample.arm}_joints', self._session.offer_joints(sample)):
            self._positions[sample.arm] = sample.position
            self._thinking.poke_with_joints()

    def _take_objects(self, message: MarkerArray) -> None:
        poses = object_poses(message, receive_ns=self._now_ns())
        if isinstance(poses, Refusal):
            self._refuse(OBJECTS_STREAM, poses)
        elif self._taken(OBJECTS_STREAM, self._session.offer_objects(poses)):
            self._thinking.poke()

    def _refuse(self, stream: str, refusal: Refusal) -> None:
        """Count a message that could not be decoded."""
        self._taken(stream, self._session.refuse_input(stream, refusal))

    def _taken(self, stream: str, refusal: Refusal | None) -> bool:
        """Return whether a message was taken; name the others in the log, once a second."""
        if refusal is not None and refusal.reason not in refusal_reasons.ROUTINE:
            self._node.warn_at_times(stream, f'{refusal.reason}: {refusal.detail}')
        return refusal is None
