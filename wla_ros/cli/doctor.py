# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""`wla_ros doctor`: what is wrong with machine, files and graph."""

import argparse
import enum
import importlib.metadata
import importlib.util
import os
import platform
import subprocess
import sys
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wla_ros.base.arguments import number
from wla_ros.base.config import load_configuration
from wla_ros.base.joints import JointLayout
from wla_ros.base.joints import JointLimits
from wla_ros.nodes.clients.graph_probe import GraphRecord
from wla_ros.nodes.clients.graph_probe import StreamRecord
from wla_ros.nodes.parameter_file import nodes_of
from wla_ros.nodes.parameter_file import parameters_of
from wla_ros.nodes.parameter_file import resolve_parameter_file
from wla_ros.observation.config import SynchronisationConfig
from wla_ros.robots.decoding import judge_feedback

# What is installed and how the environment is set: the part of `doctor` that needs no running
# robot.
#
# Every check answers with a level, a fact and, where it is not fine, a remedy.

# Distributions of ROS 2 that the package is made for; the README says on which it was run.
SUPPORTED_DISTRIBUTIONS = ('humble', 'jazzy', 'kilted', 'lyrical')
REQUIRED_PACKAGES = ('numpy', 'PyYAML', 'ruckig', 'simplejpeg', 'transforms3d')
SIMULATION_PACKAGES = ('mujoco',)
POLICY_PACKAGES = ('torch', 'triton')


class Level(enum.Enum):
    """How a check ended."""

    OK = 'ok'
    NOTE = 'note'
    NOT_LOOKED = 'not looked at'
    PROBLEM = 'PROBLEM'


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """One line of the doctor's report."""

    subject: str
    level: Level
    fact: str
    remedy: str = ''


def check_software() -> Iterator[CheckResult]:
    """Yield a result for Python, ROS, libraries, rendering and GPU."""
    version = platform.python_version()
    supported = (3, 10) <= sys.version_info[:2] <= (3, 14)
    yield CheckResult(
        subject='python',
        level=Level.OK if supported else Level.NOTE,
        fact=version,
        remedy='' if supported else 'known: Python 3.10 to 3.14',
    )
    yield _check_ros()
    yield from _check_packages(
        REQUIRED_PACKAGES, Level.PROBLEM, 'pip install it, or run make setup'
    )
    yield from _check_packages(SIMULATION_PACKAGES, Level.NOTE, 'only the simulated rig needs it')
    yield from _check_packages(POLICY_PACKAGES, Level.NOTE, 'only learned policies need it')
    yield _check_gpu()


def check_environment() -> Iterator[CheckResult]:
    """Yield a result for the variables that decide who hears whom."""
    local = hears_this_machine_only()
    discovery = os.environ.get('ROS_AUTOMATIC_DISCOVERY_RANGE', '')
    yield CheckResult(
        subject='ROS domain', level=Level.OK, fact=os.environ.get('ROS_DOMAIN_ID', '0')
    )
    yield CheckResult(
        subject='discovery',
        level=Level.OK if local else Level.NOTE,
        fact='this machine only' if local else discovery or 'the whole subnet',
        remedy='' if local else 'anybody on the network with this domain id can command the arms',
    )


def hears_this_machine_only() -> bool:
    """Return whether nodes of other hosts are neither heard nor told."""
    discovery = os.environ.get('ROS_AUTOMATIC_DISCOVERY_RANGE', '')
    return discovery == 'LOCALHOST' or os.environ.get('ROS_LOCALHOST_ONLY') == '1'


def _check_ros() -> CheckResult:
    if importlib.util.find_spec('rclpy') is None:
        return CheckResult(
            subject='ROS 2',
            level=Level.PROBLEM,
            fact='rclpy cannot be imported',
            remedy='source a ROS 2 distribution or run make setup',
        )
    distribution = os.environ.get('ROS_DISTRO') or _wheel_distribution()
    known = distribution in SUPPORTED_DISTRIBUTIONS
    return CheckResult(
        subject='ROS 2',
        level=Level.OK if known else Level.NOTE,
        fact=distribution or 'unknown distribution',
        remedy='' if known else f'made for {", ".join(SUPPORTED_DISTRIBUTIONS)}',
    )


def _wheel_distribution() -> str:
    """Return 'kilted' where the wheel ros-kilted-rclpy is installed; empty without ROS wheels."""
    names = (item.metadata['Name'] or '' for item in importlib.metadata.distributions())
    parts = [
        name.split('-') for name in names if name.startswith('ros-') and name.endswith('-rclpy')
    ]
    return parts[0][1] if parts else ''


def _check_packages(names: tuple[str, ...], missing: Level, remedy: str) -> Iterator[CheckResult]:
    for name in names:
        try:
            yield CheckResult(subject=name, level=Level.OK, fact=importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield CheckResult(subject=name, level=missing, fact='not installed', remedy=remedy)


def _check_gpu() -> CheckResult:
    query = [
        'nvidia-smi',
        '--query-gpu=name,memory.total,driver_version',
        '--format=csv,noheader',
    ]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return CheckResult(
            subject='GPU',
            level=Level.NOTE,
            fact='no NVIDIA GPU answers',
            remedy='the WLA policy runs on a GPU workstation; the executor needs none',
        )
    return CheckResult(
        subject='GPU', level=Level.OK, fact=answer.stdout.strip().replace('\n', '; ')
    )


# What a listening doctor makes of what it heard: rates, ages, units, owners of the commands.
#
# Judges a `GraphRecord`; hears nothing itself.

# A healthy piper driver publishes 200 Hz; half of that still interpolates well.
_LOWEST_FEEDBACK_HZ = 100.0
# Feedback and cameras stamped by another clock are off by far more than any delay.
_LARGEST_AGE_S = 1.0
_DARK = 2.0  # mean pixel value of a lens cap


def check_graph(
    found: GraphRecord,
    layout: JointLayout,
    limits: JointLimits,
    synchronisation: SynchronisationConfig,
) -> Iterator[CheckResult]:
    """Yield results per arm, camera, and for who commands."""
    names = ', '.join(found.nodes) or 'none'
    yield CheckResult(
        subject='nodes', level=Level.OK if found.nodes else Level.NOT_LOOKED, fact=names
    )
    for topic, problems in found.problems.items():
        for problem in problems:
            yield CheckResult(subject=topic, level=Level.PROBLEM, fact=problem.detail)
    for arm, record in found.joints.items():
        if record.stamps_ns or record.topic not in found.problems:
            yield from _check_arm(arm, record, limits, layout)
        yield _check_condition(arm, found)
        if len(found.commanders[arm]) < 2:  # more are a problem of the topic
            yield _check_commands(arm, found.commanders[arm], found.nodes)
    for camera, record in found.cameras.items():
        section = synchronisation.cameras.get(camera)
        wanted_hz = 0.0 if section is None else section.rate_hz
        if record.stamps_ns or record.topic not in found.problems:
            yield _check_camera(camera, record, wanted_hz)


def _check_arm(
    arm: str, record: StreamRecord, limits: JointLimits, layout: JointLayout
) -> Iterator[CheckResult]:
    subject = f'{arm} joints'
    silent = _silence(subject, record, 'is the driver running, the arm powered, CAN up?')
    if silent is not None:
        yield silent
        return
    columns = layout.arm_slice(arm)
    findings = judge_feedback(
        np.array(record.positions).reshape(-1, 7), limits.lower[columns], limits.upper[columns]
    )
    for finding in findings:
        level = Level.PROBLEM if finding.severe else Level.NOTE
        yield CheckResult(subject=subject, level=level, fact=finding.what, remedy=finding.remedy)
    slow = record.rate_hz < _LOWEST_FEEDBACK_HZ
    yield CheckResult(
        subject=subject,
        level=Level.PROBLEM if slow else Level.OK,
        fact=f'{record.rate_hz:.0f} Hz, {1e3 * record.median_age_s:.1f} ms old on {record.topic}',
        remedy='a piper driver publishes 200 Hz; look at CPU load and the CAN bus' if slow else '',
    )
    yield from _check_clock(subject, record)


def _check_condition(arm: str, found: GraphRecord) -> CheckResult:
    subject, condition = f'{arm} status', found.conditions.get(arm)
    if condition is None:
        return CheckResult(
            subject=subject,
            level=Level.NOT_LOOKED,
            fact='no status heard: faults and power of the arm are unknown',
            remedy='the executor cannot see faults of the arm without it',
        )
    if not condition.ok:
        return CheckResult(
            subject=subject,
            level=Level.PROBLEM,
            fact=condition.text,
            remedy='clear the fault with the driver; never reset a raised arm',
        )
    if not condition.enabled:
        return CheckResult(
            subject=subject,
            level=Level.NOTE,
            fact=f'motors not under control: {condition.text}',
            remedy='enable the arm with its driver; it takes control at its first command',
        )
    return CheckResult(subject=subject, level=Level.OK, fact=f'under control: {condition.text}')


def _check_commands(arm: str, commanders: tuple[str, ...], nodes: tuple[str, ...]) -> CheckResult:
    subject = f'{arm} commands'
    if commanders:
        return CheckResult(subject=subject, level=Level.OK, fact=f'only {commanders[0]} commands')
    executors = [name for name in nodes if 'executor' in name]
    if executors:
        return CheckResult(
            subject=subject,
            level=Level.NOTE,
            fact=f'no publisher was found, but {", ".join(executors)} runs',
            remedy='not configured, for another robot or namespace, or found too late: run again',
        )
    return CheckResult(subject=subject, level=Level.OK, fact='nobody commands, no executor runs')


def _check_camera(camera: str, record: StreamRecord, wanted_hz: float) -> CheckResult:
    subject = f'camera {camera}'
    silent = _silence(subject, record, 'is the camera node running, the topic right?')
    if silent is not None:
        return silent
    clock = next(_check_clock(subject, record), None)
    if clock is not None:
        return clock
    size = '' if record.pixels is None else f' {record.pixels.shape[1]}x{record.pixels.shape[0]}'
    fact = f'{record.rate_hz:.1f} Hz{size}, {1e3 * record.median_age_s:.0f} ms old'
    if record.refusals:
        return CheckResult(
            subject=subject,
            level=Level.PROBLEM,
            fact=f'{fact}; {_refused(record)}',
            remedy=record.detail,
        )
    if record.pixels is not None and float(record.pixels.mean()) < _DARK:
        return CheckResult(
            subject=subject,
            level=Level.PROBLEM,
            fact=f'{fact}, black',
            remedy='lens cap, exposure?',
        )
    if wanted_hz and record.rate_hz < 0.8 * wanted_hz:
        return CheckResult(
            subject=subject,
            level=Level.PROBLEM,
            fact=fact,
            remedy=f'{wanted_hz:g} Hz are configured: the middleware profile of the driver and '
            'shared memory (above), USB bandwidth, exposure time, CPU load?',
        )
    return CheckResult(subject=subject, level=Level.OK, fact=fact)


def _silence(subject: str, record: StreamRecord, remedy: str) -> CheckResult | None:
    if record.stamps_ns:
        return None
    if record.refusals:
        return CheckResult(
            subject=subject,
            level=Level.PROBLEM,
            fact=f'nothing usable on {record.topic}: {_refused(record)}',
            remedy=record.detail,
        )
    if record.publishers:
        remedy = f'{record.publishers} publisher(s), but no message: a driver without data?'
    return CheckResult(
        subject=subject, level=Level.PROBLEM, fact=f'silence on {record.topic}', remedy=remedy
    )


def _refused(record: StreamRecord) -> str:
    return ', '.join(f'{reason} {count} times' for reason, count in record.refusals.items())


def _check_clock(subject: str, record: StreamRecord) -> Iterator[CheckResult]:
    if not abs(record.median_age_s) <= _LARGEST_AGE_S:
        yield CheckResult(
            subject=subject,
            level=Level.PROBLEM,
            fact=f'stamps are {record.median_age_s:.3f} s old',
            remedy='the stamps come from another clock: synchronise hosts (chrony), no sim time',
        )


_MARKS = {Level.OK: 'ok', Level.NOTE: '--', Level.NOT_LOOKED: '??', Level.PROBLEM: '!!'}
# Policy, executor, recorder and one driver, where no file tells.
_USUAL_NODES = 4


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
    from wla_ros.nodes.clients.middleware_trial import try_middleware
    from wla_ros.nodes.lifecycle import prefer_local_transport

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
    from wla_ros.nodes.recorder.node import bag_folder

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
        participants=max(_USUAL_NODES, len(nodes)) + 1,  # the emergency stop has its own
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
    from wla_ros.composition.policy import PolicyNodeConfiguration
    from wla_ros.nodes.clients.graph_probe import probe_graph
    from wla_ros.robots.piper.limits import piper_limits
    from wla_ros.robots.profile import JOINTS
    from wla_ros.robots.robot import require_robot

    configuration = load_configuration(
        PolicyNodeConfiguration, _listening_parameters(path, namespace), source=str(path)
    )
    robot = require_robot(configuration.robot, source=str(path))
    executor = parameters_of(path, 'executor_node', namespace=namespace)
    found = probe_graph(
        robot,
        configuration.cameras,
        seconds=seconds,
        namespace=namespace,
        form=str(executor.get('command_form', JOINTS)),
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
