"""
Bounds of a joint vector: position, velocity, acceleration, jerk, one value per column.

Columns are those of a JointLayout. Knows no robot: where the numbers come from is the business of
`robots`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from wla_ros.core.types import FloatArray


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
