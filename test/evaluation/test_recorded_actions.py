import numpy as np
import pytest
from evaluation import messages

from wla_ros.core.joint_layout import ARM_COLUMNS
from wla_ros.core.joint_layout import JointLayout
from wla_ros.evaluation.bag_reading import BagError
from wla_ros.evaluation.bag_writing import BagWriter
from wla_ros.evaluation.recorded_actions import command_actions
from wla_ros.evaluation.recorded_actions import read_actions
from wla_ros.robots.driver_profile import ArmChannels
from wla_ros.robots.driver_profile import DriverProfile

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
