# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Rigid transforms with numpy: 4x4 matrices, pose7 rows, quaternions, Euler angles.

A pose7 is x y z [m] and a unit quaternion qx qy qz qw, as in geometry_msgs. Euler angles are roll,
pitch, yaw about fixed axes (extrinsic XYZ): R = Rz(yaw) Ry(pitch) Rx(roll).

Euler angles are those of transforms3d, one rotation at a time. What runs over the rows of a chunk
is vectorised here and accepts leading axes: for 32 rows transforms3d takes twice as long from
quaternions to matrices and ten times as long back.
"""

import numpy as np
from numpy.typing import ArrayLike
from transforms3d.euler import euler2mat
from transforms3d.euler import mat2euler

from wla_ros.base.types import FloatArray

# Below this norm a quaternion carries no direction; policies emit noise around zero when
# untrained.
MIN_QUATERNION_NORM = 1e-6


def quaternion_to_matrix(quaternion: ArrayLike) -> FloatArray:
    """
    Return rotation matrices [..., 3, 3] of quaternions xyzw [..., 4], normalised here.

    Raises ValueError for non-finite values or a norm too small to be a rotation.
    """
    q = normalise_quaternion(quaternion)
    x, y, z, w = q[..., 0], q[..., 1], q[..., 2], q[..., 3]
    matrix = np.empty((*q.shape[:-1], 3, 3))
    matrix[..., 0, 0] = 1 - 2 * (y * y + z * z)
    matrix[..., 0, 1] = 2 * (x * y - z * w)
    matrix[..., 0, 2] = 2 * (x * z + y * w)
    matrix[..., 1, 0] = 2 * (x * y + z * w)
    matrix[..., 1, 1] = 1 - 2 * (x * x + z * z)
    matrix[..., 1, 2] = 2 * (y * z - x * w)
    matrix[..., 2, 0] = 2 * (x * z - y * w)
    matrix[..., 2, 1] = 2 * (y * z + x * w)
    matrix[..., 2, 2] = 1 - 2 * (x * x + y * y)
    return matrix


def matrix_to_quaternion(matrix: ArrayLike) -> FloatArray:
    """
    Return unit quaternions xyzw [..., 4] of rotation matrices [..., 3, 3], with qw >= 0.

    Uses the largest of the four components as pivot, so it is accurate for every rotation.
    """
    r = np.asarray(matrix, dtype=np.float64)
    trace = r[..., 0, 0] + r[..., 1, 1] + r[..., 2, 2]
    pivots = np.stack([r[..., 0, 0], r[..., 1, 1], r[..., 2, 2], trace], axis=-1)
    rows = np.empty((*r.shape[:-2], 4, 4))  # row p: the quaternion times 4 q_p
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        rows[..., i, i] = 1 + 2 * r[..., i, i] - trace
        rows[..., i, j] = rows[..., j, i] = r[..., j, i] + r[..., i, j]
        rows[..., i, 3] = rows[..., 3, i] = r[..., k, j] - r[..., j, k]
    rows[..., 3, 3] = 1 + trace
    best = np.argmax(pivots, axis=-1)[..., None, None]
    q = np.take_along_axis(rows, best, axis=-2)[..., 0, :]
    q = q / np.linalg.norm(q, axis=-1, keepdims=True)
    signed: FloatArray = np.where(q[..., 3:] < 0, -q, q)
    return signed


def normalise_quaternion(quaternion: ArrayLike) -> FloatArray:
    """
    Return `quaternion` [..., 4] with norm 1.

    Raises ValueError if it is not finite or too short to be a direction.
    """
    q = np.asarray(quaternion, dtype=np.float64)
    norm = np.linalg.norm(q, axis=-1, keepdims=True)
    if not np.all(np.isfinite(norm)) or not np.all(norm >= MIN_QUATERNION_NORM):
        raise ValueError(
            f'quaternion must be finite with norm >= {MIN_QUATERNION_NORM:g}, got {q.tolist()}'
        )
    unit: FloatArray = q / norm
    return unit


def continuous_quaternions(quaternions: ArrayLike, start: ArrayLike | None = None) -> FloatArray:
    """
    Return `quaternions` [n, 4] with signs that make each the nearer one to the one before it.

    q and -q are the same rotation, but not to a network. The first is compared with `start` [4],
    or keeps its sign.
    """
    q = np.array(quaternions, dtype=np.float64)
    before = q[:1] if start is None else np.asarray(start, dtype=np.float64)[None]
    turns = (
        np.sum(q * np.concatenate((before, q[:-1])), axis=-1) < 0.0
    )  # [n] against the one before
    return np.where(np.cumsum(turns)[:, None] % 2 == 1, -q, q)


def multiply_quaternions(first: ArrayLike, second: ArrayLike) -> FloatArray:
    """Return the product first * second of quaternions xyzw [..., 4] (second is applied first)."""
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    vector = a[..., 3:] * b[..., :3] + b[..., 3:] * a[..., :3] + np.cross(a[..., :3], b[..., :3])
    scalar = a[..., 3] * b[..., 3] - np.sum(a[..., :3] * b[..., :3], axis=-1)
    return np.concatenate([vector, scalar[..., None]], axis=-1)


def pose7_to_matrix(pose7: ArrayLike) -> FloatArray:
    """Return transforms [..., 4, 4] of pose7 rows [..., 7]. Raises ValueError if not finite."""
    pose = np.asarray(pose7, dtype=np.float64)
    if not np.all(np.isfinite(pose)):
        raise ValueError(f'pose must be finite, got {pose.tolist()}')
    matrix = np.zeros((*pose.shape[:-1], 4, 4))
    matrix[..., :3, :3] = quaternion_to_matrix(pose[..., 3:])
    matrix[..., :3, 3] = pose[..., :3]
    matrix[..., 3, 3] = 1.0
    return matrix


def matrix_to_pose7(matrix: ArrayLike) -> FloatArray:
    """Return pose7 rows [..., 7] of transforms [..., 4, 4], with qw >= 0."""
    m = np.asarray(matrix, dtype=np.float64)
    return np.concatenate([m[..., :3, 3], matrix_to_quaternion(m[..., :3, :3])], axis=-1)


def as_matrix(pose: ArrayLike) -> FloatArray:
    """
    Return transforms [..., 4, 4] of poses given as [..., 4, 4] or as pose7 [..., 7].

    Raises ValueError for any other shape.
    """
    values = np.asarray(pose, dtype=np.float64)
    if values.ndim >= 2 and values.shape[-2:] == (4, 4):
        return values
    if values.ndim >= 1 and values.shape[-1] == 7:
        return pose7_to_matrix(values)
    raise ValueError(
        f'a pose is [..., 4, 4] or [..., 7] (x y z qx qy qz qw), got shape {values.shape}'
    )


def invert(matrix: ArrayLike) -> FloatArray:
    """Return the inverse of rigid transforms [..., 4, 4]."""
    m = np.asarray(matrix, dtype=np.float64)
    inverse = np.zeros_like(m)
    rotation = np.swapaxes(m[..., :3, :3], -1, -2)
    inverse[..., :3, :3] = rotation
    inverse[..., :3, 3] = -(rotation @ m[..., :3, 3:])[..., 0]
    inverse[..., 3, 3] = 1.0
    return inverse


def rpy_to_matrix(rpy: ArrayLike) -> FloatArray:
    """Return the rotation [3, 3] of roll, pitch, yaw [3] [rad] about fixed axes."""
    roll, pitch, yaw = np.asarray(rpy, dtype=np.float64).tolist()
    matrix: FloatArray = euler2mat(roll, pitch, yaw, axes='sxyz')
    return matrix


def matrix_to_rpy(matrix: ArrayLike) -> FloatArray:
    """
    Return roll, pitch, yaw [3] [rad] of a rotation [3, 3], pitch in [-pi/2, pi/2].

    At pitch +-90 deg only the sum or difference of roll and yaw is defined; yaw is then 0.
    """
    return np.array(mat2euler(np.asarray(matrix, dtype=np.float64), axes='sxyz'))


def rotation_angle(first: ArrayLike, second: ArrayLike) -> FloatArray:
    """
    Return the angle [...] [rad], 0 .. pi, between rotations or transforms.

    Both are [..., 3, 3] or [..., 4, 4].

    Accurate for tiny angles too, where an arc cosine of the trace loses half the digits.
    """
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    r = np.swapaxes(a[..., :3, :3], -1, -2) @ b[..., :3, :3]
    axis = np.stack(
        [
            r[..., 2, 1] - r[..., 1, 2],
            r[..., 0, 2] - r[..., 2, 0],
            r[..., 1, 0] - r[..., 0, 1],
        ],
        axis=-1,
    )
    trace = r[..., 0, 0] + r[..., 1, 1] + r[..., 2, 2]
    return np.asarray(np.arctan2(np.linalg.norm(axis, axis=-1), trace - 1.0))


def slerp(start: ArrayLike, end: ArrayLike, fraction: ArrayLike) -> FloatArray:
    """
    Return unit quaternions xyzw [..., 4] between `start` and `end` along the shorter arc.

    `fraction` [...] is 0 at start and 1 at end; values outside extrapolate at the same rate.
    """
    a, b = normalise_quaternion(start), normalise_quaternion(end)
    cosine = np.sum(a * b, axis=-1, keepdims=True)
    b = np.where(cosine < 0, -b, b)
    # Half-chord form: exact for nearly equal quaternions, where acos(cosine) is not.
    angle = (
        2.0 * np.arctan2(np.linalg.norm(b - a, axis=-1), np.linalg.norm(b + a, axis=-1))[..., None]
    )
    t = np.asarray(fraction, dtype=np.float64)[..., None]
    sine = np.sin(angle)
    small = sine < 1e-9
    divisor = np.where(small, 1.0, sine)
    weight_a = np.where(small, 1.0 - t, np.sin((1.0 - t) * angle) / divisor)
    weight_b = np.where(small, t, np.sin(t * angle) / divisor)
    return normalise_quaternion(weight_a * a + weight_b * b)
