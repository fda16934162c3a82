"""The recorder as a process: what it receives is in the bag, and the bag can be read."""

import pytest

pytest.importorskip('rclpy')

from lifecycle_msgs.msg import Transition  # noqa: E402 - not without rclpy
from rclpy.publisher import Publisher  # noqa: E402
from rclpy.serialization import serialize_message  # noqa: E402
from ros.graph import Graph  # noqa: E402
from ros.rig_probe import RigProbe  # noqa: E402
from sensor_msgs.msg import JointState  # noqa: E402
from std_msgs.msg import String  # noqa: E402

from wla_ros.core.types import Mode  # noqa: E402
from wla_ros.evaluation.bag_reading import BagReader  # noqa: E402
from wla_ros.msg import ControlMode  # noqa: E402
from wla_ros.ros import qos  # noqa: E402
from wla_ros.ros.conversions import mode_message  # noqa: E402


def test_every_message_is_in_the_bag_and_images_are_thinned_to_jpeg(graph: Graph) -> None:
    modes = graph.probe.create_publisher(ControlMode, 'control_mode', qos.LATCHED)
    modes.publish(mode_message(Mode.HOLD, revision=1, reason='before', stamp=1))
    texts = graph.probe.create_publisher(String, 'set_instruction', qos.STATUS)
    rig = RigProbe(graph).with_cameras()
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
    images = rig.images['head']
    graph.wait_until(lambda: rig.images['head'] > images + 60, 'two seconds of images')
    assert node.stop() == 0
    assert 'topics never seen: never_published' in node.output()

    with BagReader(graph.folder / 'run') as bag:
        counts = {topic.name: topic.count for topic in bag.topics}
        sent = [item.message.data for item in bag.messages(['/set_instruction'])]
        pictures = list(bag.messages(['/camera/head/image_raw/compressed']))
    assert sent == [f'text {number}' for number in range(50)]
    assert counts['/control_mode'] == 1
    assert counts['/joint_states_left'] > 50
    assert 10 <= len(pictures) <= 40
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
    node = graph.start_active(
        'recorder_node',
        parameters={'folder': str(graph.folder), 'name': 'run', 'topics': ['joint_states_left']},
    )
    graph.wait_until(lambda: states.get_subscription_count() > 0, 'the recorder to listen')
    message = JointState(name=['joint1'], position=[0.25])
    states.publish(message)
    assert len(serialize_message(message)) > 0
    heard = graph.collect(JointState, 'joint_states_left', qos.SENSOR_INPUT)
    graph.wait_until(lambda: _again(states, message, heard), 'the message to come round')
    assert node.stop() == 0
    with BagReader(graph.folder / 'run') as bag:
        first = next(iter(bag.messages()))
    assert list(first.message.name) == ['joint1']
    assert list(first.message.position) == [0.25]


def _again(states: Publisher, message: JointState, heard: list[JointState]) -> bool:
    """Publish until the probe hears itself: the recorder has heard as much by then."""
    states.publish(message)
    return len(heard) > 5
