# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The policy node as a process: what becomes a chunk, what is refused by name, when it thinks."""

from typing import Any

import pytest

pytest.importorskip('rclpy')

from diagnostic_msgs.msg import DiagnosticArray  # noqa: E402 - not without rclpy
from lifecycle_msgs.msg import Transition  # noqa: E402
from nodes.graph import BIMANUAL  # noqa: E402
from nodes.graph import Graph  # noqa: E402
from nodes.rig_probe import PATIENT_POLICY  # noqa: E402
from nodes.rig_probe import RigProbe  # noqa: E402
from sensor_msgs.msg import CompressedImage  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402
from std_msgs.msg import String  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402

from wla_ros.base.types import Mode  # noqa: E402
from wla_ros.msg import ActionChunk  # noqa: E402
from wla_ros.msg import ControlMode  # noqa: E402
from wla_ros.msg import ExecutorStatus  # noqa: E402
from wla_ros.msg import PolicyStatus  # noqa: E402
from wla_ros.nodes import qos  # noqa: E402
from wla_ros.nodes.images import jpeg_message  # noqa: E402
from wla_ros.nodes.messages import mode_message  # noqa: E402
from wla_ros.nodes.messages import stamp_ns  # noqa: E402
from wla_ros.nodes.messages import time_message  # noqa: E402
from wla_ros.robots.images import decode_image  # noqa: E402
from wla_ros.srv import SetInstruction  # noqa: E402


class PolicyProbe:
    """A running policy node, what it says, and the robot it looks at."""

    def __init__(self, graph: Graph, **parameters: Any) -> None:
        self.graph = graph
        self.rig = RigProbe(graph)
        self.chunks = graph.collect(ActionChunk, 'action_chunk', qos.CHUNK)
        self.statuses = graph.collect(PolicyStatus, 'policy_status')
        self.node = graph.start_active('policy_node', BIMANUAL, {**PATIENT_POLICY, **parameters})

    @property
    def status(self) -> PolicyStatus:
        return self.statuses[-1]

    def wait_for_chunks(self, count: int) -> None:
        wanted = len(self.chunks) + count
        self.graph.wait_until(lambda: len(self.chunks) >= wanted, f'{count} chunks')

    def wait_for_status(self, condition: Any, what: str) -> None:
        self.graph.wait_until(lambda: bool(self.statuses) and condition(self.status), what)


def assert_counters_add_up(status: PolicyStatus) -> None:
    running = status.observations - status.inferences - status.inference_errors
    assert running in (0, 1)
    assert status.inferences == status.chunks_published + status.results_discarded
    for stream in status.streams:
        parts = stream.used + stream.superseded + stream.refused + stream.waiting
        assert stream.received == parts, stream.stream


def test_every_image_becomes_at_most_one_chunk_anchored_to_its_stamp(graph: Graph) -> None:
    policy = PolicyProbe(graph, run_without_task=True)
    policy.rig.with_cameras()
    policy.wait_for_chunks(20)

    chunks = policy.chunks
    # The probe may have been discovered after the first of them.
    first = chunks[0].sequence
    assert [chunk.sequence for chunk in chunks] == list(range(first, first + len(chunks)))
    assert {chunk.epoch for chunk in chunks} == {chunks[0].epoch}
    stamps = [stamp_ns(chunk.header.stamp) for chunk in chunks]
    assert stamps == sorted(set(stamps))
    assert set(stamps) <= policy.rig.exposures
    assert len(chunks[0].rows) == chunks[0].horizon * 14
    assert chunks[0].columns[0] == 'left/joint1'
    assert {sample.stream for sample in chunks[0].inputs} >= {'head', 'left_wrist', 'left_joints'}
    policy.wait_for_status(lambda status: status.chunks_published >= 20, 'the counters')
    assert policy.status.ready
    assert_counters_add_up(policy.status)


def test_a_stale_camera_stops_the_chunks_and_is_named_until_it_is_back(graph: Graph) -> None:
    policy = PolicyProbe(graph, run_without_task=True)
    policy.rig.with_cameras()
    policy.wait_for_chunks(3)

    policy.rig.silent.add('left_wrist')
    policy.wait_for_status(
        lambda status: (
            {s.problem for s in status.streams if s.stream == 'left_wrist'} == {'stale'}
        ),
        'the stale camera',
    )
    assert not policy.status.ready
    published = policy.status.chunks_published
    received = policy.status.streams[0].received
    policy.wait_for_status(
        lambda status: status.streams[0].received > received + 15, 'more images of the others'
    )
    assert policy.status.chunks_published == published
    assert policy.status.refusal == 'stale'
    assert 'left_wrist' in policy.status.refusal_detail

    policy.rig.silent.clear()
    policy.wait_for_chunks(3)
    assert_counters_add_up(policy.status)


def test_without_a_task_the_policy_does_not_infer(graph: Graph) -> None:
    policy = PolicyProbe(graph)
    policy.rig.with_cameras()
    policy.wait_for_status(lambda status: status.ready, 'healthy inputs')
    received = policy.status.streams[0].received
    policy.wait_for_status(
        lambda status: status.streams[0].received > received + 15, 'images that could be used'
    )
    assert policy.status.observations == 0
    assert not policy.chunks


def test_an_inactive_policy_does_not_infer_but_watches_its_inputs(graph: Graph) -> None:
    policy = PolicyProbe(graph, run_without_task=True)
    policy.rig.with_cameras()
    policy.wait_for_chunks(3)
    assert graph.transition('policy_node', Transition.TRANSITION_DEACTIVATE)
    policy.wait_for_status(lambda status: not status.ready, 'the inactive status')
    published = policy.status.chunks_published
    received = policy.status.streams[0].received
    policy.wait_for_status(
        lambda status: status.streams[0].received > received + 15, 'images while inactive'
    )
    assert policy.status.chunks_published == published

    assert graph.transition('policy_node', Transition.TRANSITION_ACTIVATE)
    policy.wait_for_chunks(3)


def test_one_old_stamp_is_refused_by_name_and_resets_nothing(graph: Graph) -> None:
    policy = PolicyProbe(graph, run_without_task=True)
    rig = policy.rig.with_cameras()
    policy.wait_for_chunks(5)
    policy.wait_for_status(lambda status: status.ready, 'a healthy status')
    before = policy.status.epoch
    publisher = graph.probe.create_publisher(
        Image, 'camera/left_wrist/image_raw', qos.SENSOR_OUTPUT
    )
    graph.wait_until(lambda: publisher.get_subscription_count() > 0, 'the subscription')
    publisher.publish(rig.picture(rig.now_ns - 5 * 10**9))
    graph.wait_until(
        lambda: 'stamp_jump: left_wrist: stamp' in policy.node.output(), 'the name of the stamp'
    )
    policy.wait_for_chunks(5)
    policy.wait_for_status(lambda status: status.streams[1].refused > 0, 'the counter')
    assert policy.status.epoch == before
    assert policy.chunks[-1].epoch == before
    assert_counters_add_up(policy.status)


def test_a_wrong_encoding_is_named(graph: Graph) -> None:
    policy = PolicyProbe(graph, run_without_task=True)
    diagnostics = graph.collect(DiagnosticArray, '/diagnostics')

    def depth_picture(stamp: int) -> Image:
        message = Image(height=4, width=4, encoding='16UC1', step=8, data=[0] * 32)
        message.header.stamp = time_message(stamp)
        return message

    policy.rig.picture = depth_picture  # type: ignore[method-assign]  # a fake camera
    policy.rig.with_cameras()
    policy.wait_for_status(
        lambda status: all(s.refused > 3 for s in status.streams[:3]), 'refused images'
    )
    assert policy.status.streams[0].problem == 'no_data'
    graph.wait_until(
        lambda: any("'16UC1' is not usable" in str(array.status) for array in diagnostics),
        'the encoding in the diagnostics',
    )
    assert not policy.chunks


def test_compressed_and_bgr_images_are_used(graph: Graph) -> None:
    policy = PolicyProbe(
        graph,
        **{
            'run_without_task': True,
            'cameras.head.transport': 'compressed',
            'cameras.head.topic': 'camera/head/image_raw/compressed',
            'cameras.left_wrist.encoding': 'bgr8',
        },
    )
    rig = policy.rig
    compressed = graph.probe.create_publisher(
        CompressedImage, 'camera/head/image_raw/compressed', qos.SENSOR_OUTPUT
    )
    rig.silent.update({'head', 'left_wrist'})
    left = graph.probe.create_publisher(Image, 'camera/left_wrist/image_raw', qos.SENSOR_OUTPUT)

    def publish() -> None:
        stamp = rig.now_ns
        picture = rig.picture(stamp)
        compressed.publish(jpeg_message(decode_image(picture), stamp_ns=stamp, frame_id=''))
        picture.encoding = 'bgr8'
        left.publish(picture)

    graph.probe.create_timer(1.0 / 30.0, publish)
    rig.with_cameras()
    policy.wait_for_chunks(3)


def test_a_change_of_mode_begins_a_new_epoch(graph: Graph) -> None:
    policy = PolicyProbe(graph, run_without_task=True)
    policy.rig.with_cameras()
    policy.wait_for_chunks(3)
    before = policy.chunks[-1].epoch
    modes = graph.probe.create_publisher(ControlMode, 'control_mode', qos.LATCHED)
    statuses = graph.probe.create_publisher(ExecutorStatus, 'executor_status', qos.STATUS)
    modes.publish(
        mode_message(
            Mode.AUTONOMY, revision=5, cause='requested', reason='test', stamp=policy.rig.now_ns
        )
    )
    graph.wait_until(lambda: statuses.get_subscription_count() > 1, 'the policy node to listen')
    statuses.publish(ExecutorStatus(mode=int(Mode.AUTONOMY)))
    graph.wait_until(lambda: policy.chunks[-1].epoch > before, 'a chunk of the new epoch')
    first = next(chunk for chunk in policy.chunks if chunk.epoch > before)
    assert first.sequence == 0


def test_the_reset_service_begins_a_new_epoch(graph: Graph) -> None:
    policy = PolicyProbe(graph)
    policy.wait_for_status(lambda status: True, 'a status')
    before = policy.status.epoch
    assert graph.call(Trigger, 'policy_node/reset').success
    policy.wait_for_status(lambda status: status.epoch > before, 'the new epoch')


def test_the_instruction_can_be_changed_while_running(graph: Graph) -> None:
    policy = PolicyProbe(graph, run_without_task=True, instruction='first')
    policy.rig.with_cameras()
    policy.wait_for_chunks(2)
    assert policy.chunks[0].instruction == 'first'
    publisher = graph.probe.create_publisher(String, 'set_instruction', qos.STATUS)
    graph.wait_until(lambda: publisher.get_subscription_count() > 0, 'the subscription')
    publisher.publish(String(data='second'))
    graph.wait_until(lambda: policy.chunks[-1].instruction == 'second', 'the new instruction')
    assert {chunk.epoch for chunk in policy.chunks} == {policy.chunks[0].epoch}


def test_an_instruction_that_says_nothing_or_too_much_is_refused_by_name(graph: Graph) -> None:
    policy = PolicyProbe(graph, run_without_task=True, instruction='first')
    publisher = graph.probe.create_publisher(String, 'set_instruction', qos.STATUS)
    graph.wait_until(lambda: publisher.get_subscription_count() > 0, 'the subscription')
    publisher.publish(String(data='  '))
    graph.wait_until(lambda: 'empty_instruction' in policy.node.output(), 'the refusal')
    assert 'instruction of /probe refused' in policy.node.output()
    policy.rig.with_cameras()
    policy.wait_for_chunks(2)
    assert policy.chunks[-1].instruction == 'first'
    for text, reason in ((' ', 'empty_instruction'), ('x' * 1025, 'long_instruction')):
        response = graph.call(SetInstruction, 'policy_node/set_instruction', instruction=text)
        assert not response.success
        assert response.message.startswith(reason)
