# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Subscriptions to what the drivers of the arms report: joints and status, decoded by the driver
profile.

Owns topics and message fields; arms that share a topic share a subscription. Judges no stamps.
"""

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.qos import ReliabilityPolicy
from sensor_msgs.msg import JointState

from wla_ros.base.publisher_gaps import PublisherGaps
from wla_ros.base.topic_use import TopicUse
from wla_ros.base.types import JointSample
from wla_ros.base.types import Refusal
from wla_ros.nodes.graph import judge
from wla_ros.nodes.graph import status_uses
from wla_ros.nodes.graph import topic_ends
from wla_ros.nodes.messages import installed_type
from wla_ros.nodes.messages import note_number
from wla_ros.nodes.messages import resolve_type
from wla_ros.nodes.messages import stamp_ns
from wla_ros.nodes.qos import SENSOR_INPUT
from wla_ros.robots.decoding import decode_feedback
from wla_ros.robots.piper.arm_status import ArmCondition
from wla_ros.robots.piper.arm_status import decode_arm_status
from wla_ros.robots.profile import ArmProfile
from wla_ros.robots.profile import QosEncoding
from wla_ros.robots.robot import Robot

_JOINTS = range(1, 7)


class JointInputs:
    """One subscription per feedback topic; every arm on it is decoded from each message."""

    def __init__(
        self,
        node: Node,
        arms: tuple[ArmProfile, ...],
        *,
        now_ns: Callable[[], int],
        on_sample: Callable[[JointSample], None],
        on_refusal: Callable[[str, Refusal], object],
    ) -> None:
        """Subscribe; both callbacks run in the thread that spins the node."""
        self._now_ns = now_ns
        self._on_sample = on_sample
        self._on_refusal = on_refusal
        self.gaps = {arm.name: PublisherGaps() for arm in arms}
        topics: dict[str, list[ArmProfile]] = {}
        for arm in arms:
            topics.setdefault(arm.channels.feedback_topic, []).append(arm)
        for topic, sharing in topics.items():
            qos = input_qos(sharing[0].feedback.qos, depth=SENSOR_INPUT.depth)
            node.create_subscription(JointState, topic, partial(self._take, tuple(sharing)), qos)

    def _take(
        self, arms: tuple[ArmProfile, ...], message: JointState, info: Mapping[str, Any]
    ) -> None:
        receive_ns = self._now_ns()
        for arm in arms:
            note_number(self.gaps[arm.name], info)
            decoded = decode_feedback(
                arm, message.name, message.position, message.velocity, message.effort
            )
            if isinstance(decoded, Refusal):
                self._on_refusal(arm.name, decoded)
                continue
            self._on_sample(
                JointSample(
                    arm=arm.name,
                    stamp_ns=stamp_ns(message.header.stamp),
                    receive_ns=receive_ns,
                    position=decoded.position,
                    velocity=decoded.velocity,
                    effort=decoded.effort,
                )
            )


class ArmStatusInputs:
    """
    One subscription per arm whose driver publishes a status.

    In which type the driver publishes it the graph tells, see `follow`; before that, or where
    nobody asks, it is the first of the driver's that is installed.
    """

    def __init__(
        self, node: Node, robot: Robot, *, on_condition: Callable[[ArmCondition], None]
    ) -> None:
        """Subscribe where a type is installed; `uses` says in which, '' in none."""
        self._node = node
        self._on_condition = on_condition
        self._arms = {arm.channels.status_topic: arm for arm in robot.arms}
        self._subscriptions: dict[str, Any] = {}  # by topic
        self.uses = status_uses(robot)
        for use in self.uses:
            self._subscribe(use)

    def follow(self, topic: str, published: Collection[str]) -> None:
        """
        Read `topic` in the type that is `published` there, if the profile names it.

        A type of this package is one of them: nobody but the simulated rig publishes it.
        """
        for i, use in enumerate(self.uses):
            if use.topic != topic or len(set(published)) != 1 or use.type_name in published:
                continue
            named = self._arms[topic].status
            known = () if named is None else named.message_types
            found = installed_type(tuple(name for name in known if name in published))
            if found:
                changed = replace(use, type_name=found)
                self.uses = (*self.uses[:i], changed, *self.uses[i + 1 :])
                self._subscribe(changed)

    def judge(self) -> dict[str, tuple[Refusal, ...]]:
        """Look at the graph, follow it, and return what is wrong by topic."""
        for topic in [use.topic for use in self.uses]:
            ends = topic_ends(self._node, topic)
            self.follow(topic, {end.type_name for end in ends.publishers})
        return {use.topic: judge(self._node, use) for use in self.uses}

    def _subscribe(self, use: TopicUse) -> None:
        arm = self._arms[use.topic]
        if use.topic in self._subscriptions:
            self._node.destroy_subscription(self._subscriptions.pop(use.topic))
        if use.type_name and arm.status is not None:
            self._subscriptions[use.topic] = self._node.create_subscription(
                resolve_type((use.type_name,), where=use.what),
                use.topic,
                partial(self._take, arm.name),
                input_qos(arm.status.qos, depth=arm.status.qos.depth),
            )

    def _take(self, arm: str, message: Any) -> None:
        self._on_condition(arm_condition(arm, message))


def arm_condition(arm: str, message: Any) -> ArmCondition:
    """
    Return what a status message means.

    AgxArmStatus lacks the flags of the joints and calls err_code err_status.
    """
    return decode_arm_status(
        arm=arm,
        ctrl_mode=message.ctrl_mode,
        arm_status=message.arm_status,
        mode_feedback=message.mode_feedback,
        teach_status=message.teach_status,
        motion_status=message.motion_status,
        err_code=getattr(message, 'err_code', getattr(message, 'err_status', 0)),
        angle_limit=[getattr(message, f'joint_{i}_angle_limit', False) for i in _JOINTS],
        communication_error=[
            getattr(message, f'communication_status_joint_{i}', False) for i in _JOINTS
        ],
    )


def input_qos(encoding: QosEncoding, *, depth: int) -> QoSProfile:
    """
    Return a subscription profile with the reliability of the driver profile and at least `depth`
    messages.
    """
    reliable = encoding.reliability == 'reliable'
    return QoSProfile(
        history=SENSOR_INPUT.history,
        depth=max(depth, encoding.depth),
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=SENSOR_INPUT.durability,
    )
