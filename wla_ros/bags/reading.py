# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Bags of ROS 2 to messages and values, with the definitions that the bag itself carries."""

import contextlib
import os
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rosbags.highlevel import AnyReader
from rosbags.highlevel import AnyReaderError
from rosbags.interfaces import Nodetype
from rosbags.interfaces.typing import Typesdict
from rosbags.typesys import Stores
from rosbags.typesys import get_types_from_idl
from rosbags.typesys import get_types_from_msg
from rosbags.typesys import get_typestore
from rosbags.typesys.store import Typestore

from wla_ros.bags.cut_bag import CutBag
from wla_ros.bags.cut_bag import CutTopic
from wla_ros.bags.log_order import log_time_falls
from wla_ros.base.config import WlaError
from wla_ros.base.types import ActionChunk
from wla_ros.base.types import FloatArray
from wla_ros.base.types import ImageArray
from wla_ros.base.types import Provenance
from wla_ros.base.types import Refusal
from wla_ros.base.types import Representation
from wla_ros.base.types import StageTiming
from wla_ros.base.types import StreamSample
from wla_ros.robots.images import decode_compressed
from wla_ros.robots.images import decode_image

# Message definitions without ROS.
#
# The standard ones, ours, and those of other installed packages on request. Owns where definitions
# are looked for. Must not import generated message modules.

OWN_PACKAGE = 'wla_ros'


class MessageTypeError(WlaError):
    """A message type has no definition that can be found."""


def own_definitions_folder() -> Path:
    """
    Return the folder of this package's .msg files: of the installed share, or of the source tree.

    Raises MessageTypeError naming the places looked at.
    """
    package = Path(__file__).resolve().parents[1]
    candidates = [prefix / 'share' / OWN_PACKAGE / 'msg' for prefix in _prefixes()]
    candidates += [parent / 'share' / OWN_PACKAGE / 'msg' for parent in package.parents]
    candidates.append(package.parent / 'msg')
    for folder in candidates:
        if (folder / 'ActionChunk.msg').is_file():
            return folder
    places = ', '.join(str(folder) for folder in candidates)
    raise MessageTypeError(
        f'no message definitions of {OWN_PACKAGE} in {places}; install the package'
    )


def message_types() -> Typestore:
    """Return a new store with the standard messages and those of this package."""
    # The standard messages used here are the same from Humble to Lyrical.
    store = get_typestore(Stores.ROS2_HUMBLE)
    definitions: Typesdict = {}
    for path in sorted(own_definitions_folder().glob('*.msg')):
        definitions.update(get_types_from_msg(path.read_text(), f'{OWN_PACKAGE}/msg/{path.stem}'))
    store.register(definitions)
    return store


def require_type(store: Typestore, name: str) -> None:
    """
    Make `name`, for example 'piper_msgs/msg/PosCmd', and all it contains known to `store`.

    Searches the share folders of AMENT_PREFIX_PATH. Raises MessageTypeError if there is no
    definition.
    """
    missing = [name]
    while missing:
        wanted = missing.pop()
        if wanted in store.fielddefs:
            continue
        package, _, short = wanted.partition('/msg/')
        paths = [prefix / 'share' / package / 'msg' / f'{short}.msg' for prefix in _prefixes()]
        found = next((path for path in paths if short and path.is_file()), None)
        if found is None:
            raise MessageTypeError(
                f'no definition of {wanted}; looked for '
                f'{", ".join(map(str, paths)) or "AMENT_PREFIX_PATH, which is empty"}'
            )
        definitions = get_types_from_msg(found.read_text(), wanted)
        # Contained types come first: the store compiles a type when it is registered.
        contained = [item for item in _contained(definitions) if item not in store.fielddefs]
        if contained:
            missing += [wanted, *contained]
        else:
            store.register(definitions)


def _contained(definitions: Typesdict) -> Iterable[str]:
    """Yield the names of message types that the fields of `definitions` refer to."""
    for _, fields in definitions.values():
        for _, description in fields:
            kind: Any = description
            if kind[0] in {Nodetype.ARRAY, Nodetype.SEQUENCE}:
                kind = kind[1][0]
            if kind[0] == Nodetype.NAME:
                yield str(kind[1])


def _prefixes() -> list[Path]:
    return [
        Path(prefix)
        for prefix in os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep)
        if prefix
    ]


_REMEDY = (
    'a missing metadata.yaml is made by `ros2 bag reindex`, a damaged .mcap file is saved as far '
    'as it is whole by `mcap recover`'
)


class BagError(WlaError):
    """A bag is missing, damaged, or lacks what was asked of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BagTopic:
    """One topic of a bag, all its connections together."""

    name: str
    type_name: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BagMessage:
    """One message; `message` has the fields of its type as attributes, arrays are numpy arrays."""

    topic: str
    type_name: str
    log_ns: int  # when the recorder received it
    message: Any


class BagReader:
    """An open bag. Use as a context manager."""

    def __init__(self, path: Path) -> None:
        """
        Open a bag folder, an .mcap or a .db3 file.

        Types come from the bag's own schemas; a bag without schemas is read with the standard
        messages and ours. Raises BagError saying what is wrong and how to repair it.
        """
        self._path = path
        self._files = _files(path)
        if not path.exists():
            raise BagError(f'{path}: no such bag; name its folder, or its .mcap or .db3 file')
        self.damage = ''  # why and where the bag ends before its recording did
        self._falls: dict[str, tuple[int, int]] = {}
        self._source: _IndexedBag | _CutBag
        try:
            self._source = _IndexedBag(path)
            for file in self._files:
                self._falls = {**log_time_falls(file), **self._falls}
        # A damaged file fails anywhere in the parser, with any error; all mean the same to the
        # user.
        except Exception as error:
            self._source = self._cut(error)

    @property
    def topics(self) -> tuple[BagTopic, ...]:
        """All topics in order of name; a topic has the type of most of its messages."""
        found: dict[str, list[tuple[int, str]]] = {}
        for name, type_name, count in self._source.connections:
            found.setdefault(name, []).append((count, type_name))
        return tuple(
            BagTopic(name=name, type_name=max(parts)[1], count=sum(count for count, _ in parts))
            for name, parts in sorted(found.items())
        )

    def messages(self, topics: Sequence[str] = ()) -> Iterator[BagMessage]:
        """
        Yield the messages of `topics` (all if empty) in order of log time.

        Raises BagError for a topic that the bag lacks (listing those it has), for one that was
        recorded while the clock was set back (its messages have no order), for damage that is met
        on the way (saying how many messages came before it), and at the end if the index promised
        more messages.
        """
        known = {topic.name: topic.count for topic in self.topics}
        missing = [topic for topic in topics if topic not in known]
        if missing:
            raise BagError(f'{self._path}: has no topics {missing}; it has {sorted(known)}')
        wanted = tuple(topics) or tuple(known)
        self._require_order(wanted)
        expected = sum(known[topic] for topic in set(wanted))
        count = 0
        source = self._source.messages(wanted)
        while True:
            try:
                item = next(source)
            except StopIteration:
                break
            except Exception as error:
                raise BagError(
                    f'{self._path}: damaged after {count} of {expected} messages: '
                    f'{type(error).__name__}: {error} ({_REMEDY})'
                ) from error
            count += 1
            yield item
        if count != expected:
            raise BagError(
                f'{self._path}: the index promises {expected} messages, '
                f'{count} were found ({_REMEDY})'
            )

    def require_version(self, topics: Sequence[str]) -> None:
        """
        Raise BagError if `topics` were recorded with messages of this package that have other
        fields now.
        """
        installed = message_types().fielddefs
        for name, kind, _ in self._source.connections:
            if name not in topics or not kind.startswith(f'{OWN_PACKAGE}/'):
                continue
            was, now = (
                {field for field, _ in types[kind][1]} if kind in types else set()
                for types in (self._source.types.fielddefs, installed)
            )
            if was != now:
                raise BagError(
                    f'{self._path}: {name} was recorded by another version of {OWN_PACKAGE}: '
                    f'{kind} had {sorted(was - now)} and lacks {sorted(now - was)}. Read it with '
                    'that version, or record again'
                )

    def close(self) -> None:
        """Close the files; idempotent."""
        self._source.close()

    def __enter__(self) -> 'BagReader':
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def _cut(self, error: Exception) -> '_CutBag':
        """Return what is whole of a bag that cannot be opened because of `error`."""
        files = [file for file in self._files if file.suffix == '.mcap']
        what = f'{type(error).__name__}: {error}'
        try:
            cut = CutBag(files)
            source = _CutBag(cut)
        except Exception as unreadable:  # as above
            raise BagError(f'{self._path}: cannot be opened: {what} ({_REMEDY})') from unreadable
        if not any(topic.count for topic in cut.topics):
            damage = '; '.join(cut.damage)
            raise BagError(
                f'{self._path}: holds no whole message: {damage or what} ({_REMEDY})'
            ) from error
        self.damage = '; '.join(cut.damage) or what
        self._falls = cut.falls
        return source

    def _require_order(self, topics: Sequence[str]) -> None:
        for topic in topics:
            if topic in self._falls:
                before_ns, after_ns = self._falls[topic]
                raise BagError(
                    f'{self._path}: the clock was set back while {topic} was recorded, by '
                    f'{(before_ns - after_ns) / 1e9:.3f} s from {before_ns / 1e9:.3f} s to '
                    f'{after_ns / 1e9:.3f} s: its messages have no order any more. Record again'
                )


class _IndexedBag:
    """A bag with index and metadata, read by rosbags."""

    def __init__(self, path: Path) -> None:
        self._reader = AnyReader([path], default_typestore=message_types())
        self._reader.open()
        self.connections = tuple(
            (item.topic, item.msgtype, item.msgcount) for item in self._reader.connections
        )
        self.types = self._reader.typestore

    def messages(self, topics: Sequence[str]) -> Iterator[BagMessage]:
        connections = [item for item in self._reader.connections if item.topic in topics]
        if not connections:
            return
        for connection, log_ns, raw in self._reader.messages(connections=connections):
            yield BagMessage(
                topic=connection.topic,
                type_name=connection.msgtype,
                log_ns=log_ns,
                message=self._reader.deserialize(raw, connection.msgtype),
            )

    def close(self) -> None:
        with contextlib.suppress(AnyReaderError):
            self._reader.close()


class _CutBag:
    """What is whole of a recording without an index, with its own schemas."""

    def __init__(self, cut: CutBag) -> None:
        self._cut = cut
        # The bag's own definitions count, also where they differ from the installed ones.
        definitions: Typesdict = {}
        for topic in cut.topics:
            definitions.update(_definitions(topic))
        self.types = get_typestore(Stores.EMPTY) if definitions else message_types()
        self.types.register(definitions)
        self._kinds = {topic.name: topic.type_name for topic in cut.topics}
        self.connections = tuple((item.name, item.type_name, item.count) for item in cut.topics)

    def messages(self, topics: Sequence[str]) -> Iterator[BagMessage]:
        for topic, log_ns, raw in self._cut.messages(topics):
            kind = self._kinds[topic]
            yield BagMessage(
                topic=topic,
                type_name=kind,
                log_ns=log_ns,
                message=self.types.deserialize_cdr(raw, kind),
            )

    def close(self) -> None:
        """Nothing stays open."""


def _definitions(topic: CutTopic) -> Typesdict:
    """Return the message types in the definition that a file holds for `topic`."""
    if topic.encoding == 'ros2msg':
        return get_types_from_msg(topic.definition, topic.type_name)
    found: Typesdict = {}
    for part in topic.definition.split(f'{"=" * 80}\n'):
        found.update(get_types_from_idl(part.partition('\n')[2] if part[:5] == 'IDL: ' else part))
    return found


def _files(path: Path) -> tuple[Path, ...]:
    """Return the files of a bag in the order of their recording: by the number in their names."""
    if not path.is_dir():
        return (path,)
    files = [file for file in path.iterdir() if file.suffix in {'.mcap', '.db3'}]
    return tuple(sorted(files, key=lambda file: (len(file.name), file.name)))


# Messages of a bag to core types.
#
# Owns the mapping of message fields to values. Topics, and what drivers encode in joint states,
# are not known here.

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
        row_offset=int(message.row_offset),
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
