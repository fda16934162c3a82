"""
End-effector rows to joint rows by inverse kinematics on this host.

Poses are of the tool point in the frame that the kinematics of each arm are mounted in. A chunk is
converted as a whole or refused with the row and the reason: half a motion is never executed.
"""

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from wla_ros.control import reasons
from wla_ros.core.joint_layout import JointLayout
from wla_ros.core.types import FloatArray
from wla_ros.core.types import Refusal
from wla_ros.robots.piper.kinematics import JointPath

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
