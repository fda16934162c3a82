# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The whole records of MCAP files that lack their index: recordings that were killed or cut off.

Owns which bytes can be trusted. Reads what is whole, in order of log time, and says where the
rest begins; types are those of the file's own schemas.
"""

import contextlib
import heapq
import struct
from collections import Counter
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from mcap.exceptions import EndOfFile
from mcap.opcode import Opcode
from mcap.records import Channel
from mcap.records import McapRecord
from mcap.records import Message
from mcap.records import Schema
from mcap.stream_reader import StreamReader

from wla_ros.bags.log_order import TOLERANCE_NS

_MAGIC = b'\x89MCAP0\r\n'
_HEAD = struct.Struct('<BQ')  # opcode and length of a record
_LOOSE = frozenset({Opcode.SCHEMA, Opcode.CHANNEL, Opcode.MESSAGE})
_ENDS = frozenset({Opcode.DATA_END, Opcode.FOOTER})
_FIRST_PRIVATE = 0x80
_MOST_LOOSE = 4 * 2**20  # bytes outside of chunks that are read at once


@dataclass(frozen=True, slots=True)
class _Segment:
    """Bytes that hold one chunk, or records outside of chunks."""

    path: Path
    start: int
    stop: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CutTopic:
    """One topic of one type: all its channels."""

    name: str
    type_name: str
    count: int
    definition: str
    encoding: str  # of the definition: ros2msg or ros2idl


class CutBag:
    """See the module docstring."""

    def __init__(self, files: Sequence[Path]) -> None:
        """Look through `files` in the order of recording. Raises OSError."""
        self.damage: list[str] = []  # where each file stops being whole
        self.falls: dict[str, tuple[int, int]] = {}  # topic -> log times between which it fell
        self._segments: list[tuple[int, _Segment]] = []  # with the first log time in it
        self._channels: dict[tuple[Path, int], Channel] = {}
        schemas: dict[tuple[Path, int], Schema] = {}
        counts: Counter[tuple[Path, int]] = Counter()
        last_ns: dict[str, int] = {}
        for path in files:
            for segment in self._parts(path):
                stamps = []
                for record in self._records(segment):
                    if isinstance(record, Schema):
                        schemas[path, record.id] = record
                    elif isinstance(record, Channel):
                        self._channels[path, record.id] = record
                    elif isinstance(record, Message):
                        counts[path, record.channel_id] += 1
                        stamps.append(record.log_time)
                        topic = self._channels[path, record.channel_id].topic
                        before_ns = last_ns.get(topic, 0)
                        if record.log_time < before_ns - TOLERANCE_NS:
                            self.falls.setdefault(topic, (before_ns, record.log_time))
                        last_ns[topic] = record.log_time
                if stamps:
                    self._segments.append((min(stamps), segment))
        self._segments.sort(key=lambda item: item[0])
        self.topics = tuple(self._topics(schemas, counts))

    def messages(self, topics: Sequence[str]) -> Iterator[tuple[str, int, bytes]]:
        """Yield topic, log time and data of the messages of `topics` in order of log time."""
        waiting: list[tuple[int, int, str, bytes]] = []
        serial = 0
        for first_ns, segment in self._segments:
            while waiting and waiting[0][0] < first_ns:
                log_ns, _, topic, data = heapq.heappop(waiting)
                yield topic, log_ns, data
            for record in self._records(segment):
                if isinstance(record, Message):
                    topic = self._channels[segment.path, record.channel_id].topic
                    if topic in topics:
                        heapq.heappush(waiting, (record.log_time, serial, topic, record.data))
                        serial += 1
        while waiting:
            log_ns, _, topic, data = heapq.heappop(waiting)
            yield topic, log_ns, data

    def _parts(self, path: Path) -> Iterator[_Segment]:
        """Yield the segments of a file up to its end or the first byte that is no record."""
        size = path.stat().st_size
        with path.open('rb') as stream:
            if stream.read(len(_MAGIC)) != _MAGIC:
                self.damage.append(f'{path.name} is no MCAP file')
                return
            loose = at = len(_MAGIC)
            while True:
                head = stream.read(_HEAD.size)
                opcode, length = _HEAD.unpack(head) if len(head) == _HEAD.size else (0, 0)
                end = at + _HEAD.size + length
                known = 0 < opcode <= max(Opcode) or opcode >= _FIRST_PRIVATE
                whole = known and end <= size
                if not whole or opcode not in _LOOSE or at - loose > _MOST_LOOSE:
                    if at > loose:
                        yield _Segment(path, loose, at)
                    loose = at if whole and opcode in _LOOSE else end
                if not whole:
                    rest = f'{size - at} bytes behind it are half a record' if size > at else ''
                    self.damage.append(
                        f'{path.name} ends without an index at byte {at}'
                        + (f', the {rest}' if rest else '')
                    )
                    return
                if opcode in _ENDS:
                    return
                if opcode == Opcode.CHUNK:
                    yield _Segment(path, at, end)
                at = end
                stream.seek(at)

    def _records(self, segment: _Segment) -> Iterator[McapRecord]:
        """Yield the records of a segment; a chunk that is not whole yields none."""
        with segment.path.open('rb') as stream:
            stream.seek(segment.start)
            data = BytesIO(stream.read(segment.stop - segment.start))
        try:
            records: list[McapRecord] = []
            with contextlib.suppress(EndOfFile):
                records.extend(StreamReader(data, skip_magic=True, validate_crcs=True).records)
        except Exception as error:  # bytes that were changed fail anywhere in the parser
            note = f'{segment.path.name}: the chunk at byte {segment.start} is damaged: {error}'
            if note not in self.damage:
                self.damage.append(note)
            return
        yield from records

    def _topics(
        self, schemas: dict[tuple[Path, int], Schema], counts: Counter[tuple[Path, int]]
    ) -> Iterator[CutTopic]:
        found: dict[tuple[str, str], CutTopic] = {}
        for (path, number), channel in self._channels.items():
            schema = schemas.get((path, channel.schema_id))
            key = channel.topic, '' if schema is None else schema.name
            known = found.get(key)
            found[key] = CutTopic(
                name=channel.topic,
                type_name=key[1],
                count=counts[path, number] + (0 if known is None else known.count),
                definition='' if schema is None else schema.data.decode('utf-8'),
                encoding='' if schema is None else schema.encoding,
            )
        yield from found.values()
