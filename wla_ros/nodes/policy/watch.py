# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Who else is on the topics that the policy looks at: no observation is made of two sources of one
thing.

Owns the list of topics. What is wrong `judge_topic` says; the session refuses observations.
"""

from collections.abc import Mapping
from typing import Any

from wla_ros.base.topic_use import TopicUse
from wla_ros.base.types import Refusal
from wla_ros.composition.policy import CameraInput
from wla_ros.inference.session import InferenceSession
from wla_ros.nodes.graph import EXECUTOR_TOPICS
from wla_ros.nodes.graph import feedback_uses
from wla_ros.nodes.graph import judge
from wla_ros.nodes.lifecycle import LifecycleNodeBase
from wla_ros.robots.robot import Robot

_PERIOD_S = 1.0
_CAMERA_TYPES = {
    'raw': 'sensor_msgs/msg/Image',
    'compressed': 'sensor_msgs/msg/CompressedImage',
}


class PolicyWatch:
    """Looks once a second in the thread that spins the node."""

    def __init__(
        self,
        node: LifecycleNodeBase[Any],
        session: InferenceSession,
        *,
        robot: Robot,
        cameras: Mapping[str, CameraInput],
        objects_topic: str,
    ) -> None:
        """Watch what `session` uses of `cameras`, the arms, objects and the executor."""
        self._node = node
        self._session = session
        self._told = ''
        self._uses = (
            *camera_uses(
                {name: item for name, item in cameras.items() if name in session.spec.cameras}
            ),
            *feedback_uses(robot),
            *EXECUTOR_TOPICS,
        )
        if session.spec.needs_objects:
            objects = TopicUse(
                topic=objects_topic,
                what='object poses',
                type_name='visualization_msgs/msg/MarkerArray',
            )
            self._uses += (objects,)
        node.every(_PERIOD_S, self.look)

    def look(self) -> None:
        """Look at the graph and tell the session."""
        problems = [problem for use in self._uses for problem in judge(self._node, use)]
        detail = '; '.join(problem.detail for problem in problems)
        self._session.block(
            Refusal(reason=problems[0].reason, detail=detail) if problems else None
        )
        if detail != self._told:
            logger = self._node.get_logger()
            if detail:
                logger.error(f'no observations: {problems[0].reason}: {detail}')
            else:
                logger.info('every input has one source again')
        self._told = detail


def camera_uses(cameras: Mapping[str, CameraInput]) -> tuple[TopicUse, ...]:
    """Return the topics of `cameras`."""
    return tuple(
        TopicUse(
            topic=camera.topic, what=f'camera {name}', type_name=_CAMERA_TYPES[camera.transport]
        )
        for name, camera in cameras.items()
    )
