# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Which nodes a ROS parameter file is for, and what it gives them.

A file names nodes as `policy_node:`, `/cell/policy_node:` or `/**/policy_node:`; `/**:` is for
all. What the values mean is checked by the nodes themselves when they start.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem
from wla_ros.base.config import load_configuration
from wla_ros.base.parameter_files import configuration_folders
from wla_ros.base.parameter_files import find_configuration_file
from wla_ros.base.parameter_files import is_foreign
from wla_ros.base.parameter_files import nested_parameters
from wla_ros.base.parameter_sections import NODE_NAMES
from wla_ros.base.parameter_sections import fully_qualified
from wla_ros.base.parameter_sections import ignored_sections
from wla_ros.base.parameter_sections import no_section
from wla_ros.base.parameter_sections import parse_sections
from wla_ros.base.parameter_sections import read_sections
from wla_ros.base.parameter_sections import read_text
from wla_ros.nodes.parameter_sources import ParameterSource
from wla_ros.nodes.parameter_sources import source_problems
from wla_ros.nodes.parameter_sources import taken_values
from wla_ros.robots.robot import Robot
from wla_ros.robots.robot import RobotSection
from wla_ros.robots.robot import require_robot


def resolve_parameter_file(given: str) -> Path:
    """
    Return the file at path `given`, or the shipped one of that name ('bimanual', 'bimanual.yaml').

    Raises ConfigurationError naming the shipped files if there is none.
    """
    path = Path(given)
    if path.is_file():
        return path
    name = given if given.endswith('.yaml') else f'{given}.yaml'
    shipped = find_configuration_file(name)
    if shipped is not None:
        return shipped
    names = sorted(
        {item.name for folder in configuration_folders() for item in folder.glob('*.yaml')}
    )
    raise ConfigurationError(
        given,
        (
            Problem(
                where='parameter file',
                what='does not exist',
                remedy=f'give a path, or one of {", ".join(names)}',
            ),
        ),
    )


def nodes_of(path: Path) -> tuple[str, ...]:
    """
    Return the nodes of this package that `path` has a section for, in order of starting.

    Raises ConfigurationError if it is no parameter file, names none of them, or a section that no
    node of ours reads.
    """
    sections = read_sections(path)
    problems = [
        Problem(where=section.name, what='no such node', remedy=f'known: {", ".join(NODE_NAMES)}')
        for section in sections
        if section.node and section.node not in NODE_NAMES
    ]
    named = {section.node for section in sections}
    nodes = tuple(name for name in NODE_NAMES if name in named)
    if not nodes and not problems:
        problems.append(Problem(where='file', what='has no section for a node of this package'))
    if problems:
        raise ConfigurationError(str(path), tuple(problems))
    return nodes


def check_sections(path: Path, nodes: Iterable[str], *, namespace: str = '') -> None:
    """
    Raise ConfigurationError unless ROS takes a section of the file for each node in `namespace`.

    The nodes refuse such a file as well; asked before any of them is started.
    """
    nodes_of(path)
    source = ParameterSource(text=str(path), sections=read_sections(path), is_file=True)
    problems = [
        problem
        for node in nodes
        for problem in source_problems((source,), fully_qualified(node, namespace), node)
    ]
    if problems:
        raise ConfigurationError(str(path), tuple(dict.fromkeys(problems)))


def parameters_of(
    path: Path, node: str, *, namespace: str = '', required: bool = False
) -> dict[str, Any]:
    """
    Return the parameters of `node` in a ROS parameter file, none if it has no section.

    Raises ConfigurationError if it is no parameter file, has sections for `node` in another
    namespace only, or lacks one that is `required`.
    """
    text = read_text(path)
    return parse_parameters(text, node, source=str(path), namespace=namespace, required=required)


def robot_of(path: Path) -> Robot:
    """
    Return the robot of the executor in a parameter file.

    Raises ConfigurationError if it has none, or one that does not exist.
    """
    values = parameters_of(path, 'executor_node', required=True).get('robot', {})
    section = load_configuration(RobotSection, values, source=str(path))
    return require_robot(section, source=str(path))


def parse_parameters(
    text: str, node: str, *, source: str, namespace: str = '', required: bool = False
) -> dict[str, Any]:
    """Return the same from the text of a file; errors name `source`."""
    sections = parse_sections(text, source=source)
    name = fully_qualified(node, namespace)
    problems = list(ignored_sections(sections, name, node))
    if required and not problems and not any(section.is_for(name) for section in sections):
        problems.append(no_section(sections, name))
    whole = ParameterSource(text=source, sections=sections, is_file=True)
    flat = taken_values((whole,), name)
    nested, contradictions = nested_parameters(
        {name: value for name, value in flat.items() if not is_foreign(name)}
    )
    problems += contradictions
    if problems:
        raise ConfigurationError(source, tuple(problems))
    return nested
