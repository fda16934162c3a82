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
from wla_ros.ros.parameter_names import flat_parameters
from wla_ros.ros.parameter_names import is_foreign
from wla_ros.ros.parameter_names import nested_parameters

# Order of starting: what others wait for comes first.
NODE_MODULES = {
    'sim_node': 'wla_ros.ros.sim_node',
    'executor_node': 'wla_ros.ros.executor_node',
    'policy_node': 'wla_ros.ros.policy_node',
    'recorder_node': 'wla_ros.ros.recorder_node',
}
_ALL_NODES = '**'
_PARAMETERS = 'ros__parameters'


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
    content = _sections(read_text(path), source=str(path))
    named = {_node_of(key): key for key in content}
    unknown = [
        key for name, key in named.items() if name not in NODE_MODULES and name != _ALL_NODES
    ]
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


def parameters_of(path: Path, node: str, *, required: bool = False) -> dict[str, Any]:
    """
    Return the parameters of `node` in a ROS parameter file, none if it has no section.

    Raises ConfigurationError if it is no parameter file, or lacks a section that is `required`.
    """
    return parse_parameters(read_text(path), node, source=str(path), required=required)


def parse_parameters(
    text: str, node: str, *, source: str, required: bool = False
) -> dict[str, Any]:
    """Return the same from the text of a file; errors name `source`."""
    content = _sections(text, source=source)
    own = [key for key in content if _node_of(key) == node]
    if len(own) > 1 or (required and not own):
        problem = Problem(
            where=node,
            what=f'has {len(own)} sections' if own else 'has no section',
            remedy='leave one' if own else f'sections: {", ".join(content) or "none"}',
        )
        raise ConfigurationError(source, (problem,))
    flat: dict[str, Any] = {}
    problems = []
    # What is for all nodes first: their own sections say it better.
    for key in (*(key for key in content if _node_of(key) == _ALL_NODES), *own):
        section = content[key]
        parameters = section.get(_PARAMETERS) if isinstance(section, dict) else section
        if isinstance(parameters, dict):
            flat.update(flat_parameters(parameters))
        elif parameters is not None:
            what = f'expected {_PARAMETERS} with a key each, got {parameters!r}'
            problems.append(Problem(where=key, what=what))
    nested, contradictions = nested_parameters(
        {name: value for name, value in flat.items() if not is_foreign(name)}
    )
    problems += contradictions
    if problems:
        raise ConfigurationError(source, tuple(problems))
    return nested


def read_text(path: Path) -> str:
    """Return the text of a file, every byte of it. Raises ConfigurationError naming the file."""
    try:
        return path.read_bytes().decode('utf-8')
    except OSError as error:
        problem = Problem(where='file', what=f'cannot be read: {error.strerror}')
    except UnicodeDecodeError as error:
        problem = Problem(where='file', what=f'is no text: {error}', remedy='save it as UTF-8')
    raise ConfigurationError(str(path), (problem,))


def _sections(text: str, *, source: str) -> dict[str, Any]:
    """Return the sections of a parameter file by key."""
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        what = ' '.join(str(error).split())
        raise ConfigurationError(source, (Problem(where='file', what=what),)) from error
    if not isinstance(content, dict):
        problem = Problem(where='file', what=f'expected sections per node, got {content!r}')
        raise ConfigurationError(source, (problem,))
    return {str(key): value for key, value in content.items()}


def _node_of(key: str) -> str:
    """Return the name of the node that a section is for, without its namespace."""
    return key.rsplit('/', 1)[-1]
