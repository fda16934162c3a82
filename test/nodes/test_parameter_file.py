# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The nodes of a parameter file and the overrides of the command line."""

import pytest

from wla_ros.base.config import ConfigurationError
from wla_ros.cli.up import node_commands
from wla_ros.nodes.parameter_file import nodes_of
from wla_ros.nodes.parameter_file import parameters_of
from wla_ros.nodes.parameter_file import parse_parameters
from wla_ros.nodes.parameter_file import resolve_parameter_file


@pytest.fixture
def cell_file(tmp_path):
    path = tmp_path / 'cell.yaml'
    path.write_text(
        '/**/policy_node: {ros__parameters: {}}\n'
        '/*/executor_node: {ros__parameters: {}}\n'
        '/**: {ros__parameters: {use_sim_time: false}}\n',
        encoding='utf-8',
    )
    return path


def test_nodes_come_in_order_of_starting_whatever_their_order_in_the_file(cell_file):
    assert nodes_of(cell_file) == ('executor_node', 'policy_node')


@pytest.mark.parametrize(
    ('content', 'word'),
    [
        ('polcy_node: {}', 'polcy_node'),
        ('- a list', 'sections'),
        ('/**: {}', 'no section'),
        ('a: [', 'file'),
    ],
)
def test_a_file_that_starts_nothing_says_why(tmp_path, content, word):
    path = tmp_path / 'bad.yaml'
    path.write_text(content, encoding='utf-8')
    with pytest.raises(ConfigurationError, match=word):
        nodes_of(path)


def test_an_absent_file_names_the_shipped_ones():
    with pytest.raises(ConfigurationError, match='bimanual.yaml'):
        resolve_parameter_file('nowhere.yaml')


def test_a_shipped_file_is_found_by_its_bare_name():
    assert resolve_parameter_file('bimanual').name == 'bimanual.yaml'


def test_overrides_and_namespace_reach_their_node(cell_file):
    (command,) = node_commands(
        cell_file,
        without=('executor_node',),
        overrides=('policy_node:policy.name=hold',),
        namespace='/cell1',
    )
    assert command.name == 'policy_node'
    assert command.overrides == ('policy.name:=hold',)
    assert command.namespace == '/cell1'


def test_the_nodes_beside_the_simulated_rig_are_told_so():
    path = resolve_parameter_file('bimanual')

    def overrides(*without):
        commands = node_commands(
            path, without=without, overrides=('policy_node:robot.simulated=false',), namespace=''
        )
        return {command.name: command.overrides for command in commands}

    told = 'robot.simulated:=true'
    # What is asked for comes last: it counts.
    assert overrides()['policy_node'] == (told, 'robot.simulated:=false')
    assert overrides()['executor_node'] == (told,)
    assert not overrides()['sim_node']
    assert not overrides('sim_node')['executor_node']


def test_all_wrong_options_are_listed_at_once(cell_file):
    with pytest.raises(ConfigurationError) as caught:
        node_commands(
            cell_file,
            without=('sim_node',),
            overrides=('policy_node:x', 'nobody:a=1'),
            namespace='',
        )
    assert len(caught.value.problems) == 3


def test_flat_names_and_what_is_for_all_nodes_are_read_as_the_nodes_read_them():
    text = """
/**: {ros__parameters: {use_sim_time: true, robot.driver_profile: ros2_control, a: {b: 1}}}
/cell/executor_node: {ros__parameters: {a.b: 2, a: {c: 3}, qos_overrides./x.depth: 1}}
"""
    assert parse_parameters(text, 'executor_node', source='x', namespace='cell') == {
        'robot': {'driver_profile': 'ros2_control'},
        'a': {'b': 2, 'c': 3},
    }
    assert parse_parameters(text, 'policy_node', source='x')['a'] == {'b': 1}


@pytest.mark.parametrize(
    ('text', 'what'),
    [
        ('{}', 'executor_node: has no section'),
        ('/a/executor_node: {}\n/b/executor_node: {}', '/b/executor_node: is not for'),
        ('executor_node: 5', 'expected ros__parameters'),
        ('executor_node: {ros__parameters: [1]}', 'expected ros__parameters'),
        ('executor_node: {ros__parameters: {a: 1, a.b: 2}}', 'both a value and a section'),
    ],
)
def test_sections_that_cannot_be_read_are_named(text, what):
    with pytest.raises(ConfigurationError, match=what):
        parse_parameters(text, 'executor_node', source='x', required=True)


def test_what_stands_last_is_taken_as_ros_takes_it():
    text = '/**/executor_node: {ros__parameters: {a: 1}}\n/**: {ros__parameters: {a: 2}}'
    assert parse_parameters(text, 'executor_node', source='x') == {'a': 2}


@pytest.mark.parametrize(
    ('namespace', 'what'),
    [('/cell', 'executor_node: is not for /cell/executor_node'), ('', 'policy_node: is not for')],
)
def test_nothing_is_started_from_a_file_for_another_namespace(tmp_path, namespace, what):
    path = tmp_path / 'cell.yaml'
    path.write_text('executor_node: {}\n/other/policy_node: {}\n', encoding='utf-8')
    with pytest.raises(ConfigurationError, match=what):
        node_commands(path, without=(), overrides=(), namespace=namespace)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match='cannot be read'):
        parameters_of(tmp_path, 'executor_node')
    assert parse_parameters('a: {}', 'executor_node', source='x') == {}
