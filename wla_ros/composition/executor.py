# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The parameters of the executor node, its pure parts, and all that is wrong with them."""

import math
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace
from typing import Any

import numpy as np

from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem
from wla_ros.base.config import parameter
from wla_ros.base.geometry import rpy_to_matrix
from wla_ros.base.joints import JointLimits
from wla_ros.base.types import FloatArray
from wla_ros.execution.config import ExecutorConfig
from wla_ros.execution.executor import ChunkExecutor
from wla_ros.inference.strategy import StrategyConfig
from wla_ros.robots.piper import limits
from wla_ros.robots.piper.kinematics import PiperKinematics
from wla_ros.robots.piper.limits import piper_limits
from wla_ros.robots.profile import END_POSE
from wla_ros.robots.profile import JOINTS
from wla_ros.robots.robot import Robot
from wla_ros.robots.robot import RobotSection
from wla_ros.robots.robot import load_robot

# The parameters of the executor node. Declares only; execution itself is configured by
# execution.config.


def _limit(description: str, unit: str, minimum: float, maximum: float, default: float) -> Any:
    return parameter(description, unit=unit, minimum=minimum, maximum=maximum, default=default)


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsSection:
    """What the joints may do; rates above the firmware's own are refused."""

    margin_rad: float = parameter(
        'distance kept from the joint bounds of the SDK',
        unit='rad',
        minimum=0.0,
        maximum=0.17,
        default=limits.DEFAULT_MARGIN_RAD,
    )
    velocity_rad_s: float = _limit('joint speed', 'rad/s', 0.01, 3.0, limits.VELOCITY_RAD_S)
    acceleration_rad_s2: float = _limit(
        'joint acceleration', 'rad/s^2', 0.01, 5.0, limits.ACCELERATION_RAD_S2
    )
    jerk_rad_s3: float = _limit('joint jerk', 'rad/s^3', 0.1, 10000.0, limits.JERK_RAD_S3)
    gripper_max_m: float = _limit(
        'widest opening of the gripper', 'm', 0.001, 0.1, limits.GRIPPER_MAX_M
    )
    gripper_velocity_m_s: float = _limit(
        'gripper speed', 'm/s', 0.001, 2.0, limits.GRIPPER_VELOCITY_M_S
    )
    gripper_acceleration_m_s2: float = _limit(
        'gripper acceleration', 'm/s^2', 0.01, 100.0, limits.GRIPPER_ACCELERATION_M_S2
    )
    gripper_jerk_m_s3: float = _limit(
        'gripper jerk', 'm/s^3', 0.1, 10000.0, limits.GRIPPER_JERK_M_S3
    )


def _coordinate(axis: str) -> Any:
    description = f'position of base_link along {axis} of that frame'
    return parameter(description, unit='m', minimum=-10.0, maximum=10.0, default=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class MountSection:
    """Where base_link of an arm stands in the frame of end-effector chunks and planned path."""

    frame_id: str = parameter(
        'frame of end-effector chunks and planned path, in which the arm stands; empty: '
        "'<arm>/base_link'",
        default='',
    )
    x_m: float = _coordinate('x')
    y_m: float = _coordinate('y')
    z_m: float = _coordinate('z')
    yaw_rad: float = parameter(
        'turn of base_link about z of that frame',
        unit='rad',
        minimum=-3.1416,
        maximum=3.1416,
        default=0.0,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopSection:
    """The thread of the control loop."""

    realtime_priority: int = parameter(
        'SCHED_FIFO priority, needs rtprio in limits.conf; 0 leaves the scheduler alone',
        minimum=0,
        maximum=90,
        default=0,
    )
    limited_command_rate_hz: float = parameter(
        'rate of limited_command, for plots and bags',
        unit='Hz',
        minimum=0.1,
        maximum=1000.0,
        default=100.0,
    )
    status_rate_hz: float = parameter(
        'rate of executor_status', unit='Hz', minimum=0.1, maximum=50.0, default=10.0
    )
    plan_rate_hz: float = parameter(
        'rate of execution_plan besides its changes',
        unit='Hz',
        minimum=2.0,
        maximum=100.0,
        default=10.0,
    )
    path_rate_hz: float = parameter(
        'rate of planned_path', unit='Hz', minimum=0.1, maximum=30.0, default=5.0
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorNodeConfiguration:
    """The executor node."""

    autostart: bool = parameter('configure and activate without a lifecycle manager', default=True)
    robot: RobotSection = parameter('the robot')
    execution: ExecutorConfig = parameter(
        'how chunks are executed', default_factory=ExecutorConfig
    )
    strategy: StrategyConfig = parameter(
        'asynchronous execution; the same in policy_node', default_factory=StrategyConfig
    )
    limits: LimitsSection = parameter('limits of the joints', default_factory=LimitsSection)
    command_form: str = parameter(
        'joints: limited joint commands, also for end-effector chunks; end_pose: the '
        "driver's own end-pose commands, planned by the firmware",
        choices=(JOINTS, END_POSE),
        default=JOINTS,
    )
    discovery_s: float = parameter(
        'how long the command topics must be without another publisher before this node publishes '
        'there, and again before it sends; longer than discovery takes on this network',
        unit='s',
        minimum=0.0,
        maximum=30.0,
        default=2.0,
    )
    max_command_rate_hz: float = parameter(
        'most set-points per second to each driver, for firmware that jitters above a rate; sent '
        'is every n-th of execution.rate_hz',
        unit='Hz',
        minimum=10.0,
        maximum=1000.0,
        default=1000.0,
    )
    tool_offset_m: float = parameter(
        'distance from the flange along z to the point that end-effector chunks and planned path '
        'mean',
        unit='m',
        minimum=0.0,
        maximum=0.5,
        default=0.0,
    )
    mounts: Mapping[str, MountSection] = parameter(
        'where the arms stand, by arm', default_factory=dict
    )
    loop: LoopSection = parameter('the control loop', default_factory=LoopSection)

    @property
    def ticks_per_set_point(self) -> int:
        """Every how many ticks a set-point is sent."""
        return math.ceil(self.execution.rate_hz / self.max_command_rate_hz - 1e-9)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorParts:
    """Robot, limits and kinematics that fit together."""

    configuration: ExecutorNodeConfiguration
    robot: Robot
    limits: JointLimits
    kinematics: dict[str, PiperKinematics]  # by arm
    frames: dict[str, str]  # frame in which the kinematics give poses, by arm

    def make_executor(self) -> ChunkExecutor:
        """Return a new executor in HOLD."""
        config, layout = self.configuration, self.robot.layout
        execution = replace(config.execution, strategy=config.strategy)
        reporting = [
            arm.name for arm in self.robot.arms if arm.status and arm.channels.status_topic
        ]
        return ChunkExecutor(execution, layout, self.limits, self.kinematics, reporting)


def load_executor(
    configuration: ExecutorNodeConfiguration,
    *also: Callable[[ExecutorNodeConfiguration, Robot], list[Problem]],
) -> ExecutorParts | tuple[Problem, ...]:
    """Return the parts, or all problems; `also` finds those that others than this room know."""
    robot = load_robot(configuration.robot)
    if not isinstance(robot, Robot):
        return robot
    problems = [
        *_mount_problems(configuration, robot),
        *(problem for find in also for problem in find(configuration, robot)),
        *_gripper_problems(configuration, robot),
    ]
    mounts = {arm: configuration.mounts.get(arm, MountSection()) for arm in robot.layout.arms}
    try:
        parts = ExecutorParts(
            configuration=configuration,
            robot=robot,
            limits=_limits(configuration, robot),
            kinematics={
                arm: PiperKinematics(
                    zero=robot.profile.arm(arm).zero,
                    tool_offset_m=configuration.tool_offset_m,
                    base=_base_pose(mount),
                )
                for arm, mount in mounts.items()
            },
            frames={arm: mount.frame_id or f'{arm}/base_link' for arm, mount in mounts.items()},
        )
        parts.make_executor()
    except ConfigurationError as error:
        problems += [
            Problem(where=f'execution.{found.where}', what=found.what, remedy=found.remedy)
            for found in error.problems
        ]
    except ValueError as error:
        problems.append(Problem(where='limits', what=str(error)))
    return tuple(problems) or parts


def require_executor(configuration: ExecutorNodeConfiguration, *, source: str) -> ExecutorParts:
    """Return the same; raises ConfigurationError naming `source` with everything that is wrong."""
    parts = load_executor(configuration)
    if not isinstance(parts, ExecutorParts):
        raise ConfigurationError(source, parts)
    return parts


def _limits(configuration: ExecutorNodeConfiguration, robot: Robot) -> JointLimits:
    section = configuration.limits
    return piper_limits(
        robot.layout,
        margin_rad=section.margin_rad,
        velocity_rad_s=section.velocity_rad_s,
        acceleration_rad_s2=section.acceleration_rad_s2,
        jerk_rad_s3=section.jerk_rad_s3,
        gripper_max_m=section.gripper_max_m,
        gripper_velocity_m_s=section.gripper_velocity_m_s,
        gripper_acceleration_m_s2=section.gripper_acceleration_m_s2,
        gripper_jerk_m_s3=section.gripper_jerk_m_s3,
    )


def _mount_problems(configuration: ExecutorNodeConfiguration, robot: Robot) -> list[Problem]:
    arms = robot.layout.arms
    return [
        Problem(where=f'mounts.{arm}', what='no such arm', remedy=f'arms: {", ".join(arms)}')
        for arm in configuration.mounts
        if arm not in arms
    ]


def _gripper_problems(configuration: ExecutorNodeConfiguration, robot: Robot) -> list[Problem]:
    widest, stroke = configuration.limits.gripper_max_m, robot.profile.command.gripper.maximum_m
    if widest <= stroke:
        return []
    return [
        Problem(
            where='limits.gripper_max_m',
            what=f'{widest:g} m is wider than the {stroke:g} m that the driver profile clamps to',
            remedy='make both the stroke of this gripper',
        )
    ]


def _base_pose(mount: MountSection) -> FloatArray:
    pose = np.eye(4)
    pose[:3, :3] = rpy_to_matrix(np.array([0.0, 0.0, math.remainder(mount.yaw_rad, math.tau)]))
    pose[:3, 3] = (mount.x_m, mount.y_m, mount.z_m)
    return pose
