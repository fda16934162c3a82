"""
The parameters of the executor node. Declares only; execution itself is configured by
control.ExecutorConfig.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wla_ros.control.executor_config import ExecutorConfig
from wla_ros.core.configuration import parameter
from wla_ros.core.strategy_config import StrategyConfig
from wla_ros.robots.piper import limits
from wla_ros.ros.robot_configuration import RobotSection

JOINTS = 'joints'
END_POSE = 'end_pose'
SET_POINTS = 'set_points'
TRAJECTORY = 'trajectory'


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


def _coordinate() -> Any:
    return parameter('position of base_link', unit='m', minimum=-10.0, maximum=10.0, default=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class MountSection:
    """Where base_link of an arm stands in the frame of end-effector chunks and planned path."""

    frame_id: str = parameter("that frame; empty: '<arm>/base_link'", default='')
    x_m: float = _coordinate()
    y_m: float = _coordinate()
    z_m: float = _coordinate()
    yaw_rad: float = parameter(
        'turn about z', unit='rad', minimum=-3.1416, maximum=3.1416, default=0.0
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
class TrajectorySection:
    """What is sent with output: trajectory."""

    lead_s: float = parameter(
        'how far ahead of now a trajectory begins; more than a message is under way',
        unit='s',
        minimum=0.001,
        maximum=0.5,
        default=0.02,
    )
    point_rate_hz: float = parameter(
        'points per second; the controller interpolates with their velocities and accelerations',
        unit='Hz',
        minimum=5.0,
        maximum=200.0,
        default=50.0,
    )
    max_points: int = parameter(
        'most points of a trajectory; of a longer plan the rest comes with the next one',
        minimum=10,
        maximum=10000,
        default=500,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSection:
    """The clocks of several hosts."""

    max_offset_s: float = parameter(
        'offset between the clocks of policy and executor that is worth a warning and is counted; '
        'chunks are executed by their observation stamps all the same',
        unit='s',
        minimum=0.0001,
        maximum=10.0,
        default=0.01,
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
    output: str = parameter(
        'set_points: one command per tick; trajectory: the rest of the plan as a stamped '
        'JointTrajectory whenever it changes, for joint_trajectory_controller',
        choices=(SET_POINTS, TRAJECTORY),
        default=SET_POINTS,
    )
    trajectory: TrajectorySection = parameter(
        'used with output: trajectory', default_factory=TrajectorySection
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
        'from the flange along z to the point that end-effector chunks and planned path mean',
        unit='m',
        minimum=0.0,
        maximum=0.5,
        default=0.0,
    )
    mounts: Mapping[str, MountSection] = parameter(
        'where the arms stand, by arm', default_factory=dict
    )
    loop: LoopSection = parameter('the control loop', default_factory=LoopSection)
    clock: ClockSection = parameter('clocks of several hosts', default_factory=ClockSection)

    @property
    def ticks_per_set_point(self) -> int:
        """Every how many ticks a set-point is sent."""
        return math.ceil(self.execution.rate_hz / self.max_command_rate_hz - 1e-9)
