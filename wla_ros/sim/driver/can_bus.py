"""What travels from the firmware to the driver."""

from dataclasses import dataclass
from dataclasses import field


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackFrame:
    """Joint (0x2A5-2A7), gripper (0x2A8) and high-speed (0x251-256) frames of one instant."""

    stamp_ns: int  # when SocketCAN received them
    joints_mdeg: tuple[int, ...]  # [6]
    speeds_mrad_s: tuple[int, ...]  # [6]
    efforts_mnm: tuple[int, ...]  # [6]
    gripper_um: int
    gripper_effort_mn: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusFrame:
    """Arm status (0x2A1)."""

    ctrl_mode: int = 0
    arm_status: int = 0
    mode_feedback: int = 0
    motion_status: int = 0
    joint_angle_limit: tuple[bool, ...] = field(default=(False,) * 6)


# What the SDK returns before the first frame arrives.
NOTHING_RECEIVED = FeedbackFrame(
    stamp_ns=0,
    joints_mdeg=(0,) * 6,
    speeds_mrad_s=(0,) * 6,
    efforts_mnm=(0,) * 6,
    gripper_um=0,
    gripper_effort_mn=0,
)
