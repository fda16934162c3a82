"""
The modified DH table of the Piper (Craig's convention), from piper_sdk `kinematics/piper_fk.py`.

Link i: T_i = Rx(alpha) Tx(a) Rz(q_i + offset) Tz(d), with alpha and a of the link before. The new
URDF of AgileX agrees within 0.14 mm and 0.004 deg. Angles are joint angles of the firmware's zero
convention.
"""

import math
from dataclasses import dataclass

from wla_ros.robots.piper.zero_convention import ZeroConvention

JOINT_COUNT = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class DhLink:
    """One row of the table."""

    alpha_rad: float  # twist from the link before, about its x
    a_m: float  # length from the link before, along its x
    d_m: float  # offset along the joint axis z
    offset_rad: float  # added to the joint angle


def _table(offset_2_deg: float, offset_3_deg: float) -> tuple[DhLink, ...]:
    quarter = math.pi / 2
    return (
        DhLink(alpha_rad=0.0, a_m=0.0, d_m=0.123, offset_rad=0.0),
        DhLink(alpha_rad=-quarter, a_m=0.0, d_m=0.0, offset_rad=math.radians(offset_2_deg)),
        DhLink(alpha_rad=0.0, a_m=0.28503, d_m=0.0, offset_rad=math.radians(offset_3_deg)),
        DhLink(alpha_rad=quarter, a_m=-0.02198, d_m=0.25075, offset_rad=0.0),
        DhLink(alpha_rad=-quarter, a_m=0.0, d_m=0.0, offset_rad=0.0),
        DhLink(alpha_rad=quarter, a_m=0.0, d_m=0.091, offset_rad=0.0),
    )


DH_TABLES = {
    ZeroConvention.NEW: _table(-172.22, -102.78),
    ZeroConvention.OLD: _table(-174.22, -100.78),
}
