# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Whether the clock of a recorder was set back: log times of a topic in the order of recording.

A reader puts messages in order of their log times; two stretches of a recording that a set-back
clock gave the same times would come out as one. So this is judged in the file, before.
"""

import sqlite3
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from mcap.opcode import Opcode
from mcap.reader import make_reader

# Two publishers of one topic may be logged this much out of order; no clock is set back so little.
TOLERANCE_NS = 1_000_000
_INDEX_HEAD = struct.Struct('<BQHI')  # opcode, length, channel, bytes of the entries


def log_time_falls(file: Path) -> dict[str, tuple[int, int]]:
    """
    Return by topic the log times [ns] between which an indexed .mcap or a .db3 file falls first.

    Raises whatever a damaged file makes the parsers raise.
    """
    falls: dict[str, tuple[int, int]] = {}
    newest: dict[str, int] = {}
    stretches = _of_sqlite3(file) if file.suffix == '.db3' else _of_mcap(file)
    for topic, stamps in stretches:
        joined = np.concatenate([[newest.get(topic, 0)], stamps.astype(np.int64)])
        fallen = np.flatnonzero(np.diff(joined) < -TOLERANCE_NS)
        if fallen.size and topic not in falls:
            first = int(fallen[0])
            falls[topic] = (int(joined[first]), int(joined[first + 1]))
        newest[topic] = int(joined[-1])
    return falls


def _of_mcap(file: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Yield topic and log times of every channel of every chunk as they were written."""
    with file.open('rb') as stream:
        summary = make_reader(stream).get_summary()
        if summary is None:
            return
        chunks = sorted(summary.chunk_indexes, key=lambda item: item.chunk_start_offset)
        for chunk in chunks:
            for channel, offset in chunk.message_index_offsets.items():
                stream.seek(offset)
                opcode, _, _, size = _INDEX_HEAD.unpack(stream.read(_INDEX_HEAD.size))
                if opcode != Opcode.MESSAGE_INDEX:
                    raise ValueError(f'no message index at byte {offset}')
                entries = np.frombuffer(stream.read(size), dtype='<u8').reshape(-1, 2)
                written = np.argsort(entries[:, 1], kind='stable')
                yield summary.channels[channel].topic, entries[written, 0]


def _of_sqlite3(file: Path) -> Iterator[tuple[str, np.ndarray]]:
    connection = sqlite3.connect(f'{file.resolve().as_uri()}?mode=ro', uri=True)
    try:
        for number, topic in connection.execute('SELECT id, name FROM topics').fetchall():
            rows = connection.execute(
                'SELECT timestamp FROM messages WHERE topic_id = ? ORDER BY id', (number,)
            ).fetchall()
            yield topic, np.array(rows, dtype=np.int64).reshape(-1)
    finally:
        connection.close()
