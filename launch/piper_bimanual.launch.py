# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Two Pipers: executor and policy, with the simulated rig or with real arms, optionally a recorder.

With hardware:=real start the drivers of arms and cameras yourself, cameras with the Fast DDS
profile config/fastdds_local.xml (see there). One node that ends, ends all; they end with launch
however it ends.
"""

# ruff: noqa: I001 - the folder `launch` makes isort take the package `launch` for ours
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.actions import OpaqueFunction
from launch.actions import Shutdown
from launch.substitutions import LaunchConfiguration
from launch.substitutions import PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from wla_ros.nodes.parameter_file import check_sections
from wla_ros.nodes.parameter_file import resolve_parameter_file
from wla_ros.nodes.starter_watch import starter_environment
from wla_ros.policies.registry import policy_entry

ARGUMENTS = (
    DeclareLaunchArgument(
        'hardware',
        default_value='sim',
        choices=['sim', 'real'],
        description='sim starts the simulated rig, real expects running drivers',
    ),
    DeclareLaunchArgument(
        'policy',
        default_value='',
        description='a registered policy, empty as params_file says; expert needs sim',
    ),
    DeclareLaunchArgument(
        'params_file',
        default_value=PathJoinSubstitution(
            [FindPackageShare('wla_ros'), 'config', 'bimanual.yaml']
        ),
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


def nodes(context):
    """
    Return the actions that start the nodes that the arguments ask for.

    Raises ConfigurationError before anything starts if the file has no section for one of them,
    or the policy is not registered.
    """

    def given(name):
        return LaunchConfiguration(name).perform(context)

    path = resolve_parameter_file(given('params_file'))
    if given('policy'):
        policy_entry(given('policy'))
    simulated = given('hardware') == 'sim'

    def node(executable, overrides=()):
        # An empty argument overrides nothing: the parameter file decides.
        values = {key: given(argument) for key, argument in overrides if given(argument)}
        if overrides and simulated:
            values['robot.simulated'] = True
        return Node(
            package='wla_ros',
            executable=executable,
            name=executable,
            namespace=given('namespace'),
            parameters=[str(path), *([values] if values else [])],
            output='screen',
            emulate_tty=True,
            additional_env=dict(starter_environment()),
            on_exit=Shutdown(reason=f'{executable} ended'),
        )

    profile = ('robot.driver_profile', 'driver_profile')
    wanted = {
        'executor_node': [profile],
        'policy_node': [profile, ('policy.name', 'policy')],
    }
    if simulated:
        wanted = {'sim_node': [], **wanted}
    if given('record') == 'true':
        wanted['recorder_node'] = []
    check_sections(path, wanted, namespace=given('namespace'))
    return [node(executable, overrides) for executable, overrides in wanted.items()]


def generate_launch_description():
    """Return the arguments and the nodes."""
    return LaunchDescription([*ARGUMENTS, OpaqueFunction(function=nodes)])
