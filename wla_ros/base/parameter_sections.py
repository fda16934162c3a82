# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The sections of ROS parameter files, and for which nodes ROS takes them.

Pure functions on text and names. Must not know rclpy, so that commands can use it without.
"""

import difflib
import re
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem
from wla_ros.base.parameter_files import flat_parameters

# Order of starting: what others wait for comes first.
NODE_NAMES = ('sim_node', 'executor_node', 'policy_node', 'recorder_node')
_PARAMETERS = 'ros__parameters'
_WILDCARDS = ('*', '**')


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterSection:
    """What one place gives to the nodes of a name: `policy_node`, `/cell/*`, `/**/sim_node`."""

    name: str  # as given, namespaces around it included; ROS puts a slash before
    values: Mapping[str, Any]  # by flat name

    @property
    def node(self) -> str:
        """The name of the node without namespace, empty if that is a wildcard."""
        last = self.name.rsplit('/', 1)[-1]
        return '' if last in _WILDCARDS else last

    def is_for(self, node: str) -> bool:
        """Return whether ROS takes it for the node of this fully qualified name."""
        pattern = ''.join(
            {'*': '/[^/]+', '**': '(/[^/]+)*'}.get(token, '/' + re.escape(token))
            for token in self.name.strip('/').split('/')
        )
        return re.fullmatch(pattern, node) is not None


def fully_qualified(node: str, namespace: str) -> str:
    """Return the name by which ROS knows `node` in `namespace`."""
    return '/'.join(('', *filter(None, namespace.split('/')), node))


def ignored_sections(
    sections: Sequence[ParameterSection], node: str, default_name: str
) -> Iterator[Problem]:
    """
    Yield the sections that look as if they were for `node`, and that ROS ignores.

    `node` is fully qualified, `default_name` what it is called unless it is renamed. A section is
    for another namespace or name although none is for this one, or its name is misspelled.
    """
    name = node.rsplit('/', 1)[-1]
    named = [section for section in sections if section.node in (name, default_name)]
    if not any(section.is_for(node) for section in named):
        for section in named:
            yield Problem(
                where=section.name,
                what=f'is not for {node}, ROS ignores it',
                remedy=f'write /**/{name} for any namespace',
            )
    for section in sections:
        if section.node not in (name, *NODE_NAMES) and difflib.get_close_matches(
            section.node, (name, default_name), n=1, cutoff=0.8
        ):
            yield Problem(
                where=section.name, what='no such node', remedy=f'did you mean {name!r}?'
            )


def no_section(sections: Sequence[ParameterSection], node: str) -> Problem:
    """Return the complaint that none of `sections` is for `node`."""
    return Problem(
        where=node,
        what='has no section',
        remedy=f'sections: {", ".join(section.name for section in sections) or "none"}',
    )


def read_sections(path: Path) -> tuple[ParameterSection, ...]:
    """Return the sections of a file. Raises ConfigurationError if it is no parameter file."""
    return parse_sections(read_text(path), source=str(path))


def parse_sections(text: str, *, source: str) -> tuple[ParameterSection, ...]:
    """Return the sections in the order of the text; errors name `source`."""
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        what = ' '.join(str(error).split())
        raise ConfigurationError(source, (Problem(where='file', what=what),)) from error
    if not isinstance(content, dict):
        problem = Problem(where='file', what=f'expected sections per node, got {content!r}')
        raise ConfigurationError(source, (problem,))
    problems: list[Problem] = []
    sections = tuple(_sections_below(content, '', problems))
    if problems:
        raise ConfigurationError(source, tuple(problems))
    return sections


def read_text(path: Path) -> str:
    """Return the text of a file, every byte of it. Raises ConfigurationError naming the file."""
    try:
        return path.read_bytes().decode('utf-8')
    except OSError as error:
        problem = Problem(where='file', what=f'cannot be read: {error.strerror}')
    except UnicodeDecodeError as error:
        problem = Problem(where='file', what=f'is no text: {error}', remedy='save it as UTF-8')
    raise ConfigurationError(str(path), (problem,))


def _sections_below(
    content: Mapping[Any, Any], namespace: str, problems: list[Problem]
) -> Iterator[ParameterSection]:
    for key, value in content.items():
        name = f'{namespace}/{str(key).strip("/")}' if namespace else str(key)
        if not isinstance(value, dict):
            what = f'expected {_PARAMETERS} with a key each, got {value!r}'
            problems.append(Problem(where=name, what=what))
        elif not value:
            yield ParameterSection(name=name, values={})
        elif _PARAMETERS not in value:
            yield from _sections_below(value, name, problems)
        elif isinstance(value[_PARAMETERS], dict):
            yield ParameterSection(name=name, values=dict(flat_parameters(value[_PARAMETERS])))
        else:
            what = f'expected {_PARAMETERS} with a key each, got {value[_PARAMETERS]!r}'
            problems.append(Problem(where=name, what=what))
