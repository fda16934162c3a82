# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""A package that is missing ends a node or command with one line: what, and how to install it."""

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

pytest.importorskip('rclpy')

from wla_ros.base.missing_package import missing_package  # noqa: E402 - not without rclpy

ROOT = Path(__file__).resolve().parents[2]
EXIT_MISSING = 2
NODE = ['-m', 'wla_ros.nodes.start']
COMMAND = ['-m', 'wla_ros.cli.main']


def _without(module: str, folder: Path, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    """Run Python where `module` cannot be imported."""
    source = f'raise ModuleNotFoundError("No module named {module!r}", name={module!r})'
    (folder / f'{module}.py').write_text(source)
    paths = os.pathsep.join(filter(None, (str(folder), os.environ.get('PYTHONPATH'))))
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, 'PYTHONPATH': paths},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ('module', 'arguments', 'remedy'),
    [
        ('ruckig', [*NODE, 'wla_ros.nodes.executor.node'], 'pip install .*ruckig'),
        ('mujoco', [*NODE, 'wla_ros.nodes.sim.node'], 'pip install .*mujoco'),
        ('rosbags', [*NODE, 'wla_ros.nodes.recorder.node'], 'pip install .*rosbags'),
        ('cv2', [*NODE, 'wla_ros.nodes.policy.node'], 'pip install .*opencv-python-headless'),
        ('simplejpeg', [*NODE, 'wla_ros.nodes.policy.node'], 'pip install .*simplejpeg'),
        ('rclpy', [*NODE, 'wla_ros.nodes.executor.node'], 'ROS 2|ros-.*-rclpy'),
        ('tqdm', [*COMMAND, 'demo', '--help'], 'pip install .*tqdm'),
        ('jinja2', [*COMMAND, 'demo', '--help'], 'pip install .*jinja2'),
        ('matplotlib', [*COMMAND, 'evaluate', '--help'], 'pip install .*matplotlib'),
        ('torch', [*COMMAND, 'checkpoint', 'create', '/nowhere'], 'pip install .*torch'),
        ('tokenizers', [*COMMAND, 'checkpoint', 'create', '/nowhere'], 'pip install .*tokenizers'),
        (
            'safetensors',
            [*NODE, 'wla_ros.nodes.policy.node', '--ros-args', '--params-file',
             str(ROOT / 'config/bimanual.yaml'), '-p', 'policy.name:=wla'],
            'pip install .*safetensors',
        ),
    ],
)  # fmt: skip
def test_one_line_says_what_is_missing_and_how_to_install_it(
    tmp_path: Path, module: str, arguments: list[str], remedy: str
) -> None:
    done = _without(module, tmp_path, arguments)
    assert done.returncode == EXIT_MISSING, done.stderr
    (line,) = [text for text in done.stderr.splitlines() if 'No module named' in text]
    assert re.search(remedy, line)
    assert 'Traceback' not in done.stderr


def test_a_library_that_a_package_lacks_is_told_with_its_reason() -> None:
    said = missing_package(ImportError('libGL.so.1: cannot open shared object', name='cv2'))
    assert said is not None
    assert 'libGL.so.1' in said


def test_messages_that_are_not_built_are_named() -> None:
    said = missing_package(
        ModuleNotFoundError("No module named 'wla_ros.msg'", name='wla_ros.msg')
    )
    assert said is not None
    assert 'colcon build' in said


@pytest.mark.parametrize(
    'error',
    [
        ModuleNotFoundError("No module named 'wla_ros.base.tpyes'", name='wla_ros.base.tpyes'),
        ImportError("cannot import name 'x' from 'wla_ros.nodes'", name='wla_ros.nodes'),
        ImportError('of unknown origin'),
    ],
)
def test_a_bug_of_our_own_keeps_its_traceback(error: ImportError) -> None:
    assert missing_package(error) is None


def test_everything_that_is_installed_by_name_is_declared_or_in_the_readme() -> None:
    manifest = ElementTree.parse(ROOT / 'package.xml').getroot()
    declared = {item.text or '' for item in manifest if item.tag.endswith('depend')}
    keys = {re.sub(r'^python3-|-pip$', '', name) for name in declared}
    keys |= {'torch' if key == 'pytorch' else key for key in keys}
    (line,) = re.findall(r'pip install ((?:\w+ )+)', (ROOT / 'README.md').read_text())
    others = {'opencv-python-headless': 'opencv', 'pyyaml': 'yaml'}
    required = [
        text.strip()
        for text in (ROOT / 'config/build/requirements.txt').read_text().splitlines()
        if text.strip() and not text.startswith('#')
    ]
    assert {others.get(name, name) for name in required} <= keys | set(line.split())
