# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The topics between the executor and the arms, with the types that this side uses.

Shared by the executor, which watches them, and by `doctor`, which looks once.
"""

from rclpy.node import Node

from wla_ros.base.topic_use import Endpoint
from wla_ros.base.topic_use import TopicEnds
from wla_ros.base.topic_use import TopicUse
from wla_ros.nodes.executor.config import JOINTS
from wla_ros.nodes.messages import installed_type
from wla_ros.nodes.messages import spoken_types
from wla_ros.robots.profile import JOINT_STATE
from wla_ros.robots.robot import Robot

# Who is on a topic, as the graph knows it; the reading side of `base.topic_use`.


def topic_ends(node: Node, topic: str) -> TopicEnds:
    """
    Return publishers and subscriptions of `topic`, with namespace and remappings of `node`.

    What the middleware has not discovered yet is not in it.
    """
    return TopicEnds(
        publishers=tuple(map(_endpoint, node.get_publishers_info_by_topic(topic))),
        subscriptions=tuple(map(_endpoint, node.get_subscriptions_info_by_topic(topic))),
    )


def _endpoint(info: object) -> Endpoint:
    namespace = str(getattr(info, 'node_namespace', '')).rstrip('/')
    return Endpoint(
        node=f'{namespace}/{getattr(info, "node_name", "?")}',
        type_name=str(getattr(info, 'topic_type', '')),
    )


def feedback_uses(robot: Robot) -> tuple[TopicUse, ...]:
    """Return the topics of measured joints; arms may share one."""
    topics: dict[str, list[str]] = {}
    for arm in robot.arms:
        topics.setdefault(arm.channels.feedback_topic, []).append(arm.name)
    return tuple(
        TopicUse(
            topic=topic, what=f'joint feedback of {" and ".join(names)}', type_name=JOINT_STATE
        )
        for topic, names in topics.items()
    )


def status_uses(robot: Robot) -> tuple[TopicUse, ...]:
    """Return the status topics of the arms whose driver has one; type '' if none is installed."""
    return tuple(
        TopicUse(
            topic=arm.channels.status_topic,
            what=f'status of {arm.name}',
            type_name=installed_type(
                spoken_types(arm.status.message_types, simulated=robot.simulated)
            ),
        )
        for arm in robot.arms
        if arm.status is not None and arm.channels.status_topic
    )


def command_uses(robot: Robot, *, form: str) -> tuple[TopicUse, ...]:
    """Return the command topics for `form` (joints or end_pose)."""
    uses = []
    for arm in robot.arms:
        if form == JOINTS:
            topic, names = arm.channels.command_topic, arm.command.message_types
        elif arm.end_pose is not None:
            topic, names = arm.channels.end_pose_command_topic, arm.end_pose.message_types
        else:
            continue
        kind = installed_type(spoken_types(names, simulated=robot.simulated))
        uses.append(
            TopicUse(topic=topic, what=f'commands of {arm.name}', type_name=kind, output=True)
        )
    return tuple(uses)
