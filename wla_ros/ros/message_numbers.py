"""The number that the middleware gives every message of a publisher, from what came with it."""

from collections.abc import Mapping
from typing import Any

from wla_ros.core.publisher_gaps import PublisherGaps


def note_number(gaps: PublisherGaps, info: Mapping[str, Any]) -> None:
    """
    Take note of a message by the `info` that rclpy hands to callbacks with two arguments.

    Humble's rclpy, and some middlewares, give no number: then nothing is known of gaps.
    """
    publisher = info.get('publisher_gid')
    gaps.note(
        None if publisher is None else bytes(publisher['data']),
        info.get('publication_sequence_number'),
    )
