"""
End-effector rows between rows and between chunks: positions on a line, rotations on the sphere.

Rows are [n, 8 * arms]: x y z [m], unit quaternion xyzw, gripper width [m] per arm. The sign of a
quaternion never matters. Knows no inverse kinematics.
"""

import numpy as np
from numpy.typing import NDArray

from wla_ros.core.joint_layout import POSE_WIDTH
from wla_ros.core.rigid_transform import slerp
from wla_ros.core.types import FloatArray


def poses_at(
    times_ns: NDArray[np.int64], poses: FloatArray, query_ns: NDArray[np.int64]
) -> FloatArray:
    """
    Return the rows at `query_ns` [k] between `poses` [n, 8 * arms] at `times_ns` [n].

    NaN where the query lies outside the times or next to a row that is NaN.
    """
    after = np.clip(np.searchsorted(times_ns, query_ns), 1, max(len(times_ns) - 1, 1))
    after = np.minimum(after, len(times_ns) - 1)
    before = np.maximum(after - 1, 0)
    width_ns = np.maximum(times_ns[after] - times_ns[before], 1)
    share = (query_ns - times_ns[before]) / width_ns
    known = (
        (query_ns >= times_ns[0])
        & (query_ns <= times_ns[-1])
        & np.isfinite(poses[before]).all(axis=1)
        & np.isfinite(poses[after]).all(axis=1)
    )
    result = np.full((len(query_ns), poses.shape[1]), np.nan)
    if known.any():
        ends = poses[before[known]], poses[after[known]]
        weight = np.repeat(share[known][:, None], poses.shape[1] // POSE_WIDTH, axis=1)
        result[known] = mixed_poses(*ends, weight, weight)
    return result


def mixed_poses(
    old: FloatArray, new: FloatArray, arm_weight: FloatArray, gripper_weight: FloatArray
) -> FloatArray:
    """
    Return rows from `old` (weight 0) to `new` (weight 1), both [n, 8 * arms].

    Weights are [n, arms]. Rotations take the shorter arc.
    """
    arms = old.shape[1] // POSE_WIDTH
    a, b = old.reshape(-1, arms, POSE_WIDTH), new.reshape(-1, arms, POSE_WIDTH)
    mixed = np.empty_like(a)
    mixed[..., :3] = a[..., :3] + arm_weight[..., None] * (b[..., :3] - a[..., :3])
    mixed[..., 3:7] = slerp(a[..., 3:7], b[..., 3:7], arm_weight)
    mixed[..., 7] = a[..., 7] + gripper_weight * (b[..., 7] - a[..., 7])
    return np.asarray(mixed.reshape(old.shape))


def mean_poses(
    stack: FloatArray, arm_weights: FloatArray, gripper_weights: FloatArray
) -> FloatArray:
    """
    Return the weighted mean rows [n, 8 * arms] of `stack` [m, n, 8 * arms].

    Weights [m, n, arms] are not negative and sum to one over m; rows with weight 0 may be NaN. The
    mean rotation is the one with the least weighted square chord to all of them (Markley et al.,
    "Averaging Quaternions", 2007): the largest eigenvector of the sum of w q q^T, in which the
    sign of q cancels.
    """
    count, rows, width = stack.shape
    parts = stack.reshape(count, rows, -1, POSE_WIDTH)
    used = (arm_weights > 0.0) | (gripper_weights > 0.0)
    parts = np.where(used[..., None], parts, 0.0)
    mean = np.einsum('mna,mnac->nac', arm_weights, parts)
    turns = parts[..., 3:7]
    scatter = np.einsum('mna,mnai,mnaj->naij', arm_weights, turns, turns)
    mean[..., 3:7] = np.linalg.eigh(scatter)[1][..., -1]
    mean[..., 7] = (gripper_weights * parts[..., 7]).sum(axis=0)
    return np.asarray(mean.reshape(rows, width))
