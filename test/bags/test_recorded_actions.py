# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bags import messages
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer

from wla_ros.bags.actions import command_actions
from wla_ros.bags.actions import read_actions
from wla_ros.bags.reading import BagError
from wla_ros.bags.reading import BagReader
from wla_ros.bags.reading import message_types
from wla_ros.bags.writing import BagWriter
from wla_ros.bags.writing import offered_qos
from wla_ros.base.config import ConfigurationError
from wla_ros.base.joints import ARM_COLUMNS
from wla_ros.base.joints import JointLayout
from wla_ros.robots.encoding import encode_command
from wla_ros.robots.profile import ArmChannels
from wla_ros.robots.profile import DriverProfile
from wla_ros.robots.profile import load_driver_profile

LAYOUT = JointLayout(('left',))
COLUMNS = list(LAYOUT.columns)
DT_NS = 10_000_000


def bag(folder, topics):
    """Write {topic: (type, [(stamp, message)])}."""
    with BagWriter(folder) as writer:
        for topic, (kind, items) in topics.items():
            writer.add_topic(topic, kind)
            for stamp, message in items:
                writer.write(topic, stamp, messages.serialize(message))
    return folder


def chunk_items(starts, *, epoch=1):
    items = []
    for sequence, start in enumerate(starts):
        rows = np.full((5, 7), 0.01 * (start // DT_NS)) + 0.01 * np.arange(5)[:, None]
        message = messages.chunk(start, rows, COLUMNS, epoch=epoch, sequence=sequence, dt_ns=DT_NS)
        items.append((start + 1, message))
    return 'wla_ros/msg/ActionChunk', items


def test_overlapping_chunks_become_one_trajectory(tmp_path):
    folder = bag(tmp_path / 'bag', {'/chunks': chunk_items([0, 3 * DT_NS, 6 * DT_NS])})
    actions = read_actions(folder, LAYOUT)
    assert actions.stamps_ns.tolist() == [i * DT_NS for i in range(11)]
    assert np.allclose(actions.positions[:, 0], 0.01 * np.arange(11))


def test_rows_of_a_chunk_with_an_offset_are_due_later(tmp_path):
    kind, items = chunk_items([0, 3 * DT_NS])
    for _, message in items:
        message.row_offset = 2
    actions = read_actions(bag(tmp_path / 'bag', {'/chunks': (kind, items)}), LAYOUT)
    assert actions.stamps_ns.tolist() == [(2 + i) * DT_NS for i in range(8)]


def test_rows_of_a_later_epoch_are_left_out(tmp_path):
    kind, items = chunk_items([0])
    _, later = chunk_items([20 * DT_NS], epoch=2)
    actions = read_actions(bag(tmp_path / 'bag', {'/chunks': (kind, items + later)}), LAYOUT)
    assert actions.stamps_ns.size == 5


def test_joint_states_with_all_columns_are_found_without_naming_them(tmp_path):
    names = [*reversed(COLUMNS), 'other/joint']
    states = [(i, messages.joint_state(i, names, np.arange(8.0) + i)) for i in range(1, 4)]
    partial = [(1, messages.joint_state(1, ['joint1'], np.zeros(1)))]
    kind = 'sensor_msgs/msg/JointState'
    folder = bag(tmp_path / 'bag', {'/limited': (kind, states), '/partial': (kind, partial)})
    actions = read_actions(folder, LAYOUT)
    assert actions.stamps_ns.tolist() == [1, 2, 3]
    assert actions.positions[0].tolist() == [7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0]


def test_several_candidates_must_be_named(tmp_path):
    folder = bag(tmp_path / 'bag', {'/a': chunk_items([0]), '/b': chunk_items([0])})
    with pytest.raises(BagError, match='name the topic'):
        read_actions(folder, LAYOUT)
    assert read_actions(folder, LAYOUT, topic='/b').stamps_ns.size == 5
    with pytest.raises(BagError, match="no topic '/c'"):
        read_actions(folder, LAYOUT, topic='/c')


def test_commands_of_a_driver_profile_are_put_together(tmp_path):
    profile = DriverProfile(
        driver='test',
        arms={
            arm: ArmChannels(command_topic=f'{arm}/command', feedback_topic=f'{arm}/state')
            for arm in ('left', 'right')
        },
    )
    kind = 'sensor_msgs/msg/JointState'
    topics = {
        f'/{arm}/command': (
            kind,
            [
                (
                    i * 10 + k,
                    messages.joint_state(0, list(ARM_COLUMNS), np.full(7, 0.01 * (i + k))),
                )
                for i in range(1, 4)
            ],
        )
        for k, arm in enumerate(('left', 'right'))
    }
    actions = command_actions(bag(tmp_path / 'bag', topics), profile)
    assert actions.columns == profile.layout.columns
    # The first command of the left arm comes before any of the right arm.
    assert actions.stamps_ns.tolist() == [20, 30]
    assert np.allclose(actions.positions[0], [0.02] * 7 + [0.02] * 7)


def ros2_control_profile(name):
    return load_driver_profile(Path(__file__).parents[2] / 'config' / 'drivers' / f'{name}.yaml')


def encoded(profile, width):
    arm = profile.arm(next(iter(profile.arms)))
    made = encode_command(arm, [0.1, 0.2, -0.3, 0.4, 0.5, -0.6, width])
    return arm, made


def trajectory(made, points=1):
    point = messages.make(
        'trajectory_msgs/msg/JointTrajectoryPoint',
        positions=np.array(made.position),
        velocities=np.empty(0),
        accelerations=np.empty(0),
        effort=np.empty(0),
        time_from_start=messages.make('builtin_interfaces/msg/Duration', sec=0, nanosec=10),
    )
    return messages.make(
        'trajectory_msgs/msg/JointTrajectory',
        header=messages.header(0),  # as the executor stamps it: start at once
        joint_names=list(made.names),
        points=[point] * points,
    )


def float_array(made):
    return messages.make(
        'std_msgs/msg/Float64MultiArray',
        layout=messages.make('std_msgs/msg/MultiArrayLayout', dim=[], data_offset=0),
        data=np.array(made.position),
    )


@pytest.mark.parametrize(
    ('name', 'kind', 'make'),
    [
        ('ros2_control_single', 'trajectory_msgs/msg/JointTrajectory', trajectory),
        ('ros2_control_forward_single', 'std_msgs/msg/Float64MultiArray', float_array),
    ],
)
def test_commands_to_ros2_control_are_read_back_as_they_were_encoded(tmp_path, name, kind, make):
    profile = ros2_control_profile(name)
    items = []
    for i in range(3):
        arm, made = encoded(profile, 0.02 + 0.01 * i)
        items.append((10 * (i + 1), make(made)))
    folder = bag(tmp_path / 'bag', {f'/{arm.channels.command_topic}': (kind, items)})
    actions = command_actions(folder, profile)
    assert actions.stamps_ns.tolist() == [10, 20, 30]
    assert np.allclose(actions.positions[:, :6], [0.1, 0.2, -0.3, 0.4, 0.5, -0.6])
    assert np.allclose(actions.positions[:, 6], [0.02, 0.03, 0.04])


def test_commands_that_cannot_be_joints_are_refused_by_name(tmp_path):
    profile = ros2_control_profile('ros2_control_single')
    arm, made = encoded(profile, 0.02)
    topic = f'/{arm.channels.command_topic}'
    two = [(10, trajectory(made, points=2))]
    folder = bag(tmp_path / 'two', {topic: ('trajectory_msgs/msg/JointTrajectory', two)})
    with pytest.raises(BagError, match='a trajectory of 2 points'):
        command_actions(folder, profile)
    short = replace(made, position=made.position[:6])
    items = [(10, float_array(short))]
    folder = bag(tmp_path / 'short', {topic: ('std_msgs/msg/Float64MultiArray', items)})
    with pytest.raises(BagError, match=r'expected .*joint7.* got 6 positions'):
        command_actions(folder, profile)
    items = [(10, messages.header(10))]
    folder = bag(tmp_path / 'header', {topic: ('std_msgs/msg/Header', items)})
    with pytest.raises(BagError, match='std_msgs/msg/Header; joints can be read from'):
        command_actions(folder, profile)
    with pytest.raises(BagError, match=r'is std_msgs/msg/Header; actions are read from'):
        read_actions(folder, LAYOUT, topic=topic)


def swing(stamp_of):
    """Return 600 joint states of one swing, logged 10 ms apart, stamped as `stamp_of(i)` says."""
    names = list(LAYOUT.columns)
    return 'sensor_msgs/msg/JointState', [
        (
            10**12 + i * DT_NS,
            messages.joint_state(stamp_of(i), names, np.full(7, 0.3 * np.sin(np.pi * i / 300))),
        )
        for i in range(600)
    ]


def test_a_take_whose_clock_was_set_back_is_refused_with_where(tmp_path):
    """The two halves interleaved: 120 rad/s between rows, and the replay "finished"."""
    good = read_actions(
        bag(tmp_path / 'good', {'/a': swing(lambda i: 10**12 + i * DT_NS)}), LAYOUT
    )
    assert good.stamps_ns.size == 600
    back = bag(
        tmp_path / 'back',
        {'/a': swing(lambda i: 10**12 + i * DT_NS - (3 * 10**9 - 5 * 10**6) * (i >= 300))},
    )
    with pytest.raises(
        ConfigurationError,
        match=r'row 300: stamp does not rise: it goes from 1002.990 s to 1000.005',
    ):
        read_actions(back, LAYOUT)


def test_a_bag_played_in_a_loop_is_refused(tmp_path):
    kind, items = swing(lambda i: 10**12 + (i % 200) * DT_NS)
    with pytest.raises(ConfigurationError, match='row 200'):
        read_actions(bag(tmp_path / 'loop', {'/a': (kind, items)}), LAYOUT)


def test_a_stamp_that_is_repeated_counts_once(tmp_path):
    actions = read_actions(
        bag(tmp_path / 'b', {'/a': swing(lambda i: 1 + i // 2 * DT_NS)}), LAYOUT
    )
    assert actions.stamps_ns.size == 300


def test_chunks_recorded_in_a_loop_are_refused(tmp_path):
    kind, items = chunk_items([0, 3 * DT_NS, 6 * DT_NS])
    again = [(stamp + 10**9, message) for stamp, message in items]
    with pytest.raises(BagError, match=r'after chunk 1/2 .*came chunk 1/0 .*two takes'):
        read_actions(bag(tmp_path / 'bag', {'/chunks': (kind, items + again)}), LAYOUT)


def test_chunks_whose_clock_was_set_back_are_refused(tmp_path):
    kind, items = chunk_items([50 * DT_NS, 53 * DT_NS, 10 * DT_NS])
    items = [(10**9 + i, message) for i, (_, message) in enumerate(items)]
    with pytest.raises(BagError, match='two takes'):
        read_actions(bag(tmp_path / 'bag', {'/chunks': (kind, items)}), LAYOUT)


def test_commands_whose_stamps_go_back_are_refused(tmp_path):
    profile = DriverProfile(
        driver='test',
        arms={'left': ArmChannels(command_topic='left/command', feedback_topic='left/state')},
    )
    stamps = [10, 20, 30, 15, 25]
    items = [
        (100 + i, messages.joint_state(stamp, list(ARM_COLUMNS), np.full(7, 0.01)))
        for i, stamp in enumerate(stamps)
    ]
    folder = bag(tmp_path / 'bag', {'/left/command': ('sensor_msgs/msg/JointState', items)})
    with pytest.raises(BagError, match='two takes'):
        command_actions(folder, profile)


@pytest.mark.parametrize(
    ('storage', 'cut'),
    [(StoragePlugin.MCAP, False), (StoragePlugin.MCAP, True), (StoragePlugin.SQLITE3, False)],
)
def test_a_recorder_whose_clock_was_set_back_is_refused_before_its_bag_is_sorted(
    tmp_path, storage, cut
):
    types = message_types()
    with Writer(tmp_path / 'bag', version=8, storage_plugin=storage) as writer:
        good, bad = (
            writer.add_connection(topic, 'sensor_msgs/msg/JointState', typestore=types)
            for topic in ('/good', '/bad')
        )
        for i in range(600):
            back_ns = 3 * 10**9 if i >= 300 else 0
            stamp = 10**12 + i * DT_NS
            message = messages.joint_state(stamp - back_ns, list(LAYOUT.columns), np.zeros(7))
            writer.write(good, stamp, messages.serialize(message))
            writer.write(bad, stamp - back_ns, messages.serialize(message))
    if cut:
        file = tmp_path / 'bag' / 'bag.mcap'
        file.write_bytes(file.read_bytes()[:-40])
    with BagReader(tmp_path / 'bag') as reader:
        assert len(list(reader.messages(['/good']))) == 600
        with pytest.raises(BagError, match=r'set back while /bad was recorded, by 2\.990 s'):
            next(reader.messages(['/bad']))


def test_channels_of_one_topic_are_one_topic(tmp_path):
    """A topic in two channels of which the last is empty counted as empty."""
    types = message_types()
    with Writer(tmp_path / 'bag', version=8, storage_plugin=StoragePlugin.MCAP) as writer:
        first, _, other = (
            writer.add_connection(
                '/a', 'sensor_msgs/msg/JointState', typestore=types, offered_qos_profiles=[qos]
            )
            for qos in (
                offered_qos(reliable=True),
                offered_qos(reliable=False),
                offered_qos(reliable=True, depth=3),
            )
        )
        for i in range(6):
            message = messages.joint_state(1 + i, list(LAYOUT.columns), np.zeros(7))
            writer.write(first if i < 3 else other, 1 + i, messages.serialize(message))
    with BagReader(tmp_path / 'bag') as reader:
        assert [(topic.name, topic.count) for topic in reader.topics] == [('/a', 6)]
    assert read_actions(tmp_path / 'bag', LAYOUT).stamps_ns.size == 6
