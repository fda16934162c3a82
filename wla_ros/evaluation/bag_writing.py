"""
Writes `ros2 bag`-compatible MCAP folders from serialized messages.

Owns the file format only: who subscribes, and to what, is the recorder's business. Messages are
written in chunks of about 1 MiB and the index and metadata.yaml at close. After a crash all closed
chunks are in the file: `recover_bag` of bag_recovery writes them to a readable bag (`ros2 bag
reindex <folder> -s mcap` does the same job in place where rosbag2 is installed).
"""

from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from rosbags.interfaces import Connection
from rosbags.interfaces import Qos
from rosbags.interfaces import QosDurability
from rosbags.interfaces import QosHistory
from rosbags.interfaces import QosLiveliness
from rosbags.interfaces import QosReliability
from rosbags.interfaces import QosTime
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer
from rosbags.rosbag2 import WriterError

from wla_ros.core.errors import WlaError
from wla_ros.evaluation.bag_types import message_types
from wla_ros.evaluation.bag_types import require_type

# Version 8 keeps QoS as text, which rosbag2 of Humble, Jazzy and Kilted all parse; version 9 made
# it a YAML sequence that older readers refuse (rosbag2_storage/yaml.hpp,
# convert<TopicMetadata>::decode).
_BAG_VERSION: Literal[8] = 8
_UNBOUNDED = QosTime(2147483647, 4294967295)


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


class BagWriter:
    """
    One open bag; one thread calls all methods.

    `folder` must not exist. Use as a context manager or call `close`, which writes index and
    metadata.
    """

    def __init__(self, folder: Path, *, custom_data: Mapping[str, str] | None = None) -> None:
        """
        Create the folder and open the file.

        `custom_data` (seed, configuration hash ...) goes to the metadata.

        Raises BagWritingError when the folder exists or cannot be made.
        """
        self._types = message_types()
        self._topics: dict[str, Connection] = {}
        self._written: dict[str, int] = {}
        try:
            self._writer = Writer(folder, version=_BAG_VERSION, storage_plugin=StoragePlugin.MCAP)
            for key, value in {'writer': 'wla_ros', **(custom_data or {})}.items():
                self._writer.set_custom_data(key, value)
            self._writer.open()
        except (OSError, WriterError) as error:
            raise BagWritingError(f'{folder}: cannot create a bag: {error}') from error
        self._open = True

    @property
    def written(self) -> Mapping[str, int]:
        """Messages written so far per topic."""
        return dict(self._written)

    def add_topic(self, topic: str, type_name: str, *, qos: Sequence[Qos] = ()) -> None:
        """
        Declare `topic` before its first message.

        `type_name` is written as in 'sensor_msgs/msg/JointState'.

        Raises BagWritingError for a topic declared before, MessageTypeError for a type without
        definition.
        """
        if topic in self._topics:
            raise BagWritingError(f'{topic} is declared twice; a topic has one type in a bag')
        require_type(self._types, type_name)
        self._topics[topic] = self._writer.add_connection(
            topic, type_name, typestore=self._types, offered_qos_profiles=qos
        )
        self._written[topic] = 0

    def write(self, topic: str, stamp_ns: int, serialized: bytes | memoryview) -> None:
        """
        Append one CDR message received at `stamp_ns`.

        Raises BagWritingError for an undeclared topic, a closed bag, an impossible stamp or a full
        disk.
        """
        connection = self._topics.get(topic)
        if not self._open:
            raise BagWritingError(
                f'{self._writer.path} is closed; the message on {topic} was not written'
            )
        if connection is None:
            raise BagWritingError(f'{topic} is not declared; call add_topic first')
        if not (0 <= stamp_ns < 2**63):
            raise BagWritingError(f'{topic}: stamp {stamp_ns} ns lies outside 0..2^63-1')
        try:
            self._writer.write(connection, stamp_ns, serialized)
        except (OSError, WriterError) as error:
            raise BagWritingError(f'{self._writer.path}: cannot write {topic}: {error}') from error
        self._written[topic] += 1

    def close(self) -> None:
        """Write index and metadata; idempotent. Raises BagWritingError when that fails."""
        if not self._open:
            return
        self._open = False
        try:
            self._writer.close()
        except (OSError, WriterError) as error:
            raise BagWritingError(
                f'{self._writer.path}: cannot finish the bag: {error}. '
                'Its chunks can be recovered.'
            ) from error

    def __enter__(self) -> 'BagWriter':
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close; an error in the body leaves what was written before it readable."""
        self.close()
