# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Measure latencies and write them into a parameter file.

  wla_ros calibrate camera cell.yaml     show a code on a screen to the cameras
  wla_ros calibrate arm cell.yaml        moves the joints, a little and one at a time
  wla_ros calibrate gripper cell.yaml    moves the grippers

The file says which arms, cameras and topics there are. Nothing is written without `--write`.
How to do it, and what can go wrong: docs/calibration.md.
"""

import argparse
import difflib
import os
from collections.abc import Sequence
from pathlib import Path

from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem
from wla_ros.base.config import load_configuration
from wla_ros.base.parameter_sections import read_sections
from wla_ros.base.parameter_sections import read_text
from wla_ros.base.whole_file import write_whole
from wla_ros.calibration.offset_file import OffsetChange
from wla_ros.calibration.offset_file import apply_offsets
from wla_ros.nodes.parameter_file import parameters_of
from wla_ros.nodes.parameter_file import parse_parameters
from wla_ros.nodes.parameter_file import resolve_parameter_file

_NODES = {'camera': 'policy_node', 'arm': 'executor_node', 'gripper': 'executor_node'}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `wla_ros calibrate`."""
    kinds = parser.add_subparsers(dest='kind', required=True, metavar='camera|arm|gripper')
    camera = _kind(kinds, 'camera', 'exposure to header stamp, with a code on a screen')
    camera.add_argument(
        '--cameras', nargs='+', default=[], metavar='NAME', help='only these; default: all'
    )
    camera.add_argument(
        '--seconds', type=float, default=30.0, help='of images of the code, per camera'
    )
    camera.add_argument(
        '--timeout', type=float, default=300.0, help='give up after so many seconds'
    )
    camera.add_argument(
        '--address',
        default='127.0.0.1',
        help='where the page is served; 0.0.0.0 for a phone or laptop on the network',
    )
    camera.add_argument('--port', type=int, default=8765, help='of the page')
    camera.add_argument(
        '--display-lag-s',
        type=float,
        help='from drawing to light; default: one refresh of the display',
    )
    arm = _kind(kinds, 'arm', 'command to motion of the joints')
    arm.add_argument(
        '--joints', nargs='+', default=[], metavar='JOINT', help='only these; default: joint1 ...'
    )
    _add_motion_arguments(arm, amplitude=0.05, unit='rad')
    gripper = _kind(kinds, 'gripper', 'command to motion of the grippers')
    _add_motion_arguments(gripper, amplitude=0.01, unit='m')


def _kind(kinds: 'argparse._SubParsersAction', name: str, summary: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = kinds.add_parser(name, help=summary, description=summary)
    parser.add_argument('parameters', help='parameter file, or the name of a shipped one')
    parser.add_argument('--namespace', default='', help='namespace of the nodes')
    parser.add_argument(
        '--write', type=Path, metavar='FILE', help='write the offsets into this parameter file'
    )
    return parser


def _add_motion_arguments(parser: argparse.ArgumentParser, *, amplitude: float, unit: str) -> None:
    parser.add_argument('--arms', nargs='+', default=[], metavar='ARM', help='default: all')
    parser.add_argument(
        '--amplitude', type=float, default=amplitude, help=f'of the motion, {unit} (%(default)s)'
    )
    parser.add_argument(
        '--seconds', type=float, default=6.0, help='of motion per joint (%(default)s)'
    )
    parser.add_argument(
        '--speed', type=float, default=0.3,
        help='share of the velocity and acceleration limits that may be used (%(default)s)',
    )  # fmt: skip
    parser.add_argument('--yes', action='store_true', help='move without asking')


def run(arguments: argparse.Namespace) -> int:
    """Measure, show, and write if asked to; 1 if something could not be measured."""
    path = resolve_parameter_file(arguments.parameters)
    if arguments.write is not None:
        check_target(arguments.write, _NODES[arguments.kind], namespace=arguments.namespace)
    # Imported here: `wla_ros calibrate --help` must not wait for ROS.
    if arguments.kind == 'camera':
        from wla_ros.calibration.camera import calibrate_cameras

        changes, complete = calibrate_cameras(path, arguments)
    else:
        from wla_ros.calibration.motion import calibrate_motion

        changes, complete = calibrate_motion(path, arguments)
    if changes and arguments.write is not None:
        write_offsets(arguments.write, changes, namespace=arguments.namespace)
    elif changes:
        print('nothing was written; --write FILE does')
    return 0 if complete else 1


def check_target(path: Path, node: str, *, namespace: str = '') -> None:
    """
    Raise ConfigurationError if offsets of `node` can never be written into the file at `path`.

    Asked before anything is measured: what cannot be written would have to be measured again.
    """
    if not path.is_file():
        problem = Problem(where='--write', what='no such file', remedy='copy a shipped one first')
        raise ConfigurationError(str(path), (problem,))
    parameters_of(path, node, namespace=namespace, required=True)
    named = [section.name for section in read_sections(path) if section.node == node]
    if len(named) != 1:
        what = f'has {len(named)} sections of its own: {", ".join(named) or "none"}'
        problem = Problem(where=node, what=what, remedy='the values are written into the only one')
        raise ConfigurationError(str(path), (problem,))
    folder = path.resolve().parent
    if not os.access(folder, os.W_OK):
        problem = Problem(
            where='--write', what=f'nothing can be written in {folder}', remedy='copy the file'
        )
        raise ConfigurationError(str(path), (problem,))


def write_offsets(path: Path, changes: Sequence[OffsetChange], *, namespace: str = '') -> None:
    """
    Change the offsets in the file at `path` and show the difference.

    The file is replaced at once or not at all. Raises ConfigurationError if it does not hold the
    nodes, or if a node would refuse a value.
    """
    before = read_text(path)
    after = apply_offsets(before, changes, source=str(path))
    _check(after, changes, path, namespace)
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), str(path), str(path), n=1, lineterm=''
    )
    print('\n'.join(lines) or f'{path} holds these values already')
    if after != before:
        _replace(path, after)
        print(f'written to {path}; nodes read it when they start')


def _check(text: str, changes: Sequence[OffsetChange], path: Path, namespace: str) -> None:
    """Raise ConfigurationError if a changed node would refuse the file."""
    from wla_ros.composition.executor import ExecutorNodeConfiguration
    from wla_ros.composition.policy import PolicyNodeConfiguration

    kinds = {'executor_node': ExecutorNodeConfiguration, 'policy_node': PolicyNodeConfiguration}
    for node in sorted({change.node for change in changes}):
        values = parse_parameters(text, node, source=str(path), namespace=namespace)
        load_configuration(kinds[node], values, source=f'{path}: {node}')


def _replace(path: Path, text: str) -> None:
    """Replace the content of a file, through links, with its permissions, at once."""
    try:
        write_whole(path, text)
    except OSError as error:
        problem = Problem(
            where='--write',
            what=f'the file was not changed: {error.strerror}',
            remedy='the lines above are what to write',
        )
        raise ConfigurationError(str(path), (problem,)) from error
