"""
Object poses of a simulated scene: the door, the buffer and the poses nearest to an instant.

Simulation only; a real rig has no such stream.
"""

import numpy as np

from wla_ros.core import refusal_reasons
from wla_ros.core.stream_buffer import BufferBounds
from wla_ros.core.stream_buffer import StampJump
from wla_ros.core.stream_buffer import StreamBuffer
from wla_ros.core.synchronisation import SynchronisationConfig
from wla_ros.core.timing import ns_to_seconds
from wla_ros.core.timing import seconds_to_ns
from wla_ros.core.types import ObjectPoses
from wla_ros.core.types import Refusal

OBJECTS_STREAM = 'objects'
# Poses are small; this bounds memory at any rate a simulator publishes.
_CAPACITY = 512


class ObjectStream:
    """Poses of all objects by stamp."""

    def __init__(self, config: SynchronisationConfig, *, reach_ns: int) -> None:
        """Keep samples for `reach_ns`, the oldest anchor that may still be used."""
        self.name = OBJECTS_STREAM
        self.max_age_ns = seconds_to_ns(config.objects.max_age_s)
        self._max_skew_ns = seconds_to_ns(config.objects.max_skew_s)
        self.buffer: StreamBuffer[ObjectPoses] = StreamBuffer(
            OBJECTS_STREAM,
            BufferBounds(
                window_ns=max(reach_ns, self.max_age_ns)
                + self._max_skew_ns
                + seconds_to_ns(config.future_tolerance_s),
                capacity=_CAPACITY,
                future_tolerance_ns=seconds_to_ns(config.future_tolerance_s),
                jump_tolerance_ns=seconds_to_ns(config.clock_jump_tolerance_s),
            ),
        )

    def offer(self, poses: ObjectPoses) -> Refusal | StampJump | None:
        """Take one set of poses."""
        expected = (len(poses.names), 7)
        if poses.poses.shape != expected or not np.isfinite(poses.poses).all():
            return self.buffer.refuse(
                Refusal(
                    reason=refusal_reasons.BAD_OBJECTS,
                    detail=f'{self.name}: expected finite {list(expected)}, '
                    f'got {list(poses.poses.shape)}',
                )
            )
        return self.buffer.push(poses.stamp_ns, poses.receive_ns, poses)

    def problem(self, now_ns: int) -> Refusal | None:
        """Return why the poses cannot serve an observation at `now_ns`, or None."""
        return self.buffer.staleness(now_ns, self.max_age_ns)

    def at(self, time_ns: int) -> ObjectPoses | Refusal:
        """Return the poses nearest to `time_ns` within the skew bound, or why there are none."""
        index = self.buffer.nearest_index(time_ns, self._max_skew_ns)
        if index is not None:
            return self.buffer.value(index)
        newest_ns = self.buffer.newest_stamp_ns
        pending = newest_ns is None or newest_ns < time_ns
        return Refusal(
            reason=refusal_reasons.WAITING_FOR_OBJECTS if pending else refusal_reasons.SKEW,
            detail=f'{self.name}: no poses within {ns_to_seconds(self._max_skew_ns):.4f} s '
            f'of the anchor',
        )
