"""
Joint angles to frames: all link frames, the flange, the Jacobian; any number of rows at once.

Frames are expressed in base_link. The flange is link6; a tool lies `tool_offset_m` further along
its z axis.
"""

import numpy as np
from numpy.typing import ArrayLike

from wla_ros.core.types import FloatArray
from wla_ros.robots.piper.dh_parameters import DH_TABLES
from wla_ros.robots.piper.dh_parameters import JOINT_COUNT
from wla_ros.robots.piper.zero_convention import ZeroConvention


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
