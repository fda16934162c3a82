# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Messages to an MCAP bag that `ros2 bag` and Foxglove read."""

import shutil
import threading
from collections import Counter
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from mcap.writer import CompressionType
from mcap.writer import Writer
from rosbags.interfaces import Qos
from rosbags.interfaces import QosDurability
from rosbags.interfaces import QosHistory
from rosbags.interfaces import QosLiveliness
from rosbags.interfaces import QosReliability
from rosbags.interfaces import QosTime
from rosbags.rosbag2.metadata import dump_qos_v8

from wla_ros.bags.committed_file import CommittedFile
from wla_ros.bags.reading import message_types
from wla_ros.bags.reading import require_type
from wla_ros.base.config import WlaError
from wla_ros.base.whole_file import write_whole

# Version 8 keeps QoS as text, which rosbag2 of Humble, Jazzy and Kilted all parse; version 9 made
# it a YAML sequence that older readers refuse (rosbag2_storage/yaml.hpp,
# convert<TopicMetadata>::decode).
_BAG_VERSION = 8
_UNBOUNDED = QosTime(2147483647, 4294967295)
# Messages that wait for the disk beyond this are refused: three seconds of three cameras.
_MOST_WAITING = 64 * 2**20
# Room for index and metadata of a bag, and for the seconds in which a full disk goes unnoticed.
MIN_FREE_BYTES = 16 * 2**20


class BagWritingError(WlaError):
    """A bag cannot be written."""


def offered_qos(*, reliable: bool, transient_local: bool = False, depth: int = 10) -> Qos:
    """Return the QoS profile to store with a topic, so that `ros2 bag play` offers the same."""
    return Qos(
        history=QosHistory.KEEP_LAST,
        depth=depth,
        reliability=QosReliability.RELIABLE if reliable else QosReliability.BEST_EFFORT,
        durability=QosDurability.TRANSIENT_LOCAL if transient_local else QosDurability.VOLATILE,
        deadline=_UNBOUNDED,
        lifespan=_UNBOUNDED,
        liveliness=QosLiveliness.AUTOMATIC,
        liveliness_lease_duration=_UNBOUNDED,
        avoid_ros_namespace_conventions=False,
    )


@dataclass(slots=True, kw_only=True)
class _Channel:
    """A topic with one QoS, whose text stands in metadata.yaml."""

    topic: str
    number: int
    type_name: str
    type_hash: str
    qos: str
    taken: int = 0  # messages
    written: int = 0  # of them on the disk


@dataclass(slots=True)
class _Span:
    """Log times of the messages."""

    first_ns: int = 2**63 - 1
    last_ns: int = 0

    def include(self, stamp_ns: int) -> None:
        self.first_ns = min(self.first_ns, stamp_ns)
        self.last_ns = max(self.last_ns, stamp_ns)


class BagWriter:
    """
    One open bag. Any thread may write; one thread commits and closes.

    `folder` must not exist. Use as a context manager or call `close`, which writes the index.
    """

    def __init__(
        self,
        folder: Path,
        *,
        custom_data: Mapping[str, str] | None = None,
        min_free_bytes: int = MIN_FREE_BYTES,
    ) -> None:
        """
        Create the folder and open the file.

        `custom_data` (seed, configuration hash ...) goes to the metadata. Less than
        `min_free_bytes` on the disk count as full.

        Raises BagWritingError when the folder exists or cannot be made, or the disk is full.
        """
        self._folder = folder
        self._path = folder / f'{folder.name}.mcap'
        self._min_free_bytes = min_free_bytes
        self._custom_data = {'writer': 'wla_ros', **(custom_data or {})}
        self._types = message_types()
        self._schemas: dict[str, int] = {}
        self._channels: list[_Channel] = []
        self._newest: dict[str, _Channel] = {}  # of every topic
        self._span = _Span()
        self._lock = threading.Lock()
        self._full = ''
        self._open = True
        try:
            folder.mkdir(parents=True)
            self._require_space()
            self._file = CommittedFile(self._path)
            self._mcap = Writer(self._file, compression=CompressionType.NONE)
            self._mcap.start(profile='ros2', library='wla_ros')
            self._commit()
        except OSError as error:
            raise BagWritingError(f'{folder}: cannot create a bag: {error}') from error

    @property
    def written(self) -> Mapping[str, int]:
        """Messages on the disk per topic."""
        written: Counter[str] = Counter()
        for channel in tuple(self._channels):
            written[channel.topic] += channel.written
        return written

    def add_topic(self, topic: str, type_name: str, *, qos: Sequence[Qos] = ()) -> None:
        """
        Declare `topic` before its first message.

        `type_name` is written as in 'sensor_msgs/msg/JointState'.

        Raises BagWritingError for a topic declared before, MessageTypeError for a type without
        definition.
        """
        with self._lock:
            if topic in self._newest:
                raise BagWritingError(f'{topic} is declared twice; a topic has one type in a bag')
            require_type(self._types, type_name)
            if type_name not in self._schemas:
                definition, _ = self._types.generate_msgdef(type_name, ros_version=2)
                self._schemas[type_name] = self._mcap.register_schema(
                    type_name, 'ros2msg', definition.encode('utf-8')
                )
            self._open_channel(topic, type_name, qos)

    def change_qos(self, topic: str, qos: Sequence[Qos]) -> None:
        """Store what comes on the declared `topic` from now on with other QoS profiles."""
        with self._lock:
            self._open_channel(topic, self._newest[topic].type_name, qos)

    def note(self, custom_data: Mapping[str, str]) -> None:
        """Add to the custom data of the metadata."""
        with self._lock:
            self._custom_data.update(custom_data)

    def write(self, topic: str, stamp_ns: int, serialized: bytes | memoryview) -> None:
        """
        Take one CDR message received at `stamp_ns`; the next `commit` puts it on the disk.

        Raises BagWritingError for an undeclared topic, a closed bag, an impossible stamp, and
        while the disk is full or too much waits for it.
        """
        with self._lock:
            known = self._newest.get(topic)
            if not self._open:
                raise BagWritingError(
                    f'{self._folder} is closed; the message on {topic} was not written'
                )
            if known is None:
                raise BagWritingError(f'{topic} is not declared; call add_topic first')
            if not (0 <= stamp_ns < 2**63):
                raise BagWritingError(f'{topic}: stamp {stamp_ns} ns lies outside 0..2^63-1')
            if self._full:
                raise BagWritingError(f'{topic} is not written: {self._full}')
            if self._file.waiting > _MOST_WAITING:
                raise BagWritingError(
                    f'{topic} is not written: {self._file.waiting >> 20} MiB wait for the disk of '
                    f'{self._folder}'
                )
            self._mcap.add_message(
                known.number, stamp_ns, bytes(serialized), publish_time=stamp_ns
            )
            known.taken += 1
            self._span.include(stamp_ns)

    def commit(self) -> None:
        """
        Put all messages taken so far on the disk; to be called about once a second.

        Raises BagWritingError if that fails or the disk is full: until a later commit finds space
        again no message is taken, and those taken wait for it.
        """
        try:
            self._commit()
            self._require_space()
        except OSError as error:
            self._full = f'{self._folder}: {error.strerror or error}'
            raise BagWritingError(
                f'{self._full}; nothing is recorded until there is space'
            ) from error
        self._full = ''

    def close(self) -> None:
        """Write index and metadata; idempotent. Raises BagWritingError when that fails."""
        with self._lock:
            if not self._open:
                return
            self._open = False
            information = self._information(self._taken())
            self._mcap.add_metadata(
                'rosbag2', {'serialized_metadata': yaml.safe_dump(information, sort_keys=False)}
            )
            self._mcap.finish()
        try:
            self._commit()
        except OSError as error:
            lost = sum(item.taken - item.written for item in self._channels)
            raise BagWritingError(
                f'{self._folder}: cannot finish the bag: {error.strerror or error}; {lost} '
                'messages and the index are lost, what was written before can be read'
            ) from error
        finally:
            self._file.close()

    def __enter__(self) -> 'BagWriter':
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close; an error in the body leaves what was written before it readable."""
        self.close()

    def _require_space(self) -> None:
        """Raise OSError if the disk counts as full."""
        free = shutil.disk_usage(self._folder).free
        if free < self._min_free_bytes:
            raise OSError(
                0,
                f'{free / 2**20:.0f} MiB are free on its disk, '
                f'{self._min_free_bytes / 2**20:.0f} MiB have to be',
            )

    def _commit(self) -> None:
        """Raises OSError; the lock is not held while the disk is waited for."""
        with self._lock:
            if self._open:
                self._mcap.flush()
            taken = self._taken()
            values = {'rosbag2_bagfile_information': self._information(taken)}
        self._file.commit()
        for channel, written in zip(self._channels, taken, strict=False):
            channel.written = written
        write_whole(self._folder / 'metadata.yaml', yaml.safe_dump(values, sort_keys=False))

    def _open_channel(self, topic: str, type_name: str, qos: Sequence[Qos]) -> None:
        text = dump_qos_v8(list(qos))
        channel = _Channel(
            topic=topic,
            number=self._mcap.register_channel(
                topic, 'cdr', self._schemas[type_name], {'offered_qos_profiles': text}
            ),
            type_name=type_name,
            type_hash=self._types.hash_rihs01(type_name),
            qos=text,
        )
        self._channels.append(channel)
        self._newest[topic] = channel

    def _taken(self) -> list[int]:
        return [channel.taken for channel in self._channels]

    def _information(self, counts: Sequence[int]) -> dict[str, Any]:
        """Return what rosbag2 keeps in metadata.yaml, with `counts` messages of every channel."""
        span, count = self._span, sum(counts)
        start = {'nanoseconds_since_epoch': span.first_ns}
        duration = {'nanoseconds': max(0, span.last_ns - span.first_ns)}
        return {
            'version': _BAG_VERSION,
            'storage_identifier': 'mcap',
            'relative_file_paths': [self._path.name],
            'duration': duration,
            'starting_time': start,
            'message_count': count,
            'topics_with_message_count': [
                {
                    'topic_metadata': {
                        'name': channel.topic,
                        'type': channel.type_name,
                        'serialization_format': 'cdr',
                        'offered_qos_profiles': channel.qos,
                        'type_description_hash': channel.type_hash,
                    },
                    'message_count': number,
                }
                for channel, number in zip(self._channels, counts, strict=True)
            ],
            'compression_format': '',
            'compression_mode': '',
            'files': [
                {
                    'path': self._path.name,
                    'starting_time': start,
                    'duration': duration,
                    'message_count': count,
                }
            ],
            'custom_data': dict(self._custom_data),
            'ros_distro': 'rosbags',
        }
