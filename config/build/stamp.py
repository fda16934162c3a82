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
from pathlib import Path

FILE_NAME = 'wla_ros_setup.json'


@dataclass(frozen=True)
class Stamp:
    """
    Inputs of one environment; an empty string or tuple means that the stage has not ended.

    `place` is the repository: the scripts of an environment name it, so none can be moved.
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
