# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Writing of offsets: the difference is shown, what a node would refuse is not written."""

import shutil
from pathlib import Path

import pytest

pytest.importorskip('rclpy')

from wla_ros.base.config import ConfigurationError
from wla_ros.calibration.offset_file import OffsetChange
from wla_ros.cli.calibrate import write_offsets
from wla_ros.cli.main import main

CONFIG = Path(__file__).parents[2] / 'config'


@pytest.fixture
def cell(tmp_path):
    path = tmp_path / 'cell.yaml'
    shutil.copyfile(CONFIG / 'bimanual.yaml', path)
    path.chmod(0o640)
    return path


def arm(value_s, name='left'):
    return OffsetChange(
        node='executor_node',
        path=('execution', 'arms', name, 'action_latency_s'),
        value_s=value_s,
    )


def test_the_difference_is_shown_and_permissions_stay(cell, capsys):
    write_offsets(cell, [arm(0.0831)])
    shown = capsys.readouterr().out
    assert '+        left: {action_latency_s: 0.0831, home_rad:' in shown
    assert '-        left: {action_latency_s: 0.0, home_rad:' in shown
    assert cell.stat().st_mode & 0o777 == 0o640
    assert list(cell.parent.iterdir()) == [cell]


def test_a_link_is_written_through(cell, tmp_path):
    link = tmp_path / 'link.yaml'
    link.symlink_to(cell)
    write_offsets(link, [arm(0.05)])
    assert link.is_symlink()
    assert '0.05' in cell.read_text()


@pytest.mark.parametrize('change', [arm(0.7), arm(-0.1), arm(0.05, name='middle/arm: {')])
def test_what_the_node_would_refuse_is_not_written(cell, change):
    before = cell.read_bytes()
    with pytest.raises(ConfigurationError):
        write_offsets(cell, [change])
    assert cell.read_bytes() == before


def test_the_same_values_again_are_not_written(cell, capsys):
    write_offsets(cell, [arm(0.05)])
    written = cell.stat().st_mtime_ns
    capsys.readouterr()
    write_offsets(cell, [arm(0.05)])
    assert cell.stat().st_mtime_ns == written
    assert 'already' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('arguments', 'what'),
    [
        (['arm', 'no_such_file'], 'does not exist'),
        (['arm', 'bimanual', '--arms', 'middle'], "'middle' is unknown"),
        (['arm', 'bimanual', '--joints', 'joint9'], "'joint9' is unknown"),
        (['arm', 'bimanual', '--joints', 'gripper'], "'gripper' is unknown"),
        (['arm', 'bimanual', '--amplitude', '1.0'], '--amplitude'),
        (['arm', 'bimanual', '--amplitude', 'nan'], '--amplitude'),
        (['gripper', 'bimanual', '--speed', '2'], '--speed'),
        (['camera', 'bimanual', '--cameras', 'tail'], "'tail' is unknown"),
        (['gripper', 'bimanual', '--write', '/no/such/file.yaml'], 'no such file'),
    ],
)
def test_arguments_that_do_not_fit_move_nothing(arguments, what, capsys):
    assert main(['calibrate', *arguments]) == 2
    assert what in capsys.readouterr().err


def test_everything_that_does_not_fit_a_camera_run_is_listed_at_once(capsys):
    options = ['--cameras', 'tail', '--port', '99999', '--seconds', '-3', '--timeout', 'nan']
    assert main(['calibrate', 'camera', 'bimanual', *options]) == 2
    error = capsys.readouterr().err
    for what in ("'tail' is unknown (known: head", '--port: 99999', '--seconds: -3', '--timeout'):
        assert what in error


@pytest.mark.parametrize('kind', ['camera', 'arm', 'gripper'])
@pytest.mark.parametrize(
    ('content', 'what'),
    [
        (b'\xff\xfe', 'is no text'),
        (b'sim_node: {ros__parameters: {}}', 'has no section (sections: sim_node)'),
        (b'a: [', 'file: '),
    ],
)
def test_a_file_that_says_nothing_of_the_robot_moves_nothing(
    kind, content, what, tmp_path, capsys
):
    path = tmp_path / 'cell.yaml'
    path.write_bytes(content)
    assert main(['calibrate', kind, str(path)]) == 2
    assert what in capsys.readouterr().err
    assert main(['calibrate', kind, 'bimanual', '--write', str(path)]) == 2
    assert what in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_to_is_said_before_anything_moves(
    cell, monkeypatch, capsys
):
    monkeypatch.setattr('os.access', lambda path, mode: False)
    assert main(['calibrate', 'arm', 'bimanual', '--write', str(cell)]) == 2
    assert f'nothing can be written in {cell.parent}' in capsys.readouterr().err


def test_a_disk_that_is_full_leaves_the_file_and_shows_what_to_write(cell, monkeypatch, capsys):
    def full(*_):
        raise OSError(28, 'No space left on device')

    before = cell.read_bytes()
    monkeypatch.setattr('os.replace', full)
    with pytest.raises(ConfigurationError, match='not changed: No space left'):
        write_offsets(cell, [arm(0.05)])
    assert '0.05' in capsys.readouterr().out
    assert cell.read_bytes() == before
    assert list(cell.parent.iterdir()) == [cell]
