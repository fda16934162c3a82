# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""When `.venv` is made anew, and that a failure then leaves the one before usable."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import packages
import pytest
import ros_source
import setup_environment
import stamp
from ros_source import RosSource
from ros_source import SetupError

BASE = Path(sys.base_prefix) / 'bin' / f'python{sys.version_info[0]}.{sys.version_info[1]}'


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """Return a repository whose stages do nothing but sign what they make."""
    monkeypatch.setattr(setup_environment, 'ENVIRONMENT', tmp_path / '.venv')
    monkeypatch.setattr(setup_environment, 'CMAKE_FOLDER', tmp_path / 'build/cmake')
    monkeypatch.setattr(setup_environment, 'LOGS', tmp_path / 'build/setup')
    (tmp_path / 'build').mkdir()
    monkeypatch.setattr(setup_environment, '_require_host_tools', lambda ros: None)
    monkeypatch.setattr(setup_environment, '_create_environment', create)
    monkeypatch.setattr(setup_environment, '_install_packages', lambda ros, without: None)
    monkeypatch.setattr(setup_environment, '_build_messages', build)
    monkeypatch.setattr(setup_environment, '_install', lambda ros: None)
    monkeypatch.setattr(setup_environment, '_prove', lambda ros: None)
    return tmp_path


def create(now: stamp.Stamp, ros: RosSource) -> stamp.Stamp:
    setup_environment.ENVIRONMENT.mkdir()
    (setup_environment.ENVIRONMENT / 'python').write_text(ros.version)
    stamp.write(setup_environment.ENVIRONMENT, stamp.identity(now))
    return stamp.identity(now)


def build(old: stamp.Stamp, now: stamp.Stamp, ros: RosSource) -> None:
    setup_environment.CMAKE_FOLDER.mkdir()
    (setup_environment.CMAKE_FOLDER / 'cmake_install.cmake').write_text(ros.version)


def without_network(ros: RosSource, without: tuple[str, ...]) -> None:
    raise SetupError('no network')


def choose(monkeypatch, version: str, *, interpreter: Path = BASE) -> None:
    source = RosSource(ros_source.WHEELS, None, interpreter, version, {})
    monkeypatch.setattr(ros_source, 'find', lambda *_, **__: source)


def python_of(place: Path) -> tuple[str, str]:
    files = (place / '.venv/python', place / 'build/cmake/cmake_install.cmake')
    return tuple(file.read_text() for file in files)


def test_a_second_run_changes_nothing(place, monkeypatch, capsys):
    choose(monkeypatch, '3.11.7')
    setup_environment.set_up()
    capsys.readouterr()
    setup_environment.set_up()
    assert 'up to date' in capsys.readouterr().out


@pytest.mark.parametrize('name', ['python3', 'python'])
def test_another_name_of_the_same_interpreter_changes_nothing(place, monkeypatch, name, capsys):
    """What was recorded of a shell without the environment, seen from one that has sourced it."""
    choose(monkeypatch, '3.11.7')
    setup_environment.set_up()
    link = place / name
    link.symlink_to(BASE)
    written = json.loads((place / '.venv' / stamp.FILE_NAME).read_text())
    written['interpreter'] = f'3.11.7 {link}'
    (place / '.venv' / stamp.FILE_NAME).write_text(json.dumps(written))
    capsys.readouterr()
    setup_environment.set_up()
    assert 'anew' not in capsys.readouterr().out


def test_an_update_of_the_same_python_changes_nothing(place, monkeypatch, capsys):
    choose(monkeypatch, '3.11.7')
    setup_environment.set_up()
    capsys.readouterr()
    choose(monkeypatch, '3.11.9')
    setup_environment.set_up()
    assert 'anew' not in capsys.readouterr().out


def test_another_python_makes_a_new_environment(place, monkeypatch, capsys):
    choose(monkeypatch, '3.11.7')
    setup_environment.set_up()
    choose(monkeypatch, '3.13.0')
    setup_environment.set_up()
    assert python_of(place) == ('3.13.0', '3.13.0')
    assert not (place / '.venv.previous').exists()


def test_offline_a_new_environment_fails_and_the_old_one_stays_with_its_build(
    place, monkeypatch, capsys
):
    choose(monkeypatch, '3.11.7')
    setup_environment.set_up()
    whole = stamp.read(place / '.venv')
    with monkeypatch.context() as offline:
        choose(offline, '3.13.0')
        offline.setattr(setup_environment, '_install_packages', without_network)
        with pytest.raises(SetupError, match='no network'):
            setup_environment.set_up()
    assert 'is back' in capsys.readouterr().out
    assert python_of(place) == ('3.11.7', '3.11.7')
    assert stamp.read(place / '.venv') == whole
    setup_environment.set_up()
    assert 'up to date' in capsys.readouterr().out


def test_a_first_environment_that_failed_is_gone_on_with(place, monkeypatch):
    choose(monkeypatch, '3.11.7')
    with monkeypatch.context() as offline:
        offline.setattr(setup_environment, '_install_packages', without_network)
        with pytest.raises(SetupError):
            setup_environment.set_up()
    (place / '.venv/downloaded').touch()
    setup_environment.set_up()
    assert (place / '.venv/downloaded').exists()


def test_packages_that_were_half_installed_do_not_count_as_installed(place, monkeypatch):
    choose(monkeypatch, '3.11.7')
    setup_environment.set_up()
    with monkeypatch.context() as offline:
        offline.setattr(setup_environment, '_install_packages', without_network)
        with pytest.raises(SetupError):
            setup_environment.set_up(without=('torch',))
    assert stamp.read(place / '.venv').packages == ''


def test_what_is_left_out_is_part_of_what_is_installed(place, monkeypatch):
    choose(monkeypatch, '3.11.7')
    setup_environment.set_up(without=('torch',))
    left_out = stamp.read(place / '.venv')
    setup_environment.set_up()
    assert stamp.read(place / '.venv') != left_out
    assert replace(stamp.read(place / '.venv'), packages=left_out.packages) == left_out


def test_a_python_that_nobody_has_tried_is_tried_with_a_note(place, monkeypatch, capsys):
    choose(monkeypatch, '3.99.0')
    setup_environment.set_up()
    assert 'nobody has tried Python 3.99.0' in capsys.readouterr().out


def test_packages_can_be_left_out_by_the_names_of_the_requirements(root):
    wheels = RosSource(ros_source.WHEELS, None, BASE, '3.11.7', {})
    folder = root / 'config/build'
    assert 'torch' in packages.select(folder, wheels, BASE).requirements
    assert 'torch' not in packages.select(folder, wheels, BASE, ('torch',)).requirements
    with pytest.raises(SetupError, match='tourch'):
        packages.select(folder, wheels, BASE, ('tourch',))


@pytest.fixture(scope='module')
def environment(tmp_path_factory) -> Path:
    """Return a real virtual environment of this Python."""
    folder = tmp_path_factory.mktemp('place') / '.venv'
    command = [str(BASE), '-m', 'venv', '--without-pip', str(folder)]
    subprocess.run(command, check=True, env={'PATH': '/usr/bin:/bin'})
    return folder


def found_by(interpreter: Path, root: Path, environment: Path, *, path: str = '') -> Path:
    """Return the Python that the setup takes when `interpreter` runs it."""
    code = (
        'import pathlib, ros_source, sys\n'
        'print(ros_source.find(pathlib.Path(sys.argv[1]), chosen=True).interpreter)\n'
    )
    run = subprocess.run(
        [str(interpreter), '-c', code, str(environment)],
        env={'PATH': f'{path}:/usr/bin:/bin', 'PYTHONPATH': str(root / 'config/build')},
        capture_output=True,
        text=True,
        check=True,
    )
    return Path(run.stdout.strip())


def test_every_name_of_an_interpreter_leads_to_the_same_one(root, tmp_path, environment):
    link = tmp_path / 'python3'
    link.symlink_to(BASE)
    link_of_link = tmp_path / 'python'
    link_of_link.symlink_to(link)
    names = [BASE, link, link_of_link, *sorted((environment / 'bin').glob('python*'))]
    assert len(names) >= 5
    assert {found_by(name, root, environment) for name in names} == {BASE.resolve()}


def test_the_shim_of_a_version_manager_stands_for_what_it_starts(root, tmp_path, environment):
    shim = tmp_path / 'python3'
    shim.write_text(f'#!/bin/sh\nexec "{BASE}" "$@"\n')
    shim.chmod(0o755)
    assert found_by(shim, root, environment, path=str(tmp_path)) == BASE.resolve()
