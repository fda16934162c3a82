"""
An end-pose command (PosCmd) as piper_ros `pos_callback` (humble) reads it.

Flange pose in base_link; metres rounded to whole millimetres, radians to 0.001 deg; fixed-axis XYZ
angles. The driver ignores mode1 and mode2.
"""

from dataclasses import dataclass

import numpy as np

from wla_ros.core.rigid_transform import rpy_to_matrix
from wla_ros.core.types import FloatArray
from wla_ros.core.types import Refusal
from wla_ros.robots.encoded_messages import EncodedPosCmd
from wla_ros.sim.driver.can_units import POSE_MDEG_PER_RAD
from wla_ros.sim.driver.can_units import TRUE_RAD_PER_MDEG
from wla_ros.sim.driver.joint_command import DRIVER_CRASH

SPEED_PERCENT = 50  # of MOVE P, fixed in the driver
GRIPPER_FORCE_MN = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseFrames:
    """The CAN frames one command leads to: 0x152 to 0x154, 0x159."""

    position_um: tuple[int, int, int]
    angles_mdeg: tuple[int, int, int]
    gripper_um: int

    def matrix(self) -> FloatArray:
        """Return the flange pose [4, 4] in base_link."""
        pose = np.eye(4)
        pose[:3, :3] = rpy_to_matrix(np.array(self.angles_mdeg) * TRUE_RAD_PER_MDEG)
        pose[:3, 3] = np.array(self.position_um) * 1e-6
        return pose


def read_pose_command(command: EncodedPosCmd) -> PoseFrames | Refusal:
    """Return what the driver sends, or a Refusal where its callback raises: not finite."""
    try:
        return PoseFrames(
            position_um=(
                round(command.x * 1000) * 1000,
                round(command.y * 1000) * 1000,
                round(command.z * 1000) * 1000,
            ),
            angles_mdeg=(
                round(command.roll * POSE_MDEG_PER_RAD),
                round(command.pitch * POSE_MDEG_PER_RAD),
                round(command.yaw * POSE_MDEG_PER_RAD),
            ),
            # The driver's upper clamp compares metres with 80000 and never acts.
            gripper_um=max(round(command.gripper * 1_000_000), 0),
        )
    except (ValueError, OverflowError) as error:
        return Refusal(reason=DRIVER_CRASH, detail=f'the driver raises {error!r} for {command!r}')
