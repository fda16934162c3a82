# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The parameters of commands that run a policy without nodes: the file of the nodes and options.

Every parameter of the file is an option: `--policy.wla.checkpoint FOLDER`. It goes to each node
that has the section.
"""

import argparse
import copy
import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import yaml

from wla_ros.base.arguments import unknown_names
from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem
from wla_ros.composition.executor import ExecutorNodeConfiguration
from wla_ros.composition.policy import PolicyNodeConfiguration
from wla_ros.composition.run import RunConfiguration
from wla_ros.composition.run import load_run
from wla_ros.nodes.parameter_file import parse_parameters
from wla_ros.nodes.parameter_file import resolve_parameter_file

_NODES = {
    'policy_node': {item.name for item in dataclasses.fields(PolicyNodeConfiguration)},
    'executor_node': {item.name for item in dataclasses.fields(ExecutorNodeConfiguration)},
    'sim_node': {'rig'},
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the file and, in words, the options that stand for its parameters."""
    parser.add_argument(
        '--params',
        default='bimanual',
        metavar='FILE',
        help='parameter file of the nodes, a path or a shipped one (bimanual); every parameter '
        'of it is an option as well, for example --policy.wla.steps 4',
    )


def split_parameters(arguments: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
    """Return the arguments without options that have a dot in their name, and those by name."""
    rest: list[str] = []
    values: dict[str, Any] = {}
    given = iter(arguments)
    for argument in given:
        name, equals, text = argument.removeprefix('--').partition('=')
        if not argument.startswith('--') or '.' not in name:
            rest.append(argument)
            continue
        value = text if equals else next(given, None)
        if value is None:
            problem = Problem(where=argument, what='has no value')
            raise ConfigurationError('arguments', (problem,))
        values[name] = _parsed(value)
    return rest, values


def read_run(params: str, values: Mapping[str, Any]) -> RunConfiguration:
    """
    Return what the file `params` says, with `values` by dotted name in place of its own.

    Raises ConfigurationError with all problems.
    """
    path = resolve_parameter_file(params)
    text = path.read_text(encoding='utf-8')
    sections = {
        node: copy.deepcopy(parse_parameters(text, node, source=str(path))) for node in _NODES
    }
    known = tuple(sorted(set().union(*_NODES.values())))
    heads = tuple(name.partition('.')[0] for name in values)
    problems = tuple(unknown_names('option', heads, known))
    if problems:
        raise ConfigurationError('arguments', problems)
    for name, value in values.items():
        for node, names in _NODES.items():
            if name.partition('.')[0] in names:
                _put(sections[node], name.split('.'), value)
    return load_run(sections, source=str(path))


def _parsed(text: str) -> Any:
    try:
        return yaml.safe_load(text) if text else ''
    except yaml.YAMLError:
        return text


def _put(section: dict[str, Any], path: Sequence[str], value: Any) -> None:
    *above, leaf = path
    for part in above:
        if not isinstance(section.get(part), dict):
            section[part] = {}
        section = section[part]
    section[leaf] = value
