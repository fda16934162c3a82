# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
One Piper: the bimanual launch file with the parameters of a single arm.

All arguments of piper_bimanual.launch.py; config/single.yaml names the arm.
"""

# ruff: noqa: I001 - the folder `launch` makes isort take the package `launch` for ours
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch.substitutions import PathJoinSubstitution
from launch_ros.substitutions import FindPackageShare

ARGUMENTS = (
    DeclareLaunchArgument(
        'hardware',
        default_value='sim',
        choices=['sim', 'real'],
        description='sim starts the simulated rig (both arms, one is used), real expects drivers',
    ),
    DeclareLaunchArgument(
        'policy',
        default_value='',
        description='a registered policy, empty as params_file says',
    ),
    DeclareLaunchArgument(
        'params_file',
        default_value=PathJoinSubstitution([FindPackageShare('wla_ros'), 'config', 'single.yaml']),
        description='parameters of all nodes, a path or the name of a shipped file',
    ),
    DeclareLaunchArgument(
        'driver_profile',
        default_value='',
        description='file in config/drivers or path of one, empty as params_file says',
    ),
    DeclareLaunchArgument(
        'namespace', default_value='', description='namespace of all nodes and relative topics'
    ),
    DeclareLaunchArgument(
        'record',
        default_value='false',
        choices=['true', 'false'],
        description='record an MCAP bag of the run (recorder_node in params_file says what)',
    ),
)


def generate_launch_description():
    """Return the included launch file with its arguments."""
    names = ('hardware', 'policy', 'params_file', 'driver_profile', 'namespace', 'record')
    bimanual = PathJoinSubstitution(
        [FindPackageShare('wla_ros'), 'launch', 'piper_bimanual.launch.py']
    )
    return LaunchDescription(
        [
            *ARGUMENTS,
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(bimanual),
                launch_arguments={name: LaunchConfiguration(name) for name in names}.items(),
            ),
        ]
    )
