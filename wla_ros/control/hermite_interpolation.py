"""
Time-stamped rows to a C1 curve: cubic Hermite with central-difference velocities (Catmull-Rom).

Owns the curve and its derivatives only; knows no schedule, no limits and no joints. Velocities at
the knots are the second-order finite differences of non-uniform knots, one-sided at the ends, so a
plan of constant velocity is reproduced exactly and a knot moved by a later splice changes the two
segments beside it only.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wla_ros.core.types import FloatArray

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class CurveSample:
    """The curve at one instant per column; outside the knots it rests at the nearest end."""

    position: FloatArray  # [D]
    velocity: FloatArray  # [D] per second
    acceleration: FloatArray  # [D] per second squared
    outside: (
        BoolArray  # [D] the instant of this column lies before the first or after the last knot
    )


def difference(first: CurveSample, second: CurveSample) -> CurveSample:
    """Return `first` less `second`, outside where either is."""
    return CurveSample(
        position=first.position - second.position,
        velocity=first.velocity - second.velocity,
        acceleration=first.acceleration - second.acceleration,
        outside=first.outside | second.outside,
    )


def lifted(sample: CurveSample, offset: tuple[FloatArray, FloatArray, FloatArray]) -> CurveSample:
    """Return `sample` with position, velocity and acceleration of `offset` on it where inside."""
    position, velocity, acceleration = offset
    inside = ~sample.outside
    return CurveSample(
        position=sample.position + position,
        velocity=sample.velocity + velocity * inside,
        acceleration=sample.acceleration + acceleration * inside,
        outside=sample.outside,
    )


class HermiteInterpolation:
    """A curve through n >= 1 rows; immutable, coefficients are computed once."""

    __slots__ = ('_coefficients', '_columns', '_last', '_seconds', 'origin_ns')

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
        if not np.all(np.diff(time_ns) > 0):
            raise ValueError('the times of the rows do not rise strictly')
        self.origin_ns = int(time_ns[0])
        self._seconds = seconds
        self._last = len(seconds) - 2
        self._columns = np.arange(rows.shape[1])
        self._coefficients = _coefficients(seconds, rows)  # [n - 1, D, 4]; [1, D, 4] for one row

    def sample(self, time_ns: int, offset_s: FloatArray) -> CurveSample:
        """
        Return the curve with column c taken at `time_ns` + `offset_s[c]`; `offset_s` is [D] in
        seconds.
        """
        return self.at((time_ns - self.origin_ns) * 1e-9 + offset_s)

    def at(self, instant: FloatArray) -> CurveSample:
        """Return the curve with column c taken `instant[..., c]` seconds after `origin_ns`."""
        seconds = self._seconds
        inside = np.minimum(np.maximum(instant, 0.0), seconds[-1])
        segment = np.searchsorted(seconds, inside, side='right') - 1
        segment = np.minimum(segment, max(self._last, 0))
        s = inside - seconds[segment]
        c = self._coefficients[segment, self._columns]  # [..., D, 4]
        c0, c1, c2, c3 = c[..., 0], c[..., 1], c[..., 2], c[..., 3]
        outside = inside != instant
        moving = ~outside
        return CurveSample(
            position=((c3 * s + c2) * s + c1) * s + c0,
            velocity=((3.0 * c3 * s + 2.0 * c2) * s + c1) * moving,
            acceleration=(6.0 * c3 * s + 2.0 * c2) * moving,
            outside=outside,
        )


def knot_velocities(seconds: FloatArray, rows: FloatArray) -> FloatArray:
    """Return the velocity [n, D] at every knot of `rows` [n, D] at times `seconds` [n], n >= 2."""
    width = np.diff(seconds)[:, None]  # [n - 1, 1]
    slope = np.diff(rows, axis=0) / width  # [n - 1, D]
    velocity = np.empty_like(rows)
    velocity[0], velocity[-1] = slope[0], slope[-1]
    if len(rows) > 2:
        before, after = width[:-1], width[1:]
        velocity[1:-1] = (after * slope[:-1] + before * slope[1:]) / (before + after)
    return velocity


def _coefficients(seconds: FloatArray, rows: FloatArray) -> FloatArray:
    """Return the cubic of every segment in powers of the time since its first knot."""
    if len(rows) == 1:
        constant = np.zeros((1, rows.shape[1], 4))
        constant[0, :, 0] = rows[0]
        return constant
    velocity = knot_velocities(seconds, rows)
    width = np.diff(seconds)[:, None]
    slope = np.diff(rows, axis=0) / width
    v0, v1 = velocity[:-1], velocity[1:]
    quadratic = (3.0 * slope - 2.0 * v0 - v1) / width
    cubic = (v0 + v1 - 2.0 * slope) / width**2
    return np.stack([rows[:-1], v0, quadratic, cubic], axis=-1)
