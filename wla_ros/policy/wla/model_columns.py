"""
Robot joints to the normalised, padded columns of a model and back.

Puts action space, normalisation and padding together. Pure numpy.
"""

from dataclasses import dataclass

import numpy as np

from wla_ros.core.errors import ConfigurationError
from wla_ros.core.errors import Problem
from wla_ros.core.types import FloatArray
from wla_ros.policy.wla.action_space import ActionSpace
from wla_ros.policy.wla.norm_statistics import NormStatistics
from wla_ros.policy.wla.normalisation import Normaliser
from wla_ros.policy.wla.normalisation import pad
from wla_ros.policy.wla.normalisation import unpad
from wla_ros.policy.wla.plausibility import ColumnOutside
from wla_ros.policy.wla.plausibility import columns_outside

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
