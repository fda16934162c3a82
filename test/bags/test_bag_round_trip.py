# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest
import yaml
from bags import messages
from mcap.reader import make_reader
from rosbags.rosbag2 import Reader
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer

from wla_ros.bags.reading import BagError
from wla_ros.bags.reading import BagReader
from wla_ros.bags.reading import MessageTypeError
from wla_ros.bags.reading import action_chunk
from wla_ros.bags.reading import image_pixels
from wla_ros.bags.reading import joint_state_fields
from wla_ros.bags.reading import message_types
from wla_ros.bags.reading import require_type
from wla_ros.bags.writing import BagWriter
from wla_ros.bags.writing import BagWritingError
from wla_ros.bags.writing import offered_qos

NAMES = [f'joint{i}' for i in range(1, 8)]
PIXELS = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)


def write_bag(folder, count=5):
    with BagWriter(folder, custom_data={'seed': '7'}) as writer:
        writer.add_topic('/chunks', 'wla_ros/msg/ActionChunk', qos=[offered_qos(reliable=True)])
        writer.add_topic('/image', 'sensor_msgs/msg/Image', qos=[offered_qos(reliable=False)])
        writer.add_topic('/joints', 'sensor_msgs/msg/JointState')
        for i in range(count):
            now = 10**9 + i * 10**7
            rows = np.full((3, 7), float(i))
            writer.write(
                '/chunks',
                now,
                messages.serialize(messages.chunk(now - 5, rows, NAMES, sequence=i)),
            )
            writer.write(
                '/image', now + 1, messages.serialize(messages.image(now, PIXELS + np.uint8(i)))
            )
            state = messages.joint_state(now, NAMES, np.arange(7) + i)
            writer.write('/joints', now + 2, messages.serialize(state))


def test_what_is_written_is_read_back_equal(tmp_path):
    write_bag(tmp_path / 'bag')
    with BagReader(tmp_path / 'bag') as reader:
        assert [(topic.name, topic.count) for topic in reader.topics] == [
            ('/chunks', 5),
            ('/image', 5),
            ('/joints', 5),
        ]
        items = list(reader.messages())
    assert [item.log_ns for item in items] == sorted(item.log_ns for item in items)
    chunks = [action_chunk(item.message) for item in items if item.topic == '/chunks']
    assert [chunk.sequence for chunk in chunks] == list(range(5))
    assert np.array_equal(chunks[3].rows, np.full((3, 7), 3.0))
    assert chunks[3].stamp_ns == 10**9 + 3 * 10**7 - 5
    assert chunks[3].samples[0].skew_ns == -7
    assert chunks[3].timings[0].duration_ns == 40_000_000
    assert chunks[3].provenance.subtask == 'grasp'
    images = [image_pixels(item.message) for item in items if item.topic == '/image']
    assert np.array_equal(images[2], PIXELS + np.uint8(2))
    joints = [joint_state_fields(item.message) for item in items if item.topic == '/joints']
    assert joints[4][0] == tuple(NAMES)
    assert np.array_equal(joints[4][1], np.arange(7) + 4)


def test_the_folder_is_what_ros2_bag_expects(tmp_path):
    write_bag(tmp_path / 'bag')
    assert sorted(path.name for path in (tmp_path / 'bag').iterdir()) == [
        'bag.mcap',
        'metadata.yaml',
    ]
    with Reader(tmp_path / 'bag') as reader:
        assert reader.message_count == 15
        qos = {item.topic: item.ext.offered_qos_profiles for item in reader.connections}
    assert qos['/image'][0].reliability.name == 'BEST_EFFORT'
    metadata = yaml.safe_load((tmp_path / 'bag' / 'metadata.yaml').read_text())
    information = metadata['rosbag2_bagfile_information']
    assert information['custom_data'] == {'writer': 'wla_ros', 'seed': '7'}
    profiles = information['topics_with_message_count'][1]['topic_metadata']
    assert 'reliability: 2' in profiles['offered_qos_profiles']
    with (tmp_path / 'bag' / 'bag.mcap').open('rb') as stream:
        reader = make_reader(stream, validate_crcs=True)
        summary = reader.get_summary()
        assert summary.statistics.message_count == 15
        schema = next(
            item for item in summary.schemas.values() if item.name == 'wla_ros/msg/ActionChunk'
        )
        assert schema.encoding == 'ros2msg'
        assert b'MSG: wla_ros/StageTiming' in schema.data
        assert reader.get_header().profile == 'ros2'
        assert sum(1 for _ in reader.iter_messages()) == 15


def test_an_sqlite3_bag_is_read_as_well(tmp_path):
    types = message_types()
    with Writer(tmp_path / 'old', version=8, storage_plugin=StoragePlugin.SQLITE3) as writer:
        connection = writer.add_connection(
            '/joints', 'sensor_msgs/msg/JointState', typestore=types
        )
        state = messages.joint_state(5, NAMES, np.arange(7))
        writer.write(connection, 9, messages.serialize(state))
    with BagReader(tmp_path / 'old') as reader:
        assert [item.log_ns for item in reader.messages(['/joints'])] == [9]


def test_a_missing_bag_and_a_missing_topic_are_named(tmp_path):
    with pytest.raises(BagError, match='no such bag'):
        BagReader(tmp_path / 'nothing')
    write_bag(tmp_path / 'bag')
    with (
        BagReader(tmp_path / 'bag') as reader,
        pytest.raises(BagError, match=r"/other.*'/joints'"),
    ):
        list(reader.messages(['/other', '/joints']))


def test_writing_refuses_what_would_be_lost(tmp_path):
    write_bag(tmp_path / 'bag')
    with pytest.raises(BagWritingError, match='exists'):
        BagWriter(tmp_path / 'bag')
    writer = BagWriter(tmp_path / 'second')
    writer.add_topic('/a', 'sensor_msgs/msg/JointState')
    with pytest.raises(BagWritingError, match='twice'):
        writer.add_topic('/a', 'sensor_msgs/msg/Image')
    with pytest.raises(BagWritingError, match='not declared'):
        writer.write('/b', 1, b'')
    with pytest.raises(BagWritingError, match='outside'):
        writer.write('/a', -1, b'')
    with pytest.raises(MessageTypeError, match='nothing_msgs'):
        writer.add_topic('/c', 'nothing_msgs/msg/Nothing')
    writer.close()
    writer.close()
    with pytest.raises(BagWritingError, match='closed'):
        writer.write('/a', 1, b'')


def test_types_of_other_packages_are_found_on_the_prefix_path(tmp_path, monkeypatch):
    folder = tmp_path / 'share' / 'other_msgs' / 'msg'
    folder.mkdir(parents=True)
    (folder / 'Outer.msg').write_text(
        'std_msgs/Header header\nInner[] items\nInner[2] pair\nstring[] names\n'
    )
    (folder / 'Inner.msg').write_text('float64 x\n')
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(tmp_path))
    types = message_types()
    require_type(types, 'other_msgs/msg/Outer')
    assert 'other_msgs/msg/Inner' in types.fielddefs
    assert types.hash_rihs01('other_msgs/msg/Outer').startswith('RIHS01_')


def test_images_are_rgb_whatever_the_encoding():
    bgr = np.ascontiguousarray(PIXELS[:, :, ::-1])
    assert np.array_equal(image_pixels(messages.image(0, bgr, 'bgr8', padding=3)), PIXELS)
    mono = image_pixels(messages.image(0, PIXELS[:, :, :1], 'mono8'))
    assert np.array_equal(mono[:, :, 2], PIXELS[:, :, 0])
    data = cv2.imencode('.png', bgr)[1].reshape(-1)
    compressed = messages.make(
        'sensor_msgs/msg/CompressedImage', header=messages.header(0), format='rgb8; png', data=data
    )
    assert np.array_equal(image_pixels(compressed), PIXELS)


def test_unusable_images_are_named():
    with pytest.raises(BagError, match='16UC1'):
        image_pixels(messages.image(0, PIXELS, '16UC1'))
    short = messages.image(0, PIXELS)
    short.data = short.data[:-1]
    with pytest.raises(BagError, match='71 bytes'):
        image_pixels(short)
    broken = messages.make(
        'sensor_msgs/msg/CompressedImage',
        header=messages.header(0),
        format='jpeg',
        data=np.zeros(4, dtype=np.uint8),
    )
    with pytest.raises(BagError, match='jpeg'):
        image_pixels(broken)


def test_a_chunk_whose_rows_do_not_fit_is_refused():
    broken = messages.chunk(0, np.zeros((3, 7)), NAMES)
    broken.rows = broken.rows[:-1]
    with pytest.raises(BagError, match='20 values for 3 rows of 7 columns'):
        action_chunk(broken)


def test_a_topic_whose_qos_changes_is_still_one_topic(tmp_path):
    with BagWriter(tmp_path / 'bag') as writer:
        writer.add_topic('/a', 'sensor_msgs/msg/JointState', qos=[offered_qos(reliable=True)])
        for i in range(4):
            state = messages.joint_state(i, NAMES, np.full(7, float(i)))
            writer.write('/a', 1 + i, messages.serialize(state))
            if i == 1:
                writer.change_qos('/a', [offered_qos(reliable=False)])
        writer.commit()
        assert writer.written == {'/a': 4}
    with BagReader(tmp_path / 'bag') as reader:
        assert [(topic.name, topic.count) for topic in reader.topics] == [('/a', 4)]
        assert [item.message.position[0] for item in reader.messages()] == [0.0, 1.0, 2.0, 3.0]
    with Reader(tmp_path / 'bag') as reader:
        profiles = [item.ext.offered_qos_profiles[0] for item in reader.connections]
    assert [profile.reliability.name for profile in profiles] == ['RELIABLE', 'BEST_EFFORT']
