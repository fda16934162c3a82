# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The columns of a joint vector: names, arms, grippers, and the bounds of each."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from wla_ros.base.types import FloatArray

# The only place that knows the order of columns in a joint vector.
#
# A robot has arms, an arm has six joints [rad] and a gripper opening width [m]. Column names are
# '<arm>/<joint>', for example 'left/joint1' ... 'left/joint6', 'left/gripper', 'right/joint1', ...

ARM_JOINTS = ('joint1', 'joint2', 'joint3', 'joint4', 'joint5', 'joint6')
GRIPPER = 'gripper'
ARM_COLUMNS = (*ARM_JOINTS, GRIPPER)
ARM_WIDTH = len(ARM_COLUMNS)
POSE_COLUMNS = ('x', 'y', 'z', 'qx', 'qy', 'qz', 'qw', GRIPPER)
POSE_WIDTH = len(POSE_COLUMNS)


@dataclass(frozen=True, slots=True)
class JointLayout:
    """Arms in column order, for example ('left', 'right'); a single-arm robot has one."""

    arms: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse layouts whose columns would be ambiguous."""
        if not self.arms or len(set(self.arms)) != len(self.arms):
            raise ValueError(f'arms must be distinct and at least one, got {self.arms!r}')

    @property
    def width(self) -> int:
        """Number D of joint columns: seven per arm."""
        return ARM_WIDTH * len(self.arms)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the D joint columns."""
        return tuple(f'{arm}/{column}' for arm in self.arms for column in ARM_COLUMNS)

    @property
    def pose_columns(self) -> tuple[str, ...]:
        """Names of the end-effector columns per arm: x y z [m], quaternion xyzw, gripper [m]."""
        return tuple(f'{arm}/{column}' for arm in self.arms for column in POSE_COLUMNS)

    @property
    def gripper_indices(self) -> tuple[int, ...]:
        """Columns that are gripper widths [m]."""
        return tuple(ARM_WIDTH * i + ARM_WIDTH - 1 for i in range(len(self.arms)))

    @property
    def joint_indices(self) -> tuple[int, ...]:
        """Columns that are joint angles [rad]."""
        return tuple(i for i in range(self.width) if i % ARM_WIDTH != ARM_WIDTH - 1)

    def arm_slice(self, arm: str) -> slice:
        """Return the seven columns of `arm`. Raises ValueError for an unknown arm."""
        start = ARM_WIDTH * self._index(arm)
        return slice(start, start + ARM_WIDTH)

    def pose_slice(self, arm: str) -> slice:
        """Return the eight end-effector columns of `arm`. Raises ValueError for an unknown arm."""
        start = POSE_WIDTH * self._index(arm)
        return slice(start, start + POSE_WIDTH)

    def _index(self, arm: str) -> int:
        if arm not in self.arms:
            raise ValueError(f'unknown arm {arm!r}, the layout has {self.arms!r}')
        return self.arms.index(arm)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JointLimits:
    """
    Limits per joint column; bounds are inclusive, rates apply in both directions.

    Units follow the column: rad and rad/s, rad/s^2, rad/s^3 for joints, m and m/s, ... for
    grippers. The arrays are copied and read-only. Raises ValueError naming every column that makes
    no sense.
    """

    columns: tuple[str, ...]  # D
    lower: FloatArray  # [D]
    upper: FloatArray  # [D]
    velocity: FloatArray  # [D] > 0
    acceleration: FloatArray  # [D] > 0
    jerk: FloatArray  # [D] > 0

    def __post_init__(self) -> None:
        """Freeze the arrays and refuse bounds that leave no motion."""
        problems: list[str] = []
        for name in ('lower', 'upper', 'velocity', 'acceleration', 'jerk'):
            values = np.array(getattr(self, name), dtype=np.float64)
            if values.shape != (len(self.columns),):
                raise ValueError(
                    f'{name} must have one value per column ({len(self.columns)}), '
                    f'got shape {values.shape}'
                )
            values.flags.writeable = False
            object.__setattr__(self, name, values)
        for i, column in enumerate(self.columns):
            if not (np.isfinite(self.lower[i]) and np.isfinite(self.upper[i])):
                problems.append(
                    f'{column}: bounds {self.lower[i]} .. {self.upper[i]} are not finite'
                )
            elif not self.lower[i] < self.upper[i]:
                problems.append(
                    f'{column}: lower {self.lower[i]:g} is not below upper {self.upper[i]:g}'
                )
            for name in ('velocity', 'acceleration', 'jerk'):
                value = getattr(self, name)[i]
                if not 0.0 < value < np.inf:
                    problems.append(f'{column}: {name} must be positive and finite, got {value!r}')
        if problems:
            raise ValueError('joint limits: ' + '; '.join(problems))

    @property
    def width(self) -> int:
        """Number D of columns."""
        return len(self.columns)

    def clamp(self, position: ArrayLike) -> FloatArray:
        """Return `position` [..., D] moved into the bounds. NaN stays NaN, so gate it first."""
        return np.clip(np.asarray(position, dtype=np.float64), self.lower, self.upper)

    def violations(self, position: ArrayLike, *, tolerance: float = 0.0) -> tuple[str, ...]:
        """
        Return one sentence per column of `position` [D] that is not within the bounds.

        NaN is never within.
        """
        values = np.asarray(position, dtype=np.float64)
        return tuple(
            f'{column} = {value:g} lies outside [{low:g}, {high:g}]'
            for column, value, low, high in zip(
                self.columns, values, self.lower, self.upper, strict=True
            )
            if not low - tolerance <= value <= high + tolerance
        )
