# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""A latch that no restart, power cut or full disk opens by itself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from wla_ros.base.config import ConfigurationError
from wla_ros.nodes.executor.estop_latch import EstopLatch

BIMANUAL = Path(__file__).resolve().parents[3] / 'config' / 'bimanual.yaml'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / 'wla_ros' / 'executor_node.estop'


def test_what_was_kept_is_latched_for_the_next_process_and_released_for_good(path: Path) -> None:
    latch = EstopLatch(path)
    assert latch.reason() is None
    latch.keep('button')
    assert not latch.problem
    assert EstopLatch(path).reason() == 'button'

    latch.release()
    assert not latch.problem
    assert latch.reason() is None
    assert EstopLatch(path).reason() is None
    latch.release()
    assert not latch.problem


def test_releasing_what_never_was_is_no_problem(path: Path) -> None:
    latch = EstopLatch(path)
    latch.release()
    assert not latch.problem


@pytest.mark.parametrize('content', [b'', b'\xff\x00\xfe', b'half a sent'])
def test_a_torn_file_is_latched(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    assert EstopLatch(path).reason()


def test_a_folder_that_takes_no_file_is_told_before_anything_moves(path: Path) -> None:
    latch = EstopLatch(path)
    latch.require_folder()
    assert latch.reason() is None, 'a trial latches nothing'
    assert not list(path.parent.iterdir())
    path.parent.rmdir()
    path.parent.write_text('a file in the place of the folder')
    with pytest.raises(ConfigurationError, match='cannot be written .*a restart would unlatch'):
        latch.require_folder()


def test_an_executor_that_could_not_keep_a_stop_is_not_configured(
    tmp_path: Path, ros_home: Path
) -> None:
    pytest.importorskip('rclpy')
    ros_home.mkdir()
    (ros_home / 'wla_ros').write_text('a file in the place of the folder')
    node = ('-m', 'wla_ros.nodes.executor.node', '--ros-args', '--params-file', str(BIMANUAL))
    done = subprocess.run(
        [sys.executable, *node],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert 'cannot configure: ' in done.stderr
    assert 'cannot be written' in done.stderr
    assert 'Traceback' not in done.stderr


def test_what_cannot_be_read_is_latched(path: Path) -> None:
    path.mkdir(parents=True)
    reason = EstopLatch(path).reason()
    assert reason is not None
    assert 'cannot be read' in reason


def test_it_is_on_the_disk_when_keep_returns(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(os.readlink(f'/proc/self/fd/{descriptor}'))
        real(descriptor)

    monkeypatch.setattr('os.fsync', fsync)
    latch = EstopLatch(path)
    latch.keep('button')
    assert synced == [str(path), str(path.parent), str(path.parent.parent)]
    synced.clear()
    latch.release()
    assert synced == [str(path.parent)]


def test_a_full_disk_is_told_and_another_request_tries_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    latch = EstopLatch(path)
    with monkeypatch.context() as full:
        full.setattr('os.fsync', _full)
        latch.keep('button')
    assert 'No space left' in latch.problem
    path.unlink()
    assert latch.reason() == 'button', 'this process knows all the same'
    latch.keep('button again')
    assert not latch.problem
    assert EstopLatch(path).reason() == 'button again'


def test_a_disk_that_takes_a_name_but_no_text_latches(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('os.write', _full)
    latch = EstopLatch(path)
    latch.keep('button')
    assert not latch.problem
    assert EstopLatch(path).reason()


def test_a_release_that_fails_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    latch = EstopLatch(path)
    latch.keep('button')
    monkeypatch.setattr('os.fsync', _full)
    latch.release()
    assert 'latched again' in latch.problem


def test_executors_of_other_names_have_files_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip('rclpy')
    from wla_ros.base.parameter_files import ros_home_path

    monkeypatch.setenv('ROS_HOME', str(tmp_path))
    names = ('/executor_node', '/cell/executor_node', '/executor_node_2')
    assert len({ros_home_path('wla_ros/{node}.estop', name) for name in names}) == len(names)


def _full(*_: object) -> None:
    raise OSError(28, 'No space left on device')


def test_a_latch_that_somebody_removed_is_kept_again(path: Path) -> None:
    latch = EstopLatch(path)
    latch.keep('button')
    path.unlink()
    latch.keep('again')
    assert not latch.problem
    assert EstopLatch(path).reason() == 'again'
