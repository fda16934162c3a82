"""Versions of what a result depends on, for reports."""

import importlib.metadata
import os
import platform

_VERSIONED = ('numpy', 'mujoco', 'ruckig', 'torch', 'matplotlib', 'rosbags')


def installed_versions() -> dict[str, str]:
    """Return name and version of Python, machine, ROS and the libraries that are installed."""
    versions = {
        'python': platform.python_version(),
        'machine': f'{platform.platform()}, {os.cpu_count()} cores',
        'ROS domain': os.environ.get('ROS_DOMAIN_ID', '0'),
    }
    for name in _VERSIONED:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
