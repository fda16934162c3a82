"""
Reads `ros2 bag` folders and files (MCAP or sqlite3) without ROS.

Owns opening, order and errors: every message of the asked topics is yielded once or an error says
how far it came. A recording that was cut off is read as far as it is whole, and `damage` says so.
What the messages mean is in bag_values.
"""

import contextlib
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rosbags.highlevel import AnyReader
from rosbags.highlevel import AnyReaderError
from rosbags.interfaces.typing import Typesdict
from rosbags.typesys import Stores
from rosbags.typesys import get_types_from_idl
from rosbags.typesys import get_types_from_msg
from rosbags.typesys import get_typestore

from wla_ros.core.errors import WlaError
from wla_ros.evaluation.bag_types import message_types
from wla_ros.evaluation.cut_bag import CutBag
from wla_ros.evaluation.cut_bag import CutTopic
from wla_ros.evaluation.log_order import log_time_falls

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
        self._types = get_typestore(Stores.EMPTY) if definitions else message_types()
        self._types.register(definitions)
        self._kinds = {topic.name: topic.type_name for topic in cut.topics}
        self.connections = tuple((item.name, item.type_name, item.count) for item in cut.topics)

    def messages(self, topics: Sequence[str]) -> Iterator[BagMessage]:
        for topic, log_ns, raw in self._cut.messages(topics):
            kind = self._kinds[topic]
            yield BagMessage(
                topic=topic,
                type_name=kind,
                log_ns=log_ns,
                message=self._types.deserialize_cdr(raw, kind),
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
