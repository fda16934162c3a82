"""
Which nodes a ROS parameter file is for.

A file names nodes as `policy_node:`, `/cell/policy_node:` or `/**/policy_node:`; `/**:` is for
all. What the values mean is checked by the nodes themselves when they start.
"""

from pathlib import Path
from typing import Any

import yaml

from wla_ros.core.errors import ConfigurationError
from wla_ros.core.errors import Problem
from wla_ros.ros.installed_files import configuration_folders
from wla_ros.ros.installed_files import find_configuration_file

# Order of starting: what others wait for comes first.
NODE_MODULES = {
    'sim_node': 'wla_ros.ros.sim_node',
    'executor_node': 'wla_ros.ros.executor_node',
    'policy_node': 'wla_ros.ros.policy_node',
    'recorder_node': 'wla_ros.ros.recorder_node',
}


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
    try:
        content = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        what = ' '.join(str(error).split())
        raise ConfigurationError(str(path), (Problem(where='file', what=what),)) from error
    if not isinstance(content, dict):
        problem = Problem(where='file', what=f'expected sections per node, got {content!r}')
        raise ConfigurationError(str(path), (problem,))
    named = {str(key).rsplit('/', 1)[-1]: str(key) for key in content}
    unknown = [key for name, key in named.items() if name not in NODE_MODULES and name != '**']
    problems = [
        Problem(where=key, what='no such node', remedy=f'known: {", ".join(NODE_MODULES)}')
        for key in unknown
    ]
    nodes = tuple(name for name in NODE_MODULES if name in named)
    if not nodes and not problems:
        problems.append(Problem(where='file', what='has no section for a node of this package'))
    if problems:
        raise ConfigurationError(str(path), tuple(problems))
    return nodes


def parameters_of(path: Path, node: str) -> dict[str, Any]:
    """
    Return the parameters of `node` in a ROS parameter file, none if it has no section.

    Raises ConfigurationError if it is no parameter file.
    """
    return parse_parameters(path.read_text(encoding='utf-8'), node, source=str(path))


def parse_parameters(text: str, node: str, *, source: str) -> dict[str, Any]:
    """Return the same from the text of a file; errors name `source`."""
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        what = ' '.join(str(error).split())
        raise ConfigurationError(source, (Problem(where='file', what=what),)) from error
    if not isinstance(content, dict):
        problem = Problem(where='file', what=f'expected sections per node, got {content!r}')
        raise ConfigurationError(source, (problem,))
    for key, value in content.items():
        if str(key).rsplit('/', 1)[-1] == node and isinstance(value, dict):
            return dict(value.get('ros__parameters') or {})
    return {}
