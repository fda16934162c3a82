# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
What to say where an import fails because something is not installed.

Names come from the package's own metadata: what package.xml declares is of ROS unless its key says
Python, everything else is on PyPI under the name that is imported. Must not import rclpy: it may
be what is missing.
"""

import os
import sys
import sysconfig
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from wla_ros.base.parameter_files import PACKAGE
from wla_ros.base.parameter_files import configuration_folders

# The two that are imported under another name than they are installed by.
_OTHER_NAMES = {'cv2': 'opencv-python-headless', 'yaml': 'pyyaml'}


def missing_package(error: ImportError) -> str | None:
    """
    Return one line: what cannot be imported, and the command that mends it.

    None if the import failed inside this package: that is a bug, its traceback is the answer.
    """
    name = error.name or ''
    module = name.partition('.')[0]
    if module == PACKAGE:
        if not isinstance(error, ModuleNotFoundError) or name.count('.') != 1:
            return None
        return f'{error}: the messages are not built (colcon build, or make setup)'
    if not module:
        return None
    reason = str(error) if isinstance(error, ModuleNotFoundError) else f'{name}: {error}'
    return f'{reason} ({_remedy(module)})'


def _remedy(module: str) -> str:
    if module in _ros_packages():
        distribution = os.environ.get('ROS_DISTRO')
        if distribution and os.environ.get('AMENT_PREFIX_PATH', '').startswith('/opt/ros'):
            return f'sudo apt install ros-{distribution}-{module.replace("_", "-")}'
        return 'source a ROS 2 distribution, or make setup and . .venv/wla_ros_env.sh'
    package = _OTHER_NAMES.get(module, module.replace('_', '-'))
    # PEP 668: the Python of Debian and Ubuntu refuses pip unless told so.
    managed = (
        sys.prefix == sys.base_prefix
        and Path(sysconfig.get_path('stdlib'), 'EXTERNALLY-MANAGED').exists()
    )
    return f'{sys.executable} -m pip install {"--break-system-packages " * managed}{package}'


def _ros_packages() -> frozenset[str]:
    """Return the names in package.xml: ROS packages, Python modules among them by their own."""
    for folder in configuration_folders():
        manifest = folder.parent / 'package.xml'
        if manifest.is_file():
            root = ElementTree.parse(manifest).getroot()
            return frozenset(item.text or '' for item in root if item.tag.endswith('depend'))
    return frozenset()
