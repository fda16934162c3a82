# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
What pip is asked to install, given where ROS 2 comes from.

With the wheels every version is pinned. A distribution brings numpy, OpenCV and more as Debian
packages, and its own extension modules were compiled for those: there they stay as they are.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ros_source import RosSource
from ros_source import SetupError

# requirements whose import name differs from their own
IMPORT_NAMES = {'opencv-python-headless': 'cv2', 'pyyaml': 'yaml', 'types-pyyaml': ''}
# with a distribution: kept at the version that its own modules were compiled or written for
HELD = ('catkin-pkg', 'empy', 'lark', 'numpy')
# with a distribution: pinned nevertheless, because they decide what is simulated or reported
PINNED = (
    *('mcap', 'mujoco', 'mypy', 'rosbags', 'ruckig', 'ruff'),
    *('diffusers', 'safetensors', 'tokenizers', 'torch', 'transformers'),
    # torch wants a newer one than the distributions have, colcon an older one than the newest
    'setuptools',
)
# with a distribution: the newest that fits its numpy, but
# * the distributions' cv_bridge, which drivers use, reads matrix types as OpenCV 4 numbers them
# * pytest plug-ins of the distributions were written for older releases
CAPPED = ('opencv-python-headless<5', 'pytest<9')

LOOK = """
import importlib.metadata, importlib.util, json, sys
names = json.loads(sys.argv[1])
print(json.dumps({
    'installed': {d.metadata['Name']: d.version for d in importlib.metadata.distributions()},
    'importable': [name for name in names if importlib.util.find_spec(name)],
}))
"""


@dataclass(frozen=True)
class Wanted:
    """Requirement and constraint lines for pip."""

    requirements: list[str]
    constraints: list[str]


def read_lines(path: Path) -> list[str]:
    """Return the requirements in `path`, without comments and empty lines."""
    lines = (line.split('#')[0].strip() for line in path.read_text().splitlines())
    return [line for line in lines if line]


def canonical(requirement: str) -> str:
    """Return the normalised name of a requirement or constraint line."""
    match = re.match(r'[A-Za-z0-9._-]+', requirement)
    return re.sub(r'[-_.]+', '-', match.group() if match else '').lower()


def select(folder: Path, ros: RosSource, python: Path, without: Sequence[str] = ()) -> Wanted:
    """
    Choose what `python`, the environment's interpreter, is to get on top of `ros`.

    Raises:
        SetupError: `without` names something that is not in requirements.txt.
    """
    runtime = read_lines(folder / 'requirements.txt')
    unknown = [name for name in without if name not in runtime]
    if unknown:
        raise SetupError(f'cannot leave out {unknown}: requirements.txt names {runtime}')
    runtime = [name for name in runtime if name not in without]
    test = read_lines(folder / 'requirements-test.txt')
    constraints = read_lines(folder / 'constraints.txt')
    if not ros.is_distribution:
        wheels = read_lines(folder / 'requirements-ros.txt')
        return Wanted([*wheels, *runtime, *test], constraints)
    modules = {name: IMPORT_NAMES.get(name.lower(), name.replace('-', '_')) for name in runtime}
    found = _look(python, ros.environ, [name for name in modules.values() if name])
    installed = {canonical(name): version for name, version in found['installed'].items()}
    return Wanted(
        [name for name in runtime if modules[name] not in found['importable']] + test,
        [
            *(f'{name}=={installed[name]}' for name in HELD if name in installed),
            *(line for line in constraints if canonical(line) in PINNED),
            *CAPPED,
        ],
    )


def _look(python: Path, environ: dict[str, str], modules: list[str]) -> dict:
    output = subprocess.run(
        [str(python), '-c', LOOK, json.dumps(modules)],
        env=environ,
        cwd='/',
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(output.stdout)
