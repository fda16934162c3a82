# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The rows of a chunk as joint positions: taken as they are, or solved for their poses."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from wla_ros.base import reasons
from wla_ros.base.geometry import slerp
from wla_ros.base.joints import POSE_WIDTH
from wla_ros.base.joints import JointLayout
from wla_ros.base.joints import JointLimits
from wla_ros.base.timing import ns_to_seconds
from wla_ros.base.types import ActionChunk
from wla_ros.base.types import FloatArray
from wla_ros.base.types import Refusal
from wla_ros.base.types import Representation
from wla_ros.execution.config import GateConfig
from wla_ros.execution.gate import ChunkGate
from wla_ros.execution.schedule import ChunkSchedule
from wla_ros.execution.schedule import schedule_of
from wla_ros.robots.piper.kinematics import JointPath

# End-effector rows to joint rows by inverse kinematics on this host.
#
# Poses are of the tool point in the frame that the kinematics of each arm are mounted in. A chunk
# is converted as a whole or refused with the row and the reason: half a motion is never executed.

# A quaternion this far from unit length is no rotation that lost some digits.
_NORM_TOLERANCE = 0.1
# A path may leave its poses by so much where the wrist is nearly straight and exact tracking would
# need a jump of joints 4 and 6. Of 50 random paths through that region 7 have an exact solution
# and 28 one within these; a policy's own error is larger.
_POSITION_TOLERANCE_M = 0.002
_ROTATION_TOLERANCE_RAD = 0.02


class ArmKinematics(Protocol):
    """Inverse kinematics of one arm; `robots.piper.kinematics.PiperKinematics` is one."""

    def solve_path(
        self,
        poses: FloatArray,
        seed: FloatArray,
        *,
        max_step_rad: float,
        first_step_rad: float | None = None,
        position_tolerance_m: float = 0.0,
        rotation_tolerance_rad: float = 0.0,
    ) -> JointPath:
        """Return joint rows for poses [n, 7] (x y z, quaternion xyzw), from `seed` [6]."""
        ...


class EndEffectorRows:
    """Converts chunks of all arms of a layout."""

    def __init__(self, layout: JointLayout, kinematics: Mapping[str, ArmKinematics]) -> None:
        """Raises ValueError unless every arm of `layout` has kinematics."""
        missing = [arm for arm in layout.arms if arm not in kinematics]
        if missing:
            raise ValueError(f'end-effector chunks need kinematics of {", ".join(missing)}')
        self._layout, self._kinematics = layout, kinematics

    def to_joints(
        self, rows: FloatArray, seed: FloatArray, *, max_step_rad: float, first_step_rad: float
    ) -> FloatArray | Refusal:
        """
        Return joint rows [H, D] for finite end-effector rows [H, 8 * arms].

        The first row may be `first_step_rad` from `seed` [D], each other `max_step_rad` from the
        one before.
        """
        joints = np.empty((len(rows), self._layout.width))
        for arm in self._layout.arms:
            poses = rows[:, self._layout.pose_slice(arm)]
            columns = self._layout.arm_slice(arm)
            quaternions = unit_quaternions(poses[:, 3:7])
            if isinstance(quaternions, Refusal):
                return Refusal(reason=quaternions.reason, detail=f'{arm}: {quaternions.detail}')
            path = self._kinematics[arm].solve_path(
                np.concatenate([poses[:, :3], quaternions], axis=1),
                seed[columns][:-1],
                max_step_rad=max_step_rad,
                first_step_rad=first_step_rad,
                position_tolerance_m=_POSITION_TOLERANCE_M,
                rotation_tolerance_rad=_ROTATION_TOLERANCE_RAD,
            )
            if path.refusal is not None:
                return Refusal(
                    reason=reasons.POSE_UNREACHABLE,
                    detail=f'{arm}: {path.refusal.detail} ({path.refusal.reason})',
                )
            joints[:, columns] = np.concatenate([path.joints, poses[:, 7:]], axis=1)
        return joints


def unit_quaternions(quaternions: FloatArray) -> FloatArray | Refusal:
    """Return [n, 4] with unit length and without changes of sign from row to row."""
    norms = np.linalg.norm(quaternions, axis=1)
    bad = np.flatnonzero(~(np.abs(norms - 1.0) <= _NORM_TOLERANCE))
    if len(bad):
        return Refusal(
            reason=reasons.POSE_UNREACHABLE,
            detail=f'row {bad[0]}: the quaternion has length {norms[bad[0]]:.3f}, expected 1',
        )
    units = quaternions / norms[:, None]
    flips = np.sum(units[1:] * units[:-1], axis=1) < 0.0
    signs = np.concatenate([[1.0], np.cumprod(np.where(flips, -1.0, 1.0))])
    return np.asarray(units * signs[:, None])


class ChunkRows:
    """Converts chunks; nothing in it changes, any thread may call it."""

    def __init__(
        self,
        config: GateConfig,
        gate: ChunkGate,
        layout: JointLayout,
        limits: JointLimits,
        kinematics: Mapping[str, ArmKinematics] | None,
    ) -> None:
        """`kinematics` is for poses only. Raises ValueError if it lacks an arm."""
        self._config, self._gate = config, gate
        self._poses = None if kinematics is None else EndEffectorRows(layout, kinematics)
        fastest = float(limits.velocity[list(layout.joint_indices)].max())
        self._fastest = fastest * config.max_velocity_ratio

    @property
    def solves_poses(self) -> bool:
        """Whether there are kinematics."""
        return self._poses is not None

    def solve_poses(
        self, chunk: ActionChunk, commanded: FloatArray
    ) -> FloatArray | Refusal | None:
        """
        Return the joint rows [H, D] of an end-effector chunk, begun from `commanded` [D].

        None where there is nothing to solve, or nothing that would not be refused anyway.
        """
        if self._poses is None or chunk.representation == Representation.JOINT_POSITION:
            return None
        rows = np.asarray(chunk.rows, dtype=np.float64)
        if self._gate.judge_shape(chunk) or self._gate.judge_finite(rows, chunk.columns):
            return None
        return self.to_joints(rows, chunk.dt_ns, commanded)

    def schedule(
        self, chunk: ActionChunk, commanded: FloatArray, solved: FloatArray | Refusal | None
    ) -> ChunkSchedule | Refusal:
        """Return all rows of `chunk` in joints; `solved` is what `solve_poses` said, if asked."""
        rows = np.asarray(chunk.rows, dtype=np.float64)
        if chunk.representation == Representation.JOINT_POSITION:
            return schedule_of(chunk, rows)
        if self._poses is None:
            return Refusal(
                reason=reasons.REPRESENTATION_UNSUPPORTED,
                detail='end-effector chunks need arm kinematics, the executor has none',
            )
        refusal = self._gate.judge_finite(rows, chunk.columns)
        if refusal is not None:
            return refusal
        joints = self.to_joints(rows, chunk.dt_ns, commanded) if solved is None else solved
        return joints if isinstance(joints, Refusal) else schedule_of(chunk, joints, rows)

    def to_joints(
        self, rows: FloatArray, dt_ns: int, commanded: FloatArray
    ) -> FloatArray | Refusal:
        """
        Return joint rows [n, D] for finite end-effector rows [n, 8 * arms] spaced `dt_ns`.

        Raises ValueError without kinematics.
        """
        if self._poses is None:
            raise ValueError('there are no kinematics')
        return self._poses.to_joints(
            rows,
            commanded,
            max_step_rad=self._fastest * ns_to_seconds(dt_ns),
            first_step_rad=self._config.max_pose_start_rad,
        )


# End-effector rows between rows and between chunks: positions on a line, rotations on the sphere.
#
# Rows are [n, 8 * arms]: x y z [m], unit quaternion xyzw, gripper width [m] per arm. The sign of a
# quaternion never matters. Knows no inverse kinematics.


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
