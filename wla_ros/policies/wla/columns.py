# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Robot joints to the columns of a model and back: action space, gripper unit, order."""

import enum
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field

import numpy as np

from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem
from wla_ros.base.geometry import continuous_quaternions
from wla_ros.base.geometry import multiply_quaternions
from wla_ros.base.geometry import normalise_quaternion
from wla_ros.base.joints import JointLayout
from wla_ros.base.types import FloatArray
from wla_ros.base.types import Representation
from wla_ros.policies.wla.statistics import ColumnOutside
from wla_ros.policies.wla.statistics import Normaliser
from wla_ros.policies.wla.statistics import NormStatistics
from wla_ros.policies.wla.statistics import columns_outside
from wla_ros.policies.wla.statistics import pad
from wla_ros.policies.wla.statistics import unpad

# The model's columns and the robot's: units, order, and what relative actions are relative to.
#
# Joint columns are [six joints rad, gripper] per arm, end-effector columns [x y z m, quaternion,
# gripper] per arm. Pure numpy; must not know normalisation. Kinematics are handed in.

_POSITION, _QUATERNION = slice(0, 3), slice(3, 7)
_CONJUGATE = np.array([-1.0, -1.0, -1.0, 1.0])

# joints [..., 6] [rad] -> pose [..., 7] of the tool: x y z [m], quaternion xyzw
ForwardKinematics = Callable[[FloatArray], FloatArray]


class Reference(enum.Enum):
    """What action columns are relative to; grippers are always absolute."""

    NOTHING = 'nothing'
    OBSERVATION = 'observation'  # the state of the observation the chunk is made for
    EPISODE = 'episode'  # the state of the first observation of the episode


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionSpace:
    """
    Translates between robot columns and the columns a checkpoint was trained with.

    `gripper_m_per_unit` is 1 where data hold metres, and 0.07 in the published Piper data, whose
    openings are in parts of 70 mm. Relative joints are differences of angles. Relative poses are
    p = p0 + dp and R = R0 dR; dp is not turned.
    """

    layout: JointLayout
    representation: Representation = Representation.JOINT_POSITION
    reference: Reference = Reference.NOTHING
    gripper_m_per_unit: float = 1.0
    scalar_first_quaternions: bool = False  # w x y z, as RoboTwin's simulator gives them
    kinematics: Mapping[str, ForwardKinematics] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise ValueError for an impossible unit or missing kinematics."""
        if not self.gripper_m_per_unit > 0.0:
            raise ValueError(f'gripper_m_per_unit must be positive, got {self.gripper_m_per_unit}')
        missing = [arm for arm in self.layout.arms if arm not in self.kinematics]
        if self._is_pose and missing:
            raise ValueError(f'end-effector columns need kinematics of {", ".join(missing)}')

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the robot's columns, in order."""
        return self.layout.pose_columns if self._is_pose else self.layout.columns

    @property
    def width(self) -> int:
        """Number d of columns."""
        return len(self.columns)

    @property
    def gripper_columns(self) -> tuple[int, ...]:
        """Which columns are grippers."""
        each = self.width // len(self.layout.arms)
        return tuple(range(each - 1, self.width, each))

    def state(self, joints: FloatArray) -> FloatArray:
        """Return joints [..., D] [rad, m] as the model's state columns [..., d]."""
        return self._to_model(self._absolute(joints))

    def actions_of(self, joints: FloatArray, reference: FloatArray) -> FloatArray:
        """
        Return joint rows [k, D] as the model's action columns [k, d].

        `reference` [D] are the joints of the observation or of the first of the episode. The
        quaternions of consecutive rows do not change sign, with relative actions from the
        reference on.
        """
        rows, origin = self._absolute(joints), self._absolute(reference)
        relative = self.reference is not Reference.NOTHING
        for start in self._pose_starts:
            quaternions = rows[:, start : start + 8][:, _QUATERNION]
            quaternions[:] = continuous_quaternions(
                quaternions, origin[start : start + 8][_QUATERNION] if relative else None
            )
        return self._to_model(self._relative(rows, origin))

    def rows(self, actions: FloatArray, reference: FloatArray) -> FloatArray:
        """
        Return the model's action columns [h, d] as robot rows: absolute, rad and m, unit xyzw.

        Raises ValueError for a quaternion that is no rotation.
        """
        rows = actions.copy()
        for start in self._pose_starts:
            part = rows[..., start : start + 8]
            if self.scalar_first_quaternions:
                part[..., _QUATERNION] = np.roll(part[..., _QUATERNION], -1, axis=-1)
            part[..., _QUATERNION] = normalise_quaternion(part[..., _QUATERNION])
        for column in self.gripper_columns:
            rows[..., column] *= self.gripper_m_per_unit
        if self.reference is Reference.NOTHING:
            return rows
        origin = self._absolute(reference)
        if not self._is_pose:
            rows[..., self._angle_columns] += origin[..., self._angle_columns]
        for start in self._pose_starts:
            part, from_part = rows[..., start : start + 8], origin[start : start + 8]
            part[..., _POSITION] += from_part[_POSITION]
            turned = multiply_quaternions(
                np.broadcast_to(from_part[_QUATERNION], part[..., _QUATERNION].shape),
                part[..., _QUATERNION],
            )
            part[..., _QUATERNION] = normalise_quaternion(turned)
        return rows

    @property
    def _is_pose(self) -> bool:
        return self.representation is Representation.END_EFFECTOR_POSE

    @property
    def _pose_starts(self) -> range:
        return range(0, self.width, 8) if self._is_pose else range(0)

    @property
    def _angle_columns(self) -> list[int]:
        return list(self.layout.joint_indices)

    def _absolute(self, joints: FloatArray) -> FloatArray:
        """Return robot columns [..., d] of joints [..., D]."""
        if not self._is_pose:
            return np.asarray(joints, dtype=np.float64)
        parts = []
        for arm in self.layout.arms:
            of_arm = joints[..., self.layout.arm_slice(arm)]
            parts += [self.kinematics[arm](of_arm[..., :6]), of_arm[..., 6:]]
        return np.concatenate(parts, axis=-1)

    def _relative(self, rows: FloatArray, origin: FloatArray) -> FloatArray:
        if self.reference is Reference.NOTHING:
            return rows
        rows = rows.copy()
        if not self._is_pose:
            rows[..., self._angle_columns] -= origin[self._angle_columns]
        for start in self._pose_starts:
            part, from_part = rows[..., start : start + 8], origin[start : start + 8]
            part[..., _POSITION] -= from_part[_POSITION]
            part[..., _QUATERNION] = multiply_quaternions(
                np.broadcast_to(from_part[_QUATERNION] * _CONJUGATE, part[..., _QUATERNION].shape),
                part[..., _QUATERNION],
            )
        return rows

    def _to_model(self, rows: FloatArray) -> FloatArray:
        rows = rows.copy()
        for column in self.gripper_columns:
            rows[..., column] /= self.gripper_m_per_unit
        if self.scalar_first_quaternions:
            for start in self._pose_starts:
                part = rows[..., start : start + 8]
                part[..., _QUATERNION] = np.roll(part[..., _QUATERNION], 1, axis=-1)
        return rows


# A start may be this far outside of statistics without width: the resting arm sags a little.
_START_TOLERANCE = 0.05  # [rad, m, quaternion parts]
_START_GRIPPER_TOLERANCE_M = 0.005


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ModelColumns:
    """See the module docstring; `state_dim` and `action_dim` are the model's widths."""

    space: ActionSpace
    statistics: NormStatistics
    state_normaliser: Normaliser
    action_normaliser: Normaliser
    state_dim: int
    action_dim: int
    start_margin: float

    def __post_init__(self) -> None:
        """Raise ConfigurationError if the model has too few columns."""
        problems = tuple(
            Problem(
                where=name,
                what=f'the checkpoint has {dim} columns, the robot {self.space.width}',
                remedy='check policy.wla.actions.space and the arms of the robot',
            )
            for name, dim in (('state', self.state_dim), ('action', self.action_dim))
            if dim < self.space.width
        )
        if problems:
            raise ConfigurationError('policy.wla', problems)

    def state(self, joints: FloatArray) -> FloatArray:
        """Return joints [D] as the model's state [state_dim]."""
        return pad(self.state_normaliser.normalise(self.space.state(joints)), self.state_dim)

    def actions(self, joints: FloatArray, reference: FloatArray) -> FloatArray:
        """Return joint rows [k, D] as the model's actions [k, action_dim]."""
        actions = self.space.actions_of(joints, reference)
        return pad(self.action_normaliser.normalise(actions), self.action_dim)

    def rows(self, actions: FloatArray, reference: FloatArray) -> FloatArray:
        """Return the model's actions [h, action_dim] as robot rows [h, columns]."""
        restored = self.action_normaliser.restore(unpad(actions, self.space.width))
        return self.space.rows(restored, reference)

    def clipped(self, actions: FloatArray) -> FloatArray:
        """Return the model's actions [h, action_dim] within the range of the data."""
        return self.action_normaliser.clip(actions)

    def outside(self, joints: FloatArray) -> tuple[ColumnOutside, ...]:
        """Return the columns of the state at `joints` [D] that the data never looked like."""
        tolerance = np.full(self.space.width, _START_TOLERANCE)
        grippers = list(self.space.gripper_columns)
        tolerance[grippers] = _START_GRIPPER_TOLERANCE_M / self.space.gripper_m_per_unit
        return columns_outside(
            self.space.state(joints),
            self.statistics.state,
            self.space.columns,
            margin=self.start_margin,
            tolerance=tolerance,
        )
