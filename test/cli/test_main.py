# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
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


def bench(**options):
    """Start a command that starts nodes."""
    return subprocess.Popen(
        [sys.executable, '-m', 'wla_ros.cli.main', 'bench', '--transports', 'shipped'],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        **options,
    )


# Ctrl-C and a service manager, a terminal or ssh session that goes away, and what nobody can
# answer: the out-of-memory killer.
@pytest.mark.parametrize(
    ('kind', 'exit_code'),
    [
        (signal.SIGTERM, 128 + signal.SIGTERM),
        (signal.SIGHUP, 128 + signal.SIGHUP),
        (signal.SIGKILL, -signal.SIGKILL),
    ],
)
def test_a_command_takes_its_nodes_along_however_it_ends(kind, exit_code):
    command = bench()
    nodes = []
    try:
        nodes = _until(lambda: psutil.Process(command.pid).children(recursive=True))
        command.send_signal(kind)
        assert command.wait(timeout=60) == exit_code
        assert _until(lambda: not any(_runs(node) for node in nodes))
    finally:
        command.kill()
        for node in nodes:
            if _runs(node):
                node.kill()


def test_a_command_started_to_outlive_its_terminal_ignores_the_hangup():
    command = bench(preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    try:
        nodes = _until(lambda: psutil.Process(command.pid).children(recursive=True))
        assert nodes
        # Signals of lower numbers are delivered first: were the hangup taken, it would decide.
        command.send_signal(signal.SIGHUP)
        command.terminate()
        assert command.wait(timeout=60) == 128 + signal.SIGTERM
    finally:
        command.kill()


def _runs(process):
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _until(condition):
    """Return the first true value of `condition`; what is waited for happens in seconds."""
    deadline = time.monotonic() + 60.0
    while not (value := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return value
