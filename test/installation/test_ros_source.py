# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Which ROS 2 is taken, and that an activated environment does not count as one."""

import sys
from pathlib import Path

import pytest
import ros_source

OWN = Path('/repository/.venv')


def test_paths_of_the_own_environment_do_not_count():
    environ = {
        'AMENT_PREFIX_PATH': f'{OWN}:/opt/ros/jazzy',
        'LD_LIBRARY_PATH': f'{OWN}/lib',
        'PATH': f'{OWN}/bin:/usr/bin',
        'PYTHONPATH': '/repository/.venv-other/lib',
        'VIRTUAL_ENV': str(OWN),
        '_ROS_WHEELS_BOOTSTRAP_COMPLETE': '1',
        'HOME': '/home/me',
    }
    assert ros_source.without_paths_under(environ, OWN) == {
        'AMENT_PREFIX_PATH': '/opt/ros/jazzy',
        'PATH': '/usr/bin',
        'PYTHONPATH': '/repository/.venv-other/lib',
        'HOME': '/home/me',
    }


def test_wheels_are_built_without_any_other_ros():
    environ = {'ROS_DISTRO': 'jazzy', 'AMENT_PREFIX_PATH': '/a', 'PYTHONPATH': '/b', 'HOME': '/h'}
    assert ros_source.isolated(environ) == {'HOME': '/h'}


def test_without_a_distribution_the_wheels_are_taken(monkeypatch):
    monkeypatch.delenv('AMENT_PREFIX_PATH', raising=False)
    found = ros_source.find(OWN)
    assert found.name == ros_source.WHEELS
    assert not found.is_distribution
    assert found.version.startswith('3.1')


def test_a_sourced_distribution_that_no_python_imports_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setattr(ros_source, '_run', refuse_rclpy)
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(tmp_path))
    with pytest.raises(ros_source.SetupError, match='no Python imports rclpy') as error:
        ros_source.find(OWN)
    assert str(tmp_path) in str(error.value)
    assert "No module named 'rclpy'" in str(error.value)


def test_a_sourced_distribution_is_taken_with_the_python_that_runs_it(monkeypatch, tmp_path):
    overlay, underlay = tmp_path / 'overlay', tmp_path / 'jazzy'
    (underlay / 'share/rclpy').mkdir(parents=True)
    (underlay / 'share/rclpy/package.xml').touch()
    monkeypatch.setattr(ros_source, '_run', accept_rclpy)
    monkeypatch.setenv('AMENT_PREFIX_PATH', f'{overlay}:{underlay}')
    monkeypatch.setenv('ROS_DISTRO', 'jazzy')
    found = ros_source.find(OWN)
    assert (found.name, found.prefix) == ('jazzy', underlay)
    assert found.is_distribution


def test_a_remembered_distribution_is_sourced_again(monkeypatch, tmp_path):
    (tmp_path / 'setup.bash').write_text(f'export AMENT_PREFIX_PATH={tmp_path} ROS_DISTRO=jazzy\n')
    monkeypatch.setattr(ros_source, '_run', accept_rclpy)
    monkeypatch.delenv('AMENT_PREFIX_PATH', raising=False)
    found = ros_source.find(OWN, remembered_prefix=str(tmp_path))
    assert (found.name, found.prefix) == ('jazzy', tmp_path)


def test_no_supported_python_says_what_to_install(monkeypatch):
    monkeypatch.setattr(ros_source, '_candidates', candidates((3, 9, 2)))
    monkeypatch.delenv('AMENT_PREFIX_PATH', raising=False)
    with pytest.raises(ros_source.SetupError, match='apt-get install python3 ') as error:
        ros_source.find(OWN)
    assert 'Python 3.10 or newer is needed; this is 3.' in str(error.value)


@pytest.mark.parametrize('minor', range(10, 15))
def test_every_known_python_is_taken(monkeypatch, minor):
    monkeypatch.setattr(ros_source, '_candidates', candidates((3, minor, 0)))
    monkeypatch.delenv('AMENT_PREFIX_PATH', raising=False)
    found = ros_source.find(OWN)
    assert found.series == f'3.{minor}'
    assert not found.is_newer_than_known


def test_a_newer_python_than_known_is_taken_where_there_is_no_other(monkeypatch):
    monkeypatch.setattr(ros_source, '_candidates', candidates((3, 9, 2), (3, 99, 0)))
    monkeypatch.delenv('AMENT_PREFIX_PATH', raising=False)
    found = ros_source.find(OWN)
    assert found.version == '3.99.0'
    assert found.is_newer_than_known


def test_a_known_python_goes_before_a_newer_one_unless_that_was_chosen(monkeypatch):
    monkeypatch.setattr(ros_source, '_candidates', candidates((3, 99, 0), (3, 12, 1)))
    monkeypatch.delenv('AMENT_PREFIX_PATH', raising=False)
    assert ros_source.find(OWN).version == '3.12.1'
    assert ros_source.find(OWN, chosen=True).version == '3.99.0'


def test_an_environment_keeps_its_python_whatever_the_terminal_has_activated(monkeypatch):
    monkeypatch.setattr(
        ros_source, '_candidates', lambda *names: ((Path(n), (3, 12, 1)) for n in names)
    )
    monkeypatch.delenv('AMENT_PREFIX_PATH', raising=False)
    running = Path(sys.executable)
    remembered = '/opt/python3.12'
    assert ros_source.find(OWN, remembered_interpreter=remembered).interpreter == Path(remembered)
    assert (
        ros_source.find(OWN, remembered_interpreter=remembered, chosen=True).interpreter == running
    )


def test_paths_that_lead_into_the_own_environment_do_not_count(tmp_path):
    (tmp_path / 'real/.venv/bin').mkdir(parents=True)
    (tmp_path / 'link').symlink_to(tmp_path / 'real')
    environ = {
        'PATH': f'{tmp_path}/link/.venv/bin:/usr/bin',
        'VIRTUAL_ENV': f'{tmp_path}/link/.venv',
    }
    cleaned = ros_source.without_paths_under(environ, tmp_path / 'real/.venv')
    assert cleaned == {'PATH': '/usr/bin'}


def candidates(*versions):
    return lambda *_: ((Path(f'/opt/python{n[0]}.{n[1]}'), n) for n in versions)


def accept_rclpy(interpreter, code, environ):
    return run('import sys' if 'rclpy' in code else code, interpreter, environ)


def refuse_rclpy(interpreter, code, environ):
    return run(
        'raise ImportError("No module named \'rclpy\'")' if 'rclpy' in code else code,
        interpreter,
        environ,
    )


def run(code, interpreter, environ, real=ros_source._run):
    return real(interpreter, code, environ)
