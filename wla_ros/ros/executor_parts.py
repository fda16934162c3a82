"""The pure parts of the executor node from its configuration, and all that is wrong with it."""

import math
from dataclasses import dataclass
from dataclasses import replace

import numpy as np

from wla_ros.control.chunk_executor import ChunkExecutor
from wla_ros.control.executor_config import ExecutorConfig
from wla_ros.core.errors import ConfigurationError
from wla_ros.core.errors import Problem
from wla_ros.core.joint_layout import JointLayout
from wla_ros.core.joint_limits import JointLimits
from wla_ros.core.rigid_transform import rpy_to_matrix
from wla_ros.core.types import FloatArray
from wla_ros.robots.driver_encodings import JOINT_TRAJECTORY
from wla_ros.robots.piper.kinematics import PiperKinematics
from wla_ros.robots.piper.limits import piper_limits
from wla_ros.ros.executor_configuration import END_POSE
from wla_ros.ros.executor_configuration import JOINTS
from wla_ros.ros.executor_configuration import SET_POINTS
from wla_ros.ros.executor_configuration import TRAJECTORY
from wla_ros.ros.executor_configuration import ExecutorNodeConfiguration
from wla_ros.ros.executor_configuration import MountSection
from wla_ros.ros.message_resolution import installed_type
from wla_ros.ros.message_resolution import spoken_types
from wla_ros.ros.robot_configuration import Robot
from wla_ros.ros.robot_configuration import load_robot


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
        if config.output == TRAJECTORY:
            execution = _leading(execution, layout, config.trajectory.lead_s)
        reporting = [
            arm.name for arm in self.robot.arms if arm.status and arm.channels.status_topic
        ]
        return ChunkExecutor(execution, layout, self.limits, self.kinematics, reporting)


def load_parts(
    configuration: ExecutorNodeConfiguration,
) -> ExecutorParts | tuple[Problem, ...]:
    """Return the parts, or all problems."""
    robot = load_robot(configuration.robot)
    if not isinstance(robot, Robot):
        return robot
    problems = [
        *_mount_problems(configuration, robot),
        *_form_problems(configuration, robot),
        *_output_problems(configuration, robot),
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


def _leading(execution: ExecutorConfig, layout: JointLayout, lead_s: float) -> ExecutorConfig:
    """Return `execution` with commands that take effect `lead_s` later."""
    arms = {name: execution.arm(name) for name in layout.arms}
    return replace(
        execution,
        arms={
            name: replace(
                arm,
                action_latency_s=arm.action_latency_s + lead_s,
                gripper_latency_s=arm.gripper_latency_s + lead_s,
            )
            for name, arm in arms.items()
        },
    )


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


def _form_problems(configuration: ExecutorNodeConfiguration, robot: Robot) -> list[Problem]:
    if configuration.command_form != END_POSE:
        return []
    problems = [
        Problem(
            where='command_form',
            what=f'the driver of arm {arm.name} takes no end poses',
            remedy="use 'joints'",
        )
        for arm in robot.arms
        if not arm.channels.end_pose_command_topic
    ]
    end_pose = robot.profile.end_pose
    names = () if end_pose is None else end_pose.message_types
    spoken = spoken_types(names, simulated=robot.simulated)
    if not problems and not installed_type(spoken):
        problems.append(
            Problem(
                where='command_form',
                what=f'no type of the end poses of the driver is installed: {", ".join(spoken)}',
                remedy="source the driver's package, or use 'joints'; robot.simulated for the rig",
            )
        )
    return problems


def _output_problems(configuration: ExecutorNodeConfiguration, robot: Robot) -> list[Problem]:
    if configuration.output != TRAJECTORY:
        return []
    problems = [
        Problem(
            where='output',
            what=f'the driver of arm {arm.name} takes no trajectories',
            remedy=f'use {SET_POINTS!r}, or a driver profile with {JOINT_TRAJECTORY}',
        )
        for arm in robot.arms
        if JOINT_TRAJECTORY not in arm.command.message_types
    ]
    if configuration.command_form != JOINTS:
        problems.append(
            Problem(
                where='output', what='trajectories are of joints', remedy='command_form joints'
            )
        )
    return problems


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
