# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Messages to values and back: time, chunks, images, modes, object poses."""

import array
import dataclasses
import functools
import importlib
import re
import secrets
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import TypeVar

import numpy as np
from builtin_interfaces.msg import Duration
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Pose
from visualization_msgs.msg import Marker
from visualization_msgs.msg import MarkerArray

from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem
from wla_ros.base.publisher_gaps import PublisherGaps
from wla_ros.base.timing import NS_PER_S
from wla_ros.base.timing import seconds_to_ns
from wla_ros.base.types import ActionChunk
from wla_ros.base.types import FloatArray
from wla_ros.base.types import Join
from wla_ros.base.types import Mode
from wla_ros.base.types import ObjectPoses
from wla_ros.base.types import Provenance
from wla_ros.base.types import Refusal
from wla_ros.base.types import Representation
from wla_ros.base.types import StageTiming
from wla_ros.base.types import StreamSample
from wla_ros.msg import ActionChunk as ActionChunkMessage
from wla_ros.msg import ControlMode
from wla_ros.msg import StageTiming as StageTimingMessage
from wla_ros.msg import StreamSample as StreamSampleMessage
from wla_ros.srv import SetInstruction

# Messages to core values and back: pure functions, the only place that knows both.
#
# Images have a module of their own; joint messages go through the driver profiles in `robots`.

_Message = TypeVar('_Message')
_DURATION = 'builtin_interfaces/Duration'
_NUMBERS: dict[str, Callable[[Any], object]] = {
    'boolean': bool,
    'double': float,
    **{f'{sign}int{bits}': int for sign in ('', 'u') for bits in (8, 16, 32, 64)},
}

# In the order of the constants of ActionChunk.msg.
_JOINS = tuple(Join)


def time_message(stamp_ns: int) -> Time:
    """Return a stamp [ns] as a message."""
    seconds, nanoseconds = divmod(stamp_ns, NS_PER_S)
    return Time(sec=seconds, nanosec=nanoseconds)


def stamp_ns(message: Time) -> int:
    """Return the stamp of a message [ns]."""
    return int(message.sec) * NS_PER_S + int(message.nanosec)


def duration_message(duration_ns: int) -> Duration:
    """Return a duration [ns] as a message; nanosec is never negative, seconds may be."""
    seconds, nanoseconds = divmod(duration_ns, NS_PER_S)
    return Duration(sec=seconds, nanosec=nanoseconds)


def duration_ns(message: Duration) -> int:
    """Return the duration of a message [ns]."""
    return int(message.sec) * NS_PER_S + int(message.nanosec)


def text_bound(kind: Any, name: str) -> int | None:
    """Return how many characters the field `name` of a message type may have, None if any."""
    bound = _TEXT.fullmatch(_field_types(kind)[name])
    return int(bound[1]) if bound else None


def text_problem(kind: Any, name: str, text: str) -> str:
    """Return why `text` does not fit into the field `name` of a message type, '' if it does."""
    most = text_bound(kind, name)
    if most is None or len(text) <= most:
        return ''
    return f'{name} has {len(text)} characters, {most} may be'


def instruction_problem(text: str) -> str:
    """Return why `text` cannot be an instruction, '' if it can; whoever gives it."""
    if not text.strip():
        return f'empty_instruction: {text!r} says nothing'
    problem = text_problem(SetInstruction.Request, 'instruction', text)
    return f'long_instruction: {problem}' if problem else ''


def field_values(*snapshots: Any) -> dict[str, Any]:
    """Return the fields of dataclasses by name; the first one that has a name gives its value."""
    return {
        field.name: getattr(snapshot, field.name)
        for snapshot in reversed(snapshots)
        for field in dataclasses.fields(snapshot)
    }


def fill(message: _Message, values: Mapping[str, Any]) -> _Message:
    """
    Set every number, text and duration of `message` that has a value of its name; return it.

    A Duration `age` takes `age_s` [s] or `age_ns`. Text beyond its bound is cut: the middleware
    would refuse the message, or send it to readers who do.
    """
    kind: Any = type(message)
    for name, type_name in _field_types(kind).items():
        if type_name == _DURATION and f'{name}_s' in values:
            setattr(message, name, duration_message(seconds_to_ns(values[f'{name}_s'])))
        elif type_name == _DURATION and f'{name}_ns' in values:
            setattr(message, name, duration_message(values[f'{name}_ns']))
        elif name not in values:
            continue
        elif type_name.startswith('string'):
            most = text_bound(kind, name)
            setattr(message, name, _cut(values[name], most) if most else values[name])
        elif type_name in _NUMBERS:
            setattr(message, name, _NUMBERS[type_name](values[name]))
    return message


_TEXT = re.compile(r'string<(\d+)>')


@functools.cache
def _field_types(kind: Any) -> dict[str, str]:
    return dict(kind.get_fields_and_field_types())


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f'{text[: most - 1]}…'


def double_array(values: FloatArray) -> array.array:
    """
    Return values of any shape as the flat row-major array of a float64[] field, without
    per-element checks.
    """
    flat = array.array('d')
    flat.frombytes(np.ascontiguousarray(values, dtype=np.float64).tobytes())
    return flat


def timing_messages(timings: tuple[StageTiming, ...]) -> list[StageTimingMessage]:
    """Return stage timings as messages."""
    return [
        StageTimingMessage(stage=timing.stage, duration=duration_message(timing.duration_ns))
        for timing in timings
    ]


def chunk_message(chunk: ActionChunk, *, frame_id: str = '') -> ActionChunkMessage:
    """Return a chunk as a message; `frame_id` names the frame of end-effector rows."""
    message = ActionChunkMessage(
        representation=int(chunk.representation),
        horizon=chunk.rows.shape[0],
        columns=list(chunk.columns),
        rows=double_array(chunk.rows),
        inputs=[_sample_message(sample) for sample in chunk.samples],
        timings=timing_messages(chunk.timings),
    )
    message.header.stamp = time_message(chunk.stamp_ns)
    message.header.frame_id = frame_id
    values = field_values(chunk, chunk.provenance)
    return fill(message, {**values, 'join': _JOINS.index(chunk.join)})


def chunk_value(message: ActionChunkMessage) -> ActionChunk | Refusal:
    """
    Return a message as a chunk, or a refusal if its fields contradict each other.

    Values are not judged here: the executor's gate decides on finiteness, limits and columns.
    """
    width = len(message.columns)
    if message.representation not in set(Representation):
        return Refusal(
            reason='representation', detail=f'unknown representation {message.representation}'
        )
    if message.join >= len(_JOINS):
        return Refusal(reason='join', detail=f'unknown join {message.join}')
    if message.horizon < 1 or width < 1 or len(message.rows) != message.horizon * width:
        return Refusal(
            reason='shape',
            detail=f'{len(message.rows)} values are not {message.horizon} rows of {width} columns',
        )
    return ActionChunk(
        stamp_ns=stamp_ns(message.header.stamp),
        dt_ns=duration_ns(message.dt),
        session=int(message.session),
        epoch=int(message.epoch),
        sequence=int(message.sequence),
        representation=Representation(message.representation),
        columns=tuple(message.columns),
        rows=np.array(message.rows, dtype=np.float64).reshape(message.horizon, width),
        row_offset=int(message.row_offset),
        join=_JOINS[message.join],
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
        samples=tuple(_sample_value(sample) for sample in message.inputs),
        timings=tuple(
            StageTiming(stage=timing.stage, duration_ns=duration_ns(timing.duration))
            for timing in message.timings
        ),
    )


def mode_message(mode: Mode, *, revision: int, cause: str, reason: str, stamp: int) -> ControlMode:
    """Return a change of mode at `stamp` [ns] as a message; `cause` is a name of `reasons`."""
    message = ControlMode(mode=int(mode), revision=revision)
    message.header.stamp = time_message(stamp)
    return fill(message, {'cause': cause, 'reason': reason})


def object_poses(message: MarkerArray, *, receive_ns: int) -> ObjectPoses | Refusal:
    """Return the poses of a marker per object (ns = object name), stamped by the newest marker."""
    added = [marker for marker in message.markers if marker.action == Marker.ADD and marker.ns]
    if not added:
        return Refusal(reason='no_objects', detail='the marker array names no object')
    poses = np.array([_pose_row(marker.pose) for marker in added])  # [n, 7]
    if not np.all(np.isfinite(poses)):
        return Refusal(reason='not_finite', detail='an object pose is not finite')
    return ObjectPoses(
        stamp_ns=max(stamp_ns(marker.header.stamp) for marker in added),
        receive_ns=receive_ns,
        names=tuple(marker.ns for marker in added),
        poses=poses,
    )


def pose_message(row: Sequence[float] | FloatArray) -> Pose:
    """Return x y z [m], qx qy qz qw as a pose message."""
    pose = Pose()
    pose.position.x, pose.position.y, pose.position.z = (float(value) for value in row[:3])
    pose.orientation.x, pose.orientation.y, pose.orientation.z, pose.orientation.w = (
        float(value) for value in row[3:7]
    )
    return pose


def _pose_row(pose: Pose) -> tuple[float, ...]:
    at, turn = pose.position, pose.orientation
    return (at.x, at.y, at.z, turn.x, turn.y, turn.z, turn.w)


def _sample_message(sample: StreamSample) -> StreamSampleMessage:
    return StreamSampleMessage(
        stream=sample.stream,
        stamp=time_message(sample.stamp_ns),
        age=duration_message(sample.age_ns),
        skew=duration_message(sample.skew_ns),
    )


def _sample_value(message: StreamSampleMessage) -> StreamSample:
    return StreamSample(
        stream=message.stream,
        stamp_ns=stamp_ns(message.stamp),
        age_ns=duration_ns(message.age),
        skew_ns=duration_ns(message.skew),
    )


# Message and service types by name, the first one that is installed.
#
# Driver packages (piper_msgs, agx_arm_msgs) need not be there for the simulated rig: it speaks
# types of this package, which profiles name beside those of the driver. No real driver does.

_OWN_PACKAGE = 'wla_ros/'


def spoken_types(names: tuple[str, ...], *, simulated: bool) -> tuple[str, ...]:
    """
    Return those of `names` that the other side can speak.

    The simulated rig: the types of this package where there are some, else all. A real driver:
    never those of this package, whatever is installed.
    """
    own = tuple(name for name in names if name.startswith(_OWN_PACKAGE))
    if simulated:
        return own or names
    return tuple(name for name in names if name not in own)


def installed_type(names: tuple[str, ...]) -> str:
    """Return the first of `names` that can be imported, '' if none can."""
    return next((name for name in names if _load(name) is not None), '')


def resolve_type(names: tuple[str, ...], *, where: str) -> Any:
    """
    Return the class of the first of `names` ('package/msg/Type') that can be imported.

    Raises ConfigurationError naming all of them and `where` they are asked for.
    """
    for name in names:
        found = _load(name)
        if found is not None:
            return found
    problem = Problem(
        where=where,
        what=f'no message type of {", ".join(names) or "the driver"} is installed',
        remedy='install and source the package of the driver',
    )
    raise ConfigurationError('message types', (problem,))


def _load(name: str) -> Any:
    """Return the class of 'package/msg/Type', None if it is not installed."""
    package, kind, short = name.split('/')
    try:
        module = importlib.import_module(f'{package}.{kind}')
    except ImportError:  # not there, or its libraries are not
        return None
    return getattr(module, short, None)


# Names for those who publish chunks, so that autonomy can be given to one of them.


def new_session() -> int:
    """Return a random 64-bit number other than 0, which means unnamed."""
    return secrets.randbits(64) | 1


# The number that the middleware gives every message of a publisher, from what came with it.


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
