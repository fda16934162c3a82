# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The simulated rig as a process: it behaves like the driver and the cameras it replaces."""

import time
from collections.abc import Iterator

import numpy as np
import pytest

pytest.importorskip('rclpy')

from diagnostic_msgs.msg import DiagnosticArray  # noqa: E402 - not without rclpy
from nodes.graph import BIMANUAL  # noqa: E402
from nodes.graph import Graph  # noqa: E402
from nodes.graph import patient  # noqa: E402
from rosgraph_msgs.msg import Clock  # noqa: E402
from sensor_msgs.msg import CameraInfo  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402
from sensor_msgs.msg import JointState  # noqa: E402
from std_msgs.msg import Bool  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402
from visualization_msgs.msg import MarkerArray  # noqa: E402

from wla_ros.msg import EpisodeStatus  # noqa: E402
from wla_ros.msg import PiperStatus  # noqa: E402
from wla_ros.nodes import qos  # noqa: E402
from wla_ros.nodes.messages import object_poses  # noqa: E402
from wla_ros.nodes.messages import stamp_ns  # noqa: E402
from wla_ros.srv import PiperEnable  # noqa: E402
from wla_ros.srv import ResetEpisode  # noqa: E402

JOINT_STATE = 'sensor_msgs/msg/JointState'
# The two-arm launch of piper_ros (humble); wla_ros types stand in where piper_msgs is missing.
DRIVER_TOPICS = {
    'joint_states_{arm}': {JOINT_STATE},
    'joint_{arm}': {JOINT_STATE},
    'joint_states_ctrl_{arm}': {JOINT_STATE},
    'joint_ctrl_cmd_{arm}': {JOINT_STATE},
    'arm_status_{arm}': {'wla_ros/msg/PiperStatus', 'piper_msgs/msg/PiperStatusMsg'},
    'pos_cmd_{arm}': {'wla_ros/msg/PiperPosCmd', 'piper_msgs/msg/PosCmd'},
    'end_pose_{arm}': {'geometry_msgs/msg/Pose'},
    'end_pose_stamped_{arm}': {'geometry_msgs/msg/PoseStamped'},
    'enable_flag': {'std_msgs/msg/Bool'},
}
NAMES = [*(f'joint{i}' for i in range(1, 7)), 'gripper']


@pytest.fixture
def sim(graph: Graph) -> Iterator[Graph]:
    graph.start_active('sim_node', BIMANUAL, {'images': 'pattern', 'reset_quiet_s': 0.1})
    yield graph
    assert 'Traceback' not in graph.nodes[0].output()


def test_the_topics_are_those_of_the_driver(sim: Graph) -> None:
    wanted = {
        f'/{topic.format(arm=arm)}': types
        for topic, types in DRIVER_TOPICS.items()
        for arm in ('left', 'right')
    }
    sim.wait_until(
        lambda: set(wanted) <= {name for name, _ in sim.probe.get_topic_names_and_types()},
        'the topics of the driver',
    )
    known = dict(sim.probe.get_topic_names_and_types())
    assert {name: set(known[name]) & types for name, types in wanted.items()} == {
        name: set(known[name]) for name in wanted
    }
    services = {name for name, _ in sim.probe.get_service_names_and_types()}
    assert '/enable_srv' in services


def test_feedback_comes_at_200_hz_with_six_velocities(sim: Graph) -> None:
    states = sim.collect(JointState, 'joint_states_left', qos.SENSOR_INPUT)
    sim.wait_until(lambda: len(states) >= 100, 'feedback')
    state = states[-1]
    assert list(state.name) == NAMES
    assert (len(state.position), len(state.velocity), len(state.effort)) == (7, 6, 7)
    stamps = np.array([stamp_ns(message.header.stamp) for message in states])
    assert np.median(np.diff(stamps)) == pytest.approx(5e6, rel=0.01)


def test_images_objects_and_camera_info_belong_together(sim: Graph) -> None:
    images = sim.collect(Image, 'camera/head/image_raw', qos.IMAGE_INPUT)
    infos = sim.collect(CameraInfo, 'camera/head/camera_info', qos.IMAGE_INPUT)
    objects = sim.collect(MarkerArray, 'sim/objects', qos.STATUS)
    sim.wait_until(lambda: len(images) > 5 and len(infos) > 5, 'images')
    sim.wait_until(lambda: len(objects) > 5, 'objects')
    image, info = images[-1], infos[-1]
    assert (image.width, image.height, image.encoding) == (640, 480, 'rgb8')
    assert image.header.frame_id == info.header.frame_id == 'head_optical'
    assert info.k[0] == pytest.approx(info.k[4])
    assert (info.k[2], info.k[5]) == (319.5, 239.5)
    poses = object_poses(objects[-1], receive_ns=1)
    assert len(poses.names) == 2
    image_stamps = np.array([stamp_ns(message.header.stamp) for message in images])
    object_stamps = np.array([stamp_ns(array.markers[0].header.stamp) for array in objects])
    nearest = np.abs(image_stamps[:, None] - object_stamps[None, :]).min(axis=1)
    assert np.median(nearest) < 10e6


def test_a_command_moves_the_arm_it_is_for(sim: Graph) -> None:
    left = sim.collect(JointState, 'joint_states_left', qos.SENSOR_INPUT)
    right = sim.collect(JointState, 'joint_states_right', qos.SENSOR_INPUT)
    publisher = sim.probe.create_publisher(JointState, 'joint_ctrl_cmd_left', qos.COMMAND)
    sim.wait_until(lambda: bool(left and right), 'feedback')
    start, other = left[-1].position[0], right[-1].position[0]
    goal = list(left[-1].position)
    goal[0] = start + 0.2
    command = JointState(name=NAMES, position=goal, velocity=[0.0] * 6 + [100.0])
    timer = sim.probe.create_timer(0.02, lambda: publisher.publish(command))
    sim.wait_until(lambda: abs(left[-1].position[0] - goal[0]) < 0.005, 'the arm to arrive')
    sim.probe.destroy_timer(timer)
    assert abs(right[-1].position[0] - other) < 0.005


def test_no_command_is_lost_to_a_busy_node(sim: Graph) -> None:
    """Sixty at once, as after a pause of 0.3 s of the thread that reads them."""
    reports = sim.collect(DiagnosticArray, '/diagnostics')
    left = sim.collect(JointState, 'joint_states_left', qos.SENSOR_INPUT)
    publisher = sim.probe.create_publisher(JointState, 'joint_ctrl_cmd_left', patient(qos.COMMAND))
    sim.wait_until(lambda: bool(left) and publisher.get_subscription_count() > 0, 'the rig')
    command = JointState(name=NAMES, position=left[-1].position, velocity=[0.0] * 6 + [100.0])

    def received() -> int:
        for array in reversed(reports):
            for status in array.status:
                if status.name == 'sim_node: driver left':
                    return int(
                        {pair.key: pair.value for pair in status.values}['commands_received']
                    )
        return -1

    sim.wait_until(lambda: received() >= 0, 'diagnostics')
    before = received()
    for _ in range(60):
        publisher.publish(command)
    sim.wait_until(lambda: received() - before >= 60, 'all commands')


def test_a_rig_with_a_clock_waits_for_commands_and_tells_exact_steps(graph: Graph) -> None:
    parameters = {'images': 'pattern', 'reset_quiet_s': 0.0, 'clock.publish': True,
                  'clock.patience_s': 60.0, 'clock.command_lead_s': 0.01}  # fmt: skip
    graph.start_active('sim_node', BIMANUAL, parameters)
    times = graph.collect(Clock, '/clock', qos.SENSOR_INPUT)
    left = graph.collect(JointState, 'joint_states_left', qos.SENSOR_INPUT)
    publisher = graph.probe.create_publisher(JointState, 'joint_ctrl_cmd_left', qos.COMMAND)
    graph.wait_until(
        lambda: bool(left and times) and publisher.get_subscription_count() > 0, 'the rig'
    )
    sample_ns = stamp_ns(left[-1].header.stamp)
    graph.wait_until(
        lambda: sample_ns <= stamp_ns(times[-1].clock) + 5_000_000, 'the time of the sample'
    )
    command = JointState(name=NAMES, position=left[-1].position, velocity=[0.0] * 6 + [100.0])
    for _ in range(3):
        command.header.stamp = times[-1].clock
        newest_ns = stamp_ns(command.header.stamp)
        publisher.publish(command)
        # From here on it stands: nobody commands.
        graph.wait_until(
            lambda n=newest_ns: (
                stamp_ns(times[-1].clock) >= n + 10_000_000
                and times[-1].clock == times[-2].clock  # it stands when it is told again
            ),
            'the lead',
        )
        stood, told, begun_s = times[-1].clock, len(times), time.monotonic()
        graph.wait_until(lambda begun=begun_s: time.monotonic() > begun + 0.5, 'half a second')
        # Told again in case a message was lost, but not at every turn: it wakes all nodes.
        graph.wait_until(lambda told=told: len(times) > told, 'the time once more')
        assert len(times) - told <= (time.monotonic() - begun_s) / 0.05 + 2
        assert times[-1].clock == stood
    stamps = np.array([stamp_ns(message.clock) for message in times])
    assert (np.diff(stamps) % 5_000_000 == 0).all()
    assert (np.diff(stamps) >= 0).all()


def test_a_reset_begins_the_episode_of_the_seed(sim: Graph) -> None:
    statuses = sim.collect(EpisodeStatus, 'sim/episode_status', qos.LATCHED)
    response = sim.call(ResetEpisode, 'sim/reset_episode', seed=42)
    assert response.success
    sim.wait_until(lambda: bool(statuses) and statuses[-1].seed == 42, 'the episode')
    assert statuses[-1].task == 'stack_cup'
    assert not statuses[-1].success
    assert statuses[-1].judgement
    assert not sim.call(ResetEpisode, 'sim/reset_episode', seed=-1).success


def test_the_emergency_stop_of_an_arm_shows_in_its_status_only(sim: Graph) -> None:
    left = sim.collect(PiperStatus, 'arm_status_left', qos.SENSOR_INPUT)
    right = sim.collect(PiperStatus, 'arm_status_right', qos.SENSOR_INPUT)
    sim.wait_until(lambda: bool(left and right), 'status')
    assert left[-1].arm_status == 0
    assert sim.call(Trigger, 'sim/emergency_stop_left').success
    sim.wait_until(lambda: left[-1].arm_status == 1, 'the emergency stop')
    assert right[-1].arm_status == 0


def test_the_shared_enable_flag_drops_both_arms_and_the_service_enables_them(sim: Graph) -> None:
    states = {
        arm: sim.collect(JointState, f'joint_states_{arm}', qos.SENSOR_INPUT)
        for arm in ('left', 'right')
    }
    sim.wait_until(lambda: all(states.values()), 'feedback')
    before = {arm: messages[-1].position[1] for arm, messages in states.items()}
    publisher = sim.probe.create_publisher(Bool, 'enable_flag', qos.COMMAND)
    sim.wait_until(lambda: publisher.get_subscription_count() > 0, 'the subscription')
    publisher.publish(Bool(data=False))
    for arm, messages in states.items():
        sim.wait_until(
            lambda a=arm, m=messages: abs(m[-1].position[1] - before[a]) > 0.1, f'{arm} to fall'
        )
    assert sim.call(PiperEnable, 'enable_srv', enable_request=True).enable_response


def test_no_image_is_lost_silently(graph: Graph) -> None:
    parameters = {'images': 'pattern', 'rig.faults.cameras.head.drop_probability': 0.3}
    graph.start_active('sim_node', BIMANUAL, parameters)
    images = graph.collect(Image, 'camera/head/image_raw', qos.IMAGE_INPUT)
    reports = graph.collect(DiagnosticArray, '/diagnostics')

    def head() -> dict[str, int]:
        for array in reversed(reports):
            for status in array.status:
                if status.name == 'sim_node: camera head':
                    return {pair.key: int(pair.value) for pair in status.values}
        return {}

    graph.wait_until(lambda: len(images) > 20 and head().get('published', 0) > 20, 'images')
    counts = head()
    assert counts['dropped_by_fault'] > 0
    handed_over = counts['published'] + counts['unwatched'] + counts['skipped']
    delivered = counts['exposed'] - counts['dropped_by_fault'] - counts['flushed_at_reset']
    # Between the two counts an instant may be in the renderer, and two may wait for it.
    assert 0 <= delivered - counts['waiting'] - handed_over <= 3


def test_commands_that_never_came_are_counted_by_the_driver_that_missed_them(sim: Graph) -> None:
    reports = sim.collect(DiagnosticArray, '/diagnostics', qos.STATUS)
    commands = sim.probe.create_publisher(JointState, 'joint_ctrl_cmd_left', qos.COMMAND)
    sim.wait_until(lambda: commands.get_subscription_count() == 1, 'the driver')
    sent = 400
    for _ in range(sent):  # faster than any callback: the queue overflows, the last stays
        commands.publish(JointState(name=NAMES, position=[0.0] * 7))

    def accounted() -> int:
        for report in reversed(reports):
            for status in report.status:
                if status.name == 'sim_node: driver left':
                    values = {pair.key: pair.value for pair in status.values}
                    kinds = ('received', 'ignored', 'missed', 'unheard')
                    return sum(int(values[f'commands_{kind}']) for kind in kinds)
        return 0

    sim.wait_until(lambda: accounted() >= sent, 'every command in the counters of the driver')
    assert accounted() == sent
