"""
Fast DDS settings for camera images between processes of one machine.

Owns the choice of the profile file that ships with the package. An operator's own file always
wins.
"""

import os
from pathlib import Path

from wla_ros.ros.installed_files import find_configuration_file

PROFILE_FILE = 'fastdds_local.xml'
# Fast DDS 3 (Kilted and newer) reads the first name, Fast DDS 2 (Humble, Jazzy) the second; Kilted
# warns about it.
_VARIABLE = 'FASTDDS_DEFAULT_PROFILES_FILE'
_OLD_VARIABLE = 'FASTRTPS_DEFAULT_PROFILES_FILE'
_OLD_DISTRIBUTIONS = ('humble', 'iron', 'jazzy')


def local_transport_environment(profile: Path) -> dict[str, str]:
    """
    Return the variables to set for `profile`; empty if the operator chose a file or another
    middleware.
    """
    middleware = os.environ.get('RMW_IMPLEMENTATION', 'rmw_fastrtps_cpp')
    if 'fastrtps' not in middleware or _VARIABLE in os.environ or _OLD_VARIABLE in os.environ:
        return {}
    variables = {_VARIABLE: str(profile)}
    if os.environ.get('ROS_DISTRO', '') in _OLD_DISTRIBUTIONS:
        variables[_OLD_VARIABLE] = str(profile)
    return variables


def prefer_local_transport() -> None:
    """Point Fast DDS to the shipped profile. Has an effect only before rclpy is initialised."""
    profile = find_configuration_file(PROFILE_FILE)
    if profile is not None:
        os.environ.update(local_transport_environment(profile))
