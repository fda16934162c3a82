# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The latch of the emergency stop on the disk, so that no restart unlatches it.

The file being there is the latch: one that is empty, torn or unreadable is latched as well. What
is in it is for people. Knows no ROS.
"""

import contextlib
import os
from pathlib import Path

from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


class EstopLatch:
    """
    One file, written by one process; remembers by itself what the disk does not take.

    `problem` says why the disk differs from what is wanted, empty if it does not.
    """

    def __init__(self, path: Path) -> None:
        """Name the file; nothing is read yet."""
        self.path = path
        self.problem = ''
        self._kept: str | None = None

    def require_folder(self) -> None:
        """
        Make the folder and try whether it takes a file.

        Raises ConfigurationError: a stop could be latched for this process only.
        """
        trial = self.path.with_name(f'{self.path.name}.trial')
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            trial.touch()
            trial.unlink()
        except OSError as error:
            raise ConfigurationError(
                'emergency stop',
                (
                    Problem(
                        where=str(self.path.parent),
                        what=f'cannot be written ({error.strerror}): a restart would unlatch an '
                        'emergency stop',
                        remedy='make it writable, or set ROS_HOME to a folder that is',
                    ),
                ),
            ) from error

    def reason(self) -> str | None:
        """Return why the stop is latched, None if it is not."""
        try:
            written = self.path.read_text(encoding='utf-8', errors='replace').strip()
        except FileNotFoundError:
            return self._kept
        except OSError as error:
            return f'{self.path} cannot be read: {error.strerror}'
        return written or self._kept or f'{self.path} is empty'

    def keep(self, reason: str) -> None:
        """Latch; when this returns without a `problem`, the latch survives whatever comes."""
        if self._kept is not None and not self.problem and self.path.exists():
            return
        self._kept, self.problem = reason, ''
        try:
            self._write(reason)
        except OSError as error:
            self.problem = (
                f'the emergency stop is lost when the node restarts: {self.path}: {error.strerror}'
            )

    def release(self) -> None:
        """Unlatch; without a `problem` afterwards, a restart finds nothing."""
        self._kept, self.problem = None, ''
        try:
            self.path.unlink(missing_ok=True)
            sync_folder(self.path.parent)
        except FileNotFoundError:  # nor is there a folder
            return
        except OSError as error:
            self.problem = (
                f'the emergency stop is latched again when the node restarts: {self.path}: '
                f'{error.strerror}'
            )

    def _write(self, reason: str) -> None:
        folder = self.path.parent
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, _FLAGS, 0o644)
        try:
            # On a full disk the name may still fit, and the name is the latch.
            with contextlib.suppress(OSError):
                os.write(descriptor, f'{reason}\n'.encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        # The folder may be new itself.
        sync_folder(folder)
        sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` survive a power cut. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
