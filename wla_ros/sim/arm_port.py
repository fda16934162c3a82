"""
The seam between a driver stand-in and the body of its arm: set-points down, measurements up.

Angles are true joint angles of the new-zero convention; the driver's unit errors stay above this
seam.
"""

from dataclasses import dataclass
from typing import Protocol

from wla_ros.core.types import FloatArray
from wla_ros.sim.arm_power import ArmPower


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ArmMeasurement:
    """What the sensors of one arm read."""

    position: FloatArray  # [6] [rad]
    velocity: FloatArray  # [6] [rad/s]
    torque: FloatArray  # [6] [N m] of the motors
    gripper_width_m: float
    gripper_force_n: float


class ArmPort(Protocol):
    """One arm of a simulated scene. Targets hold until the next one."""

    def set_joint_target(self, position: FloatArray, velocity: FloatArray) -> None:
        """Track `position` [6] [rad], moving on with `velocity` [6] [rad/s]."""
        ...

    def set_gripper_target(self, width_m: float, force_n: float) -> None:
        """Move the fingers to an opening of `width_m`, pressing with at most `force_n`."""
        ...

    def set_power(self, power: ArmPower) -> None:
        """Switch the motors."""
        ...

    def measure(self) -> ArmMeasurement:
        """Return the present state of the arm."""
        ...
