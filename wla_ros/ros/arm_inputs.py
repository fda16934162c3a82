"""
Subscriptions to what the drivers of the arms report: joints and status, decoded by the driver
profile.

Owns topics and message fields; arms that share a topic share a subscription. Judges no stamps.
"""

from collections.abc import Callable
from collections.abc import Mapping
from functools import partial
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.qos import ReliabilityPolicy
from sensor_msgs.msg import JointState

from wla_ros.core.errors import ConfigurationError
from wla_ros.core.publisher_gaps import PublisherGaps
from wla_ros.core.types import JointSample
from wla_ros.core.types import Refusal
from wla_ros.robots.driver_encodings import QosEncoding
from wla_ros.robots.driver_profile import ArmProfile
from wla_ros.robots.feedback_decoding import decode_feedback
from wla_ros.robots.piper.arm_status import ArmCondition
from wla_ros.robots.piper.arm_status import decode_arm_status
from wla_ros.ros.conversions import stamp_ns
from wla_ros.ros.message_numbers import note_number
from wla_ros.ros.message_resolution import resolve_type
from wla_ros.ros.qos import SENSOR_INPUT

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
    """One subscription per arm whose driver publishes a status of an installed message type."""

    def __init__(
        self,
        node: Node,
        arms: tuple[ArmProfile, ...],
        *,
        on_condition: Callable[[ArmCondition], None],
    ) -> None:
        """Subscribe where it is possible; a missing message package is logged once."""
        self._on_condition = on_condition
        for arm in arms:
            topic = arm.channels.status_topic
            if arm.status is None or not topic:
                continue
            try:
                kind = resolve_type(arm.status.message_types, where=f'status of arm {arm.name}')
            except ConfigurationError as error:
                node.get_logger().warning(f'{topic} is not read: {error}')
                continue
            qos = input_qos(arm.status.qos, depth=arm.status.qos.depth)
            node.create_subscription(kind, topic, partial(self._take, arm.name), qos)

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
