"""Who is on a topic, as the graph knows it; the reading side of `core.topic_use`."""

from rclpy.node import Node

from wla_ros.core.topic_use import Endpoint
from wla_ros.core.topic_use import TopicEnds


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
