# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Which robot a node talks to: the driver profile and which of its arms.

Owns the section `robot`, the same in every node. Reads files; knows no topics of its own.
"""

from dataclasses import dataclass
from pathlib import Path

from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem
from wla_ros.base.config import parameter
from wla_ros.base.joints import JointLayout
from wla_ros.base.parameter_files import configuration_folders
from wla_ros.base.parameter_files import find_configuration_file
from wla_ros.robots.profile import ArmProfile
from wla_ros.robots.profile import DriverProfile
from wla_ros.robots.profile import load_driver_profile


@dataclass(frozen=True, slots=True, kw_only=True)
class RobotSection:
    """The robot."""

    # No default: a node whose file is for nobody must not start with all arms at full speed.
    driver_profile: str = parameter('name of a file in config/drivers, or the path of a YAML file')
    arms: tuple[str, ...] = parameter(
        'arms of the profile to use, in order; none means all', default=()
    )
    simulated: bool = parameter(
        'the simulated rig instead of a driver: it speaks message types of this package, and '
        'use_sim_time is allowed; the launch files and `wla_ros up` set it with sim_node',
        default=False,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Robot:
    """The loaded robot: profile and layout of the arms in use."""

    profile: DriverProfile
    layout: JointLayout
    simulated: bool = False  # the simulated rig stands in for the driver

    @property
    def arms(self) -> tuple[ArmProfile, ...]:
        """Profiles of the arms in use, in the order of the layout."""
        return tuple(self.profile.arm(name) for name in self.layout.arms)


def load_robot(section: RobotSection) -> Robot | tuple[Problem, ...]:
    """Return the robot that `section` names, or everything that is wrong with it."""
    path = _profile_path(section.driver_profile)
    if isinstance(path, Problem):
        return (path,)
    try:
        profile = load_driver_profile(path)
    except ConfigurationError as error:
        return tuple(
            Problem(
                where=f'{path.name}: {problem.where}', what=problem.what, remedy=problem.remedy
            )
            for problem in error.problems
        )
    names = section.arms or tuple(profile.arms)
    problems = tuple(
        Problem(
            where='robot.arms',
            what=f'{name!r} is no arm of profile {section.driver_profile}',
            remedy=f'arms: {", ".join(profile.arms)}',
        )
        for name in names
        if name not in profile.arms
    )
    if len(set(names)) != len(names):
        problems += (Problem(where='robot.arms', what=f'{list(names)} names an arm twice'),)
    return problems or Robot(
        profile=profile, layout=JointLayout(arms=names), simulated=section.simulated
    )


def require_robot(section: RobotSection, *, source: str) -> Robot:
    """Return the same; raises ConfigurationError naming `source` with everything that is wrong."""
    robot = load_robot(section)
    if not isinstance(robot, Robot):
        raise ConfigurationError(source, robot)
    return robot


def _profile_path(name: str) -> Path | Problem:
    if name.endswith(('.yaml', '.yml')):
        path = Path(name).expanduser()
        return (
            path
            if path.is_file()
            else Problem(where='robot.driver_profile', what=f'no such file: {name}')
        )
    shipped = find_configuration_file(f'drivers/{name}.yaml')
    if shipped is not None:
        return shipped
    known = sorted(
        {file.stem for folder in configuration_folders() for file in folder.glob('drivers/*.yaml')}
    )
    return Problem(
        where='robot.driver_profile',
        what=f'there is no profile {name!r}',
        remedy=f'known: {", ".join(known)}; or give the path of a .yaml file',
    )
