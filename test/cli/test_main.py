"""The command overview: every command exists, mistakes are answered helpfully."""

import importlib.util
import signal
import subprocess
import sys
import time

import psutil
import pytest

from wla_ros.cli.main import COMMANDS
from wla_ros.cli.main import main
from wla_ros.cli.main import module_of


@pytest.mark.parametrize('name', [name for name, _ in COMMANDS])
def test_every_listed_command_has_a_module(name):
    assert importlib.util.find_spec(module_of(name)) is not None


def test_help_lists_every_command(capsys):
    assert main(['--help']) == 0
    text = capsys.readouterr().out
    assert all(name in text for name, _ in COMMANDS)


def test_an_unknown_command_names_the_nearest(capsys):
    assert main(['evalute']) == 2
    assert "did you mean 'evaluate'?" in capsys.readouterr().err


def test_a_terminated_command_takes_its_nodes_along():
    command = subprocess.Popen(
        [sys.executable, '-m', 'wla_ros.cli.main', 'bench', '--transports', 'shipped'],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        nodes = _until(lambda: psutil.Process(command.pid).children(recursive=True))
        command.terminate()
        assert command.wait(timeout=60) == 128 + signal.SIGTERM
        assert _until(lambda: not any(node.is_running() for node in nodes))
    finally:
        command.kill()


def _until(condition):
    """Return the first true value of `condition`; what is waited for happens in seconds."""
    deadline = time.monotonic() + 60.0
    while not (value := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return value
