"""Saves the messages of an interrupted or damaged MCAP recording into a new bag."""

from dataclasses import dataclass
from pathlib import Path

from mcap.records import Channel
from mcap.records import Message
from mcap.records import Schema
from mcap.stream_reader import StreamReader

from wla_ros.core.errors import WlaError
from wla_ros.evaluation.bag_reading import BagError
from wla_ros.evaluation.bag_writing import BagWriter


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """What was saved and what ended the reading."""

    messages: int
    damage: str  # empty when the file was whole


def recover_bag(damaged: Path, target: Path) -> Recovery:
    """
    Copy every message of all readable chunks of `damaged` into the new bag `target`.

    The original (a folder or an .mcap file) is not touched. Raises BagError when there is no MCAP
    file or not one readable message, BagWritingError when `target` exists.
    """
    files = sorted(damaged.glob('*.mcap')) if damaged.is_dir() else [damaged]
    if not files or not all(file.is_file() for file in files):
        raise BagError(f'{damaged}: holds no .mcap file to recover')
    count, damage = 0, []
    with BagWriter(target, custom_data={'recovered_from': damaged.name}) as writer:
        for file in files:
            copied, problem = _copy(file, writer)
            count += copied
            if problem:
                damage.append(f'{file.name}: {problem}')
    if not count:
        raise BagError(
            f'{damaged}: no message could be recovered: {"; ".join(damage) or "it is empty"}'
        )
    return Recovery(messages=count, damage='; '.join(damage))


def _copy(file: Path, writer: BagWriter) -> tuple[int, str]:
    schemas: dict[int, Schema] = {}
    channels: dict[int, Channel] = {}
    count = 0
    with file.open('rb') as stream:
        try:
            for record in StreamReader(stream).records:
                if isinstance(record, Schema):
                    schemas[record.id] = record
                elif isinstance(record, Channel):
                    channels[record.id] = record
                elif isinstance(record, Message):
                    channel = channels[record.channel_id]
                    if channel.topic not in writer.written:
                        writer.add_topic(channel.topic, schemas[channel.schema_id].name)
                    writer.write(channel.topic, record.log_time, record.data)
                    count += 1
        except WlaError:
            raise
        # Damage shows as any error of the parser; what came before it is saved.
        except Exception as error:
            return count, f'{type(error).__name__}: {error}'
    return count, ''
