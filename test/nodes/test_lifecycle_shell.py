# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The base of the nodes: whatever fails, the way down is walked and the exit code says so."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip('rclpy')

PROGRAM = """
import sys
from std_msgs.msg import String
from wla_ros.base.config import WlaError
from wla_ros.nodes.lifecycle import LifecycleNodeBase
from wla_ros.nodes.recorder.node import RecorderNodeConfiguration
from wla_ros.nodes.lifecycle import run_node

class Node(LifecycleNodeBase[RecorderNodeConfiguration]):
    def __init__(self):
        super().__init__('failing_node', RecorderNodeConfiguration)
    def _setup(self):
        self.create_publisher(String, 'text', 10)
        if FAILING == 'setup':
            raise ERROR
    def _start(self):
        if FAILING == 'start':
            raise ERROR
    def _stop(self):
        print('stopped', flush=True)
    def _teardown(self):
        print('torn down, entities:', len(self._created), flush=True)
        if FAILING == 'teardown':
            raise ERROR

FAILING, ERROR = {failing!r}, {error}
sys.exit(run_node(Node))
"""


def _run(failing: str, error: str, folder: Path) -> subprocess.CompletedProcess[str]:
    program = PROGRAM.format(failing=failing, error=error)
    return subprocess.run(
        [sys.executable, '-c', program, '--ros-args', '-p', 'folder:=bags'],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.usefixtures('ros_context')
@pytest.mark.parametrize('failing', ['setup', 'start'])
def test_a_failure_ends_the_process_with_its_traceback_and_everything_torn_down(
    failing: str, tmp_path: Path
) -> None:
    done = _run(failing, "ZeroDivisionError('here')", tmp_path)
    assert done.returncode == 1
    assert 'ZeroDivisionError: here' in done.stderr
    assert 'torn down' in done.stdout
    assert ('stopped' in done.stdout) == (failing == 'start')


@pytest.mark.usefixtures('ros_context')
def test_an_error_that_users_can_cure_is_told_without_traceback(tmp_path: Path) -> None:
    done = _run('setup', "WlaError('the cable is loose')", tmp_path)
    assert done.returncode == 1
    assert 'cannot configure: the cable is loose' in done.stderr
    assert 'Traceback' not in done.stderr
