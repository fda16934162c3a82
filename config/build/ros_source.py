# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Which ROS 2 to build on: a distribution that is sourced, or the wheels from PyPI.

Looks at variables and interpreters; installs and builds nothing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# tried with these; a newer one is tried with a note, an older one cannot run the package
KNOWN = ((3, 14), (3, 13), (3, 12), (3, 11), (3, 10))
WHEELS = 'wheels'

PATH_VARIABLES = (
    'AMENT_PREFIX_PATH',
    'CMAKE_PREFIX_PATH',
    'LD_LIBRARY_PATH',
    'PATH',
    'PYTHONPATH',
)
# `home` of an interpreter is the one outside any virtual environment
DESCRIBE = 'import sys; print(*sys.version_info[:3]); print(getattr(sys, "_base_executable", ""))'


class SetupError(Exception):
    """Something the person at the keyboard can mend: what, where, what to do."""


@dataclass(frozen=True)
class RosSource:
    """
    A ROS 2 and the interpreter that goes with it.

    Attributes:
        name: the distribution's name, or 'wheels'.
        prefix: where the distribution lives; None with the wheels.
        interpreter: the Python to make the environment of.
        version: its version, such as '3.11.7'.
        environ: variables under which the interpreter sees this ROS 2 and no other.
    """

    name: str
    prefix: Path | None
    interpreter: Path
    version: str
    environ: dict[str, str]

    @property
    def is_distribution(self) -> bool:
        """Whether ROS 2 comes from outside the environment."""
        return self.prefix is not None

    @property
    def series(self) -> str:
        """The version without its last number, which a venv survives: '3.11'."""
        return '.'.join(self.version.split('.')[:2])

    @property
    def is_newer_than_known(self) -> bool:
        """Whether nobody has tried this Python yet."""
        return tuple(map(int, self.series.split('.'))) > KNOWN[0]


def find(
    environment: Path,
    *,
    remembered_prefix: str = '',
    remembered_interpreter: str = '',
    chosen: bool = False,
) -> RosSource:
    """
    Choose the ROS 2 for `environment`: one that is sourced, else the remembered one, else wheels.

    Args:
        environment: the virtual environment that setup owns; its own paths do not count.
        remembered_prefix: the distribution `environment` was made for, or ''.
        remembered_interpreter: the interpreter it was made of, or ''; goes before the running one,
            which may be any that a terminal has activated.
        chosen: somebody has named the running interpreter: it goes before the remembered one.

    Raises:
        SetupError: no interpreter fits.
    """
    environ = without_paths_under(os.environ, environment)
    if not environ.get('AMENT_PREFIX_PATH') and remembered_prefix:
        environ = _sourced(Path(remembered_prefix), environ)
    order = [sys.executable, remembered_interpreter]
    names = order if chosen else order[::-1]
    if environ.get('AMENT_PREFIX_PATH'):
        return _distribution(environ, _usable([*names, 'python3', '/usr/bin/python3'], chosen))
    interpreter, version = _first(_usable(names, chosen))
    return RosSource(WHEELS, None, interpreter, version, isolated(environ))


def of_interpreter(interpreter: Path, environ: Mapping[str, str]) -> RosSource:
    """
    Return the ROS 2 that `interpreter` sees: sourced in `environ`, else wheels beside it.

    Python paths of `environ` do not count, because pip replaces them while it builds: those of
    a distribution are derived from its prefixes.

    Raises:
        SetupError: `interpreter` imports no rclpy.
    """
    version = '.'.join(map(str, sys.version_info[:3]))
    cleaned = isolated(environ)
    cleaned.pop('_ROS_WHEELS_BOOTSTRAP_COMPLETE', None)
    prefixes = environ.get('AMENT_PREFIX_PATH', '')
    own = interpreter.parent.parent.resolve()
    if prefixes and own not in (Path(entry).resolve() for entry in prefixes.split(os.pathsep)):
        name = environ.get('ROS_DISTRO', 'distribution')
        sourced = {**cleaned, 'AMENT_PREFIX_PATH': prefixes, 'ROS_DISTRO': name}
        sourced['CMAKE_PREFIX_PATH'] = environ.get('CMAKE_PREFIX_PATH', prefixes)
        sourced['PYTHONPATH'] = os.pathsep.join(_module_folders(prefixes))
        source = RosSource(name, _prefix_with('rclpy', prefixes), interpreter, version, sourced)
    else:
        source = RosSource(WHEELS, None, interpreter, version, cleaned)
    run = _run(interpreter, 'import rclpy', source.environ)
    if run.returncode != 0:
        raise SetupError(
            f'{interpreter} imports no rclpy, which building the messages needs:\n'
            f'  {run.stderr.strip().splitlines()[-1]}\n'
            'Source a ROS 2 distribution (`source /opt/ros/<name>/setup.bash`), or install ROS 2 '
            'from PyPI into this interpreter first:\n'
            '  pip install -c config/build/constraints.txt -r config/build/requirements-ros.txt'
        )
    return source


def without_paths_under(environ: Mapping[str, str], environment: Path) -> dict[str, str]:
    """Copy `environ` as if `environment` had never been activated."""
    cleaned = dict(environ)
    inside = environment.resolve()
    for variable in PATH_VARIABLES:
        entries = [entry for entry in cleaned.pop(variable, '').split(os.pathsep) if entry]
        kept = [entry for entry in entries if not _lies_in(inside, Path(entry).resolve())]
        if kept:
            cleaned[variable] = os.pathsep.join(kept)
    if Path(cleaned.get('VIRTUAL_ENV', '/')).resolve() == inside:
        del cleaned['VIRTUAL_ENV']
    # the wheels' bootstrapper skips its work where this is inherited from another environment
    cleaned.pop('_ROS_WHEELS_BOOTSTRAP_COMPLETE', None)
    cleaned.pop('PYTHONHOME', None)
    return cleaned


def _lies_in(folder: Path, path: Path) -> bool:
    return folder == path or folder in path.parents


def isolated(environ: Mapping[str, str]) -> dict[str, str]:
    """Copy `environ` without any ROS 2 in it."""
    foreign = {'AMENT_PREFIX_PATH', 'CMAKE_PREFIX_PATH', 'PYTHONPATH', 'ROS_DISTRO'}
    return {name: value for name, value in environ.items() if name not in foreign}


def _distribution(
    environ: dict[str, str], interpreters: list[tuple[Path, tuple[int, ...]]]
) -> RosSource:
    """Return the distribution that `environ` has sourced, with an interpreter that runs it."""
    tried = []
    for interpreter, version in interpreters:
        run = _run(interpreter, 'import rclpy', environ)
        if run.returncode == 0:
            prefix = _prefix_with('rclpy', environ['AMENT_PREFIX_PATH'])
            name = environ.get('ROS_DISTRO', prefix.name)
            return RosSource(name, prefix, interpreter, '.'.join(map(str, version)), environ)
        tried.append(f'  {interpreter}: {run.stderr.strip().splitlines()[-1]}')
    raise SetupError(
        f'a ROS 2 is sourced ({environ["AMENT_PREFIX_PATH"]}), but no Python imports rclpy:\n'
        + '\n'.join(tried)
        + '\nInstall ros-<name>-rclpy, or use a terminal in which no ROS 2 is sourced: there the '
        'setup takes ROS 2 from PyPI.'
    )


def _prefix_with(package: str, prefixes: str) -> Path:
    marker = Path('share') / package / 'package.xml'
    entries = [Path(entry) for entry in prefixes.split(os.pathsep) if entry]
    return next((entry for entry in entries if (entry / marker).exists()), entries[-1])


def _module_folders(prefixes: str) -> list[str]:
    """Return the folders of Python modules under the prefixes of a distribution."""
    python = f'python{sys.version_info[0]}.{sys.version_info[1]}'
    places = (f'lib/{python}/site-packages', f'local/lib/{python}/dist-packages')
    folders = (Path(prefix) / place for prefix in prefixes.split(os.pathsep) for place in places)
    return [str(folder) for folder in folders if folder.is_dir()]


def _sourced(prefix: Path, environ: dict[str, str]) -> dict[str, str]:
    """Return `environ` after sourcing the distribution; unchanged where it is gone."""
    script = prefix / 'setup.bash'
    if not script.exists():
        return environ
    command = ['bash', '-c', 'source "$0" >/dev/null && env -0', str(script)]
    output = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    if output.returncode != 0:
        return environ
    return dict(line.split('=', 1) for line in output.stdout.split('\0') if '=' in line)


def _first(interpreters: list[tuple[Path, tuple[int, ...]]]) -> tuple[Path, str]:
    for interpreter, version in interpreters:
        return interpreter, '.'.join(map(str, version))
    running = '.'.join(map(str, sys.version_info[:3]))
    newest, oldest = ('.'.join(map(str, series)) for series in (KNOWN[0], KNOWN[-1]))
    raise SetupError(
        f'Python {oldest} or newer is needed; this is {running} ({sys.executable}), and none of '
        f'python{newest} to python{oldest} is on PATH.\n'
        'Install one, for example\n'
        '  sudo apt-get install python3 python3-venv python3-dev   (Debian, Ubuntu)\n'
        '  pyenv install 3.12\n'
        'and run the setup again.'
    )


def _usable(names: list[str], chosen: bool) -> list[tuple[Path, tuple[int, ...]]]:  # noqa: FBT001
    """
    Return interpreters not too old, and their versions: those of `names`, then any on PATH.

    Newer ones than known come last, but for the first name where somebody has chosen it.
    """
    known = [f'python{".".join(map(str, series))}' for series in KNOWN]
    found = [one for one in _candidates(*names, *known) if one[1][:2] >= KNOWN[-1]]
    first = found[:1] if chosen else []
    rest = found[len(first) :]
    return first + sorted(rest, key=lambda one: one[1][:2] > KNOWN[0])


def _candidates(*names: str):  # noqa: ANN202
    """
    Yield (interpreter, version) of every name that runs, each interpreter once.

    A link, the shim of a version manager and the Python of a virtual environment all stand for
    one interpreter: the one they lead to, outside any virtual environment.
    """
    seen = set()
    for name in names:
        found = shutil.which(name) if name else None
        if found is None:
            continue
        run = _run(Path(found), DESCRIBE, without_paths_under(os.environ, Path(sys.prefix)))
        if run.returncode != 0:
            continue
        numbers, home = run.stdout.splitlines()
        interpreter = Path(home or found).resolve()
        if interpreter not in seen:
            seen.add(interpreter)
            yield interpreter, tuple(map(int, numbers.split()))


def _run(
    interpreter: Path, code: str, environ: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(interpreter), '-c', code],
        env=dict(environ),
        cwd='/',
        capture_output=True,
        text=True,
        check=False,
    )
