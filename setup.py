# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
`pip install .`: metadata from package.xml, and the same CMake build as everywhere else.

Needs a ROS 2: a sourced distribution, or the wheels of config/build/requirements-ros.txt in the
interpreter that pip runs in. colcon does not use this file: package.xml says ament_cmake.
"""

import configparser
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from setuptools import Extension
from setuptools import setup
from setuptools.command.build_ext import build_ext

# setuptools provides distutils also where Python no longer does
from distutils.command.install_data import install_data  # isort: skip

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / 'config/build'))

from cmake_build import CMakeBuild  # noqa: E402
from packages import read_lines  # noqa: E402
from ros_source import SetupError  # noqa: E402
from ros_source import of_interpreter  # noqa: E402

MANIFEST = ROOT / 'package.xml'


class BuildMessages(build_ext):
    """Builds the whole package with CMake into a prefix of its own, then takes its modules."""

    def run(self) -> None:
        """Fill `build_lib` with the package; the rest of the prefix is for InstallRest."""
        folder = Path(self.build_temp).resolve()
        prefix = folder / 'prefix'
        shutil.rmtree(prefix, ignore_errors=True)
        python = Path(sys.executable)
        try:
            ros = of_interpreter(python, os.environ)
        except SetupError as error:
            raise SystemExit(f'wla_ros: error: {error}') from None
        build = CMakeBuild(ROOT, folder / 'cmake', ros, python, prefix, '/usr/bin/env python3')
        build.build_messages(run_visibly)
        files = build.install(run_visibly)
        (modules,) = {path.parent for path in files if path.match('wla_ros/__init__.py')}
        target = Path(self.get_finalized_command('build_py').build_lib)
        if self.inplace:
            target = ROOT
        compiled = shutil.ignore_patterns('__pycache__')
        shutil.copytree(modules, target / 'wla_ros', dirs_exist_ok=True, ignore=compiled)
        shutil.rmtree(modules)
        # pip writes metadata of its own
        for metadata in modules.parent.glob('wla_ros-*.dist-info'):
            shutil.rmtree(metadata)

    def get_outputs(self) -> list[str]:
        """Return nothing: the modules are found in `build_lib`."""
        return []


class InstallRest(install_data):
    """Installs what CMake made besides modules: libraries, share/, lib/wla_ros/."""

    def run(self) -> None:
        """Collect the files of the prefix, relative to it, and install them."""
        prefix = Path(self.get_finalized_command('build_ext').build_temp).resolve() / 'prefix'
        files = [path for path in prefix.rglob('*') if path.is_file()]
        for folder in sorted({path.parent for path in files}):
            # bin/ holds the command that pip makes from the entry points
            if folder != prefix / 'bin':
                names = [str(path) for path in files if path.parent == folder]
                self.data_files.append((str(folder.relative_to(prefix)), names))
        super().run()


def run_visibly(command: list[str], environ: dict[str, str]) -> None:
    """Run one command of the build; pip shows its output with -v and after a failure."""
    subprocess.run(command, env=environ, check=True)


def registered() -> dict[str, list[str]]:
    """Return the entry points of the package by group."""
    table = configparser.ConfigParser(delimiters=('=',))
    table.read(ROOT / 'config/build/entry_points.txt')
    return {
        group: [f'{name} = {place}' for name, place in table[group].items()]
        for group in table.sections()
    }


def text_of(tag: str) -> str:
    """Return the text of `tag` in package.xml on one line."""
    return ' '.join(ElementTree.parse(MANIFEST).getroot().findtext(tag, '').split())


setup(
    name=text_of('name'),
    version=text_of('version'),
    description=text_of('description'),
    license=text_of('license'),
    author=text_of('maintainer'),
    python_requires='>=3.10',
    packages=[],
    # makes setuptools call build_ext and mark the wheel as belonging to one platform
    ext_modules=[Extension('wla_ros', sources=[])],
    cmdclass={'build_ext': BuildMessages, 'install_data': InstallRest},
    # not empty, or setuptools skips install_data
    data_files=[('share/doc/wla_ros', ['CHANGELOG.rst'])],
    install_requires=read_lines(ROOT / 'config/build/requirements.txt'),
    entry_points={
        'console_scripts': read_lines(ROOT / 'config/build/executables.txt'),
        **registered(),
    },
    zip_safe=False,
)
