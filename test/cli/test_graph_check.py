# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""What the doctor makes of what it heard."""

import numpy as np
import pytest

pytest.importorskip('rclpy')

from wla_ros.base.joints import JointLayout
from wla_ros.base.types import Refusal
from wla_ros.cli.doctor import Level
from wla_ros.cli.doctor import check_graph
from wla_ros.nodes.clients.graph_probe import GraphRecord
from wla_ros.nodes.clients.graph_probe import StreamRecord
from wla_ros.observation.config import CameraSync
from wla_ros.observation.config import SynchronisationConfig
from wla_ros.robots.piper.arm_status import decode_arm_status
from wla_ros.robots.piper.limits import piper_limits

LAYOUT = JointLayout(arms=('left',))
POSE = np.array([0.1, 0.5, -0.6, 0.0, 0.7, 0.0, 0.05])


def stream(rate_hz, *, age_s=0.002, publishers=1, count=50):
    record = StreamRecord('a_topic', publishers=publishers)
    for index in range(count):
        stamp = 10**18 + round(index * 1e9 / rate_hz)
        record.take(stamp, stamp + round(age_s * 1e9))
    return record


def joints(**changes):
    record = stream(changes.pop('rate_hz', 200.0), **changes)
    record.positions = [POSE for _ in record.stamps_ns]
    return record


def camera(**changes):
    record = stream(changes.pop('rate_hz', 30.0), **changes)
    record.pixels = np.full((480, 640, 3), 90, np.uint8)
    return record


def refusing(record):
    record.refuse(Refusal(reason='encoding', detail="encoding '16UC1' is not usable"))
    return record


def status(arm_status=0, ctrl_mode=1):
    return decode_arm_status(
        arm='left',
        ctrl_mode=ctrl_mode,
        arm_status=arm_status,
        mode_feedback=1,
        teach_status=0,
        motion_status=0,
        err_code=0,
        angle_limit=(False,) * 6,
        communication_error=(False,) * 6,
    )


def results(
    *,
    joint=None,
    image=None,
    conditions=None,
    commanders=('executor_node',),
    nodes=None,
    topics=None,
):
    found = GraphRecord(
        joints={'left': joint or joints()},
        cameras={'head': image or camera()},
        conditions={'left': status()} if conditions is None else conditions,
        commanders={'left': commanders},
        nodes=('policy_node', 'executor_node') if nodes is None else nodes,
        problems=topics or {},
    )
    synchronisation = SynchronisationConfig(cameras={'head': CameraSync(rate_hz=30.0)})
    return list(check_graph(found, LAYOUT, piper_limits(LAYOUT), synchronisation))


def problems(**changes):
    return [result for result in results(**changes) if result.level is Level.PROBLEM]


def levels(subject, **changes):
    """Return level and fact of the results on a subject."""
    return [(item.level, item.fact) for item in results(**changes) if item.subject == subject]


def test_a_healthy_robot_has_no_problems():
    assert problems() == []


@pytest.mark.parametrize(
    ('changes', 'subject'),
    [
        ({'joint': joints(rate_hz=40.0)}, 'left joints'),
        ({'joint': joints(age_s=3600.0)}, 'left joints'),
        ({'joint': StreamRecord('joint_states_left')}, 'left joints'),
        ({'image': camera(rate_hz=12.0)}, 'camera head'),
        ({'image': camera(age_s=-5.0)}, 'camera head'),
        ({'image': StreamRecord('camera/head/image_raw', publishers=1)}, 'camera head'),
        ({'conditions': {'left': status(arm_status=7)}}, 'left status'),
        ({'image': refusing(stream(30.0))}, 'camera head'),
        ({'image': refusing(StreamRecord('a_topic', publishers=1))}, 'camera head'),
    ],
)
def test_each_fault_is_a_problem_with_a_remedy(changes, subject):
    (problem,) = problems(**changes)
    assert problem.subject == subject
    assert problem.remedy


def test_an_executor_without_a_publisher_is_a_note_and_none_is_ok():
    ((level, fact),) = levels('left commands', commanders=())
    assert level is Level.NOTE
    assert 'executor_node runs' in fact
    ((level, fact),) = levels('left commands', commanders=(), nodes=('policy_node',))
    assert (level, fact) == (Level.OK, 'nobody commands, no executor runs')
    ((level, fact),) = levels('left commands')
    assert (level, fact) == (Level.OK, 'only executor_node commands')


def test_power_is_ok_only_where_the_arm_says_so():
    ((level, _),) = levels('left status', conditions={})
    assert level is Level.NOT_LOOKED
    ((level, fact),) = levels('left status', conditions={'left': status(ctrl_mode=0)})
    assert level is Level.NOTE
    assert 'standby' in fact


def test_what_does_not_connect_is_named_before_silence_is():
    topic = 'camera/head/image_raw'
    record = StreamRecord(topic, publishers=1)
    deaf = Refusal(reason='qos_mismatch', detail='usb_cam offers other QoS than it asks for')
    (problem,) = problems(image=record, topics={topic: (deaf,)})
    assert (problem.subject, problem.fact) == (topic, deaf.detail)


def test_two_who_command_are_one_problem_of_the_topic():
    topic = 'joint_ctrl_cmd_left'
    both = Refusal(reason='several_publishers', detail='2 publishers: stop the others')
    changes = {'commanders': ('executor_node', 'stray'), 'topics': {topic: (both,)}}
    (problem,) = problems(**changes)
    assert problem.fact == both.detail
    assert levels('left commands', **changes) == []


def test_degrees_are_called_degrees():
    record = joints()
    record.positions = [np.degrees(POSE) for _ in record.stamps_ns]
    assert any('degrees' in problem.remedy for problem in problems(joint=record))


def test_a_black_picture_is_a_problem():
    record = camera()
    record.pixels = np.zeros((480, 640, 3), np.uint8)
    (problem,) = problems(image=record)
    assert 'black' in problem.fact
