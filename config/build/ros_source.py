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

SUPPORTED = ((3, 12), (3, 11), (3, 10))
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


def find(
    environment: Path, *, remembered_prefix: str = '', remembered_interpreter: str = ''
) -> RosSource:
    """
    Choose the ROS 2 for `environment`: one that is sourced, else the remembered one, else wheels.

    Args:
        environment: the virtual environment that setup owns; its own paths do not count.
        remembered_prefix: the distribution `environment` was made for, or ''.
        remembered_interpreter: the interpreter it was made of, or ''; taken where the running one
            does not fit.

    Raises:
        SetupError: no interpreter fits.
    """
    environ = without_paths_under(os.environ, environment)
    if not environ.get('AMENT_PREFIX_PATH') and remembered_prefix:
        environ = _sourced(Path(remembered_prefix), environ)
    if environ.get('AMENT_PREFIX_PATH'):
        return _distribution(environ, remembered_interpreter)
    interpreter, version = _supported_interpreter(remembered_interpreter)
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
    own = str(interpreter.parent.parent)
    if prefixes and own not in prefixes.split(os.pathsep):
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
    inside = str(environment)
    for variable in PATH_VARIABLES:
        entries = [entry for entry in cleaned.pop(variable, '').split(os.pathsep) if entry]
        kept = [e for e in entries if e != inside and not e.startswith(inside + os.sep)]
        if kept:
            cleaned[variable] = os.pathsep.join(kept)
    if cleaned.get('VIRTUAL_ENV') == inside:
        del cleaned['VIRTUAL_ENV']
    # the wheels' bootstrapper skips its work where this is inherited from another environment
    cleaned.pop('_ROS_WHEELS_BOOTSTRAP_COMPLETE', None)
    cleaned.pop('PYTHONHOME', None)
    return cleaned


def isolated(environ: Mapping[str, str]) -> dict[str, str]:
    """Copy `environ` without any ROS 2 in it."""
    foreign = {'AMENT_PREFIX_PATH', 'CMAKE_PREFIX_PATH', 'PYTHONPATH', 'ROS_DISTRO'}
    return {name: value for name, value in environ.items() if name not in foreign}


def _distribution(environ: dict[str, str], remembered: str) -> RosSource:
    """Return the distribution that `environ` has sourced, with an interpreter that runs it."""
    tried = []
    names = (remembered, 'python3', '/usr/bin/python3', 'python3.12', 'python3.11', 'python3.10')
    for interpreter, version in _candidates(*names):
        if version[:2] not in SUPPORTED:
            continue
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


def _supported_interpreter(remembered: str) -> tuple[Path, str]:
    names = (remembered, 'python3.12', 'python3.11', 'python3.10')
    for interpreter, version in _candidates(*names):
        if version[:2] in SUPPORTED:
            return interpreter, '.'.join(map(str, version))
    running = '.'.join(map(str, sys.version_info[:3]))
    raise SetupError(
        f'Python 3.10, 3.11 or 3.12 is needed; this is {running} ({sys.executable}), and no '
        'python3.12, python3.11 or python3.10 is on PATH.\n'
        'Install one, for example\n'
        '  sudo apt-get install python3.12 python3.12-venv python3.12-dev   (Ubuntu 24.04)\n'
        '  pyenv install 3.12\n'
        'and run the setup again.'
    )


def _candidates(*names: str):  # noqa: ANN202
    """Yield (interpreter outside any virtual environment, version), the running one first."""
    seen = set()
    for name in (sys.executable, *names):
        found = shutil.which(name) if name else None
        if found is None:
            continue
        run = _run(Path(found), DESCRIBE, without_paths_under(os.environ, Path(sys.prefix)))
        if run.returncode != 0:
            continue
        numbers, home = run.stdout.splitlines()
        interpreter = Path(home or found)
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
