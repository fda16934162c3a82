# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
What the machine itself must offer: compiler, CMake, Python parts, EGL.

Everything that is missing is reported at once, with the one command that installs it.
"""

from __future__ import annotations

import ctypes
import glob
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# cmake_language(DEFER) of ros_wheels.cmake came with 3.19
OLDEST_CMAKE = (3, 19)
# a rasteriser in software: Mesa's, one library for all drivers since 24.3; NVIDIA's driver brings
# an EGL vendor library of its own
SOFTWARE_DRIVERS = (
    '/usr/lib/*/dri/swrast_dri.so',
    '/usr/lib*/dri/swrast_dri.so',
    '/usr/lib/*/libgallium-*.so',
    '/usr/lib*/libgallium-*.so',
)

PROBE = """
import importlib.util, os, sysconfig
print(all(importlib.util.find_spec(name) for name in ('venv', 'ensurepip')))
print(os.path.exists(os.path.join(sysconfig.get_path('include'), 'Python.h')))
print('%d.%d' % __import__('sys').version_info[:2])
"""


@dataclass(frozen=True)
class Missing:
    """One thing the machine lacks, what it is for, and the Debian packages that bring it."""

    what: str
    purpose: str
    packages: tuple[str, ...]


def find_missing(
    interpreter: Path,
    *,
    search_path: str | None = None,
    has_library: Callable[[str], bool] | None = None,
) -> list[Missing]:
    """
    List everything that building and running would lack.

    Args:
        interpreter: the Python the environment will be made of.
        search_path: where programs are looked for, like PATH (default: PATH).
        has_library: says whether a shared library can be loaded (default: load it).
    """
    has_library = has_library or _can_load
    return [
        *_missing_programs(search_path),
        *_missing_python_parts(interpreter),
        *_missing_rendering(has_library),
    ]


def report(missing: list[Missing]) -> str:
    """Say all that is missing and the one command that installs it."""
    width = max(len(thing.what) for thing in missing)
    lines = [f'  {thing.what:<{width}}  {thing.purpose}' for thing in missing]
    packages = list(dict.fromkeys(name for thing in missing for name in thing.packages))
    return '\n'.join(
        [
            f'{len(missing)} missing on this machine:',
            *lines,
            'Install all of it with',
            f'  sudo apt-get install {" ".join(packages)}',
            'and run the setup again.',
        ]
    )


def _missing_programs(search_path: str | None) -> list[Missing]:
    wanted = (
        ('gcc', 'compiles the messages', 'gcc'),
        ('g++', 'compiles the messages', 'g++'),
        ('make', 'runs the build', 'make'),
        ('cmake', 'configures the build', 'cmake'),
    )
    missing = [
        Missing(program, purpose, (package,))
        for program, purpose, package in wanted
        if shutil.which(program, path=search_path) is None
    ]
    cmake = shutil.which('cmake', path=search_path)
    if cmake is not None:
        version = _cmake_version(cmake)
        if version < OLDEST_CMAKE:
            found = '.'.join(map(str, version))
            oldest = '.'.join(map(str, OLDEST_CMAKE))
            missing.append(Missing(f'cmake {oldest}', f'{cmake} is {found}', ('cmake',)))
    return missing


def _cmake_version(cmake: str) -> tuple[int, ...]:
    output = subprocess.run([cmake, '--version'], capture_output=True, text=True, check=False)
    match = re.search(r'(\d+)\.(\d+)', output.stdout)
    return tuple(map(int, match.groups())) if match else (0, 0)


def _missing_python_parts(interpreter: Path) -> list[Missing]:
    output = subprocess.run(
        [str(interpreter), '-c', PROBE], capture_output=True, text=True, check=True
    )
    has_venv, has_headers, version = output.stdout.split()
    missing = []
    if has_venv != 'True':
        name = f'python{version}-venv'
        missing.append(Missing('venv, ensurepip', f'modules of {interpreter}', (name,)))
    if has_headers != 'True':
        name = f'python{version}-dev'
        missing.append(Missing('Python.h', f'headers of {interpreter}', (name,)))
    return missing


def _missing_rendering(has_library: Callable[[str], bool]) -> list[Missing]:
    missing = []
    if not has_library('libEGL.so.1'):
        missing.append(Missing('libEGL.so.1', 'renders the simulated cameras', ('libegl1',)))
    if has_library('libEGL_nvidia.so.0'):
        return missing
    if not has_library('libEGL_mesa.so.0'):
        missing.append(
            Missing('libEGL_mesa.so.0', 'EGL without a graphics card', ('libegl-mesa0',))
        )
    if not any(glob.glob(pattern) for pattern in _driver_patterns()):
        missing.append(Missing('swrast_dri.so', 'renders in software', ('libgl1-mesa-dri',)))
    return missing


def _driver_patterns() -> list[str]:
    extra = os.environ.get('LIBGL_DRIVERS_PATH', '').split(os.pathsep)
    return [*SOFTWARE_DRIVERS, *(os.path.join(path, 'swrast_dri.so') for path in extra if path)]


def _can_load(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
