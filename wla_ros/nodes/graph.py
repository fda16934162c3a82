# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The topics between policy, executor and arms, with the types that this side uses.

Shared by the nodes, which watch them, and by `doctor`, which looks once.
"""

import functools
import json
import os
from pathlib import Path
from typing import Any

from rclpy.node import Node

from wla_ros.base.topic_use import Endpoint
from wla_ros.base.topic_use import TopicEnds
from wla_ros.base.topic_use import TopicUse
from wla_ros.base.topic_use import judge_topic
from wla_ros.base.types import Refusal
from wla_ros.nodes.messages import installed_type
from wla_ros.nodes.messages import spoken_types
from wla_ros.robots.profile import JOINT_STATE
from wla_ros.robots.profile import JOINTS
from wla_ros.robots.robot import Robot

CHUNKS = TopicUse(topic='action_chunk', what='action chunks', type_name='wla_ros/msg/ActionChunk')
EXECUTOR_TOPICS = (
    TopicUse(topic='control_mode', what='mode', type_name='wla_ros/msg/ControlMode'),
    TopicUse(
        topic='executor_status',
        what='status of the executor',
        type_name='wla_ros/msg/ExecutorStatus',
    ),
    TopicUse(
        topic='execution_plan', what='plan of the executor', type_name='wla_ros/msg/ExecutionPlan'
    ),
)

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
        # Since Iron; some middlewares tell none.
        type_hash=_hash_text(getattr(info, 'topic_type_hash', None)),
    )


def _hash_text(type_hash: Any) -> str:
    known = type_hash is not None and type_hash.version > 0
    return f'RIHS{type_hash.version:02}_{type_hash.value.hex()}' if known else ''


@functools.cache
def installed_hash(type_name: str) -> str:
    """Return the hash of the fields of an installed type; '' if it has none, as before Iron."""
    package, _, rest = type_name.partition('/')
    for prefix in os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep):
        path = Path(prefix) / 'share' / package / f'{rest}.json'
        if prefix and path.is_file():
            described = json.loads(path.read_text(encoding='utf-8')).get('type_hashes', ())
            hashes = {item['type_name']: item['hash_string'] for item in described}
            return str(hashes.get(type_name, ''))
    return ''


def judge(node: Node, use: TopicUse, *, allowed: int = 1) -> tuple[Refusal, ...]:
    """Return what is wrong with a topic now, see `judge_topic`."""
    ends = topic_ends(node, use.topic)
    return judge_topic(use, ends, allowed=allowed, type_hash=installed_hash(use.type_name))


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
