# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""ROS parameters become a configuration: seen, checked, declared with their descriptions."""

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip('rclpy')

from rclpy.node import Node  # noqa: E402 - not without rclpy
from rclpy.parameter import Parameter  # noqa: E402

from wla_ros.base.config import ConfigurationError  # noqa: E402
from wla_ros.base.config import Problem  # noqa: E402
from wla_ros.base.config import load_configuration  # noqa: E402
from wla_ros.base.parameter_files import nested_parameters  # noqa: E402
from wla_ros.composition.executor import ExecutorNodeConfiguration  # noqa: E402
from wla_ros.composition.policy import PolicyNodeConfiguration  # noqa: E402
from wla_ros.nodes.parameters import load_despite_problems  # noqa: E402
from wla_ros.nodes.parameters import read_configuration  # noqa: E402
from wla_ros.nodes.recorder.node import RecordedImage  # noqa: E402
from wla_ros.nodes.recorder.node import RecorderNodeConfiguration  # noqa: E402
from wla_ros.nodes.sim.config import SimNodeConfiguration  # noqa: E402
from wla_ros.robots.robot import RobotSection  # noqa: E402

ROBOT = RobotSection(driver_profile='piper_ros')


@pytest.fixture
def make_node(ros_context: Any) -> Iterator[Any]:
    nodes: list[Node] = []

    def make(*, robot: bool = True, **overrides: Any) -> Node:
        overrides = {'robot__driver_profile': 'piper_ros', **overrides} if robot else overrides
        parameters = [Parameter(name.replace('__', '.'), value=v) for name, v in overrides.items()]
        node = Node(f'reader_{len(nodes)}', context=ros_context, parameter_overrides=parameters)
        nodes.append(node)
        return node

    yield make
    for node in nodes:
        node.destroy_node()


def test_overrides_reach_the_nested_fields_and_integers_serve_as_numbers(make_node: Any) -> None:
    node = make_node(
        synchronisation__max_skew_s=0,
        cameras__head__topic='camera/head/image_raw',
        robot__arms=['left'],
        use_sim_time=False,
    )
    configuration = read_configuration(node, PolicyNodeConfiguration)
    assert configuration.synchronisation.max_skew_s == 0.0
    assert configuration.cameras['head'].topic == 'camera/head/image_raw'
    assert configuration.robot.arms == ('left',)


def test_every_value_is_declared_read_only_and_described(make_node: Any) -> None:
    node = make_node(cameras__head__topic='x')
    read_configuration(node, PolicyNodeConfiguration)
    assert node.get_parameter('cameras.head.transport').value == 'raw'
    descriptor = node.describe_parameter('synchronisation.joints.max_age_s')
    assert descriptor.read_only
    assert descriptor.description.endswith('[s]')
    assert descriptor.floating_point_range[0].to_value == 10.0
    choices = node.describe_parameter('cameras.head.transport').additional_constraints
    assert choices == 'one of raw, compressed'


def test_all_problems_are_listed_and_nothing_is_declared(make_node: Any) -> None:
    node = make_node(synchronisation__max_skew_ms=25.0, status_rate_hz='fast', cameras__head__a=1)
    with pytest.raises(ConfigurationError) as caught:
        read_configuration(
            node, PolicyNodeConfiguration, lambda _: (Problem(where='profile', what='is wrong'),)
        )
    places = {problem.where for problem in caught.value.problems}
    assert places == {
        'synchronisation.max_skew_ms',
        'status_rate_hz',
        'cameras.head.a',
        'cameras.head.topic',
        'profile',
    }
    assert not node.has_parameter('status_rate_hz')


def test_checks_between_sections_run_although_keys_are_wrong() -> None:
    values = {'synchronisation': {'max_skew_ms': 25.0, 'max_skew_s': 'x'}, 'polcy': {}}
    values['robot'] = {'driver_profile': 'piper_ros'}
    configuration, problems = load_despite_problems(PolicyNodeConfiguration, values, 'test')
    assert configuration == PolicyNodeConfiguration(robot=ROBOT)
    assert len(problems) == 3


def test_a_section_that_lacks_a_required_key_is_left_out_for_the_other_checks() -> None:
    values = {'folder': '', 'images': {'head': {'rate_hz': 1.0}}}  # the topic has no default
    configuration, problems = load_despite_problems(RecorderNodeConfiguration, values, 'test')
    assert configuration == RecorderNodeConfiguration(folder='')
    assert [problem.where for problem in problems] == ['images.head.topic']


def test_what_cannot_be_mended_gives_no_configuration() -> None:
    configuration, problems = load_despite_problems(RecordedImage, {}, 'test')
    assert configuration is None
    assert [problem.where for problem in problems] == ['topic']


def test_a_name_that_is_both_value_and_section_is_a_problem() -> None:
    _, problems = nested_parameters({'a': 1, 'a.b': 2})
    assert [problem.where for problem in problems] == ['a.b']


def test_an_empty_list_is_an_empty_list(make_node: Any) -> None:
    node = make_node(robot=False, folder='')
    node._parameter_overrides['topics'] = Parameter('topics', Parameter.Type.NOT_SET, None)
    assert read_configuration(node, RecorderNodeConfiguration).topics == ()


REQUIRED = {
    PolicyNodeConfiguration: 'robot.driver_profile',
    ExecutorNodeConfiguration: 'robot.driver_profile',
    SimNodeConfiguration: 'rig.task',
    RecorderNodeConfiguration: 'folder',
}


@pytest.mark.parametrize(('kind', 'required'), REQUIRED.items())
def test_the_defaults_of_every_node_are_valid_and_can_be_declared(
    make_node: Any, kind: type[Any], required: str
) -> None:
    overrides = {required.replace('.', '__'): 'stack_cup'}
    values, _ = nested_parameters({required: 'stack_cup'})
    read = read_configuration(make_node(robot=False, **overrides), kind)
    assert read == load_configuration(kind, values, source='defaults')


@pytest.mark.parametrize(('kind', 'required'), REQUIRED.items())
def test_a_node_that_was_given_nothing_names_what_it_cannot_do_without(
    make_node: Any, kind: type[Any], required: str
) -> None:
    with pytest.raises(ConfigurationError, match=f'{required}: is missing'):
        read_configuration(make_node(robot=False), kind)
