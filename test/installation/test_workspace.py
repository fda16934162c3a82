# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The two other ways to build: colcon in a workspace, and a wheel through setup.py."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from ros_source import without_paths_under

pytestmark = [pytest.mark.slow, pytest.mark.ros, pytest.mark.timeout(900)]

LEFT_OUT = ('.*', '__pycache__', 'build', 'install', 'log', 'dist', 'test')


@pytest.fixture
def environ() -> dict[str, str]:
    """Return variables under which CMake finds the ROS 2 that the tests run with."""
    pytest.importorskip('rclpy')
    variables = dict(os.environ)
    if holds_ros():
        variables['AMENT_PREFIX_PATH'] = variables['CMAKE_PREFIX_PATH'] = sys.prefix
    else:
        # the installed package would be one that the workspace overrides
        variables = without_paths_under(variables, Path(sys.prefix))
    variables['PATH'] = os.pathsep.join([f'{sys.prefix}/bin', variables['PATH']])
    return variables


def holds_ros() -> bool:
    """Whether ROS 2 is in this environment (the wheels), not around it."""
    return (Path(sys.prefix) / 'share/rclpy').is_dir()


def copy_package(root: Path, target: Path, *, interfaces: set[str] | None = None) -> Path:
    """Copy the repository; of the interfaces only those named, if any are."""
    target.mkdir(parents=True)
    for path in root.iterdir():
        if any(path.match(pattern) for pattern in LEFT_OUT):
            continue
        if path.is_dir():
            shutil.copytree(path, target / path.name, ignore=shutil.ignore_patterns('__pycache__'))
        else:
            shutil.copy2(path, target)
    # named `build`, but not an output
    shutil.copytree(
        root / 'config/build',
        target / 'config/build',
        dirs_exist_ok=True,
        copy_function=shutil.copy2,
    )
    if interfaces is not None:
        for path in (
            path for kind in ('msg', 'srv', 'action') for path in target.glob(f'{kind}/*')
        ):
            if path.name not in interfaces:
                path.unlink()
    return target


def run(command: list[str], *, where: Path, environ: dict[str, str]) -> str:
    process = subprocess.run(
        command,
        cwd=where,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.returncode == 0, process.stdout[-6000:]
    return process.stdout


def test_colcon_builds_a_workspace_and_its_package_is_used(root, tmp_path, environ):
    package = copy_package(root, tmp_path / 'src/wla_ros')
    settings = [f'-DPython3_EXECUTABLE={sys.executable}', '-DBUILD_TESTING=OFF']
    if holds_ros():
        settings.append(f'-DCMAKE_PROJECT_INCLUDE={package}/config/build/ros_wheels.cmake')
    command = [sys.executable, '-m', 'colcon', 'build', '--cmake-args', *settings]
    run(command, where=tmp_path, environ=environ)

    install = tmp_path / 'install'
    use = (
        f'. {install}/local_setup.sh && python3 -c "'
        "import wla_ros.msg; print(wla_ros.__file__); wla_ros.msg.StageTiming(stage='x')\""
        ' && command -v wla_ros'
    )
    environ['COLCON_CURRENT_PREFIX'] = str(install)
    output = run(['sh', '-c', use], where=tmp_path, environ=environ)
    assert output.splitlines()[0].startswith(str(install))
    assert output.splitlines()[-1] == str(install / 'wla_ros/bin/wla_ros')


def test_setup_py_makes_a_wheel_with_messages_and_the_rest(root, tmp_path, environ):
    package = copy_package(root, tmp_path / 'wla_ros', interfaces={'StageTiming.msg'})
    command = [sys.executable, 'setup.py', '-q', 'bdist_wheel', '--dist-dir', str(tmp_path)]
    run(command, where=package, environ=environ)
    (wheel,) = tmp_path.glob('*.whl')
    names = zipfile.ZipFile(wheel).namelist()
    assert {'wla_ros/__init__.py', 'wla_ros/py.typed', 'wla_ros/msg/__init__.py'} <= set(names)
    data = [name.split('/data/', 1)[1] for name in names if '.data/data/' in name]
    assert 'lib/libwla_ros__rosidl_generator_c.so' in data
    assert 'lib/wla_ros/policy_node' in data
    assert 'share/wla_ros/package.xml' in data
    assert 'share/ament_index/resource_index/packages/wla_ros' in data
    assert not any(name.startswith('bin/') or '__pycache__' in name for name in names + data)
    assert 'none-any' not in wheel.name
