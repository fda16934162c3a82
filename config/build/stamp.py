# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
What an environment was made from, so that a second setup does only what has changed.

Knows files and hashes, nothing of pip or CMake.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path

FILE_NAME = 'wla_ros_setup.json'


@dataclass(frozen=True)
class Stamp:
    """
    Inputs of one environment; an empty string or tuple means that the stage has not ended.

    `place` is the repository: the scripts of an environment name it, so none can be moved.
    `interpreter` is version and path.
    `distribution_prefix` is where the ROS 2 distribution lives ('' with the wheels): it lets a
    terminal that has not sourced the distribution go on using it.
    """

    place: str = ''
    interpreter: str = ''
    ros: str = ''
    distribution_prefix: str = ''
    packages: str = ''
    interfaces: str = ''
    interface_files: tuple[str, ...] = ()


def canonical(stamp: Stamp) -> Stamp:
    """
    Return `stamp` with one name for each thing, so that two can be compared.

    Paths are followed to where they lead. The last number of Python's version goes: an update of
    it leaves an environment as good as it was.
    """
    version, _, path = stamp.interpreter.partition(' ')
    series = '.'.join(version.split('.')[:2])
    prefix = stamp.distribution_prefix
    return replace(
        stamp,
        interpreter=f'{series} {Path(path).resolve()}' if path else stamp.interpreter,
        distribution_prefix=str(Path(prefix).resolve()) if prefix else '',
    )


def identity(stamp: Stamp) -> Stamp:
    """Return what makes an environment another one: not what is installed in it."""
    return replace(canonical(stamp), packages='', interfaces='', interface_files=())


def read(environment: Path) -> Stamp | None:
    """Return the stamp of `environment`, or None where setup has made none (yet)."""
    try:
        content = json.loads((environment / FILE_NAME).read_text())
        content['interface_files'] = tuple(content['interface_files'])
        return Stamp(**content)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write(environment: Path, stamp: Stamp) -> None:
    """Replace the stamp of `environment` in one step, never leaving half of one."""
    path = environment / FILE_NAME
    unfinished = path.with_suffix('.tmp')
    unfinished.write_text(json.dumps(asdict(stamp), indent=2) + '\n')
    unfinished.replace(path)


def digest(root: Path, paths: Iterable[Path], *facts: str) -> str:
    """Hash names and contents of files under `root` in any order, and further facts."""
    whole = hashlib.sha256()
    for path in sorted(paths):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        whole.update(f'{path.relative_to(root)} {content}\n'.encode())
    for fact in facts:
        whole.update(f'{fact}\n'.encode())
    return whole.hexdigest()
