# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""A recording that ended without a last word: what was committed is read, by us and by others."""

import struct

import numpy as np
import pytest
import yaml
from bags import messages
from mcap.exceptions import EndOfFile
from mcap.records import Message
from mcap.stream_reader import StreamReader
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer
from rosbags.typesys import get_types_from_msg

from wla_ros.bags.reading import BagError
from wla_ros.bags.reading import BagReader
from wla_ros.bags.reading import message_types
from wla_ros.bags.writing import BagWriter

STATE = 'sensor_msgs/msg/JointState'
NAMES = ['joint1']


def state(number):
    return messages.serialize(messages.joint_state(number, NAMES, np.full(1, float(number))))


def killed(folder, commits, per_commit=10):
    """Record and go away without a word: neither close nor index."""
    writer = BagWriter(folder, min_free_bytes=0)
    writer.add_topic('/joints', STATE)
    for commit in range(commits):
        for i in range(per_commit):
            number = commit * per_commit + i
            writer.write('/joints', 1000 + number, state(number))
        writer.commit()
    return writer


def values(folder):
    with BagReader(folder) as reader:
        return [item.message.position[0] for item in reader.messages()], reader.damage


def test_a_killed_recording_is_read_up_to_the_last_commit(tmp_path):
    writer = killed(tmp_path / 'bag', 3)
    writer.write('/joints', 5000, state(99))  # taken, never committed
    found, damage = values(tmp_path / 'bag')
    assert found == list(range(30))
    assert 'bag.mcap ends without an index at byte' in damage
    assert writer.written == {'/joints': 30}


def test_a_killed_recording_has_the_metadata_of_its_last_commit(tmp_path):
    killed(tmp_path / 'bag', 3)
    metadata = yaml.safe_load((tmp_path / 'bag' / 'metadata.yaml').read_text())
    information = metadata['rosbag2_bagfile_information']
    assert information['message_count'] == 30
    assert information['starting_time'] == {'nanoseconds_since_epoch': 1000}
    assert information['duration'] == {'nanoseconds': 29}


def test_a_killed_recording_is_whole_records_for_the_tools_of_mcap(tmp_path):
    killed(tmp_path / 'bag', 3)
    found = []
    with (tmp_path / 'bag' / 'bag.mcap').open('rb') as stream, pytest.raises(EndOfFile):
        found.extend(StreamReader(stream, validate_crcs=True).records)
    assert sum(isinstance(record, Message) for record in found) == 30


@pytest.mark.parametrize('tail', [b'\0' * 4096, b'\x06', struct.pack('<BQ', 6, 10**9) + b'x' * 50])
def test_half_a_record_behind_whole_ones_costs_nothing_else(tmp_path, tail):
    killed(tmp_path / 'bag', 2)
    with (tmp_path / 'bag' / 'bag.mcap').open('ab') as stream:
        stream.write(tail)
    found, damage = values(tmp_path / 'bag')
    assert found == list(range(20))
    assert f'{len(tail)} bytes behind it are half a record' in damage


@pytest.mark.parametrize('keep', [0.3, 0.5, 0.7, 0.9, 0.99, 0.999])
@pytest.mark.parametrize('with_metadata', [True, False])
def test_a_bag_that_is_cut_anywhere_gives_its_whole_chunks(tmp_path, keep, with_metadata):
    writer = killed(tmp_path / 'bag', 8)
    writer.close()
    file = tmp_path / 'bag' / 'bag.mcap'
    data = file.read_bytes()
    file.write_bytes(data[: int(keep * len(data))])
    if not with_metadata:
        (tmp_path / 'bag' / 'metadata.yaml').unlink()
    found, damage = values(tmp_path / 'bag')
    assert found == list(range(len(found)))
    assert len(found) % 10 == 0
    assert found
    assert damage


@pytest.mark.parametrize('keep', [0, 5, 60])
def test_a_bag_without_a_whole_message_is_refused_with_remedies_that_exist(tmp_path, keep):
    killed(tmp_path / 'bag', 1)
    file = tmp_path / 'bag' / 'bag.mcap'
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(BagError, match=r'no whole message.*ros2 bag reindex.*mcap recover'):
        BagReader(tmp_path / 'bag')


def test_a_damaged_chunk_in_a_cut_bag_costs_only_itself(tmp_path):
    killed(tmp_path / 'bag', 3)
    file = tmp_path / 'bag' / 'bag.mcap'
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0xFF
    file.write_bytes(data)
    found, damage = values(tmp_path / 'bag')
    assert found == [*range(10), *range(20, 30)]
    assert 'the chunk at byte' in damage


def test_a_cut_bag_is_read_with_its_own_types_whatever_is_installed(tmp_path):
    """One foreign type saved nothing; a changed one was "saved" and could not be read."""
    types = message_types()
    foreign = 'float32 newtons\nuint8 finger\n'
    types.register(get_types_from_msg(foreign, 'somebody_msgs/msg/Touch'))
    changed = 'uint32 number\nfloat64 value\n'
    types.fielddefs.pop('wla_ros/msg/StageTiming')
    types.register(get_types_from_msg(changed, 'wla_ros/msg/StageTiming'))
    with Writer(tmp_path / 'bag', version=8, storage_plugin=StoragePlugin.MCAP) as writer:
        touch = writer.add_connection('/touch', 'somebody_msgs/msg/Touch', typestore=types)
        timing = writer.add_connection('/timing', 'wla_ros/msg/StageTiming', typestore=types)
        for i in range(5):
            for connection, kind, fields in (
                (touch, 'somebody_msgs/msg/Touch', (float(i), i)),
                (timing, 'wla_ros/msg/StageTiming', (i, 0.5)),
            ):
                message = types.types[kind](*fields)
                writer.write(connection, 10 + i, types.serialize_cdr(message, kind))
    file = tmp_path / 'bag' / 'bag.mcap'
    file.write_bytes(file.read_bytes()[:-40])
    with BagReader(tmp_path / 'bag') as reader:
        items = list(reader.messages())
        assert reader.damage
    touches = [item.message.newtons for item in items if item.topic == '/touch']
    assert touches == [0.0, 1.0, 2.0, 3.0, 4.0]
    timings = [item.message.number for item in items if item.topic == '/timing']
    assert timings == [0, 1, 2, 3, 4]


def test_messages_of_a_cut_bag_come_in_order_of_log_time(tmp_path):
    writer = BagWriter(tmp_path / 'bag', min_free_bytes=0)
    for topic in ('/slow', '/fast'):
        writer.add_topic(topic, STATE)
    for k in range(4):
        for i in range(10):
            writer.write('/fast', 1000 * k + 100 * i, state(i))
            if k:  # as images, which are encoded before they are written
                writer.write('/slow', 1000 * k + 100 * i - 350, state(i))
        writer.commit()
    with BagReader(tmp_path / 'bag') as reader:
        stamps = [item.log_ns for item in reader.messages()]
    assert stamps == sorted(stamps)
    assert len(stamps) == 70
