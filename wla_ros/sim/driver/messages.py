"""What one driver publishes, as plain values. No frame ids: the driver leaves them empty."""

import functools
from dataclasses import dataclass

import numpy as np

from wla_ros.core.joint_layout import ARM_COLUMNS
from wla_ros.core.rigid_transform import matrix_to_quaternion
from wla_ros.core.rigid_transform import matrix_to_rpy
from wla_ros.core.rigid_transform import rpy_to_matrix
from wla_ros.core.types import FloatArray
from wla_ros.robots.piper.forward_kinematics import flange_pose
from wla_ros.sim.driver.can_bus import FeedbackFrame
from wla_ros.sim.driver.can_bus import StatusFrame
from wla_ros.sim.driver.can_units import feedback_rad
from wla_ros.sim.driver.can_units import true_rad


@dataclass(frozen=True, slots=True, kw_only=True)
class JointStateMessage:
    """The fields of sensor_msgs/JointState; in feedback 7 positions, 6 velocities, 7 efforts."""

    stamp_ns: int
    names: tuple[str, ...]
    position: tuple[float, ...]  # [rad], gripper [m]
    velocity: tuple[float, ...]  # [rad/s]
    effort: tuple[float, ...]  # [N m], gripper [N]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlangePose:
    """The fields of geometry_msgs/PoseStamped: link 6 in base_link."""

    stamp_ns: int
    position: tuple[float, float, float]  # [m]
    orientation: tuple[float, float, float, float]  # x y z w


@dataclass(frozen=True, slots=True, kw_only=True)
class PiperArmStatus:
    """The fields of PiperStatusMsg; the six joint flags of each kind are tuples."""

    ctrl_mode: int
    arm_status: int
    mode_feedback: int
    teach_status: int
    motion_status: int
    trajectory_num: int
    err_code: int
    joint_angle_limit: tuple[bool, ...]  # [6]
    communication_status_joint: tuple[bool, ...]  # [6] true = abnormal


def joint_feedback(frame: FeedbackFrame) -> JointStateMessage:
    """Return the joint feedback with the driver's factors."""
    return JointStateMessage(
        stamp_ns=frame.stamp_ns,
        names=ARM_COLUMNS,
        position=(*map(feedback_rad, frame.joints_mdeg), frame.gripper_um / 1e6),
        velocity=tuple([speed / 1000 for speed in frame.speeds_mrad_s]),
        effort=(*[effort / 1000 for effort in frame.efforts_mnm], frame.gripper_effort_mn / 1000),
    )


def joint_echo(stamp_ns: int, joints_mdeg: tuple[int, ...], gripper_um: int) -> JointStateMessage:
    """Return the targets on the bus (`joint_ctrl`); velocity and effort stay zero."""
    return JointStateMessage(
        stamp_ns=stamp_ns,
        names=ARM_COLUMNS,
        position=(*(feedback_rad(joint) for joint in joints_mdeg), gripper_um / 1e6),
        velocity=(0.0,) * 7,
        effort=(0.0,) * 7,
    )


def flange_feedback(frame: FeedbackFrame) -> FlangePose:
    """
    Return the flange pose as the firmware sends it: 0.001 mm, 0.001 deg.

    All zeros before the first frame.
    """
    if frame.stamp_ns == 0:
        return FlangePose(stamp_ns=0, position=(0.0, 0.0, 0.0), orientation=(0.0, 0.0, 0.0, 1.0))
    pose = flange_pose(true_rad(frame.joints_mdeg))
    position: FloatArray = np.round(pose[:3, 3] * 1e6) / 1e6
    angles = np.radians(np.round(np.degrees(matrix_to_rpy(pose[:3, :3])) * 1000) / 1000)
    x, y, z, w = matrix_to_quaternion(rpy_to_matrix(angles)).tolist()
    return FlangePose(
        stamp_ns=frame.stamp_ns,
        position=(float(position[0]), float(position[1]), float(position[2])),
        orientation=(x, y, z, w),
    )


@functools.lru_cache(maxsize=64)
def arm_status(frame: StatusFrame) -> PiperArmStatus:
    """Return the status; err_code carries the limit bits in bits 8 to 13."""
    return PiperArmStatus(
        ctrl_mode=int(frame.ctrl_mode),
        arm_status=int(frame.arm_status),
        mode_feedback=int(frame.mode_feedback),
        teach_status=0,
        motion_status=int(frame.motion_status),
        trajectory_num=0,
        err_code=sum(1 << (8 + i) for i, limit in enumerate(frame.joint_angle_limit) if limit),
        joint_angle_limit=frame.joint_angle_limit,
        communication_status_joint=(False,) * 6,
    )
