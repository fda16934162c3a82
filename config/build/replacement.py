# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Making an environment anew without losing the one that works.

An environment carries its own path in its scripts, so the new one is built at the final place. The
old one stands aside meanwhile, with the build folder that belongs to it, and comes back where
anything goes wrong. Every step is one rename or one deletion that can be repeated: after a kill at
any moment `settle` finds out what was going on and ends it.

Knows folders only, nothing of Python or ROS 2.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from pathlib import Path

# the build folder of an environment that stands aside, inside it: both move with one rename
BUILD_ASIDE = 'build_aside'


class Replacement:
    """
    The change from one environment to the next, in place.

    Args:
        environment: where an environment is used, such as `.venv`.
        build: the build folder whose state belongs to it.
        is_whole: says whether an environment has passed its proof.
    """

    def __init__(self, environment: Path, build: Path, is_whole: Callable[[Path], bool]) -> None:
        self._environment = environment
        self._build = build
        self._is_whole = is_whole
        self._aside = environment.with_name(environment.name + '.previous')

    def settle(self) -> bool:
        """End what a killed run has left; returns whether the old environment was put back."""
        if not self._aside.exists():
            self._take_build_back()
            return False
        if self._is_whole(self._environment):
            _delete(self._aside)
            return False
        # what was compiled for the new one must not be installed into the old one
        _delete(self._build)
        _delete(self._environment)
        self._aside.rename(self._environment)
        self._take_build_back()
        return True

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """Put the environment aside; delete it after the block, or bring it back if that fails."""
        if self._build.exists():
            # on another file system it stays, is deleted, and the old one would compile again
            with suppress(OSError):
                self._build.rename(self._environment / BUILD_ASIDE)
        self._environment.rename(self._aside)
        try:
            yield
        except BaseException:
            self.settle()
            raise
        self.settle()

    def _take_build_back(self) -> None:
        kept = self._environment / BUILD_ASIDE
        if kept.exists():
            _delete(self._build)
            kept.rename(self._build)


def _delete(folder: Path) -> None:
    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)
