# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Joint angles to frames: all link frames, the flange, the Jacobian; any number of rows at once.

Frames are expressed in base_link. The flange is link6; a tool lies `tool_offset_m` further along
its z axis.
"""

import enum
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from wla_ros.base.types import FloatArray

# The two joint zeros of the Piper: firmware S-V1.6-3 moved those of joints 2 and 3.
#
# A pose reached with angles of one convention is reached with q2_old = q2_new + 2 deg and q3_old =
# q3_new - 2 deg in the other (piper_sdk, `dh_is_offset`). A wrong convention puts the flange 10 mm
# off.

_TWO_DEGREES = math.radians(2.0)


class ZeroConvention(enum.Enum):
    """Which firmware an arm runs, as far as its joint zeros go."""

    NEW = 'new'  # firmware S-V1.6-3 and later
    OLD = 'old'  # earlier firmware, and the MuJoCo menagerie model


def convert_zero(
    joints: ArrayLike, *, source: ZeroConvention, target: ZeroConvention
) -> FloatArray:
    """
    Return `joints` [..., 6 or 7] of convention `source` in convention `target`.

    Always a new array; a seventh column (gripper) is kept.
    """
    converted = np.array(joints, dtype=np.float64)
    if source is not target:
        sign = 1.0 if target is ZeroConvention.OLD else -1.0
        converted[..., 1] += sign * _TWO_DEGREES
        converted[..., 2] -= sign * _TWO_DEGREES
    return converted


# The modified DH table of the Piper (Craig's convention), from piper_sdk `kinematics/piper_fk.py`.
#
# Link i: T_i = Rx(alpha) Tx(a) Rz(q_i + offset) Tz(d), with alpha and a of the link before. The
# new URDF of AgileX agrees within 0.14 mm and 0.004 deg. Angles are joint angles of the firmware's
# zero convention.

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


def link_frames(joints: ArrayLike, *, zero: ZeroConvention = ZeroConvention.NEW) -> FloatArray:
    """
    Return the frames [..., 7, 4, 4] of base_link (identity) and links 1 to 6.

    `joints` is [..., 6] [rad]. Joint i turns about the z axis of frame i. Raises ValueError unless
    the last axis has six entries.
    """
    q = np.asarray(joints, dtype=np.float64)
    if q.ndim < 1 or q.shape[-1] != JOINT_COUNT:
        raise ValueError(f'joints must be [..., {JOINT_COUNT}], got shape {q.shape}')
    frames = np.empty((*q.shape[:-1], JOINT_COUNT + 1, 4, 4))
    frames[..., 0, :, :] = np.eye(4)
    for i, link in enumerate(DH_TABLES[zero]):
        angle = q[..., i] + link.offset_rad
        c, s = np.cos(angle), np.sin(angle)
        ca, sa = np.cos(link.alpha_rad), np.sin(link.alpha_rad)
        step = np.zeros((*q.shape[:-1], 4, 4))
        step[..., 0, 0], step[..., 0, 1], step[..., 0, 3] = c, -s, link.a_m
        step[..., 1, 0], step[..., 1, 1] = s * ca, c * ca
        step[..., 1, 2], step[..., 1, 3] = -sa, -sa * link.d_m
        step[..., 2, 0], step[..., 2, 1] = s * sa, c * sa
        step[..., 2, 2], step[..., 2, 3] = ca, ca * link.d_m
        step[..., 3, 3] = 1.0
        frames[..., i + 1, :, :] = frames[..., i, :, :] @ step
    return frames


def flange_pose(
    joints: ArrayLike,
    *,
    zero: ZeroConvention = ZeroConvention.NEW,
    tool_offset_m: float = 0.0,
) -> FloatArray:
    """Return the pose [..., 4, 4] of the flange, or of a tool `tool_offset_m` along its z axis."""
    pose: FloatArray = link_frames(joints, zero=zero)[..., JOINT_COUNT, :, :].copy()
    pose[..., :3, 3] += tool_offset_m * pose[..., :3, 2]
    return pose


def jacobian(
    joints: ArrayLike,
    *,
    zero: ZeroConvention = ZeroConvention.NEW,
    tool_offset_m: float = 0.0,
) -> FloatArray:
    """
    Return the geometric Jacobian [..., 6, 6] at the flange or tool point, in base_link.

    Rows 0-2 are the velocity of the point [m/rad], rows 3-5 the angular velocity [rad/rad].
    """
    frames = link_frames(joints, zero=zero)[..., 1:, :, :]  # [..., 6, 4, 4]
    axes = frames[..., :3, 2]  # [..., 6, 3]
    origins = frames[..., :3, 3]
    point = origins[..., -1:, :] + tool_offset_m * axes[..., -1:, :]
    linear = np.cross(axes, point - origins)
    return np.swapaxes(np.concatenate([linear, axes], axis=-1), -1, -2)
