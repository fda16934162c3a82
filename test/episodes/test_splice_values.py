# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Splices of a recorded run, and recordings that know nothing of them."""

from pathlib import Path

import numpy as np
import pytest
from bags import messages
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer
from rosbags.typesys import get_types_from_msg

from wla_ros.bags.reading import BagError
from wla_ros.bags.reading import BagReader
from wla_ros.bags.reading import action_chunk
from wla_ros.bags.reading import message_types
from wla_ros.bags.reading import own_definitions_folder
from wla_ros.bags.reading import time_ns
from wla_ros.bags.writing import BagWriter
from wla_ros.base.joints import JointLayout
from wla_ros.episodes.from_bag import EpisodeWindow
from wla_ros.episodes.from_bag import RunTopics
from wla_ros.episodes.from_bag import episodes_of_bag
from wla_ros.episodes.record import splice_record
from wla_ros.robots.profile import load_driver_profile

COLUMNS = list(JointLayout(('left', 'right')).columns)
ROWS = np.zeros((8, 14))
NOW = 10**10
DT_NS = 33_333_333
PROFILE = load_driver_profile(Path(__file__).parents[2] / 'config' / 'drivers' / 'piper_ros.yaml')
WINDOW = EpisodeWindow(
    start_ns=0,
    end_ns=2 * NOW,
    seed=0,
    task='test',
    instruction='',
    success=True,
    judgement='success',
    end_reason='finished',
)


@pytest.mark.parametrize(
    ('strategy', 'committed', 'offset', 'effect_ns'),
    [
        ('latest', 0, 0, 100_000_000),  # the first row in time is due now
        ('prefix', 5, 0, 5 * DT_NS),
        ('rollforward', 0, 4, 7 * DT_NS),  # three of its rows were late
        ('sync', 0, 0, 100_000_000),
    ],
)
def test_a_chunk_takes_effect_with_its_first_row_that_is_new(
    strategy: str, committed: int, offset: int, effect_ns: int
) -> None:
    message = messages.chunk(NOW, ROWS, COLUMNS, committed_prefix=committed, row_offset=offset)
    record = splice_record(
        action_chunk(message), messages.splice(NOW, strategy=strategy), delay_ns=100_000_000
    )
    assert record.stamp_ns == NOW
    assert record.splice_ns == NOW + 100_000_000
    assert record.effect_ns == NOW + effect_ns
    assert record.delay_s == pytest.approx(0.1)
    assert record.velocity_step_rad_s == 0.02
    assert record.bridged_acceleration_step_rad_s2 == 0.003


def test_recorded_splices_belong_to_recorded_chunks(tmp_path: Path) -> None:
    with BagWriter(tmp_path / 'bag') as writer:
        writer.add_topic('/action_chunk', 'wla_ros/msg/ActionChunk')
        writer.add_topic('/splices', 'wla_ros/msg/Splice')
        for sequence in (1, 2):
            now = NOW + sequence * 10**8
            chunk = messages.chunk(now, ROWS, COLUMNS, sequence=sequence)
            writer.write('/action_chunk', now + 90, messages.serialize(chunk))
        for sequence in (0, 1, 2):  # the recorder came after chunk 0
            now = NOW + sequence * 10**8
            splice = messages.splice(now, sequence=sequence)
            writer.write('/splices', now + 100, messages.serialize(splice))
    (record,) = episodes_of_bag(tmp_path / 'bag', (WINDOW,), PROFILE, RunTopics())
    assert [splice.stamp_ns for splice in record.splices] == [NOW + 10**8, NOW + 2 * 10**8]
    assert [chunk.sequence for chunk in record.chunks] == [1, 2]
    # When the executor took them, not when the recorder did, and the executor's own steps.
    assert [chunk.arrival_ns for chunk in record.chunks] == [
        time_ns(messages.splice(NOW + sequence * 10**8).header.stamp) for sequence in (1, 2)
    ]
    assert {chunk.seam_velocity_step_rad_s for chunk in record.chunks} == {0.02}


def test_a_recording_of_another_version_is_refused_by_its_name(tmp_path: Path) -> None:
    name = 'wla_ros/msg/Splice'
    text = (own_definitions_folder() / 'Splice.msg').read_text()
    older = text.replace('builtin_interfaces/Duration delay', 'float64 delay_s')
    store = message_types()
    del store.fielddefs[name]
    store.register(get_types_from_msg(older, name))
    values = vars(messages.splice(NOW))
    values = {key: value for key, value in values.items() if key not in ('delay', '__msgtype__')}
    old = store.types[name](**values, delay_s=0.1)
    with Writer(tmp_path / 'old', version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connection = writer.add_connection('/splices', name, typestore=store)
        writer.write(connection, NOW, store.serialize_cdr(old, name))
    with pytest.raises(BagError) as caught:
        episodes_of_bag(tmp_path / 'old', (WINDOW,), PROFILE, RunTopics())
    for word in ('another version of wla_ros', '/splices', "['delay_s']", "['delay']"):
        assert word in str(caught.value)
    with BagReader(tmp_path / 'old') as reader:  # what it says can still be read
        (item,) = reader.messages()
    assert item.message.delay_s == 0.1


def test_an_episode_whose_clock_was_set_back_is_refused_with_where(tmp_path: Path) -> None:
    with BagWriter(tmp_path / 'bag') as writer:
        writer.add_topic('/limited_command', 'sensor_msgs/msg/JointState')
        for i in range(20):
            now = NOW + i * 10**7
            stamp = now - 10**8 * (i >= 10)
            state = messages.joint_state(stamp, COLUMNS, np.zeros(len(COLUMNS)))
            writer.write('/limited_command', now, messages.serialize(state))
    with pytest.raises(BagError, match='stamps of the commands go back'):
        episodes_of_bag(tmp_path / 'bag', (WINDOW,), PROFILE, RunTopics())
