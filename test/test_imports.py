"""The import rule: core <- robots <- {policy, control, sim, ...} <- {ros, cli}."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(importlib.util.find_spec('wla_ros').submodule_search_locations[0])

PURE_SIBLINGS = ('policy', 'control', 'sim', 'evaluation', 'calibration')
# What each package may import of ours, and which third-party packages it may know.
OURS = {
    'core': {'core'},
    'robots': {'core', 'robots'},
    'policy': {'core', 'robots', 'policy'},
    'control': {'core', 'robots', 'control'},
    'sim': {'core', 'robots', 'sim'},
    'evaluation': {'core', 'robots', 'evaluation'},
    'calibration': {'core', 'robots', 'calibration'},
    'ros': {'core', 'robots', *PURE_SIBLINGS, 'ros'},
    'cli': {'core', 'robots', *PURE_SIBLINGS, 'ros', 'cli'},
}
THIRD_PARTY = {
    'core': {'numpy'},
    'robots': {'numpy', 'yaml'},
    'policy': {'numpy', 'torch', 'safetensors', 'tokenizers', 'triton'},
    'control': {'numpy', 'ruckig'},
    'sim': {'numpy', 'mujoco'},
    'evaluation': {
        'numpy',
        'mcap',
        'rosbags',
        'matplotlib',
        'jinja2',
        'cv2',
        'simplejpeg',
        'yaml',
    },
    'calibration': {'numpy', 'cv2', 'yaml'},
}
MESSAGES = {
    'msg',
    'srv',
    'action',
}  # generated at build time, importable by ros and cli only


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
    allowed = OURS[package] | (MESSAGES if package in {'ros', 'cli'} else set())
    wrong = [
        f'{path.relative_to(PACKAGE)}: {name}'
        for owner, path in modules()
        if owner == package
        for name in imported_names(path)
        if name.startswith('wla_ros.') and name.split('.')[1] not in allowed
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


def test_the_core_lives_without_ros_torch_and_simulation():
    """
    Core and robots import where rclpy, torch, mujoco, ruckig and every *_msgs package are absent.
    """
    run = import_in_subprocess(
        {'core', 'robots'}, {'rclpy', 'torch', 'mujoco', 'ruckig', 'cv2', 'matplotlib'}
    )
    assert run.returncode == 0, run.stderr


def test_execution_and_simulation_live_without_ros_and_torch():
    """Control, sim, evaluation, calibration and light policies import without rclpy and torch."""
    run = import_in_subprocess(
        {'control', 'sim', 'evaluation', 'calibration', 'policy'},
        {'rclpy', 'torch', 'safetensors', 'tokenizers'},
        without=['policy/flow', 'policy/flow_matching', 'policy/wla'],
    )
    assert run.returncode == 0, run.stderr
