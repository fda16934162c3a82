"""
The parameters of the executor node. Declares only; execution itself is configured by
control.ExecutorConfig.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from wla_ros.control.executor_config import ExecutorConfig
from wla_ros.core.configuration import parameter
from wla_ros.robots.piper import limits
from wla_ros.ros.robot_configuration import RobotSection

JOINTS = 'joints'
END_POSE = 'end_pose'


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
    velocity_rad_s: float = parameter(
        'joint speed', unit='rad/s', minimum=0.01, maximum=3.0, default=limits.VELOCITY_RAD_S
    )
    acceleration_rad_s2: float = parameter(
        'joint acceleration',
        unit='rad/s^2',
        minimum=0.01,
        maximum=5.0,
        default=limits.ACCELERATION_RAD_S2,
    )
    jerk_rad_s3: float = parameter(
        'joint jerk', unit='rad/s^3', minimum=0.1, maximum=10000.0, default=limits.JERK_RAD_S3
    )
    gripper_max_m: float = parameter(
        'widest opening of the gripper',
        unit='m',
        minimum=0.001,
        maximum=0.1,
        default=limits.GRIPPER_MAX_M,
    )
    gripper_velocity_m_s: float = parameter(
        'gripper speed',
        unit='m/s',
        minimum=0.001,
        maximum=2.0,
        default=limits.GRIPPER_VELOCITY_M_S,
    )
    gripper_acceleration_m_s2: float = parameter(
        'gripper acceleration',
        unit='m/s^2',
        minimum=0.01,
        maximum=100.0,
        default=limits.GRIPPER_ACCELERATION_M_S2,
    )
    gripper_jerk_m_s3: float = parameter(
        'gripper jerk',
        unit='m/s^3',
        minimum=0.1,
        maximum=10000.0,
        default=limits.GRIPPER_JERK_M_S3,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MountSection:
    """Where base_link of an arm stands in the frame of end-effector chunks and planned path."""

    frame_id: str = parameter("that frame; empty: '<arm>/base_link'", default='')
    x_m: float = parameter(
        'position of base_link', unit='m', minimum=-10.0, maximum=10.0, default=0.0
    )
    y_m: float = parameter(
        'position of base_link', unit='m', minimum=-10.0, maximum=10.0, default=0.0
    )
    z_m: float = parameter(
        'position of base_link', unit='m', minimum=-10.0, maximum=10.0, default=0.0
    )
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
    path_rate_hz: float = parameter(
        'rate of planned_path', unit='Hz', minimum=0.1, maximum=30.0, default=5.0
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorNodeConfiguration:
    """The executor node."""

    autostart: bool = parameter('configure and activate without a lifecycle manager', default=True)
    robot: RobotSection = parameter('the robot', default_factory=RobotSection)
    execution: ExecutorConfig = parameter(
        'how chunks are executed', default_factory=ExecutorConfig
    )
    limits: LimitsSection = parameter('limits of the joints', default_factory=LimitsSection)
    command_form: str = parameter(
        'joints: limited joint commands, also for end-effector chunks; end_pose: the '
        "driver's own end-pose commands, planned by the firmware",
        choices=(JOINTS, END_POSE),
        default=JOINTS,
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
