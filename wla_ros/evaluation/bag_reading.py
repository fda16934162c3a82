"""
Reads `ros2 bag` folders and files (MCAP or sqlite3) without ROS.

Owns opening, order and errors: every message of the asked topics is yielded once or an error says
how far it came. What the messages mean is in bag_values.
"""

import contextlib
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rosbags.highlevel import AnyReader
from rosbags.highlevel import AnyReaderError
from rosbags.interfaces import Connection

from wla_ros.core.errors import WlaError
from wla_ros.evaluation.bag_types import message_types

_REMEDY = 'an interrupted recording is repaired by recover_bag or `ros2 bag reindex`'


class BagError(WlaError):
    """A bag is missing, damaged, or lacks what was asked of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BagTopic:
    """One topic of a bag."""

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
        if not path.exists():
            raise BagError(f'{path}: no such bag; name its folder, or its .mcap or .db3 file')
        try:
            self._reader = AnyReader([path], default_typestore=message_types())
            self._reader.open()
        except FileNotFoundError as error:
            raise BagError(
                f'{path}: {error}; name the folder that holds metadata.yaml ({_REMEDY})'
            ) from error
        # A damaged file fails anywhere in the parser, with any error; all mean the same to the
        # user.
        except Exception as error:
            raise BagError(
                f'{path}: cannot be opened: {type(error).__name__}: {error} ({_REMEDY})'
            ) from error

    @property
    def topics(self) -> tuple[BagTopic, ...]:
        """All topics in order of name."""
        return tuple(
            sorted(
                (
                    BagTopic(name=item.topic, type_name=item.msgtype, count=item.msgcount)
                    for item in self._reader.connections
                ),
                key=lambda topic: topic.name,
            )
        )

    @property
    def start_ns(self) -> int:
        """Log time of the first message."""
        return self._reader.start_time

    @property
    def end_ns(self) -> int:
        """Log time after the last message."""
        return self._reader.end_time

    def messages(self, topics: Sequence[str] = ()) -> Iterator[BagMessage]:
        """
        Yield the messages of `topics` (all if empty) in order of log time.

        Raises BagError for a topic that the bag lacks (listing those it has), for damage that is
        met on the way (saying how many messages came before it), and at the end if the index
        promised more messages.
        """
        connections = self._connections(topics)
        expected = sum(item.msgcount for item in connections)
        count = 0
        source = self._reader.messages(connections=connections) if connections else iter(())
        while True:
            try:
                connection, log_ns, raw = next(source)
                message = self._reader.deserialize(raw, connection.msgtype)
            except StopIteration:
                break
            except Exception as error:
                raise BagError(
                    f'{self._path}: damaged after {count} of {expected} messages: '
                    f'{type(error).__name__}: {error} ({_REMEDY})'
                ) from error
            count += 1
            yield BagMessage(
                topic=connection.topic,
                type_name=connection.msgtype,
                log_ns=log_ns,
                message=message,
            )
        if count != expected:
            raise BagError(
                f'{self._path}: the index promises {expected} messages, '
                f'{count} were found ({_REMEDY})'
            )

    def close(self) -> None:
        """Close the files; idempotent."""
        with contextlib.suppress(AnyReaderError):
            self._reader.close()

    def __enter__(self) -> 'BagReader':
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def _connections(self, topics: Sequence[str]) -> list[Connection]:
        known = {item.topic for item in self._reader.connections}
        missing = [topic for topic in topics if topic not in known]
        if missing:
            raise BagError(f'{self._path}: has no topics {missing}; it has {sorted(known)}')
        return [item for item in self._reader.connections if not topics or item.topic in topics]
