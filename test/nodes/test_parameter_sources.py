# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Which sections ROS takes for a node: as ROS itself decides, and all it would ignore is named."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip('rclpy')

import yaml  # noqa: E402 - not without rclpy
from hypothesis import HealthCheck  # noqa: E402
from hypothesis import given  # noqa: E402
from hypothesis import settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from rclpy.node import Node  # noqa: E402

from wla_ros.base.config import ConfigurationError  # noqa: E402
from wla_ros.nodes.parameter_sources import given_sources  # noqa: E402
from wla_ros.nodes.parameter_sources import source_problems  # noqa: E402
from wla_ros.nodes.parameter_sources import taken_values  # noqa: E402

NAMES = (
    'executor_node',
    '/executor_node',
    'cell/executor_node',
    '/cell/executor_node',
    '/cell/sub/executor_node',
    '/**/executor_node',
    '/*/executor_node',
    '/cell/**/executor_node',
    '/cell/*',
    '/cell/**',
    '/**/*',
    '/*',
    '/**',
    'policy_node',
)
_values = st.dictionaries(st.sampled_from('abc'), st.integers(0, 5), min_size=1, max_size=2)
_files = st.lists(
    st.dictionaries(st.sampled_from(NAMES), _values, min_size=1, max_size=4),
    min_size=1,
    max_size=3,
)
_assignments = st.lists(
    st.tuples(
        st.sampled_from(('', 'executor_node:', 'policy_node:')),
        st.sampled_from('abc'),
        st.integers(6, 9),
    ),
    max_size=2,
)


def _arguments(
    folder: Path, files: list[dict[str, dict[str, Any]]], assignments: list[Any] = ()
) -> list[str]:
    arguments = ['node', '--ros-args']
    for index, sections in enumerate(files):
        path = folder / f'{index}.yaml'
        content = {name: {'ros__parameters': values} for name, values in sections.items()}
        path.write_text(yaml.safe_dump(content, sort_keys=False))
        arguments += ['--params-file', str(path)]
    for node, key, value in assignments:
        arguments += ['-p', f'{node}{key}:={value}']
    return arguments


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    files=_files, assignments=_assignments, namespace=st.sampled_from(('/', '/cell', '/cell/sub'))
)
def test_what_is_taken_is_what_ros_takes(
    ros_context: Any, tmp_path: Path, files: Any, assignments: Any, namespace: str
) -> None:
    arguments = _arguments(tmp_path, files, assignments)
    node = Node(
        'executor_node',
        context=ros_context,
        namespace=namespace,
        cli_args=arguments[1:],
        use_global_arguments=False,
        start_parameter_services=False,
        enable_rosout=False,
    )
    overrides = {name: item.value for name, item in node._parameter_overrides.items()}
    name = node.get_fully_qualified_name()
    node.destroy_node()
    assert taken_values(given_sources(arguments), name) == overrides


def _problems(
    folder: Path, *files: dict[str, dict[str, Any]], node: str, assignments: list[Any] = ()
) -> list[str]:
    sources = given_sources(_arguments(folder, list(files), assignments))
    return [str(problem) for problem in source_problems(sources, node, 'executor_node')]


SLOW = {'execution.motion.velocity_scale': 0.1}
ROBOT = {'robot.driver_profile': 'piper_ros'}


@pytest.mark.parametrize(
    ('sections', 'node', 'what'),
    [
        ({'executor_node': SLOW}, '/cell/executor_node', 'executor_node: is not for /cell/'),
        ({'/a/executor_node': SLOW}, '/executor_node', '/a/executor_node: is not for /exec'),
        ({'executor_node': SLOW, '/**': ROBOT}, '/cell/executor_node', 'is not for /cell/'),
        ({'executr_node': SLOW}, '/executor_node', 'executr_node: no such node'),
        (
            {'/**/executor_node': ROBOT, '/**/executor_nod': SLOW},
            '/executor_node',
            "did you mean 'executor_node'?",
        ),
        ({'policy_node': SLOW}, '/executor_node', '/executor_node: has no section (sections: p'),
        ({'camera': {'a': 1}}, '/executor_node', 'has no section (sections: camera)'),
        ({'executor_node': SLOW}, '/left_executor', 'is not for /left_executor'),
        (
            {'executor_node': SLOW, '/**': ROBOT},
            '/left_executor',
            'executor_node: is not for /left_executor',
        ),
        (
            {'/**/executor_node': SLOW, '/**': {'execution.motion.velocity_scale': 1.0}},
            '/executor_node',
            'says 0.1, but ROS takes 1.0',
        ),
    ],
)
def test_what_ros_would_ignore_is_named(
    tmp_path: Path, sections: dict[str, Any], node: str, what: str
) -> None:
    found = _problems(tmp_path, sections, node=node)
    assert any(what in problem for problem in found), found
    assert all('0.yaml' in problem for problem in found)


@pytest.mark.parametrize(
    ('sections', 'node'),
    [
        ({'executor_node': SLOW}, '/executor_node'),
        ({'/**': SLOW}, '/cell/left_executor'),
        ({'/**': ROBOT, '/**/executor_node': {**ROBOT, **SLOW}}, '/cell/executor_node'),
        ({'/a/executor_node': ROBOT, '/b/executor_node': SLOW}, '/b/executor_node'),
        ({'/**/policy_node': ROBOT, '/**/executor_node': SLOW}, '/executor_node'),
        ({'/**/recorder_node': ROBOT, '/**/executor_node': SLOW}, '/executor_node'),
        ({'camera': {'a': 1}, '/*/executor_node': SLOW}, '/cell/executor_node'),
    ],
)
def test_a_file_that_is_for_the_node_is_in_order(
    tmp_path: Path, sections: dict[str, Any], node: str
) -> None:
    assert not _problems(tmp_path, sections, node=node)


def test_the_later_file_and_the_single_value_have_the_last_word_or_are_refused(
    tmp_path: Path,
) -> None:
    whole = {'/**': {'b': 1}, '/**/executor_node': {'a': 1}}
    node = '/executor_node'
    assert not _problems(tmp_path, whole, {'/**/executor_node': {'a': 2}}, node=node)
    # ROS counts a section where its name stood first: `/**` of the first file is before the node.
    (problem,) = _problems(tmp_path, whole, {'/**': {'a': 2}}, node=node)
    assert '1.yaml: /** says 2, but ROS takes 1' in problem
    (problem,) = _problems(tmp_path, whole, node=node, assignments=[('', 'a', 3)])
    assert '-p a:=3 says 3, but ROS takes 1' in problem
    (problem,) = _problems(
        tmp_path, whole, node='/cell/executor_node', assignments=[('executor_node:', 'a', 3)]
    )
    assert problem.startswith('-p executor_node:a:=3: executor_node: is not for /cell/executor')


def test_every_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    empty = tmp_path / 'empty.yaml'
    empty.write_text('# nothing\n')
    given = ['x', '--ros-args', '--params-file', str(empty), '--params-file', str(tmp_path)]
    with pytest.raises(ConfigurationError) as caught:
        given_sources(given)
    assert [problem.where for problem in caught.value.problems] == [
        f'{empty}: file',
        f'{tmp_path}: file',
    ]


def test_only_arguments_of_ros_count() -> None:
    assert not given_sources(['x', '-p', 'a:=1', '--ros-args', '-r', 'a:=b', '--', '-p', 'c:=1'])
