# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The report on the machine names everything at once, with one command."""

import sys
from pathlib import Path

import host_tools
import pytest


def program(folder: Path, name: str, output: str = '') -> None:
    path = folder / name
    path.write_text(f'#!/bin/sh\necho "{output}"\n')
    path.chmod(0o755)


@pytest.fixture
def interpreter(tmp_path) -> Path:
    """Return a Python without venv and headers."""
    folder = tmp_path / 'python'
    folder.mkdir()
    program(folder, 'python3', 'False False 3.11')
    return folder / 'python3'


@pytest.fixture
def programs(tmp_path) -> Path:
    """Return a folder that stands for PATH and holds all that is needed."""
    folder = tmp_path / 'bin'
    folder.mkdir()
    for name in ('gcc', 'g++', 'make'):
        program(folder, name)
    program(folder, 'cmake', 'cmake version 3.28.3')
    return folder


def test_everything_missing_is_reported_at_once(tmp_path, interpreter, monkeypatch):
    monkeypatch.setattr(host_tools, 'SOFTWARE_DRIVERS', ())
    monkeypatch.delenv('LIBGL_DRIVERS_PATH', raising=False)
    missing = host_tools.find_missing(
        interpreter, search_path=str(tmp_path), has_library=lambda name: False
    )
    report = host_tools.report(missing)
    commands = [line for line in report.splitlines() if 'apt-get' in line]
    assert commands == [
        '  sudo apt-get install gcc g++ make cmake python3.11-venv python3.11-dev '
        'libegl1 libegl-mesa0 libgl1-mesa-dri'
    ]
    for what in ('gcc', 'g++', 'make', 'cmake', 'venv', 'Python.h', 'libEGL.so.1', 'swrast_dri'):
        assert what in report


def test_nothing_is_reported_on_a_complete_machine(programs, monkeypatch):
    monkeypatch.setattr(host_tools, 'SOFTWARE_DRIVERS', (str(programs / 'cmake'),))
    complete = programs / 'python3'
    program(programs, 'python3', 'True True 3.12')
    found = host_tools.find_missing(
        complete, search_path=str(programs), has_library=lambda name: True
    )
    assert found == []


def test_cmake_that_is_too_old_is_missing(programs, interpreter):
    program(programs, 'cmake', 'cmake version 3.16.3')
    missing = host_tools.find_missing(
        interpreter, search_path=str(programs), has_library=lambda name: True
    )
    (cmake,) = [thing for thing in missing if 'cmake' in thing.what]
    assert cmake.what == 'cmake 3.19'
    assert '3.16' in cmake.purpose


def test_the_driver_of_a_graphics_card_replaces_the_software_one(
    programs, interpreter, monkeypatch
):
    monkeypatch.setattr(host_tools, 'SOFTWARE_DRIVERS', ())
    missing = host_tools.find_missing(
        interpreter,
        search_path=str(programs),
        has_library=lambda name: name in {'libEGL.so.1', 'libEGL_nvidia.so.0'},
    )
    assert [thing.what for thing in missing] == ['venv, ensurepip', 'Python.h']


def test_the_interpreter_is_probed_for_real():
    assert host_tools._missing_python_parts(Path(sys.executable)) == []
