# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""What the policy looks at: cameras, joints and object poses of the graph into the session."""

import time
from collections.abc import Callable
from collections.abc import Mapping
from functools import partial
from typing import Any
from typing import Protocol

import numpy as np
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.qos import ReliabilityPolicy
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image
from visualization_msgs.msg import MarkerArray

from wla_ros.base import reasons
from wla_ros.base.publisher_gaps import PublisherGaps
from wla_ros.base.types import FloatArray
from wla_ros.base.types import ImageArray
from wla_ros.base.types import JointSample
from wla_ros.base.types import Refusal
from wla_ros.composition.policy import CameraInput
from wla_ros.inference.session import InferenceSession
from wla_ros.nodes import qos
from wla_ros.nodes.arms import JointInputs
from wla_ros.nodes.images_seen import ImagesSeen
from wla_ros.nodes.lifecycle import LifecycleNodeBase
from wla_ros.nodes.messages import note_number
from wla_ros.nodes.messages import object_poses
from wla_ros.nodes.messages import stamp_ns
from wla_ros.nodes.policy.inference import PolicyInference
from wla_ros.nodes.qos import IMAGE_INPUT
from wla_ros.observation.joints import OBJECTS_STREAM
from wla_ros.robots.images import decode_compressed
from wla_ros.robots.images import decode_image
from wla_ros.robots.robot import Robot

# Camera subscriptions of a node: messages in, pixels or refusals out, in the thread that spins.
#
# Owns topics, transport and decoding. Judges no stamps and keeps no images.


class ImageSink(Protocol):
    """Who takes the images."""

    def __call__(
        self, camera: str, stamp: int, receive_ns: int, pixels: ImageArray, decode_ns: int
    ) -> None:
        """Take one image [h, w, 3] RGB with header stamp and decoding time."""
        ...


class CameraInputs:
    """One subscription per camera on a host node."""

    def __init__(
        self,
        node: Node,
        cameras: Mapping[str, CameraInput],
        *,
        now_ns: Callable[[], int],
        on_image: ImageSink,
        on_refusal: Callable[[str, Refusal], object],
    ) -> None:
        """Subscribe; both callbacks run in the thread that spins the node."""
        self._now_ns = now_ns
        self._on_image = on_image
        self._on_refusal = on_refusal
        self.gaps = {name: PublisherGaps() for name in cameras}
        for name, camera in cameras.items():
            kind = CompressedImage if camera.transport == 'compressed' else Image
            node.create_subscription(
                kind, camera.topic, partial(self._take, name, camera), image_qos(camera)
            )

    def _take(
        self,
        name: str,
        camera: CameraInput,
        message: Image | CompressedImage,
        info: Mapping[str, Any],
    ) -> None:
        note_number(self.gaps[name], info)
        receive_ns = self._now_ns()
        start_ns = time.perf_counter_ns()
        if isinstance(message, Image):
            pixels = decode_image(message, camera.encoding)
        else:
            pixels = decode_compressed(message)
        if isinstance(pixels, Refusal):
            self._on_refusal(name, pixels)
            return
        decode_ns = time.perf_counter_ns() - start_ns
        self._on_image(name, stamp_ns(message.header.stamp), receive_ns, pixels, decode_ns)


def image_qos(camera: CameraInput) -> QoSProfile:
    """Return the profile of a camera subscription."""
    if camera.reliability == 'best_effort':
        return IMAGE_INPUT
    return QoSProfile(
        history=IMAGE_INPUT.history,
        depth=IMAGE_INPUT.depth,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=IMAGE_INPUT.durability,
    )


class PolicyInputs:
    """Offers what comes to `session` and notifies `inference` when it may make an observation."""

    def __init__(
        self,
        node: LifecycleNodeBase[Any],
        session: InferenceSession,
        inference: PolicyInference,
        *,
        robot: Robot,
        cameras: Mapping[str, CameraInput],
        objects_topic: str,
    ) -> None:
        """Subscribe on `node`: to what the policy uses of `cameras`, to all arms, to objects."""
        self._node = node
        self._session = session
        self._inference = inference
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
            self._inference.notify()
        if self._seen is not None:
            self._seen.tell(camera, stamp)

    def _take_joints(self, sample: JointSample) -> None:
        if self._taken(f'{sample.arm}_joints', self._session.offer_joints(sample)):
            self._positions[sample.arm] = sample.position
            self._inference.notify_joints()

    def _take_objects(self, message: MarkerArray) -> None:
        poses = object_poses(message, receive_ns=self._now_ns())
        if isinstance(poses, Refusal):
            self._refuse(OBJECTS_STREAM, poses)
        elif self._taken(OBJECTS_STREAM, self._session.offer_objects(poses)):
            self._inference.notify()

    def _refuse(self, stream: str, refusal: Refusal) -> None:
        """Count a message that could not be decoded."""
        self._taken(stream, self._session.refuse_input(stream, refusal))

    def _taken(self, stream: str, refusal: Refusal | None) -> bool:
        """Return whether a message was taken; name the others in the log, once a second."""
        if refusal is not None and refusal.reason not in reasons.ROUTINE:
            self._node.warn_at_times(stream, f'{refusal.reason}: {refusal.detail}')
        return refusal is None
