# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
ROS parameters to a frozen configuration and back to declared, described, read-only parameters.

Owns the quirks of ROS parameters: no nested lists, `[]` without a type, overrides that nobody
declares. What the keys mean is said by the configuration dataclasses. Must
not know any node.
"""

import array
import copy
import dataclasses
import sys
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any
from typing import TypeVar

from rcl_interfaces.msg import FloatingPointRange
from rcl_interfaces.msg import IntegerRange
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.node import Node

from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem
from wla_ros.base.config import alternatives_of
from wla_ros.base.config import load_configuration
from wla_ros.base.config import parameters_of
from wla_ros.base.parameter_files import is_foreign
from wla_ros.base.parameter_files import nested_parameters
from wla_ros.nodes.parameter_sources import given_sources
from wla_ros.nodes.parameter_sources import source_problems

T = TypeVar('T')


def read_configuration(
    node: Node,
    kind: type[T],
    check: Callable[[T], tuple[Problem, ...]] = lambda _: (),
    *,
    default_name: str = '',
) -> T:
    """
    Return the overrides of `node` (YAML files, command line) as an instance of the dataclass
    `kind`.

    `check` looks at what a single key cannot show (files, joint names, cameras). `default_name` is
    what the node is called unless it is renamed. Raises ConfigurationError that lists every
    problem of both kinds and all that ROS ignored of the command line; nothing is declared then.
    """
    name = node.get_fully_qualified_name()
    overrides = parameter_overrides(node)
    values, problems = nested_parameters(overrides)
    problems += _ignored(name, default_name or node.get_name())
    if not overrides:
        remedy = '--ros-args --params-file FILE'
        problems += (Problem(where=name, what='no parameters were given', remedy=remedy),)
    configuration, found = load_despite_problems(kind, values, node.get_name())
    problems += found
    if configuration is not None:
        problems += check(configuration)
    if problems or configuration is None:
        raise ConfigurationError(name, tuple(dict.fromkeys(problems)))
    declare(node, configuration)
    return configuration


def _ignored(node: str, default_name: str) -> tuple[Problem, ...]:
    """Return what ROS ignored of the command line of this process, for the only node in it."""
    try:
        sources = given_sources(sys.argv)
    except ConfigurationError as error:
        return error.problems
    return source_problems(sources, node, default_name)


def parameter_overrides(node: Node) -> dict[str, Any]:
    """
    Return the overrides of `node` by flat name, also those that nobody declared.

    rclpy offers no public way to see undeclared overrides:
    `automatically_declare_parameters_from_overrides` raises on `[]`, which has no type. The
    attribute exists from Humble to Lyrical.
    """
    overrides = node._parameter_overrides  # noqa: SLF001
    return {
        name: _plain(parameter.value)
        for name, parameter in overrides.items()
        if not is_foreign(name)
    }


def load_despite_problems(
    kind: type[T], values: Mapping[str, Any], source: str
) -> tuple[T | None, tuple[Problem, ...]]:
    """
    Return the configuration with faulty keys left at their defaults, and the problems.

    So checks between sections can still run and all problems are listed at once. None if it cannot
    be mended.
    """
    remaining = copy.deepcopy(dict(values))
    problems: list[Problem] = []
    while True:
        try:
            return load_configuration(kind, remaining, source=source), tuple(problems)
        except ConfigurationError as error:
            problems += [problem for problem in error.problems if problem not in problems]
            places = [problem.where for problem in error.problems]
            # What is missing cannot be removed: then the section that lacks it is.
            if not sum(_remove(remaining, place) for place in places) and not sum(
                _remove(remaining, place.rpartition('.')[0]) for place in places
            ):
                return None, tuple(problems)


def declare(node: Node, configuration: Any) -> None:
    """Declare every value of `configuration` on `node`, read-only and with its description."""
    for name, value, facts in _leaves(configuration, ''):
        if value is None or (isinstance(value, tuple) and not value):
            continue  # ROS parameters have neither null nor typed empty lists
        plain = list(value) if isinstance(value, tuple) else value
        node.declare_parameter(name, plain, _descriptor(value, facts), ignore_override=True)


def _plain(value: Any) -> Any:
    """Return lists for arrays; an override `[]` has no type and arrives as None."""
    if value is None:
        return []
    return list(value) if isinstance(value, array.array | tuple) else value


def _remove(values: dict[str, Any], where: str) -> bool:
    *path, leaf = where.split('[', 1)[0].split('.')
    section: Any = values
    for part in path:
        section = section.get(part) if isinstance(section, dict) else None
    return isinstance(section, dict) and section.pop(leaf, None) is not None


def _leaves(section: Any, prefix: str) -> Iterator[tuple[str, Any, Mapping[str, Any]]]:
    for item in parameters_of(section):
        value = getattr(section, item.name)
        name = f'{prefix}{item.name}'
        if isinstance(value, Mapping):
            above = prefix if alternatives_of(item) else f'{name}.'
            for key, entry in value.items():
                yield from _leaves(entry, f'{above}{key}.')
        elif dataclasses.is_dataclass(value):
            yield from _leaves(value, f'{name}.')
        else:
            yield name, value, item.metadata


def _descriptor(value: Any, facts: Mapping[str, Any]) -> ParameterDescriptor:
    unit = facts.get('unit', '')
    choices = facts.get('choices') or ()
    descriptor = ParameterDescriptor(
        description=f'{facts.get("description", "")}{f" [{unit}]" if unit else ""}',
        additional_constraints=f'one of {", ".join(choices)}' if choices else '',
        read_only=True,
    )
    low, high = facts.get('minimum'), facts.get('maximum')
    if low is not None and high is not None and not isinstance(value, bool | tuple):
        if isinstance(value, float):
            descriptor.floating_point_range = [
                FloatingPointRange(from_value=float(low), to_value=float(high))
            ]
        elif isinstance(value, int):
            descriptor.integer_range = [
                IntegerRange(from_value=int(low), to_value=int(high), step=1)
            ]
    return descriptor
