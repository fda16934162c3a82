# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Node processes start, are watched, and stop with their own exit codes."""

import sys
from pathlib import Path

import pytest

from wla_ros.cli.up import NodeCommand
from wla_ros.cli.up import NodeProcessError
from wla_ros.cli.up import NodeProcesses

OBEDIENT = """
import signal, sys
signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
print('ready', sys.argv[1:], flush=True)
while True:
    signal.pause()
"""
BROKEN = "raise SystemExit('joint_names: unknown key')"


@pytest.fixture
def environment(tmp_path):
    for name, program in (('obedient_node', OBEDIENT), ('broken_node', BROKEN)):
        (tmp_path / f'{name}.py').write_text(program, encoding='utf-8')
    return {'PYTHONPATH': str(tmp_path)}


def wait_for_log(path: Path, word: str) -> None:
    """
    Return when `word` stands in the log; a node that never writes it fails the test's own time
    limit.
    """
    while word not in (path.read_text(encoding='utf-8') if path.exists() else ''):
        pass


def test_a_node_gets_its_arguments_and_stops_with_its_own_exit_code(tmp_path, environment):
    with NodeProcesses(log_folder=tmp_path / 'log', environment=environment) as nodes:
        nodes.start(
            NodeCommand(
                name='a',
                module='obedient_node',
                parameter_files=(Path('some.yaml'),),
                overrides=('rate_hz:=200.0',),
                remappings=('x:=y',),
                namespace='/cell',
            )
        )
        wait_for_log(tmp_path / 'log' / 'a.log', 'ready')
        nodes.check()
        assert nodes.stop() == {'a': 0}
    text = (tmp_path / 'log' / 'a.log').read_text(encoding='utf-8')
    parameters = "'--params-file', 'some.yaml', '-p', 'rate_hz:=200.0'"
    remappings = "'-r', 'x:=y', '-r', '__ns:=/cell'"
    assert f"['--ros-args', {parameters}, {remappings}]" in text


def test_a_node_that_ends_is_reported_with_the_end_of_its_log(tmp_path, environment):
    with NodeProcesses(log_folder=tmp_path / 'log', environment=environment) as nodes:
        nodes.start(NodeCommand(name='b', module='broken_node'))
        while nodes.exit_codes()['b'] is None:
            pass
        with pytest.raises(NodeProcessError, match='joint_names: unknown key'):
            nodes.check()


def test_one_name_is_started_once(tmp_path, environment):
    with NodeProcesses(log_folder=tmp_path / 'log', environment=environment) as nodes:
        nodes.start(NodeCommand(name='a', module='obedient_node'))
        with pytest.raises(NodeProcessError, match='already'):
            nodes.start(NodeCommand(name='a', module='obedient_node'))


def test_the_child_runs_the_same_interpreter():
    argv = NodeCommand(name='a', module='m').argv()
    assert argv[:4] == [sys.executable, '-m', 'wla_ros.nodes.start', 'm']
