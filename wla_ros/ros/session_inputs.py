"""
The configuration of the session: cameras completed with their bounds, and what does not fit the
policy.

Pure functions on configurations.
"""

from dataclasses import replace

from wla_ros.core.errors import ConfigurationError
from wla_ros.core.errors import Problem
from wla_ros.core.joint_layout import JointLayout
from wla_ros.core.session_check import check_session
from wla_ros.core.strategy_check import check_strategy
from wla_ros.core.synchronisation import CameraSync
from wla_ros.core.synchronisation import SynchronisationConfig
from wla_ros.core.types import PolicySpec
from wla_ros.ros.policy_configuration import PolicyNodeConfiguration


def complete_cameras(configuration: PolicyNodeConfiguration) -> SynchronisationConfig:
    """Return the synchronisation with a section, default or given, for every configured camera."""
    given = configuration.synchronisation.cameras
    cameras = {name: given.get(name, CameraSync()) for name in configuration.cameras}
    return replace(configuration.synchronisation, cameras={**cameras, **given})


def session_problems(
    configuration: PolicyNodeConfiguration, spec: PolicySpec, layout: JointLayout
) -> tuple[Problem, ...]:
    """Return bounds without camera, every mismatch of policy, cameras and arms, and strategy."""
    problems = tuple(
        Problem(
            where=f'synchronisation.cameras.{name}',
            what='there is no such camera',
            remedy=f'cameras: {", ".join(configuration.cameras) or "none"}',
        )
        for name in configuration.synchronisation.cameras
        if name not in configuration.cameras
    )
    try:
        check_session(spec, complete_cameras(configuration), layout)
    except ConfigurationError as error:
        problems += error.problems
    return (*problems, *check_strategy(spec, configuration.strategy))
