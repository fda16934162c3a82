#!/usr/bin/env python3
# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Make `.venv`: ROS 2, Python packages, the package's messages and the package itself.

Needs the standard library only. Everything stays inside the repository. A second run does what has
changed since the first, as a rule copying Python files, and needs no network for that. Where it
must make `.venv` anew, the old one comes back if that fails.
"""

from __future__ import annotations

import argparse
import fcntl
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path

import cmake_build
import environment_file
import host_tools
import packages
import ros_source
import stamp
import torch_build
from progress import Step
from replacement import Replacement
from ros_source import RosSource
from ros_source import SetupError

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parent.parent
ENVIRONMENT = ROOT / '.venv'
BUILD = ROOT / 'build'
CMAKE_FOLDER = BUILD / 'cmake'
LOGS = BUILD / 'setup'
MANIFEST = 'wla_ros_files.txt'

# imports of every kind of thing the setup has installed
PROOF = (
    'import cv2, lifecycle_msgs.srv, mujoco, rclpy, rclpy.action, rclpy.lifecycle, ruckig, '
    'simplejpeg, wla_ros.msg, wla_ros.srv'
)
NETWORK_ADVICE = 'If it could not download: check the connection and run the setup again.'


def main() -> int:
    """Set the environment up; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.strip())
    parser.add_argument(
        '--chosen',
        action='store_true',
        help='make .venv of the Python that runs this, whatever it was made of before',
    )
    parser.add_argument(
        '--without',
        default='',
        metavar='NAMES',
        help='packages of requirements.txt to leave out, such as torch on a machine that runs no '
        'learned policy',
    )
    arguments = parser.parse_args()
    BUILD.mkdir(exist_ok=True)
    try:
        with (BUILD / 'setup.lock').open('w') as lock:
            _wait_for(lock)
            set_up(chosen=arguments.chosen, without=tuple(arguments.without.split()))
    except SetupError as error:
        print(f'setup: error: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('\nsetup: interrupted; the next run goes on from here', file=sys.stderr)
        return 130
    return 0


def set_up(*, chosen: bool = False, without: tuple[str, ...] = ()) -> None:
    """Bring the environment up to date with the sources."""
    begun_s = time.monotonic()
    replacement = Replacement(ENVIRONMENT, CMAKE_FOLDER, _is_whole)
    if replacement.settle():
        print('setup: a setup was killed while it made .venv anew; the one before is back')
    old = stamp.read(ENVIRONMENT)
    last = old or stamp.Stamp()
    ros = ros_source.find(
        ENVIRONMENT,
        remembered_prefix=last.distribution_prefix,
        remembered_interpreter=last.interpreter.partition(' ')[2],
        chosen=chosen,
    )
    now = _inputs(ros, without)
    fresh = old is not None and stamp.canonical(old) == now and _cmake(ros).is_built
    if fresh:
        _install(ros)
        environment_file.write(ENVIRONMENT, ros)
    else:
        if ros.is_newer_than_known:
            print(f'setup: note: nobody has tried Python {ros.version} yet; trying it')
        _require_host_tools(ros)
        if old is not None and stamp.identity(old) != stamp.identity(now):
            _say_anew(old, now)
            try:
                with replacement.under_way():
                    _make(None, now, ros, without)
            except BaseException:
                print('setup: the environment before this is back, and works as it did')
                raise
        else:
            _make(old, now, ros, without)
    _say_done(ros, fresh=fresh, elapsed_s=time.monotonic() - begun_s)


def _make(
    old: stamp.Stamp | None, now: stamp.Stamp, ros: RosSource, without: tuple[str, ...]
) -> None:
    """Make the environment, of what is there if `old` is given, and prove it."""
    if old is None:
        old = _create_environment(now, ros)
    if old.packages != now.packages:
        # an installation that breaks off must not pass for what the stamp has named
        old = replace(old, packages='')
        stamp.write(ENVIRONMENT, old)
        _install_packages(ros, without)
        old = replace(old, packages=now.packages)
        stamp.write(ENVIRONMENT, old)
    if old.interfaces != now.interfaces or not _cmake(ros).is_built:
        _build_messages(old, now, ros)
    _install(ros)
    environment_file.write(ENVIRONMENT, ros)
    _prove(ros)
    stamp.write(ENVIRONMENT, now)


def _is_whole(environment: Path) -> bool:
    """Whether the stamp says that the proof was passed: only then it names the interfaces."""
    found = stamp.read(environment)
    return found is not None and found.packages != '' and found.interfaces != ''


def _inputs(ros: RosSource, without: tuple[str, ...]) -> stamp.Stamp:
    """Return the stamp of an environment that is up to date."""
    interfaces = [
        path for kind in ('msg', 'srv', 'action') for path in ROOT.glob(f'{kind}/*.{kind}')
    ]
    build_files = [
        FOLDER / name for name in ('executable.in', 'executables.txt', 'ros_wheels.cmake')
    ]
    build_files += [ROOT / 'CMakeLists.txt', ROOT / 'package.xml']
    packages_files = [*FOLDER.glob('requirements*.txt'), FOLDER / 'constraints.txt']
    return stamp.canonical(
        stamp.Stamp(
            place=str(ROOT),
            interpreter=f'{ros.version} {ros.interpreter}',
            ros=ros.name,
            distribution_prefix=str(ros.prefix or ''),
            packages=stamp.digest(ROOT, packages_files, f'without {" ".join(without)}'),
            interfaces=stamp.digest(ROOT, [*interfaces, *build_files], *_compiled_against()),
            interface_files=tuple(sorted(str(path.relative_to(ROOT)) for path in interfaces)),
        )
    )


def _compiled_against() -> list[str]:
    """Return the pins of what the messages are compiled against."""
    pins = packages.read_lines(FOLDER / 'constraints.txt')
    return [pin for pin in pins if packages.canonical(pin).startswith(('ros-', 'numpy', 'empy'))]


def _require_host_tools(ros: RosSource) -> None:
    missing = host_tools.find_missing(ros.interpreter)
    if missing:
        raise SetupError(host_tools.report(missing))


def _say_anew(old: stamp.Stamp, now: stamp.Stamp) -> None:
    print(
        f'setup: making .venv anew: it was for ROS 2 {old.ros}, Python {old.interpreter}, '
        f'{old.place}; wanted is ROS 2 {now.ros}, Python {now.interpreter}, {now.place}'
    )


def _create_environment(now: stamp.Stamp, ros: RosSource) -> stamp.Stamp:
    """Create an empty environment; returns its stamp."""
    if ENVIRONMENT.exists():
        raise SetupError(
            f'{ENVIRONMENT} exists, but this setup has not made it.\n'
            'Move it away or delete it, and run the setup again.'
        )
    shutil.rmtree(CMAKE_FOLDER, ignore_errors=True)
    origin = f'ROS 2 {ros.name} in {ros.prefix}' if ros.is_distribution else 'ROS 2 from PyPI'
    with Step(f'environment for {origin}, Python {ros.version}', LOGS / 'venv.log') as step:
        options = ['--system-site-packages'] if ros.is_distribution else []
        command = [str(ros.interpreter), '-m', 'venv', '--prompt', 'wla_ros', *options]
        step.run([*command, str(ENVIRONMENT)], ros.environ)
    stamp.write(ENVIRONMENT, stamp.identity(now))
    return stamp.identity(now)


def _install_packages(ros: RosSource, without: tuple[str, ...]) -> None:
    python = ENVIRONMENT / 'bin/python'
    wanted = packages.select(FOLDER, ros, python, without)
    requirements = ENVIRONMENT / 'requirements.txt'
    requirements.write_text('\n'.join(wanted.requirements) + '\n')
    constraints = ENVIRONMENT / 'constraints.txt'
    constraints.write_text('\n'.join(wanted.constraints) + '\n')
    pip = [str(python), '-m', 'pip', 'install', '--disable-pip-version-check', '--no-input']
    small_torch = torch_build.cpu_requirement(wanted.constraints)
    if small_torch and 'torch' in wanted.requirements:
        try:
            with Step('torch for the CPU', LOGS / 'torch.log') as step:
                step.run([*pip, *small_torch], ros.environ)
        except SetupError as error:
            print(f'setup: {error}\nsetup: going on with the build that pip chooses')
    command = [*pip, '--requirement', str(requirements), '--constraint', str(constraints)]
    title = 'Python packages' if ros.is_distribution else 'ROS 2 and Python packages'
    with Step(title, LOGS / 'pip.log', advice=NETWORK_ADVICE) as step:
        step.run(command, ros.environ)


def _build_messages(old: stamp.Stamp, now: stamp.Stamp, ros: RosSource) -> None:
    # a build that breaks off leaves a mixture: it must not pass for what the stamp has named
    files = {*old.interface_files, *now.interface_files}
    stamp.write(ENVIRONMENT, replace(old, interfaces='', interface_files=tuple(sorted(files))))
    # generated modules of a removed message stay in the build folder and would be installed
    if files - set(now.interface_files):
        shutil.rmtree(CMAKE_FOLDER, ignore_errors=True)
    with Step('messages', LOGS / 'cmake.log') as step:
        _cmake(ros).build_messages(step.run)


def _install(ros: RosSource) -> None:
    record = ENVIRONMENT / MANIFEST
    before = {Path(line) for line in record.read_text().splitlines()} if record.exists() else set()
    with Step('package', LOGS / 'install.log') as step:
        after = _cmake(ros).install(step.run)
        # the record names all of it until the stale files are gone
        record.write_text('\n'.join(map(str, sorted(before | after))) + '\n')
        stale = cmake_build.remove_stale(before, after, ENVIRONMENT)
        record.write_text('\n'.join(map(str, sorted(after))) + '\n')
    if stale:
        print(f'setup: removed {len(stale)} installed files that are no longer in the sources')


def _cmake(ros: RosSource) -> cmake_build.CMakeBuild:
    python = ENVIRONMENT / 'bin/python'
    return cmake_build.CMakeBuild(ROOT, CMAKE_FOLDER, ros, python, ENVIRONMENT, str(python))


def _prove(ros: RosSource) -> None:
    """Import one thing of each kind, so that a broken environment is not called ready."""
    variables = (
        f'. "{ENVIRONMENT}/{environment_file.FILE_NAME}" && cd / && exec python -c "{PROOF}"'
    )
    with Step('check of the imports', LOGS / 'imports.log') as step:
        step.run(['sh', '-c', variables], ros.environ)


def _say_done(ros: RosSource, *, fresh: bool, elapsed_s: float) -> None:
    if fresh:
        print(f'setup: up to date; copied the Python files ({elapsed_s:.1f} s)')
    else:
        print(f'setup: ready in {elapsed_s:.0f} s: `. .venv/{environment_file.FILE_NAME}`')


def _wait_for(lock) -> None:  # noqa: ANN001
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print('setup: waiting for another setup of this repository', flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)


if __name__ == '__main__':
    sys.exit(main())
