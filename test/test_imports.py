# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The import rule: rooms are stages of the data, and imports point one way between them."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(importlib.util.find_spec('wla_ros').submodule_search_locations[0])

# What each room may import of ours besides itself: always rooms above it in this table.
OURS = {
    'base': set(),
    'robots': {'base'},
    'observation': {'base', 'robots'},
    'inference': {'base', 'robots', 'observation'},
    'execution': {'base', 'robots', 'inference'},
    'bags': {'base', 'robots'},
    'sim': {'base', 'robots'},
    'policies': {'base', 'robots', 'inference', 'bags', 'sim'},
}
OURS['composition'] = {*OURS}
OURS['episodes'] = {*OURS}
OURS['nodes'] = {*OURS} - {'episodes'}
OURS['calibration'] = {'base', 'robots', 'observation', 'execution', 'composition', 'nodes'}
OURS['cli'] = {*OURS}
OURS['benchmarks'] = {*OURS}
# The third-party packages that a room may know; those that are not listed may know any.
THIRD_PARTY = {
    'base': {'numpy', 'yaml', 'tqdm', 'transforms3d'},
    'robots': {'numpy', 'yaml', 'cv2', 'simplejpeg'},
    'observation': {'numpy'},
    'inference': {'numpy'},
    'execution': {'numpy', 'ruckig'},
    'bags': {'numpy', 'mcap', 'rosbags', 'yaml'},
    'sim': {'numpy', 'mujoco', 'transforms3d'},
    'policies': {'numpy', 'torch', 'safetensors', 'tokenizers', 'triton'},
    'composition': {'numpy'},
    'episodes': {'numpy', 'matplotlib', 'jinja2', 'cv2', 'psutil'},
}
WITH_MESSAGES = {'nodes', 'calibration', 'cli', 'benchmarks'}
MESSAGES = {'msg', 'srv', 'action'}  # generated at build time


def modules():
    """Yield (package, path) of every hand-written module below a package of ours."""
    for path in sorted(PACKAGE.rglob('*.py')):
        parts = path.relative_to(PACKAGE).parts
        if len(parts) > 1 and parts[0] not in MESSAGES:
            yield parts[0], path


def imported_names(path):
    """Yield the dotted names that a module imports, at any depth of its code."""
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f'{path}:{node.lineno}: relative import'
            yield node.module
            if node.module == 'wla_ros':
                yield from (f'wla_ros.{alias.name}' for alias in node.names)


def test_every_package_has_a_rule():
    """A new folder must state what it may import before it exists."""
    assert {package for package, _ in modules()} == set(OURS)


@pytest.mark.parametrize('package', sorted(OURS))
def test_imports_of_ours_point_one_way(package):
    """No module imports a sibling or a package above its own."""
    allowed = {package} | OURS[package] | (MESSAGES if package in WITH_MESSAGES else set())
    wrong = [
        f'{path.relative_to(PACKAGE)}: {name}'
        for owner, path in modules()
        if owner == package
        for name in imported_names(path)
        if name.startswith('wla_ros.') and name.split('.')[1] not in allowed
    ]
    assert not wrong


# Of the rooms of nodes each may import these others; what two of them share lies beside them.
NODES = {
    'executor': set(),
    'policy': set(),
    'sim': set(),
    'recorder': set(),
    'clients': {'policy'},  # hear with the parts of the nodes
}


@pytest.mark.parametrize('room', ['', *sorted(NODES)])
def test_nodes_do_not_import_each_other(room):
    """Policy, executor, rig and recorder run without each other; what is shared knows none."""
    folder = PACKAGE / 'nodes' / room
    assert {path.name for path in (PACKAGE / 'nodes').iterdir() if path.is_dir()} - {
        '__pycache__'
    } == set(NODES)
    allowed = {room, *NODES.get(room, ())}
    wrong = [
        f'{path.relative_to(PACKAGE)}: {name}'
        for path in sorted(folder.glob('*.py'))
        for name in imported_names(path)
        if name.startswith('wla_ros.nodes.')
        and name.split('.')[2] in NODES
        and name.split('.')[2] not in allowed
    ]
    assert not wrong


@pytest.mark.parametrize('package', sorted(THIRD_PARTY))
def test_third_party_imports_are_declared(package):
    """A pure package knows only the libraries that it is meant to know."""
    wrong = [
        f'{path.relative_to(PACKAGE)}: {name}'
        for owner, path in modules()
        if owner == package
        for name in imported_names(path)
        if name.split('.')[0] not in sys.stdlib_module_names | THIRD_PARTY[package] | {'wla_ros'}
    ]
    assert not wrong


def import_in_subprocess(packages, blocked, without=()):
    """
    Import every module of `packages` where `blocked` top-level names do not exist.

    Folders `without`, relative to the package, are left out.
    """
    names = [
        '.'.join(('wla_ros', *path.relative_to(PACKAGE).with_suffix('').parts)).removesuffix(
            '.__init__'
        )
        for package, path in modules()
        if package in packages
        and not any(path.is_relative_to(PACKAGE / folder) for folder in without)
    ]
    assert names
    program = f"""
import importlib, sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in {blocked!r} or name.split('.')[0].endswith('_msgs'):
            raise ModuleNotFoundError(f'{{name}} does not exist here', name=name)
sys.meta_path.insert(0, Absent())
for name in {names!r}:
    importlib.import_module(name)
print(len({names!r}))
"""
    return subprocess.run(
        [sys.executable, '-c', program], capture_output=True, text=True, timeout=120
    )


def test_the_lower_rooms_live_without_ros_torch_and_simulation():
    """Import them where rclpy, torch, mujoco, ruckig and every *_msgs package are absent."""
    run = import_in_subprocess(
        {'base', 'robots', 'observation', 'inference'},
        {'rclpy', 'torch', 'mujoco', 'ruckig', 'cv2', 'matplotlib'},
        without=['robots/images.py'],
    )
    assert run.returncode == 0, run.stderr


def test_execution_and_simulation_live_without_ros_and_torch():
    """Execution, sim, bags, episodes and light policies import without rclpy and torch."""
    run = import_in_subprocess(
        {'execution', 'sim', 'bags', 'composition', 'episodes', 'policies'},
        {'rclpy', 'torch', 'safetensors', 'tokenizers'},
        without=['policies/flow_sampler.py', 'policies/wla'],
    )
    assert run.returncode == 0, run.stderr


def test_what_the_host_plans_for_wla_lives_without_torch():
    """Prompts, images to be seen, rates and warm-up are known before anything touches a device."""
    run = import_in_subprocess(
        {'policies'},
        {'rclpy', 'torch', 'safetensors'},
        without=[
            'policies/flow_sampler.py',
            'policies/wla/checkpoint',
            *(
                f'policies/wla/{name}.py'
                for name in (
                    'candidates',
                    'conditioning',
                    'images',
                    'loading',
                    'policy',
                    'prefix',
                    'sampling',
                    'sight',
                    'model/action_expert',
                    'model/layers',
                    'model/model',
                    'model/network',
                    'model/text',
                    'model/vision',
                )
            ),
        ],
    )
    assert run.returncode == 0, run.stderr
