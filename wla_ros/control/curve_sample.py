"""One instant of a motion of all columns: position, velocity, acceleration in one array."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wla_ros.core.types import FloatArray

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class CurveSample:
    """
    A motion per column; leading axes of the columns are instants.

    One array, because the control loop works on a dozen columns: there the number of operations
    costs, not their size.
    """

    values: FloatArray  # [3, ..., D] position, velocity, acceleration
    outside: BoolArray  # [..., D] the motion does not exist at the instant of this column

    @classmethod
    def of(
        cls,
        position: FloatArray,
        velocity: FloatArray,
        acceleration: FloatArray,
        outside: BoolArray | None = None,
    ) -> 'CurveSample':
        """Return a sample of three arrays [..., D], by default nowhere outside."""
        if outside is None:
            outside = np.zeros(position.shape, dtype=np.bool_)
        return cls(np.array([position, velocity, acceleration]), outside)

    @property
    def position(self) -> FloatArray:
        """Positions [..., D]."""
        return np.asarray(self.values[0])

    @property
    def velocity(self) -> FloatArray:
        """Velocities [..., D], per second."""
        return np.asarray(self.values[1])

    @property
    def acceleration(self) -> FloatArray:
        """Accelerations [..., D], per second squared."""
        return np.asarray(self.values[2])

    def less(self, other: 'CurveSample') -> 'CurveSample':
        """Return the difference to `other`, outside where either is."""
        return CurveSample(self.values - other.values, self.outside | other.outside)

    def lifted(self, offset: FloatArray) -> 'CurveSample':
        """Return the motion with `offset` [3, ..., D] on it; outside it does not move."""
        lifted = self.values + offset
        if self.outside.any():
            lifted[1:] *= ~self.outside
        return CurveSample(lifted, self.outside)

    def filled(self, other: 'CurveSample') -> 'CurveSample':
        """Return the motion with `other` where this one is outside."""
        if not self.outside.any():
            return self
        return CurveSample(
            np.where(self.outside, other.values, self.values), self.outside & other.outside
        )

    def replaced(self, where: BoolArray, other: 'CurveSample') -> 'CurveSample':
        """Return the motion with `other` at the columns `where`."""
        return CurveSample(
            np.where(where, other.values, self.values),
            np.where(where, other.outside, self.outside),
        )
