# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""`wla_ros up`: all nodes of one parameter file, without launch."""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from types import TracebackType
from typing import BinaryIO

from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem
from wla_ros.base.config import WlaError
from wla_ros.nodes.parameter_file import check_sections
from wla_ros.nodes.parameter_file import nodes_of
from wla_ros.nodes.parameter_file import resolve_parameter_file
from wla_ros.nodes.starter_watch import STOP_GRACE_S
from wla_ros.nodes.starter_watch import starter_environment
from wla_ros.nodes.starter_watch import termination_signals

# The nodes as child processes: started together, watched, stopped together with SIGINT. They end
# with this process.
#
# Owns processes and their log files; knows nothing of topics. Used by `up`, `demo` and `bench`.


class NodeProcessError(WlaError):
    """A node ended although it should run, or could not be started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeCommand:
    """One node to start: a module that `python -m` can run, and its ROS arguments."""

    name: str
    module: str
    arguments: tuple[str, ...] = ()  # before the ROS arguments
    parameter_files: tuple[Path, ...] = ()
    overrides: tuple[str, ...] = ()  # 'name:=value'
    remappings: tuple[str, ...] = ()  # 'from:=to'
    namespace: str = ''

    def argv(self) -> list[str]:
        """Return the command line; `python -m` so that no PATH decides which installation runs."""
        starter = [sys.executable, '-m', 'wla_ros.nodes.start']
        arguments = [*starter, self.module, *self.arguments, '--ros-args']
        for path in self.parameter_files:
            arguments += ['--params-file', str(path)]
        for override in self.overrides:
            arguments += ['-p', override]
        for remapping in self.remappings:
            arguments += ['-r', remapping]
        if self.namespace:
            arguments += ['-r', f'__ns:={self.namespace}']
        return arguments


class NodeProcesses:
    """
    A group of node processes.

    Use as a context manager: leaving it stops every node. Output goes to `log_folder/<name>.log`,
    or to this process's own output if it is None.
    """

    def __init__(
        self, *, log_folder: Path | None, environment: Mapping[str, str] | None = None
    ) -> None:
        """Prepare an empty group whose children see `environment` on top of the present one."""
        self._log_folder = log_folder
        self._environment = {**os.environ, **(environment or {}), **starter_environment()}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._logs: contextlib.ExitStack = contextlib.ExitStack()

    def __enter__(self) -> 'NodeProcesses':
        """Return the group."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop every node."""
        self.stop()

    def start(self, command: NodeCommand) -> None:
        """
        Start one node. Raises NodeProcessError if the name is taken or the program cannot be
        started.
        """
        if command.name in self._processes:
            raise NodeProcessError(f'node {command.name!r} was started already')
        output: BinaryIO | None = None
        if self._log_folder is not None:
            self._log_folder.mkdir(parents=True, exist_ok=True)
            output = self._logs.enter_context(
                (self._log_folder / f'{command.name}.log').open('wb')
            )
        # A session of its own: Ctrl-C reaches the nodes once, from stop(), in order, not from the
        # terminal as well.
        self._processes[command.name] = subprocess.Popen(
            command.argv(),
            stdout=output,
            stderr=subprocess.STDOUT if output is not None else None,
            env=self._environment,
            start_new_session=True,
        )

    @property
    def process_ids(self) -> Mapping[str, int]:
        """Process id of every node that was started."""
        return {name: process.pid for name, process in self._processes.items()}

    def exit_codes(self) -> Mapping[str, int | None]:
        """Return the exit code of every node, None while it runs."""
        return {name: process.poll() for name, process in self._processes.items()}

    def check(self) -> None:
        """Raise NodeProcessError with the end of its log if a node has ended."""
        ended = {name: code for name, code in self.exit_codes().items() if code is not None}
        if ended:
            details = ''.join(
                f'\n--- {name} (exit code {code})\n{self.log_tail(name)}'
                for name, code in ended.items()
            )
            raise NodeProcessError(f'{", ".join(ended)} ended while it should run:{details}')

    def log_tail(self, name: str, lines: int = 25) -> str:
        """Return the last lines of a node's log, or a hint where they were printed."""
        if self._log_folder is None:
            return '(its output stands above)'
        text = (self._log_folder / f'{name}.log').read_text(encoding='utf-8', errors='replace')
        return '\n'.join(text.splitlines()[-lines:])

    def stop(self, names: Sequence[str] | None = None) -> Mapping[str, int]:
        """
        Ask the nodes to stop (SIGINT), in reverse order of starting, and return their exit codes.

        A node that does not end within the grace time is killed and reports its negative signal
        number.
        """
        chosen = [name for name in reversed(self._processes) if names is None or name in names]
        for name in chosen:
            if self._processes[name].poll() is None:
                self._processes[name].send_signal(signal.SIGINT)
        deadline = time.monotonic() + STOP_GRACE_S
        codes = {}
        for name in chosen:
            process = self._processes[name]
            try:
                codes[name] = process.wait(timeout=max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                codes[name] = process.wait()
        if names is None:
            self._logs.close()
        return codes


_ROBOT_NODES = ('executor_node', 'policy_node')  # those with a section `robot`
_CHECK_PERIOD_S = 0.2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `wla_ros up`."""
    parser.add_argument('parameters', help='parameter file, or the name of a shipped one')
    parser.add_argument(
        '--without',
        action='append',
        default=[],
        metavar='NODE',
        help='do not start it; repeatable',
    )
    parser.add_argument(
        '--set',
        action='append',
        default=[],
        metavar='NODE:NAME=VALUE',
        dest='overrides',
        help='override one parameter, for example policy_node:policy.name=hold; repeatable',
    )
    parser.add_argument(
        '--namespace', default='', help='namespace of all nodes, for example /cell1'
    )
    parser.add_argument(
        '--log-folder', type=Path, help='write the output of each node to a file there'
    )


def run(arguments: argparse.Namespace) -> int:
    """Start the nodes and wait; returns 0 after Ctrl-C if every node ended well."""
    commands = node_commands(
        resolve_parameter_file(arguments.parameters),
        without=tuple(arguments.without),
        overrides=tuple(arguments.overrides),
        namespace=arguments.namespace,
    )
    stopping = _StopRequest()
    with NodeProcesses(log_folder=arguments.log_folder) as nodes:
        for command in commands:
            nodes.start(command)
        print(f'running: {", ".join(command.name for command in commands)}   (Ctrl-C stops them)')
        failure = ''
        try:
            while not stopping.requested:
                nodes.check()
                time.sleep(_CHECK_PERIOD_S)
        except NodeProcessError as error:
            failure = str(error)
        codes = nodes.stop()
    if failure:
        sys.stderr.write(f'wla_ros up: {failure}\n')
    for name, code in codes.items():
        print(f'{name}: exit code {code}')
    return 0 if not failure and not any(codes.values()) else 1


def node_commands(
    path: Path, *, without: tuple[str, ...], overrides: tuple[str, ...], namespace: str
) -> tuple[NodeCommand, ...]:
    """
    Return the commands for the nodes of a parameter file.

    Raises ConfigurationError listing every node and override that does not fit.
    """
    nodes = nodes_of(path)
    problems = [
        Problem(where='--without', what=f'{name!r} is not in the file', remedy=f'it has {nodes}')
        for name in without
        if name not in nodes
    ]
    chosen: dict[str, list[str]] = {name: [] for name in nodes if name not in without}
    for override in overrides:
        node, colon, assignment = override.partition(':')
        name, equals, value = assignment.partition('=')
        if node not in chosen or not (colon and equals and name and value):
            remedy = f'write NODE:NAME=VALUE with a node of {", ".join(chosen)}'
            problems.append(Problem(where='--set', what=repr(override), remedy=remedy))
        else:
            chosen[node].append(f'{name}:={value}')
    if problems:
        raise ConfigurationError(str(path), tuple(problems))
    check_sections(path, chosen, namespace=namespace)
    simulated = ('robot.simulated:=true',) if 'sim_node' in chosen else ()
    return tuple(
        NodeCommand(
            name=name,
            module=f'wla_ros.nodes.{name.removesuffix("_node")}.node',
            parameter_files=(path,),
            # What is asked for comes last: it counts.
            overrides=(*(simulated if name in _ROBOT_NODES else ()), *given),
            namespace=namespace,
        )
        for name, given in chosen.items()
    )


class _StopRequest:
    """Whether a signal to end came; replaces the default handlers of this process."""

    def __init__(self) -> None:
        self.requested = False
        for kind in (signal.SIGINT, *termination_signals()):
            signal.signal(kind, self._ask)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.requested = True
