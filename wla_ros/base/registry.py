# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
What packages add by name: tasks, experts and policies, ours and those of others alike.

A package names them in its metadata as entry points (packaging.python.org, "Entry points
specification"); `config/build/entry_points.txt` is the table of this one. Nothing is imported
before it is asked for by name.
"""

from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint
from importlib.metadata import distributions
from types import MappingProxyType
from typing import Any

from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem

POLICIES = 'wla_ros.policies'  # PolicyEntry of wla_ros/policies/registry.py
STRATEGIES = 'wla_ros.strategies'  # ExecutionStrategy of wla_ros/inference/strategy.py
TASKS = 'wla_ros.tasks'  # callables that take TaskOptions and return a Task
EXPERTS = (
    'wla_ros.experts'  # by name of the task: callables without arguments that return a Policy
)
# As EXPERTS, but by feedback alone, so that they say what to do in any state of the task.
DEMONSTRATORS = 'wla_ros.demonstrators'


def names(group: str) -> tuple[str, ...]:
    """Return the names of `group`, sorted."""
    return tuple(sorted(_table(group)))


def load(group: str, name: str, *, where: str = '') -> Any:
    """
    Return what is registered as `name` in `group`; `where` is the parameter that names it.

    Raises ConfigurationError for a name that nobody or more than one package registers, or whose
    module does not have it; ModuleNotFoundError for a package that the module needs.
    """
    found = _table(group).get(name, ())
    where = where or group.rpartition('.')[2]
    if not found:
        known = ', '.join(names(group)) or 'none'
        raise _error(where, f'{name!r} is not registered', f'there are: {known}')
    if len(found) > 1:
        places = ', '.join(point.value for point in found)
        raise _error(where, f'{name!r} is registered by {places}', 'uninstall all but one')
    try:
        return found[0].load()
    except (ImportError, AttributeError) as error:
        own = found[0].module.partition('.')[0]
        if isinstance(error, ModuleNotFoundError) and (error.name or '').partition('.')[0] != own:
            raise  # a package that it needs: whoever asked says what to install
        what = f'{name!r} ({found[0].value}) cannot be imported: {error}'
        raise _error(where, what) from error


@cache
def _table(group: str) -> Mapping[str, tuple[EntryPoint, ...]]:
    """
    Return the different objects registered under each name; one path twice counts once.

    `importlib.metadata.entry_points` looks at one distribution of a name only. Beside ours CMake
    leaves another one of the same name, for the messages.
    """
    table: dict[str, dict[str, EntryPoint]] = {}
    for distribution in distributions():
        for point in distribution.entry_points:
            if point.group == group:
                table.setdefault(point.name, {})[point.value] = point
    return MappingProxyType({name: tuple(points.values()) for name, points in table.items()})


def _error(where: str, what: str, remedy: str = '') -> ConfigurationError:
    return ConfigurationError(where, (Problem(where=where, what=what, remedy=remedy),))
