"""
Names of ROS parameters: flat and dotted where ROS keeps them, nested in files and configurations.

Pure functions on names and values. Must not know ROS, so that commands can use it without.
"""

from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from wla_ros.core.errors import Problem

# Declared by rclpy itself, whatever the node.
_FOREIGN_NAMES = ('use_sim_time', 'start_type_description_service')
_FOREIGN_PREFIXES = ('qos_overrides.', 'diagnostic_updater.')


def is_foreign(name: str) -> bool:
    """Return whether a parameter is of ROS, not of our nodes."""
    return name in _FOREIGN_NAMES or name.startswith(_FOREIGN_PREFIXES)


def flat_parameters(section: Mapping[Any, Any], prefix: str = '') -> Iterator[tuple[str, Any]]:
    """Yield dotted name and value of everything below `section` of a parameter file."""
    for key, value in section.items():
        name = f'{prefix}{key}'
        if isinstance(value, Mapping):
            yield from flat_parameters(value, f'{name}.')
        else:
            yield name, value


def nested_parameters(flat: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    """Return 'a.b.c' names as nested mappings, and names that are both value and section."""
    nested: dict[str, Any] = {}
    problems = []
    for name in sorted(flat):
        *path, leaf = name.split('.')
        section = nested
        for part in path:
            section = section.setdefault(part, {}) if isinstance(section, dict) else section
        if isinstance(section, dict) and not isinstance(section.get(leaf), dict):
            section[leaf] = flat[name]
        else:
            problems.append(Problem(where=name, what='is both a value and a section'))
    return nested, tuple(problems)
