# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The package's CMake build, run in the same way by the bootstrap and by setup.py.

Says nothing and decides nothing: callers show progress by passing their own `run`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ros_source import RosSource

# runs a command under variables; raises where it fails
Run = Callable[[Sequence[str], 'dict[str, str]'], None]


@dataclass(frozen=True)
class CMakeBuild:
    """
    One build of the package against one ROS 2.

    Attributes:
        source: the repository.
        folder: where CMake builds.
        ros: what it builds against.
        python: the interpreter whose messages are built.
        prefix: where the result goes; with the wheels also where ROS 2 itself lies.
        scripts_name: the interpreter that installed scripts name, after `#!`.
    """

    source: Path
    folder: Path
    ros: RosSource
    python: Path
    prefix: Path
    scripts_name: str

    @property
    def is_built(self) -> bool:
        """Whether there is something to install; not whether it is up to date."""
        return (self.folder / 'cmake_install.cmake').exists()

    def build_messages(self, run: Run) -> None:
        """Configure and compile; does only what has changed since the last time."""
        self._drop_cache_of_another_place()
        run(
            ['cmake', '-S', str(self.source), '-B', str(self.folder), *self._settings()], self._env
        )
        jobs = str(os.cpu_count() or 1)
        run(['cmake', '--build', str(self.folder), '--parallel', jobs], self._env)

    def install(self, run: Run) -> set[Path]:
        """Copy messages, Python modules and the rest to `prefix`; returns every file of it."""
        run(['cmake', '--install', str(self.folder), '--prefix', str(self.prefix)], self._env)
        manifest = (self.folder / 'install_manifest.txt').read_text()
        return {Path(line) for line in manifest.splitlines()}

    @property
    def _env(self) -> dict[str, str]:
        environ = dict(self.ros.environ)
        if not self.ros.is_distribution:
            environ['AMENT_PREFIX_PATH'] = environ['CMAKE_PREFIX_PATH'] = str(self._wheels_prefix)
        # the generators call `python3` in places
        environ['PATH'] = os.pathsep.join([str(self.python.parent), environ.get('PATH', '')])
        return environ

    @property
    def _wheels_prefix(self) -> Path:
        return self.python.parent.parent

    def _settings(self) -> list[str]:
        settings = {
            'BUILD_TESTING': 'OFF',
            'CMAKE_BUILD_TYPE': 'Release',
            'CMAKE_INSTALL_PREFIX': self.prefix,
            'Python3_EXECUTABLE': self.python,
            'WLA_ROS_INTERPRETER': self.scripts_name,
        }
        if not self.ros.is_distribution:
            settings['CMAKE_PROJECT_INCLUDE'] = self.source / 'config/build/ros_wheels.cmake'
        return [f'-D{name}={value}' for name, value in settings.items()]

    def _drop_cache_of_another_place(self) -> None:
        """CMake refuses a build folder that was moved or that belongs to another source tree."""
        cache = self.folder / 'CMakeCache.txt'
        if (
            cache.exists()
            and f'CMAKE_HOME_DIRECTORY:INTERNAL={self.source}\n' not in cache.read_text()
        ):
            shutil.rmtree(self.folder)


def remove_stale(before: set[Path], after: set[Path], prefix: Path) -> list[Path]:
    """
    Delete what an earlier installation left and this one no longer brings.

    Returns the deleted files, without their compiled copies. Touches nothing outside `prefix`.
    """
    stale = sorted(path for path in before - after if path.is_file() and prefix in path.parents)
    for path in stale:
        for compiled in path.parent.glob(f'__pycache__/{path.stem}.*.pyc'):
            compiled.unlink()
        path.unlink()
    for folder in sorted({path.parent for path in stale}, key=lambda path: -len(path.parts)):
        _remove_empty_folders(folder, prefix)
    return stale


def _remove_empty_folders(folder: Path, prefix: Path) -> None:
    """Remove `folder` and its parents below `prefix` as far as they are empty."""
    while prefix in folder.parents:
        cache = folder / '__pycache__'
        if cache.is_dir() and not any(cache.iterdir()):
            cache.rmdir()
        if not folder.is_dir() or any(folder.iterdir()):
            return
        folder.rmdir()
        folder = folder.parent
