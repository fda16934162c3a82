"""
Listens to a configured robot for a few seconds: what arrives, how often, how old, from how many.

Subscribes as the nodes do and commands nothing. What the numbers mean is judged by `doctor`.
"""

import contextlib
import functools
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field

import numpy as np
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image

from wla_ros.core.types import FloatArray
from wla_ros.core.types import ImageArray
from wla_ros.core.types import JointSample
from wla_ros.core.types import Refusal
from wla_ros.evaluation.image_decoding import decode_compressed
from wla_ros.evaluation.image_decoding import decode_image
from wla_ros.robots.piper.arm_status import ArmCondition
from wla_ros.ros.arm_inputs import ArmStatusInputs
from wla_ros.ros.arm_inputs import JointInputs
from wla_ros.ros.conversions import stamp_ns
from wla_ros.ros.policy_configuration import CameraInput
from wla_ros.ros.qos import IMAGE_INPUT
from wla_ros.ros.robot_configuration import Robot


@dataclass(slots=True, eq=False)
class StreamRecord:
    """What was heard on one stream."""

    topic: str
    publishers: int = 0
    stamps_ns: list[int] = field(default_factory=list)
    ages_ns: list[int] = field(default_factory=list)  # receive time less stamp
    refusals: dict[str, int] = field(default_factory=dict)
    detail: str = ''  # of the newest refusal
    positions: list[FloatArray] = field(default_factory=list)  # joint streams, each [7]
    pixels: ImageArray | None = None  # camera streams, the newest image
    encoding: str = ''

    def take(self, stamp: int, receive_ns: int) -> None:
        """Note one message."""
        self.stamps_ns.append(stamp)
        self.ages_ns.append(receive_ns - stamp)

    def refuse(self, refusal: Refusal) -> None:
        """Note one message that cannot be used."""
        self.refusals[refusal.reason] = self.refusals.get(refusal.reason, 0) + 1
        self.detail = refusal.detail

    @property
    def rate_hz(self) -> float:
        """Rate by stamps [Hz], 0 with fewer than two messages."""
        if len(self.stamps_ns) < 2:
            return 0.0
        span_ns = max(self.stamps_ns) - min(self.stamps_ns)
        return 1e9 * (len(self.stamps_ns) - 1) / span_ns if span_ns > 0 else 0.0

    @property
    def median_age_s(self) -> float:
        """Median of receive time less stamp [s], nan without messages."""
        return float(np.median(self.ages_ns)) / 1e9 if self.ages_ns else float('nan')


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphRecord:
    """Everything that was heard."""

    joints: Mapping[str, StreamRecord]
    cameras: Mapping[str, StreamRecord]
    conditions: Mapping[str, ArmCondition]
    command_publishers: Mapping[str, int]  # arm -> publishers on its command topic
    nodes: tuple[str, ...]


def probe_graph(
    robot: Robot, cameras: Mapping[str, CameraInput], *, seconds: float, namespace: str = ''
) -> GraphRecord:
    """
    Listen for `seconds` and return what was heard.

    Arms first, cameras after them: receiving all at once would measure this process instead.
    """
    context = Context()
    rclpy.init(context=context)
    try:
        with _listening(context, namespace) as (node, listen):
            joints, conditions = _hear_arms(node, robot)
            listen(seconds / 2)
            for record in joints.values():
                record.publishers = node.count_publishers(record.topic)
            commanding = {
                arm.name: node.count_publishers(arm.channels.command_topic) for arm in robot.arms
            }
            names = tuple(sorted(set(node.get_node_names()) - {node.get_name()}))
        with _listening(context, namespace) as (node, listen):
            images = _hear_cameras(node, cameras)
            listen(seconds / 2)
            for record in images.values():
                record.publishers = node.count_publishers(record.topic)
    finally:
        context.try_shutdown()
    return GraphRecord(
        joints=joints,
        cameras=images,
        conditions=conditions,
        command_publishers=commanding,
        nodes=names,
    )


@contextlib.contextmanager
def _listening(context: Context, namespace: str) -> Iterator[tuple[Node, Callable[[float], None]]]:
    """Yield a node and a function that serves it for some seconds."""
    node = rclpy.create_node('wla_ros_doctor', context=context, namespace=namespace)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)

    def listen(seconds: float) -> None:
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            executor.spin_once(timeout_sec=0.05)

    try:
        yield node, listen
    finally:
        executor.shutdown()
        node.destroy_node()


def _now_ns(node: Node) -> int:
    return int(node.get_clock().now().nanoseconds)


def _hear_arms(
    node: Node, robot: Robot
) -> tuple[dict[str, StreamRecord], dict[str, ArmCondition]]:
    joints = {arm.name: StreamRecord(arm.channels.feedback_topic) for arm in robot.arms}
    conditions: dict[str, ArmCondition] = {}

    def take(sample: JointSample) -> None:
        joints[sample.arm].take(sample.stamp_ns, sample.receive_ns)
        joints[sample.arm].positions.append(sample.position)

    JointInputs(
        node,
        robot.arms,
        now_ns=lambda: _now_ns(node),
        on_sample=take,
        on_refusal=lambda arm, refusal: joints[arm].refuse(refusal),
    )
    ArmStatusInputs(
        node, robot.arms, on_condition=lambda item: conditions.__setitem__(item.arm, item)
    )
    return joints, conditions


def _hear_cameras(node: Node, cameras: Mapping[str, CameraInput]) -> dict[str, StreamRecord]:
    images = {name: StreamRecord(camera.topic) for name, camera in cameras.items()}

    def take(name: str, message: Image | CompressedImage) -> None:
        record = images[name]
        record.take(stamp_ns(message.header.stamp), _now_ns(node))
        if record.pixels is None:
            compressed = isinstance(message, CompressedImage)
            decoded = decode_compressed(message) if compressed else decode_image(message)
            record.encoding = message.format if compressed else message.encoding
            if isinstance(decoded, Refusal):
                record.refuse(decoded)
            else:
                record.pixels = decoded

    for name, camera in cameras.items():
        kind = CompressedImage if camera.transport == 'compressed' else Image
        node.create_subscription(kind, camera.topic, functools.partial(take, name), IMAGE_INPUT)
    return images
