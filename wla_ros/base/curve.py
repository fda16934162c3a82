# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Time-stamped rows to a C1 curve: cubic Hermite with central-difference velocities (Catmull-Rom).

Velocities at the ends are one-sided differences.
"""

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wla_ros.base.types import FloatArray

# One instant of a motion of all columns: position, velocity, acceleration in one array.

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

    def moved_back(self, seconds: float) -> 'CurveSample':
        """Return the motion `seconds` earlier, had its velocity been the same until now."""
        values = self.values.copy()
        values[0] -= values[1] * seconds
        return CurveSample(values, self.outside)

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


_POWERS = np.arange(4)


class HermiteInterpolation:
    """
    A curve through n >= 1 rows; immutable, coefficients are computed once.

    Outside the knots it rests at the nearest end.
    """

    __slots__ = (
        '_coefficients',
        '_columns',
        '_inside',
        '_knots',
        '_last',
        '_seconds',
        'origin_ns',
    )

    def __init__(self, time_ns: NDArray[np.int64], rows: FloatArray) -> None:
        """
        Fit the curve through `rows` [n, D] at `time_ns` [n].

        Raises ValueError unless there is at least one row and the times rise strictly.
        """
        if len(time_ns) == 0 or len(time_ns) != len(rows):
            raise ValueError(
                f'{len(rows)} rows need as many times and at least one, got {len(time_ns)}'
            )
        seconds = (time_ns - time_ns[0]) * 1e-9  # [n]
        if not (time_ns[1:] > time_ns[:-1]).all():
            raise ValueError('the times of the rows do not rise strictly')
        self.origin_ns = int(time_ns[0])
        self._seconds = seconds
        self._knots: list[float] = seconds.tolist()
        self._last = max(len(seconds) - 2, 0)
        self._columns = np.arange(rows.shape[1])
        # [n - 1, D, 3, 4]: position, velocity, acceleration in powers of the time in the segment
        self._coefficients = _coefficients(seconds, rows)
        self._inside = np.zeros(rows.shape[1], dtype=np.bool_)

    def sample(self, time_ns: int, offset_s: FloatArray) -> CurveSample:
        """
        Return the curve with column c taken at `time_ns` + `offset_s[c]`; `offset_s` is [D] in
        seconds.
        """
        return self.at((time_ns - self.origin_ns) * 1e-9 + offset_s)

    def at_once(self, seconds: float) -> CurveSample:
        """Return all columns `seconds` after `origin_ns`: `at` for one instant, and faster."""
        knots = self._knots
        inside = min(max(seconds, 0.0), knots[-1])
        segment = min(bisect_right(knots, inside) - 1, self._last)
        s = inside - knots[segment]
        values = (self._coefficients[segment] @ np.array((1.0, s, s * s, s * s * s))).T
        if inside == seconds:
            return CurveSample(values, self._inside)
        values[1:] = 0.0
        return CurveSample(values, ~self._inside)

    def at(self, instant: FloatArray) -> CurveSample:
        """Return the curve with column c taken `instant[..., c]` seconds after `origin_ns`."""
        if instant.ndim == 1 and (instant == instant[0]).all():
            return self.at_once(float(instant[0]))
        seconds = self._seconds
        inside = np.minimum(np.maximum(instant, 0.0), seconds[-1])
        segment = np.minimum(np.searchsorted(seconds, inside, side='right') - 1, self._last)
        s = inside - seconds[segment]
        powers = s[..., None] ** _POWERS  # [..., D, 4]
        found = self._coefficients[segment, self._columns]  # [..., D, 3, 4]
        values = np.einsum('...kp,...p->k...', found, powers)
        outside = inside != instant
        if outside.any():
            values[1:] *= ~outside
        return CurveSample(values, outside)

    def seconds(self, times_ns: NDArray[np.int64]) -> FloatArray:
        """Return `times_ns` [...] as seconds after `origin_ns`."""
        return np.asarray((times_ns - self.origin_ns) * 1e-9, dtype=np.float64)

    def at_rows(self, times_ns: NDArray[np.int64]) -> CurveSample:
        """Return all columns at each of `times_ns` [n]: arrays [n, D]."""
        segment, powers, outside = self._located(times_ns)
        values = np.einsum('ndkp,np->knd', self._coefficients[segment], powers)
        values[1:, outside] = 0.0
        return CurveSample(values, np.repeat(outside[:, None], values.shape[2], axis=1))

    def positions(self, times_ns: NDArray[np.int64]) -> FloatArray:
        """Return the positions [n, D] of `at_rows`."""
        segment, powers, _ = self._located(times_ns)
        return np.asarray(np.einsum('ndp,np->nd', self._coefficients[segment, :, 0], powers))

    def positions_at(self, instant: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
        """Return positions [n, D] at `instant` [n] [s] after the origin, and if outside [n, 1]."""
        segment, powers, outside = self._placed(instant)
        found = self._coefficients[segment, :, 0]
        return np.einsum('ndp,np->nd', found, powers), outside[:, None]

    def _located(
        self, times_ns: NDArray[np.int64]
    ) -> tuple[NDArray[np.intp], FloatArray, NDArray[np.bool_]]:
        """Return segment [n], powers of the time in it [n, 4], and whether it is outside [n]."""
        return self._placed(self.seconds(times_ns))

    def _placed(
        self, seconds: FloatArray
    ) -> tuple[NDArray[np.intp], FloatArray, NDArray[np.bool_]]:
        knots = self._seconds
        inside = np.minimum(np.maximum(seconds, 0.0), knots[-1])
        segment = np.minimum(np.searchsorted(knots, inside, side='right') - 1, self._last)
        powers = (inside - knots[segment])[:, None] ** _POWERS
        return segment, powers, inside != seconds


def knot_velocities(seconds: FloatArray, rows: FloatArray) -> FloatArray:
    """Return the velocity [n, D] at every knot of `rows` [n, D] at times `seconds` [n], n >= 2."""
    width = (seconds[1:] - seconds[:-1])[:, None]  # [n - 1, 1]
    slope = (rows[1:] - rows[:-1]) / width  # [n - 1, D]
    velocity = np.empty_like(rows)
    velocity[0], velocity[-1] = slope[0], slope[-1]
    if len(rows) > 2:
        before, after = width[:-1], width[1:]
        velocity[1:-1] = (after * slope[:-1] + before * slope[1:]) / (before + after)
    return velocity


def _coefficients(seconds: FloatArray, rows: FloatArray) -> FloatArray:
    """Return every segment's cubic and its derivatives [n - 1, D, 3, 4]; [1, ...] for one row."""
    count, columns = rows.shape
    result = np.zeros((max(count - 1, 1), columns, 3, 4))
    if count == 1:
        result[0, :, 0, 0] = rows[0]
        return result
    velocity = knot_velocities(seconds, rows)
    width = (seconds[1:] - seconds[:-1])[:, None]
    slope = (rows[1:] - rows[:-1]) / width
    v0, v1 = velocity[:-1], velocity[1:]
    quadratic = (3.0 * slope - 2.0 * v0 - v1) / width
    cubic = (v0 + v1 - 2.0 * slope) / width**2
    for power, factor in enumerate((rows[:-1], v0, quadratic, cubic)):
        result[..., 0, power] = factor
    result[..., 1, 0], result[..., 1, 1], result[..., 1, 2] = v0, 2.0 * quadratic, 3.0 * cubic
    result[..., 2, 0], result[..., 2, 1] = 2.0 * quadratic, 6.0 * cubic
    return result


# The executor's plan as a curve: where the joints are commanded to be between the rows.
#
# The curve is the one the executor follows: cubic Hermite with second-order finite differences as
# velocities at the rows, one-sided at the ends. Pure numpy; knows no chunk and no delay.


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
