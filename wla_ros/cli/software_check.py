"""
What is installed and how the environment is set: the part of `doctor` that needs no running robot.

Every check answers with a level, a fact and, where it is not fine, a remedy.
"""

import enum
import importlib.metadata
import importlib.util
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

# Distributions of ROS 2 the package is tested on or written for.
SUPPORTED_DISTRIBUTIONS = ('humble', 'jazzy', 'kilted')
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
        remedy='' if known else f'tested on {", ".join(SUPPORTED_DISTRIBUTIONS)}',
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
