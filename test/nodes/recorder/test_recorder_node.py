# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The recorder as a process: what it receives is in the bag, and the bag can be read."""

import signal
from pathlib import Path

import pytest
import yaml

rclpy = pytest.importorskip('rclpy')

from diagnostic_msgs.msg import DiagnosticArray  # noqa: E402 - not without rclpy
from episodes.disks import small_disk  # noqa: E402
from lifecycle_msgs.msg import Transition  # noqa: E402
from nodes.graph import Graph  # noqa: E402
from nodes.rig_probe import RigProbe  # noqa: E402
from rclpy.context import Context  # noqa: E402
from rclpy.qos import DurabilityPolicy  # noqa: E402
from rclpy.qos import QoSProfile  # noqa: E402
from rclpy.qos import ReliabilityPolicy  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402
from sensor_msgs.msg import JointState  # noqa: E402
from std_msgs.msg import String  # noqa: E402

from wla_ros.bags.reading import BagReader  # noqa: E402
from wla_ros.base.types import Mode  # noqa: E402
from wla_ros.msg import ControlMode  # noqa: E402
from wla_ros.nodes import qos  # noqa: E402
from wla_ros.nodes.messages import mode_message  # noqa: E402
from wla_ros.nodes.messages import stamp_ns  # noqa: E402
from wla_ros.nodes.recorder.node import new_bag  # noqa: E402


class RecorderProbe:
    """What the recorder says it has written: what others hear proves nothing about it."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._reports: list[DiagnosticArray] = graph.collect(
            DiagnosticArray, '/diagnostics', qos.STATUS
        )

    def counts(self, topic: str) -> dict[str, int]:
        """Return the newest counters of `topic`, empty before it is recorded."""
        for report in reversed(self._reports):
            for status in report.status:
                if status.name == f'recorder_node: topic {topic}':
                    return {pair.key: int(pair.value) for pair in status.values}
        return {}

    @property
    def reported(self) -> bool:
        """Whether the recorder has said anything."""
        return any(
            status.name == 'recorder_node: bag'
            for report in self._reports
            for status in report.status
        )

    def wait_for_written(self, topic: str, count: int) -> None:
        self._graph.wait_until(
            lambda: self.counts(topic).get('written', 0) >= count,
            f'{count} messages of {topic} in the bag',
        )


def test_every_message_is_in_the_bag_and_images_are_thinned_to_jpeg(graph: Graph) -> None:
    modes = graph.probe.create_publisher(ControlMode, 'control_mode', qos.LATCHED)
    modes.publish(mode_message(Mode.HOLD, revision=1, cause='requested', reason='before', stamp=1))
    # As deep as it talks: a reader that is served late misses nothing.
    texts = graph.probe.create_publisher(String, 'set_instruction', QoSProfile(depth=50))
    recorder = RecorderProbe(graph)
    RigProbe(graph).with_cameras()
    node = graph.start_active(
        'recorder_node',
        parameters={
            'folder': str(graph.folder),
            'name': 'run',
            'topics': ['control_mode', 'set_instruction', 'joint_states_left', 'never_published'],
            'images.head.topic': 'camera/head/image_raw',
            'images.head.rate_hz': 10.0,
        },
    )
    graph.wait_until(lambda: texts.get_subscription_count() > 0, 'the recorder to listen')
    for number in range(50):
        texts.publish(String(data=f'text {number}'))
    picture = '/camera/head/image_raw/compressed'
    recorder.wait_for_written('/set_instruction', 50)
    recorder.wait_for_written('/control_mode', 1)
    recorder.wait_for_written('/joint_states_left', 50)
    recorder.wait_for_written(picture, 10)
    decimated = recorder.counts(picture)
    assert node.stop() == 0
    assert 'lost: nothing; never heard: /never_published' in node.output()

    with BagReader(graph.folder / 'run') as bag:
        counts = {topic.name: topic.count for topic in bag.topics}
        sent = [item.message.data for item in bag.messages(['/set_instruction'])]
        pictures = list(bag.messages([picture]))
    assert sent == [f'text {number}' for number in range(50)]
    assert counts['/control_mode'] == 1
    assert counts['/joint_states_left'] >= 50
    assert len(pictures) >= 10
    assert decimated['left_out'] > 0
    assert decimated['failed'] == 0
    stamps = [stamp_ns(item.message.header.stamp) for item in pictures]
    # 10 Hz of 30: two of three images are left out, whatever their stamps jitter.
    assert len(stamps) <= 1.5 + 10 * (stamps[-1] - stamps[0]) / 1e9
    assert bytes(pictures[0].message.data[:2]) == b'\xff\xd8'


def test_recording_again_makes_a_bag_of_its_own(graph: Graph) -> None:
    parameters = {'folder': str(graph.folder), 'name': 'run', 'topics': ['joint_states_left']}
    node = graph.start_active('recorder_node', parameters=parameters)
    assert graph.transition('recorder_node', Transition.TRANSITION_DEACTIVATE)
    assert graph.transition('recorder_node', Transition.TRANSITION_ACTIVATE)
    assert node.stop() == 0
    assert (graph.folder / 'run' / 'metadata.yaml').is_file()
    assert (graph.folder / 'run_2' / 'metadata.yaml').is_file()


def test_a_bag_of_serialized_messages_reads_back_equal(graph: Graph) -> None:
    states = graph.probe.create_publisher(JointState, 'joint_states_left', qos.SENSOR_OUTPUT)
    recorder = RecorderProbe(graph)
    node = graph.start_active(
        'recorder_node',
        parameters={'folder': str(graph.folder), 'name': 'run', 'topics': ['joint_states_left']},
    )
    message = JointState(name=['joint1'], position=[0.25])
    graph.probe.create_timer(0.1, lambda: states.publish(message))
    recorder.wait_for_written('/joint_states_left', 1)
    assert node.stop() == 0
    with BagReader(graph.folder / 'run') as bag:
        first = next(iter(bag.messages()))
    assert list(first.message.name) == ['joint1']
    assert list(first.message.position) == [0.25]


def test_a_folder_that_cannot_be_made_is_named_and_nothing_is_recorded(graph: Graph) -> None:
    file = graph.folder / 'file'
    file.write_text('not a folder')
    node = graph.start('recorder_node', parameters={'folder': str(file), 'name': 'run'})
    assert node.wait() == 1
    assert f'folder: bags cannot be made in {file}' in node.output()
    assert 'Traceback' not in node.output()
    graph.nodes.remove(node)
    assert file.read_text() == 'not a folder'


def test_a_killed_recorder_leaves_everything_up_to_the_last_second(graph: Graph) -> None:
    """It left a file of no bytes."""
    texts = graph.probe.create_publisher(String, 'texts', QoSProfile(depth=50))
    recorder = RecorderProbe(graph)
    node = graph.start_active(
        'recorder_node',
        parameters={'folder': str(graph.folder), 'name': 'run', 'topics': ['texts']},
    )
    graph.wait_until(lambda: texts.get_subscription_count() > 0, 'the recorder to listen')
    for number in range(40):
        texts.publish(String(data=f'text {number}'))
    recorder.wait_for_written('/texts', 40)
    texts.publish(String(data='perhaps too late'))
    assert node.stop(signal.SIGKILL) == -signal.SIGKILL
    graph.nodes.remove(node)
    with BagReader(graph.folder / 'run') as bag:
        sent = [item.message.data for item in bag.messages(['/texts'])]
        assert 'ends without an index' in bag.damage
    assert sent[:40] == [f'text {number}' for number in range(40)]
    metadata = yaml.safe_load((graph.folder / 'run' / 'metadata.yaml').read_text())
    assert metadata['rosbag2_bagfile_information']['message_count'] >= 40


def test_the_publisher_of_a_topic_is_waited_for_and_its_qos_followed(graph: Graph) -> None:
    """A latched topic with only a subscriber was taken as volatile for the whole recording."""
    heard: list[String] = []
    graph.probe.create_subscription(String, 'state', heard.append, 10)
    recorder = RecorderProbe(graph)
    node = graph.start_active(
        'recorder_node',
        parameters={'folder': str(graph.folder), 'name': 'run', 'topics': ['state']},
    )
    graph.wait_until(lambda: recorder.reported, 'a report of the recorder')
    assert recorder.counts('/state') == {}  # who listens decides nothing
    latched = graph.probe.create_publisher(String, 'state', qos.LATCHED)
    latched.publish(String(data='said before the recorder listened'))
    recorder.wait_for_written('/state', 1)
    loose = graph.probe.create_publisher(
        String,
        'state',
        QoSProfile(
            depth=5,
            reliability=ReliabilityPolicy.BEST_EFFORT,
            durability=DurabilityPolicy.VOLATILE,
        ),
    )
    timer = graph.probe.create_timer(0.1, lambda: loose.publish(String(data='unreliable')))
    recorder.wait_for_written('/state', 2)
    timer.cancel()
    assert node.stop() == 0
    assert 'changed their quality of service' in node.output()
    with BagReader(graph.folder / 'run') as bag:
        texts = [item.message.data for item in bag.messages(['/state'])]
    assert texts[0] == 'said before the recorder listened'
    assert texts[-1] == 'unreliable'


def test_a_second_type_on_a_topic_is_said_and_ends_in_an_exit_code(graph: Graph) -> None:
    recorder = RecorderProbe(graph)
    texts = graph.probe.create_publisher(String, 'state', qos.LATCHED)
    texts.publish(String(data='recorded'))
    node = graph.start_active(
        'recorder_node',
        parameters={'folder': str(graph.folder), 'name': 'run', 'topics': ['state']},
    )
    recorder.wait_for_written('/state', 1)
    context = Context()  # one participant knows a topic in one type only
    rclpy.init(context=context)
    stranger = rclpy.create_node('stranger', context=context)
    stranger.create_publisher(Image, 'state', 1)
    try:
        told = '/state is also published as sensor_msgs/msg/Image'
        graph.wait_until(lambda: told in node.output(), 'the error')
    finally:
        stranger.destroy_node()
        rclpy.shutdown(context=context)
    assert node.stop() == 1
    graph.nodes.remove(node)
    assert 'only std_msgs/msg/String is recorded' in node.output().splitlines()[-1]


def test_bytes_of_another_type_are_not_written_under_the_name_of_the_first(graph: Graph) -> None:
    """They were, if the second publisher also had another QoS: the bag could not be read."""
    first = graph.probe.create_publisher(String, 'state', qos.LATCHED)
    first.publish(String(data='the first'))
    node = graph.start_active(
        'recorder_node',
        parameters={
            'folder': str(graph.folder),
            'name': 'run',
            'topics': ['state'],
            'discovery_period_s': 0.1,
        },
    )
    RecorderProbe(graph).wait_for_written('/state', 1)
    graph.probe.destroy_publisher(first)
    unreliable = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
    other = graph.probe.create_publisher(JointState, 'state', unreliable)
    sent: list[JointState] = []

    def send() -> None:
        sent.append(JointState(name=['joint1']))
        other.publish(sent[-1])

    graph.probe.create_timer(0.05, send)
    graph.wait_until(
        lambda: 'published as sensor_msgs/msg/JointState' in node.output(), 'an error'
    )
    sent.clear()
    graph.wait_until(lambda: len(sent) > 30, 'the recorder to look at the topic several times')
    assert node.stop() == 1
    graph.nodes.remove(node)
    with BagReader(graph.folder / 'run') as bag:
        assert [item.message.data for item in bag.messages(['/state'])] == ['the first']


@pytest.mark.parametrize('taken', ['folder', 'file', 'link to nothing', 'another recorder'])
def test_a_bag_finds_a_name_of_its_own(
    taken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if taken == 'file':
        (tmp_path / 'run').touch()
    elif taken == 'link to nothing':
        (tmp_path / 'run').symlink_to(tmp_path / 'nothing')
    else:
        (tmp_path / 'run').mkdir()
    if taken == 'another recorder':  # makes it between our look and our own try
        monkeypatch.setattr('os.path.lexists', lambda _: False)
    path, writer = new_bag(tmp_path, 'run', 2**20)
    writer.close()
    assert path == tmp_path / 'run_2'


def test_what_is_lost_or_never_heard_is_said_and_ends_in_an_exit_code(graph: Graph) -> None:
    """0 images, "recorded", not among the topics never seen, no line in the log, exit code 0."""
    images = graph.probe.create_publisher(Image, 'camera/depth/image_raw', qos.SENSOR_OUTPUT)
    node = graph.start_active(
        'recorder_node',
        parameters={
            'folder': str(graph.folder),
            'name': 'run',
            'images.depth.topic': 'camera/depth/image_raw',
            'images.typo.topic': 'camera/haed/image_raw',
        },
    )
    graph.wait_until(lambda: images.get_subscription_count() > 0, 'the recorder to listen')
    image = Image(height=2, width=2, encoding='16UC1', step=4, data=bytes(8))
    graph.probe.create_timer(0.1, lambda: images.publish(image))
    depth = '/camera/depth/image_raw/compressed'
    graph.wait_until(lambda: f'{depth}: a message is lost' in node.output(), 'a warning')
    assert node.stop() == 1
    graph.nodes.remove(node)
    last = node.output().splitlines()[-1]
    assert f'lost: {depth} (' in last
    assert '16UC1' in last
    assert 'never heard: /camera/haed/image_raw/compressed' in last
    metadata = yaml.safe_load((graph.folder / 'run' / 'metadata.yaml').read_text())
    custom = metadata['rosbag2_bagfile_information']['custom_data']
    assert depth in custom['lost']
    assert 'haed' in custom['never_heard']


def test_a_disk_without_space_is_refused_before_recording(graph: Graph) -> None:
    node = graph.start(
        'recorder_node',
        parameters={'folder': str(graph.folder), 'name': 'run', 'min_free_mib': 1_000_000},
    )
    assert node.wait() == 1
    assert 'MiB are free on its disk, 1000000 MiB have to be' in node.output()
    graph.nodes.remove(node)


def test_a_recorder_whose_disk_is_full_for_a_while_goes_on_and_says_what_it_lost(
    graph: Graph,
) -> None:
    texts = graph.probe.create_publisher(String, 'texts', QoSProfile(depth=50))
    recorder = RecorderProbe(graph)
    with small_disk(graph.folder / 'disk', '32m') as disk:
        node = graph.start_active(
            'recorder_node',
            parameters={
                'folder': str(disk),
                'name': 'run',
                'topics': ['texts'],
                'min_free_mib': 16,
            },
        )
        graph.wait_until(lambda: texts.get_subscription_count() > 0, 'the recorder to listen')
        texts.publish(String(data='before'))
        recorder.wait_for_written('/texts', 1)
        (disk / 'ballast').write_bytes(bytes(20 * 2**20))
        graph.wait_until(lambda: 'nothing is recorded until' in node.output(), 'an error')
        texts.publish(String(data='meanwhile'))
        graph.wait_until(lambda: recorder.counts('/texts').get('failed', 0) == 1, 'a loss')
        (disk / 'ballast').unlink()
        timer = graph.probe.create_timer(0.1, lambda: texts.publish(String(data='after')))
        recorder.wait_for_written('/texts', 2)
        timer.cancel()
        assert node.stop() == 1
        graph.nodes.remove(node)
        assert 'lost: /texts (' in node.output().splitlines()[-1]
        with BagReader(disk / 'run') as bag:
            assert not bag.damage
            found = [item.message.data for item in bag.messages(['/texts'])]
    assert found[0] == 'before'
    assert set(found[1:]) == {'after'}
