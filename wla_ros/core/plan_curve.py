"""
The executor's plan as a curve: where the joints are commanded to be between the rows.

The curve is the one the executor follows: cubic Hermite with second-order finite differences as
velocities at the rows, one-sided at the ends. Pure numpy; knows no chunk and no delay.
"""

import numpy as np
from numpy.typing import NDArray

from wla_ros.core.types import FloatArray


class PlanCurve:
    """A curve through n >= 1 rows; rests at its first and last row outside of them."""

    __slots__ = ('_due_ns', '_rows', '_velocity')

    def __init__(self, due_ns: NDArray[np.int64], rows: FloatArray) -> None:
        """Take `rows` [n, D] due at `due_ns` [n], which rise strictly."""
        self._due_ns, self._rows = due_ns, rows
        self._velocity = _velocities(due_ns, rows)

    @property
    def first_ns(self) -> int:
        """When the first row is due."""
        return int(self._due_ns[0])

    @property
    def last_ns(self) -> int:
        """When the last row is due."""
        return int(self._due_ns[-1])

    def at(self, times_ns: NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
        """
        Return positions and velocities [k, D] at `times_ns` [k].

        A row that is due at exactly one of the times is returned exactly.
        """
        due_ns, rows = self._due_ns, self._rows
        if len(rows) == 1:
            return np.repeat(rows, len(times_ns), axis=0), np.zeros((len(times_ns), rows.shape[1]))
        inside = np.clip(times_ns, due_ns[0], due_ns[-1])
        after = np.clip(np.searchsorted(due_ns, inside, side='right'), 1, len(rows) - 1)
        before = after - 1
        width = ((due_ns[after] - due_ns[before]) * 1e-9)[:, None]  # [k, 1]
        s = ((inside - due_ns[before]) * 1e-9)[:, None]
        p0, p1, v0, v1 = rows[before], rows[after], self._velocity[before], self._velocity[after]
        slope = (p1 - p0) / width
        quadratic = (3.0 * slope - 2.0 * v0 - v1) / width
        cubic = (v0 + v1 - 2.0 * slope) / width**2
        position = ((cubic * s + quadratic) * s + v0) * s + p0
        position = np.where((inside == due_ns[after])[:, None], p1, position)
        moving = (inside == times_ns)[:, None]
        velocity = np.where(moving, (3.0 * cubic * s + 2.0 * quadratic) * s + v0, 0.0)
        return position, velocity


def _velocities(due_ns: NDArray[np.int64], rows: FloatArray) -> FloatArray:
    """Return the velocity [n, D] at every row, zero for a single one."""
    velocity = np.zeros_like(rows)
    if len(rows) < 2:
        return velocity
    width = (np.diff(due_ns) * 1e-9)[:, None]  # [n - 1, 1]
    slope = np.diff(rows, axis=0) / width
    velocity[0], velocity[-1] = slope[0], slope[-1]
    velocity[1:-1] = (width[1:] * slope[:-1] + width[:-1] * slope[1:]) / (width[:-1] + width[1:])
    return velocity
