# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Small disks that can really be full."""

import contextlib
import subprocess

import pytest


@contextlib.contextmanager
def small_disk(folder, size):
    """Mount a disk of `size`, as '2m', at the new `folder`; skips where that is not allowed."""
    folder.mkdir()
    command = ['mount', '-t', 'tmpfs', '-o', f'size={size}', 'tmpfs', str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f'no disk of {size} can be mounted: {error}')
    try:
        yield folder
    finally:
        subprocess.run(['umount', '-l', str(folder)], check=True)
