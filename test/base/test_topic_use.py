# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""One publisher and one type, judged by name, not by what a middleware happens to deliver."""

import pytest

from wla_ros.base.reasons import SEVERAL_PUBLISHERS
from wla_ros.base.reasons import TYPE_MISMATCH
from wla_ros.base.topic_use import Endpoint
from wla_ros.base.topic_use import TopicEnds
from wla_ros.base.topic_use import TopicUse
from wla_ros.base.topic_use import judge_topic

JOINT_STATE = 'sensor_msgs/msg/JointState'
FEEDBACK = TopicUse(
    topic='joint_states_left', what='joint feedback of left', type_name=JOINT_STATE
)
COMMAND = TopicUse(
    topic='joint_ctrl_cmd_left', what='commands of left', type_name=JOINT_STATE, output=True
)


def ends(*publishers, kind=JOINT_STATE, readers=()):
    return TopicEnds(
        publishers=[Endpoint(node=name, type_name=kind) for name in publishers],
        subscriptions=[Endpoint(node='/reader', type_name=name) for name in readers],
    )


def reasons(use, found, **options):
    return [problem.reason for problem in judge_topic(use, found, **options)]


def test_one_source_of_the_right_type_is_no_problem_and_none_is_not_judged():
    assert not judge_topic(FEEDBACK, ends('/driver'))
    assert not judge_topic(FEEDBACK, ends())
    assert not judge_topic(FEEDBACK, ends('/driver', readers=['std_msgs/msg/String']))


def test_a_second_publisher_is_named_also_with_the_name_of_the_first():
    (problem,) = judge_topic(FEEDBACK, ends('/driver', '/other'))
    assert problem.reason == SEVERAL_PUBLISHERS
    for word in ('left', 'joint_states_left', '/driver', '/other', '2 publishers'):
        assert word in problem.detail
    assert reasons(FEEDBACK, ends('/driver', '/driver')) == [SEVERAL_PUBLISHERS]


def test_before_this_side_publishes_nobody_may():
    assert reasons(COMMAND, ends('/executor_node'), allowed=0) == [SEVERAL_PUBLISHERS]
    assert not judge_topic(COMMAND, ends(readers=[JOINT_STATE]), allowed=0)
    assert reasons(COMMAND, ends('/executor_node', '/executor_node')) == [SEVERAL_PUBLISHERS]


@pytest.mark.parametrize('ours', ['wla_ros/msg/PiperStatus', ''])
def test_an_input_of_another_type_name_is_a_problem_even_if_its_fields_are_equal(ours):
    use = TopicUse(topic='arm_status_left', what='status of left', type_name=ours)
    (problem,) = judge_topic(use, ends('/driver', kind='piper_msgs/msg/PiperStatusMsg'))
    assert problem.reason == TYPE_MISMATCH
    for word in ('arm_status_left', 'piper_msgs/msg/PiperStatusMsg', '/driver', ours):
        assert word in problem.detail


def test_an_output_that_is_read_as_another_type_is_a_problem():
    use = TopicUse(
        topic='pos_cmd_left', what='commands', type_name='wla_ros/msg/PiperPosCmd', output=True
    )
    found = ends('/executor_node', readers=['piper_msgs/msg/PosCmd'])
    assert reasons(use, found) == [TYPE_MISMATCH]
    assert not judge_topic(use, ends('/executor_node', readers=['wla_ros/msg/PiperPosCmd']))


def test_both_problems_are_told_at_once():
    found = ends('/a', '/b', kind='std_msgs/msg/String')
    assert reasons(FEEDBACK, found) == [SEVERAL_PUBLISHERS, TYPE_MISMATCH]


@pytest.mark.parametrize('output', [False, True])
def test_a_type_of_the_same_name_with_other_fields_is_named_with_the_node(output):
    """Fields are told by their hash; who tells none, as on Humble, gives nothing to compare."""
    use = TopicUse(
        topic='action_chunk',
        what='action chunks',
        type_name='wla_ros/msg/ActionChunk',
        output=output,
    )

    def other(type_hash):
        end = Endpoint(node='/policy', type_name=use.type_name, type_hash=type_hash)
        return TopicEnds(**{'subscriptions' if output else 'publishers': [end]})

    (problem,) = judge_topic(use, other('RIHS01_b'), type_hash='RIHS01_a')
    assert problem.reason == TYPE_MISMATCH
    for word in ('action_chunk', 'wla_ros/msg/ActionChunk', '/policy', 'same version of wla_ros'):
        assert word in problem.detail
    assert not judge_topic(use, other('RIHS01_a'), type_hash='RIHS01_a')
    assert not judge_topic(use, other(''), type_hash='RIHS01_a')
    assert not judge_topic(use, other('RIHS01_b'))


def test_readers_of_an_input_and_other_types_are_not_asked_for_their_fields():
    stranger = Endpoint(node='/plot', type_name=JOINT_STATE, type_hash='RIHS01_b')
    assert not judge_topic(FEEDBACK, TopicEnds(subscriptions=[stranger]), type_hash='RIHS01_a')
