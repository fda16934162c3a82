"""
What goes over the wire, without ROS: the payload of the messages that a driver takes and gives.

Units and order are the driver's, as its profile says. Lengths of the fields may differ, as in the
messages.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedJointState:
    """Payload of a JointState, or of one JointTrajectory point (then effort stays behind)."""

    names: tuple[str, ...]
    position: tuple[float, ...]
    velocity: tuple[float, ...] = ()
    effort: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedPosCmd:
    """Payload of a PosCmd: flange in base_link, extrinsic XYZ angles, units of the profile."""

    x: float
    y: float
    z: float
    roll: float
    pitch: float
    yaw: float
    gripper: float  # [m]
    mode1: int = 0
    mode2: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedPose:
    """Payload of a Pose: position [m] and unit quaternion x y z w of the flange in base_link."""

    position: tuple[float, float, float]
    orientation: tuple[float, float, float, float]
