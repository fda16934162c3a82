# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Parameter files of ROS: where the shipped ones are, and what stands in one."""

import os
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wla_ros.base.config import Problem

# Finds the configuration files that ship with the package: installed, or in the source tree.
#
# Owns the places and their order. Must not know what the files mean.

PACKAGE = 'wla_ros'


def configuration_folders() -> tuple[Path, ...]:
    """
    Return the config folders that exist: installations on AMENT_PREFIX_PATH, this one's own, the
    source tree.
    """
    here = Path(__file__).resolve()
    prefixes = [
        Path(prefix)
        for prefix in os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep)
        if prefix
    ]
    candidates = [prefix / 'share' / PACKAGE / 'config' for prefix in (*prefixes, *here.parents)]
    candidates.append(here.parents[2] / 'config')
    return tuple(dict.fromkeys(folder for folder in candidates if folder.is_dir()))


def find_configuration_file(relative: str) -> Path | None:
    """
    Return the first shipped file of that name below a config folder, for example
    'drivers/piper_ros.yaml'.
    """
    return next(
        (folder / relative for folder in configuration_folders() if (folder / relative).is_file()),
        None,
    )


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


def ros_home_path(file: str, node: str) -> Path:
    """
    Return the path of `file` for the fully qualified node name `node`, which replaces '{node}'.

    Relative ones lie where ROS keeps what outlives a process: ROS_HOME, or ~/.ros.
    """
    named = file.replace('{node}', node.strip('/').replace('/', '.'))
    home = os.environ.get('ROS_HOME') or '~/.ros'
    return Path(home).expanduser() / Path(named).expanduser()
