"""
Messages of a bag to core types.

Owns the mapping of message fields to values. Topics, and what drivers encode in joint states, are
not known here.
"""

from typing import Any

import numpy as np

from wla_ros.core.types import ActionChunk
from wla_ros.core.types import FloatArray
from wla_ros.core.types import ImageArray
from wla_ros.core.types import Provenance
from wla_ros.core.types import Refusal
from wla_ros.core.types import Representation
from wla_ros.core.types import StageTiming
from wla_ros.core.types import StreamSample
from wla_ros.evaluation.bag_reading import BagError
from wla_ros.evaluation.image_decoding import decode_compressed
from wla_ros.evaluation.image_decoding import decode_image

CHUNK_TYPE = 'wla_ros/msg/ActionChunk'
IMAGE_TYPE = 'sensor_msgs/msg/Image'
COMPRESSED_TYPE = 'sensor_msgs/msg/CompressedImage'
JOINT_STATE_TYPE = 'sensor_msgs/msg/JointState'


def time_ns(stamp: Any) -> int:
    """Return a builtin_interfaces Time or Duration as nanoseconds."""
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)


def action_chunk(message: Any) -> ActionChunk:
    """Return an ActionChunk message as core type; BagError when rows and columns misfit."""
    columns = tuple(str(column) for column in message.columns)
    shape = (int(message.horizon), len(columns))
    if message.rows.size != shape[0] * shape[1] or not message.rows.size:
        raise BagError(
            f'chunk {message.epoch}/{message.sequence}: {message.rows.size} values for '
            f'{shape[0]} rows of {shape[1]} columns'
        )
    return ActionChunk(
        stamp_ns=time_ns(message.header.stamp),
        dt_ns=time_ns(message.dt),
        epoch=int(message.epoch),
        sequence=int(message.sequence),
        representation=Representation(int(message.representation)),
        columns=columns,
        rows=np.array(message.rows, dtype=np.float64).reshape(shape),
        row_offset=int(getattr(message, 'row_offset', 0)),  # older recordings have none
        committed_prefix=int(message.committed_prefix),
        finished=bool(message.finished),
        provenance=Provenance(
            policy=message.policy,
            policy_version=message.policy_version,
            instruction=message.instruction,
            subtask=message.subtask,
            subtask_id=int(message.subtask_id),
            memory_revision=int(message.memory_revision),
        ),
        samples=tuple(
            StreamSample(
                stream=item.stream,
                stamp_ns=time_ns(item.stamp),
                age_ns=time_ns(item.age),
                skew_ns=time_ns(item.skew),
            )
            for item in message.inputs
        ),
        timings=tuple(
            StageTiming(stage=item.stage, duration_ns=time_ns(item.duration))
            for item in message.timings
        ),
    )


def image_pixels(message: Any) -> ImageArray:
    """
    Return the pixels [h, w, 3] RGB of an Image or CompressedImage message.

    Raises BagError where a node would refuse the image, for the same reason.
    """
    compressed = hasattr(message, 'format')
    pixels = decode_compressed(message) if compressed else decode_image(message)
    if isinstance(pixels, Refusal):
        raise BagError(pixels.detail)
    return np.ascontiguousarray(pixels)


def joint_state_fields(message: Any) -> tuple[tuple[str, ...], FloatArray, FloatArray, FloatArray]:
    """Return names, position, velocity, effort of a JointState, as the driver encoded them."""
    return (
        tuple(str(name) for name in message.name),
        np.array(message.position, dtype=np.float64),
        np.array(message.velocity, dtype=np.float64),
        np.array(message.effort, dtype=np.float64),
    )
