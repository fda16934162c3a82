# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The launch files without launch: fakes record what they declare and start.

Where launch_ros imports, the real descriptions are built as well.
"""

import importlib.util
import sys
import types
from pathlib import Path
from typing import Any

import pytest
import yaml

from wla_ros.base.config import ConfigurationError

ROOT = Path(__file__).resolve().parents[2]
FILES = ('piper_bimanual.launch.py', 'piper_single.launch.py')


class Recorded:
    """An action or substitution that remembers its arguments."""

    def __init__(self, *positional: Any, **named: Any) -> None:
        self.positional = positional
        self.named = named


class LaunchConfiguration(Recorded):
    """Looks its value up in the context, a plain mapping."""

    def perform(self, context: dict[str, str]) -> str:
        return context[self.positional[0]]


class FindPackageShare(Recorded):
    """Stands for the repository."""


class PathJoinSubstitution(Recorded):
    """Joins at once: the first part is always the package share."""

    def path(self) -> Path:
        first, *rest = self.positional[0]
        assert isinstance(first, FindPackageShare)
        assert first.positional == ('wla_ros',)
        return ROOT.joinpath(*rest)


def _module(name: str, **members: Any) -> types.ModuleType:
    module = types.ModuleType(name)
    vars(module).update(members)
    return module


@pytest.fixture
def fake_launch(monkeypatch: pytest.MonkeyPatch) -> None:
    def kind(name: str) -> type:
        return type(name, (Recorded,), {})

    actions = ('DeclareLaunchArgument', 'IncludeLaunchDescription', 'OpaqueFunction', 'Shutdown')
    modules = {
        'launch': _module('launch', LaunchDescription=kind('LaunchDescription')),
        'launch.actions': _module('launch.actions', **{name: kind(name) for name in actions}),
        'launch.substitutions': _module(
            'launch.substitutions',
            LaunchConfiguration=LaunchConfiguration,
            PathJoinSubstitution=PathJoinSubstitution,
        ),
        'launch.launch_description_sources': _module(
            'launch.launch_description_sources',
            PythonLaunchDescriptionSource=kind('PythonLaunchDescriptionSource'),
        ),
        'launch_ros': _module('launch_ros'),
        'launch_ros.actions': _module('launch_ros.actions', Node=kind('Node')),
        'launch_ros.substitutions': _module(
            'launch_ros.substitutions', FindPackageShare=FindPackageShare
        ),
    }
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)


def _load(name: str) -> types.ModuleType:
    spec = importlib.util.spec_from_file_location(name.replace('.', '_'), ROOT / 'launch' / name)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _entities(name: str) -> list[Recorded]:
    return _load(name).generate_launch_description().positional[0]


def _arguments(name: str) -> dict[str, Recorded]:
    return {
        entity.positional[0]: entity
        for entity in _entities(name)
        if type(entity).__name__ == 'DeclareLaunchArgument'
    }


def _started(**chosen: str) -> dict[str, Recorded]:
    """Return the nodes of the bimanual file for the default arguments and `chosen`."""
    context = {
        name: argument.named['default_value']
        for name, argument in _arguments(FILES[0]).items()
        if name != 'params_file'
    }
    context['params_file'] = str(ROOT / 'config' / 'bimanual.yaml')
    (opaque,) = [item for item in _entities(FILES[0]) if type(item).__name__ == 'OpaqueFunction']
    nodes = opaque.named['function']({**context, **chosen})
    return {node.named['executable']: node for node in nodes}


@pytest.mark.usefixtures('fake_launch')
@pytest.mark.parametrize('name', FILES)
def test_every_argument_has_a_description_and_a_default_among_its_choices(name: str) -> None:
    for argument in _arguments(name).values():
        assert argument.named['description']
        if 'choices' in argument.named:
            assert argument.named['default_value'] in argument.named['choices']


@pytest.mark.usefixtures('fake_launch')
@pytest.mark.parametrize('name', FILES)
def test_the_default_parameter_file_exists(name: str) -> None:
    assert _arguments(name)['params_file'].named['default_value'].path().is_file()


@pytest.mark.usefixtures('fake_launch')
def test_every_executable_is_one_of_the_package() -> None:
    table = (ROOT / 'config' / 'build' / 'executables.txt').read_text()
    known = {line.split(' = ')[0] for line in table.splitlines() if ' = ' in line}
    assert set(_started(hardware='sim', record='true')) <= known


@pytest.mark.usefixtures('fake_launch')
def test_every_started_node_has_a_section_of_its_name_in_the_parameter_files() -> None:
    for file in ('bimanual.yaml', 'single.yaml'):
        content = yaml.safe_load((ROOT / 'config' / file).read_text())
        sections = {key.rsplit('/', 1)[-1] for key in content}
        assert {node.named['name'] for node in _started(record='true').values()} <= sections


@pytest.mark.usefixtures('fake_launch')
def test_real_hardware_starts_no_simulated_rig() -> None:
    assert set(_started(hardware='real')) == {'executor_node', 'policy_node'}


@pytest.mark.usefixtures('fake_launch')
def test_empty_arguments_leave_the_parameter_file_alone() -> None:
    real = _started(hardware='real')['policy_node']
    assert real.named['parameters'] == [str(ROOT / 'config/bimanual.yaml')]


@pytest.mark.usefixtures('fake_launch')
def test_the_nodes_beside_the_simulated_rig_are_told_so() -> None:
    started = _started()
    for name in ('executor_node', 'policy_node'):
        assert started[name].named['parameters'][1] == {'robot.simulated': True}
    assert len(started['sim_node'].named['parameters']) == 1


@pytest.mark.usefixtures('fake_launch')
def test_a_shipped_file_is_found_by_its_name() -> None:
    assert Path(_started(params_file='single')['sim_node'].named['parameters'][0]).is_file()


@pytest.mark.usefixtures('fake_launch')
@pytest.mark.parametrize(
    ('content', 'chosen', 'what'),
    [
        (None, {}, 'does not exist'),
        ('executor_node: {ros__parameters: {a: 1}}', {}, 'policy_node: has no section'),
        ('/**/sim_node: {}\n/**/policy_node: {}\nexecutr_node: {}', {}, 'executr_node'),
        (
            '/**/sim_node: {}\n/**/policy_node: {}\nexecutor_node: {}',
            {'namespace': '/cell'},
            'executor_node: is not for /cell/executor_node',
        ),
    ],
)
def test_a_file_that_is_not_for_a_node_starts_nothing(
    tmp_path: Path, content: str | None, chosen: dict[str, str], what: str
) -> None:
    path = tmp_path / 'cell.yaml'
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigurationError, match=what):
        _started(params_file=str(path), **chosen)


@pytest.mark.usefixtures('fake_launch')
def test_policy_and_driver_profile_reach_the_nodes_that_read_them() -> None:
    started = _started(policy='hold', driver_profile='cobot_magic')
    profile = {'robot.driver_profile': 'cobot_magic', 'robot.simulated': True}
    assert started['executor_node'].named['parameters'][1] == profile
    assert started['policy_node'].named['parameters'][1] == {**profile, 'policy.name': 'hold'}


@pytest.mark.usefixtures('fake_launch')
def test_the_single_file_passes_every_argument_on() -> None:
    (include,) = [
        entity
        for entity in _entities(FILES[1])
        if type(entity).__name__ == 'IncludeLaunchDescription'
    ]
    source = include.positional[0].positional[0]
    assert source.path() == ROOT / 'launch' / FILES[0]
    passed = dict(include.named['launch_arguments'])
    assert set(passed) == set(_arguments(FILES[1])) == set(_arguments(FILES[0]))


@pytest.mark.parametrize('name', FILES)
def test_the_description_builds_with_the_real_launch(name: str) -> None:
    pytest.importorskip('launch_ros')
    assert _load(name).generate_launch_description().entities
