"""
Check what is installed, and with a parameter file also what is connected, fresh and plausible.

  wla_ros doctor              versions, environment, middleware, machine, GPU
  wla_ros doctor bimanual     and listens to the arms and cameras of that file for some seconds

Commands nothing. Exit code 1 if there is a problem.
"""

import argparse
import importlib.util
import os
from collections.abc import Iterable
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wla_ros.cli.argument_check import number
from wla_ros.cli.parameter_file import nodes_of
from wla_ros.cli.parameter_file import parameters_of
from wla_ros.cli.parameter_file import resolve_parameter_file
from wla_ros.cli.software_check import CheckResult
from wla_ros.cli.software_check import Level
from wla_ros.cli.software_check import check_environment
from wla_ros.cli.software_check import check_software
from wla_ros.cli.software_check import hears_this_machine_only
from wla_ros.core.configuration import load_configuration

_MARKS = {Level.OK: 'ok', Level.NOTE: '--', Level.NOT_LOOKED: '??', Level.PROBLEM: '!!'}
# Policy, executor, recorder and one driver, where no file tells.
_USUAL_PARTICIPANTS = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `wla_ros doctor`."""
    parser.add_argument(
        'parameters', nargs='?', help='parameter file, or the name of a shipped one'
    )
    parser.add_argument(
        '--seconds', type=number(0.1, 3600.0), default=5.0, help='how long to listen'
    )
    parser.add_argument('--namespace', default='', help='namespace of the nodes')
    parser.add_argument(
        '--without',
        action='append',
        default=[],
        metavar='NODE',
        help='as for up: without sim_node the arms are real, and CAN is looked at',
    )


def run(arguments: argparse.Namespace) -> int:
    """Print every result; returns 1 if there is a problem."""
    path = None if arguments.parameters is None else resolve_parameter_file(arguments.parameters)
    results = [*_show(check_software()), *_show(check_environment())]
    starts = True
    if importlib.util.find_spec('rclpy') is not None:
        segment_bytes, starts = _show_middleware(results)
        results += _show(_check_machine(path, segment_bytes, arguments.without))
    if path is not None and starts:
        print(f'listening for {arguments.seconds:g} s to what {path} names')
        results += _show(_check_robot(path, arguments.seconds, arguments.namespace))
    problems = sum(result.level is Level.PROBLEM for result in results)
    unseen = sum(result.level is Level.NOT_LOOKED for result in results)
    ending = f', {unseen} not looked at (??)' if unseen else ''
    print(f'{problems} problem{"" if problems == 1 else "s"}{ending}')
    return 1 if problems else 0


def _show_middleware(results: list[CheckResult]) -> tuple[int, bool]:
    """Try the middleware; return the segment of a participant and whether there is one."""
    # Imported here: the software check must also work where ROS is not installed.
    from wla_ros.cli.machine_check import check_middleware
    from wla_ros.ros.local_transport import prefer_local_transport
    from wla_ros.ros.middleware_trial import try_middleware

    shell = try_middleware(os.environ)
    prefer_local_transport()  # as every node does
    nodes = try_middleware(os.environ)
    results += _show(check_middleware(nodes, shell))
    return nodes.segment_bytes, not nodes.error


def _check_machine(
    path: Path | None, segment_bytes: int, without: Sequence[str]
) -> Iterable[CheckResult]:
    from wla_ros.cli.machine_check import check_machine
    from wla_ros.cli.machine_facts import gather
    from wla_ros.ros.recorder_configuration import bag_folder

    nodes = [] if path is None else [name for name in nodes_of(path) if name not in without]
    recorder = {} if path is None else parameters_of(path, 'recorder_node')
    executor = {} if path is None else parameters_of(path, 'executor_node')
    facts = gather(
        bag_folder(str(recorder.get('folder', ''))),
        with_can=path is not None and 'sim_node' not in nodes,
    )
    return check_machine(
        facts,
        segment_bytes=segment_bytes,
        participants=max(_USUAL_PARTICIPANTS, len(nodes)),
        local=hears_this_machine_only(),
        realtime_priority=int(executor.get('loop', {}).get('realtime_priority', 0)),
    )


def _show(results: Iterable[CheckResult]) -> list[CheckResult]:
    """Print results as they come and return them."""
    shown = []
    for result in results:
        remedy = f'   -> {result.remedy}' if result.remedy else ''
        print(f'{_MARKS[result.level]:>3}  {result.subject:<18} {result.fact}{remedy}', flush=True)
        shown.append(result)
    return shown


def _check_robot(path: Path, seconds: float, namespace: str) -> Iterable[CheckResult]:
    # Imported here: the software check must also work where ROS is not installed.
    from wla_ros.cli.graph_check import check_graph
    from wla_ros.robots.piper.limits import piper_limits
    from wla_ros.ros.graph_probe import probe_graph
    from wla_ros.ros.policy_configuration import PolicyNodeConfiguration
    from wla_ros.ros.robot_configuration import require_robot

    configuration = load_configuration(
        PolicyNodeConfiguration, _listening_parameters(path, namespace), source=str(path)
    )
    robot = require_robot(configuration.robot, source=str(path))
    found = probe_graph(
        robot,
        configuration.cameras,
        seconds=seconds,
        namespace=namespace,
        tell=lambda text: print(f'     {text}', flush=True),
    )
    limits = piper_limits(robot.layout, gripper_max_m=robot.profile.command.gripper.maximum_m)
    return check_graph(found, robot.layout, limits, configuration.synchronisation)


def _listening_parameters(path: Path, namespace: str) -> dict[str, Any]:
    """Return those of the policy node; on a host without it the robot of the executor."""
    policy = parameters_of(path, 'policy_node', namespace=namespace)
    if policy:
        return policy
    executor = parameters_of(path, 'executor_node', namespace=namespace, required=True)
    return {'robot': executor['robot']} if 'robot' in executor else {}
