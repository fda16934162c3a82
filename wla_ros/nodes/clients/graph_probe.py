# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Listens to a configured robot for a few seconds: what arrives, how often, how old, from how many.

Hears with the parts of the nodes, so with their types, QoS and decoding, judges who else is on the
topics as the nodes do, and commands nothing. What the numbers mean is judged by `doctor`.
"""

import contextlib
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any

import numpy as np
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSCompatibility
from rclpy.qos import qos_check_compatible

from wla_ros.base.topic_use import TopicUse
from wla_ros.base.types import FloatArray
from wla_ros.base.types import ImageArray
from wla_ros.base.types import JointSample
from wla_ros.base.types import Refusal
from wla_ros.composition.policy import CameraInput
from wla_ros.nodes.arms import ArmStatusInputs
from wla_ros.nodes.arms import JointInputs
from wla_ros.nodes.graph import CHUNKS
from wla_ros.nodes.graph import EXECUTOR_TOPICS
from wla_ros.nodes.graph import command_uses
from wla_ros.nodes.graph import feedback_uses
from wla_ros.nodes.graph import judge
from wla_ros.nodes.policy.inputs import CameraInputs
from wla_ros.nodes.policy.watch import camera_uses
from wla_ros.robots.piper.arm_status import ArmCondition
from wla_ros.robots.profile import JOINTS
from wla_ros.robots.robot import Robot

# Discovery takes a second on an idle machine and many on a loaded one.
DISCOVERY_S = 15.0
# A new participant is known to others for a while before all of its topics are.
_SETTLED_S = 1.0
QOS_MISMATCH = 'qos_mismatch'


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

    def take(self, stamp: int, receive_ns: int) -> None:
        """Note one message."""
        self.stamps_ns.append(stamp)
        self.ages_ns.append(receive_ns - stamp)

    def begin(self) -> None:
        """Forget the messages so far: the time to be judged begins."""
        self.stamps_ns.clear()
        self.ages_ns.clear()
        self.positions.clear()
        self.refusals.clear()

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
    commanders: Mapping[str, tuple[str, ...]]  # arm -> nodes that publish on its command topic
    nodes: tuple[str, ...]
    # By topic: other types or QoS than those of the nodes, more publishers than may be
    problems: Mapping[str, tuple[Refusal, ...]] = field(default_factory=dict)


def probe_graph(
    robot: Robot,
    cameras: Mapping[str, CameraInput],
    *,
    seconds: float,
    namespace: str = '',
    form: str = JOINTS,
    discovery_s: float = DISCOVERY_S,
    tell: Callable[[str], None] = lambda _: None,
) -> GraphRecord:
    """
    Listen for `seconds` and return what was heard; `tell` hears how it goes on. `form` is that of
    the executor's commands.

    The time counts from when a publisher of every stream was found, or `discovery_s` had passed.
    Arms first, cameras after them: receiving all at once would measure this process instead.
    """
    context = Context()
    rclpy.init(context=context)
    try:
        with _Listening(context, namespace, tell) as ears:
            joints, conditions, statuses = _hear_arms(ears.node, robot)
            ears.find_publishers(discovery_s)
            _begin(joints)
            statuses.judge()  # the driver may publish another type than was tried first
            ears.listen(seconds / 2)
            ears.describe(joints)
            problems = statuses.judge()
            problems |= ears.judge(*feedback_uses(robot), *command_uses(robot, form=form))
            problems |= ears.judge(CHUNKS, *EXECUTOR_TOPICS)
            commanders = {
                arm.name: ears.publishers(arm.channels.command_topic) for arm in robot.arms
            }
            names = ears.others()
        with _Listening(context, namespace, tell) as ears:
            images = _hear_cameras(ears.node, cameras)
            ears.find_publishers(discovery_s)
            _begin(images)
            ears.listen(seconds / 2)
            ears.describe(images)
            problems |= ears.judge(*camera_uses(cameras))
            names = tuple(sorted({*names, *ears.others()}))
    finally:
        context.try_shutdown()
    return GraphRecord(
        joints=joints,
        cameras=images,
        conditions=conditions,
        commanders=commanders,
        nodes=names,
        problems={topic: found for topic, found in problems.items() if found},
    )


class _Listening(contextlib.AbstractContextManager['_Listening']):
    """A node that subscribes, and how long it is served."""

    def __init__(self, context: Context, namespace: str, tell: Callable[[str], None]) -> None:
        self.node = rclpy.create_node('wla_ros_doctor', context=context, namespace=namespace)
        self._tell = tell
        self._executor = SingleThreadedExecutor(context=context)
        self._executor.add_node(self.node)

    def __exit__(self, *_: Any) -> None:
        self._executor.shutdown()
        self.node.destroy_node()

    def listen(self, seconds: float) -> None:
        """Serve the subscriptions."""
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            self._executor.spin_once(timeout_sec=0.05)

    def find_publishers(self, bound_s: float) -> None:
        """Serve until every subscription has a publisher, or the bound."""
        begun_s = told_s = time.monotonic()
        while missing := self._without_publisher():
            now_s = time.monotonic()
            if now_s - begun_s > bound_s:
                self._tell(f'no publisher after {bound_s:g} s: {", ".join(missing)}')
                return
            if now_s - told_s > 2.0:
                told_s = now_s
                self._tell(f'looking for publishers of {", ".join(missing)}')
            self._executor.spin_once(timeout_sec=0.05)
        self.listen(_SETTLED_S)

    def describe(self, records: Mapping[str, StreamRecord]) -> None:
        """Write into each record how many publish it."""
        for record in records.values():
            record.publishers = len(self.publishers(record.topic))

    def judge(self, *uses: TopicUse) -> dict[str, tuple[Refusal, ...]]:
        """Return what is wrong with `uses` by topic; one publisher may be there, whoever it is."""
        return {use.topic: (*judge(self.node, use), *self._deaf(use)) for use in uses}

    def _deaf(self, use: TopicUse) -> Iterator[Refusal]:
        """Yield why publishers of the right type do not reach the subscription of the node."""
        topic = self.node.resolve_topic_name(use.topic)
        for subscription in self.node.subscriptions:
            if subscription.topic_name != topic:
                continue
            for publisher in self.node.get_publishers_info_by_topic(topic):
                verdict, reason = qos_check_compatible(
                    publisher.qos_profile, subscription.qos_profile
                )
                if publisher.topic_type == use.type_name and verdict == QoSCompatibility.ERROR:
                    yield Refusal(
                        reason=QOS_MISMATCH,
                        detail=f'{use.what}: the node hears nothing on {use.topic}: '
                        f'{publisher.node_name} offers other QoS than it asks for: '
                        f'{reason.strip()}; change the publisher or the parameter file',
                    )

    def publishers(self, topic: str) -> tuple[str, ...]:
        """Return the nodes that publish on `topic`, one entry a publisher."""
        resolved = self.node.resolve_topic_name(topic)
        infos = self.node.get_publishers_info_by_topic(resolved)
        return tuple(sorted(info.node_name for info in infos))

    def others(self) -> tuple[str, ...]:
        """Return the names of all nodes but this one and hidden ones."""
        names = set(self.node.get_node_names()) - {self.node.get_name()}
        return tuple(sorted(name for name in names if not name.startswith('_')))

    def _without_publisher(self) -> list[str]:
        return [
            item.topic_name
            for item in self.node.subscriptions
            if not self.node.count_publishers(item.topic_name)
        ]


def _begin(records: Mapping[str, StreamRecord]) -> None:
    """Forget what came while publishers were looked for."""
    for record in records.values():
        record.begin()


def _now_ns(node: Node) -> int:
    return int(node.get_clock().now().nanoseconds)


def _hear_arms(
    node: Node, robot: Robot
) -> tuple[dict[str, StreamRecord], dict[str, ArmCondition], ArmStatusInputs]:
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
    statuses = ArmStatusInputs(
        node, robot, on_condition=lambda item: conditions.__setitem__(item.arm, item)
    )
    return joints, conditions, statuses


def _hear_cameras(node: Node, cameras: Mapping[str, CameraInput]) -> dict[str, StreamRecord]:
    images = {name: StreamRecord(camera.topic) for name, camera in cameras.items()}

    def take(camera: str, stamp: int, receive_ns: int, pixels: ImageArray, decode_ns: int) -> None:
        del decode_ns
        images[camera].take(stamp, receive_ns)
        images[camera].pixels = pixels

    CameraInputs(
        node,
        cameras,
        now_ns=lambda: _now_ns(node),
        on_image=take,
        on_refusal=lambda camera, refusal: images[camera].refuse(refusal),
    )
    return images
