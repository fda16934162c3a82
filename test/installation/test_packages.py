# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""What pip is asked for, with the wheels and with a distribution."""

import importlib.metadata
import sys
from pathlib import Path

import packages
from ros_source import RosSource


def source(prefix: Path | None) -> RosSource:
    return RosSource('kilted', prefix, Path(sys.executable), '3.11.7', {})


def folder_with(tmp_path, **files: str) -> Path:
    names = ('requirements', 'requirements-ros', 'requirements-test', 'constraints')
    for name in names:
        (tmp_path / f'{name}.txt').write_text(files.get(name.replace('-', '_'), ''))
    return tmp_path


def test_wheels_get_everything_pinned(tmp_path):
    folder = folder_with(
        tmp_path,
        requirements='numpy\n# a comment\n\n',
        requirements_ros='ros-kilted-rclpy\n',
        requirements_test='pytest  # runs the tests\n',
        constraints='numpy==2.4.6\npytest==9.2.0\n',
    )
    wanted = packages.select(folder, source(None), Path(sys.executable))
    assert wanted.requirements == ['ros-kilted-rclpy', 'numpy', 'pytest']
    assert wanted.constraints == ['numpy==2.4.6', 'pytest==9.2.0']


def test_a_distribution_keeps_its_own_numpy(tmp_path):
    folder = folder_with(
        tmp_path,
        requirements='numpy\nno-such-module\n',
        requirements_ros='ros-kilted-rclpy\n',
        requirements_test='ruff\n',
        constraints='numpy==1.0.0\nmujoco==4.0.0\ncontourpy==1.3.3\n',
    )
    wanted = packages.select(folder, source(tmp_path), Path(sys.executable))
    assert wanted.requirements == ['no-such-module', 'ruff']
    assert f'numpy=={importlib.metadata.version("numpy")}' in wanted.constraints
    assert 'numpy==1.0.0' not in wanted.constraints
    assert 'mujoco==4.0.0' in wanted.constraints
    assert 'contourpy==1.3.3' not in wanted.constraints


def test_setuptools_is_as_new_as_torch_wants_it_also_with_a_distribution(tmp_path):
    folder = folder_with(
        tmp_path, requirements_test='setuptools\n', constraints='setuptools==79.0.1'
    )
    wanted = packages.select(folder, source(tmp_path), Path(sys.executable))
    pins = [line for line in wanted.constraints if packages.canonical(line) == 'setuptools']
    assert pins == ['setuptools==79.0.1']


def test_opencv_is_one_that_cv_bridge_understands_also_with_a_distribution(tmp_path):
    wanted = packages.select(folder_with(tmp_path), source(tmp_path), Path(sys.executable))
    assert 'opencv-python-headless<5' in wanted.constraints


def test_names_are_compared_like_pip_compares_them():
    assert packages.canonical('Ruamel.YAML==0.19.1') == 'ruamel-yaml'
    assert packages.canonical("types_PyYAML==1; python_version < '3.11'") == 'types-pyyaml'
