"""
Start the nodes of one parameter file, without `ros2 launch`; Ctrl-C stops them all, and they end
with this command however it ends.

The file is the one that the launch files take: every node it has a section for is started.
`sim_node` is the simulated rig; leave it out with real arms.

  wla_ros up bimanual                      the simulated rig with the scripted expert
  wla_ros up cell.yaml --without sim_node  real arms; start their drivers yourself
"""

import argparse
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from wla_ros.cli.node_processes import NodeCommand
from wla_ros.cli.node_processes import NodeProcessError
from wla_ros.cli.node_processes import NodeProcesses
from wla_ros.cli.parameter_file import check_sections
from wla_ros.cli.parameter_file import nodes_of
from wla_ros.cli.parameter_file import resolve_parameter_file
from wla_ros.core.errors import ConfigurationError
from wla_ros.core.errors import Problem
from wla_ros.ros.starter_watch import termination_signals

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
            module=f'wla_ros.ros.{name}',
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
