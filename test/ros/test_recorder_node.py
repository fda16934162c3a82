"""The recorder as a process: what it receives is in the bag, and the bag can be read."""

import pytest

pytest.importorskip('rclpy')

from diagnostic_msgs.msg import DiagnosticArray  # noqa: E402 - not without rclpy
from lifecycle_msgs.msg import Transition  # noqa: E402
from rclpy.qos import QoSProfile  # noqa: E402
from ros.graph import Graph  # noqa: E402
from ros.rig_probe import RigProbe  # noqa: E402
from sensor_msgs.msg import JointState  # noqa: E402
from std_msgs.msg import String  # noqa: E402

from wla_ros.core.types import Mode  # noqa: E402
from wla_ros.evaluation.bag_reading import BagReader  # noqa: E402
from wla_ros.msg import ControlMode  # noqa: E402
from wla_ros.ros import qos  # noqa: E402
from wla_ros.ros.conversions import mode_message  # noqa: E402
from wla_ros.ros.conversions import stamp_ns  # noqa: E402


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

    def wait_for_written(self, topic: str, count: int) -> None:
        self._graph.wait_until(
            lambda: self.counts(topic).get('written', 0) >= count,
            f'{count} messages of {topic} in the bag',
        )


def test_every_message_is_in_the_bag_and_images_are_thinned_to_jpeg(graph: Graph) -> None:
    modes = graph.probe.create_publisher(ControlMode, 'control_mode', qos.LATCHED)
    modes.publish(mode_message(Mode.HOLD, revision=1, reason='before', stamp=1))
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
    thinned = recorder.counts(picture)
    assert node.stop() == 0
    assert 'topics never seen: never_published' in node.output()

    with BagReader(graph.folder / 'run') as bag:
        counts = {topic.name: topic.count for topic in bag.topics}
        sent = [item.message.data for item in bag.messages(['/set_instruction'])]
        pictures = list(bag.messages([picture]))
    assert sent == [f'text {number}' for number in range(50)]
    assert counts['/control_mode'] == 1
    assert counts['/joint_states_left'] >= 50
    assert len(pictures) >= 10
    assert thinned['left_out'] > 0
    assert thinned['failed'] == 0
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
