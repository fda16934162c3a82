"""
Motion of six joints along a path, from rest to rest, in minimum-jerk time.

A path is rows of joint angles at equal parts of its course s in [0, 1]. The duration is the
shortest that keeps speed, acceleration and jerk of every joint within what is left free below the
arm's own limits.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from wla_ros.core.types import FloatArray

# Below the firmware's 3 rad/s and 5 rad/s^2 and the executor's 50 rad/s^3, so that limiters need
# not touch it, and with room for the arm to catch up after a late command: an arm that brakes with
# all it has from 2 rad/s overshoots by 0.1 rad if the command is 50 ms late.
MAX_SPEED_RAD_S = 1.8
MAX_ACCELERATION_RAD_S2 = 3.5
MAX_JERK_RAD_S3 = 40.0
PEAK_SPEED = 1.875  # of minimum jerk over distance / duration


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Motion:
    """A path with a duration; at rest at both ends."""

    path: FloatArray  # [k, 6] rad, k >= 2
    duration_s: float

    @property
    def start(self) -> FloatArray:
        """Return the first row [6]."""
        row: FloatArray = self.path[0]
        return row

    @property
    def end(self) -> FloatArray:
        """Return the last row [6]."""
        row: FloatArray = self.path[-1]
        return row

    def positions_at(self, elapsed_s: ArrayLike) -> FloatArray:
        """Return [n, 6] at times [n] since the start; before and after, the ends."""
        course = minimum_jerk(np.asarray(elapsed_s, dtype=np.float64) / max(self.duration_s, 1e-9))
        return _cubic(self.path, course)


def minimum_jerk(fraction: ArrayLike) -> FloatArray:
    """Return the course 10 u^3 - 15 u^4 + 6 u^5 for u clipped to [0, 1]."""
    u = np.clip(fraction, 0.0, 1.0)
    course: FloatArray = u**3 * (10.0 - 15.0 * u + 6.0 * u**2)
    return course


def timed(path: FloatArray, *, shortest_s: float) -> Motion:
    """Return `path` [k, 6] as a motion of at least `shortest_s` that keeps the limits above."""
    u = np.linspace(0.0, 1.0, 41)
    s1 = (
        30 * u**2 - 60 * u**3 + 30 * u**4
    )  # derivatives of the course for a duration of one second
    s2 = 60 * u - 180 * u**2 + 120 * u**3
    s3 = 60 - 360 * u + 360 * u**2
    spacing = 1.0 / (len(path) - 1)
    slope = np.gradient(path, spacing, axis=0)  # [k, 6] dq/ds
    bend = np.gradient(slope, spacing, axis=0)
    course = minimum_jerk(u)
    p1, p2 = _linear(slope, course), _linear(bend, course)  # [41, 6]
    speed = np.max(np.abs(p1 * s1[:, None]))
    acceleration = np.max(np.abs(p2 * s1[:, None] ** 2 + p1 * s2[:, None]))
    jerk = np.max(np.abs(3 * p2 * (s1 * s2)[:, None] + p1 * s3[:, None]))
    duration = max(
        shortest_s,
        speed / MAX_SPEED_RAD_S,
        (acceleration / MAX_ACCELERATION_RAD_S2) ** (1 / 2),
        (jerk / MAX_JERK_RAD_S3) ** (1 / 3),
    )
    return Motion(path=path, duration_s=float(duration))


def straight(start: FloatArray, end: FloatArray) -> Motion:
    """Return the motion in which every joint goes straight from `start` [6] to `end` [6]."""
    return timed(np.stack((start, end)), shortest_s=0.05)


def still(position: FloatArray, duration_s: float) -> Motion:
    """Return a motion that stays at `position` [6]."""
    return Motion(path=np.stack((position, position)), duration_s=duration_s)


def _linear(rows: FloatArray, course: FloatArray) -> FloatArray:
    x = course * (len(rows) - 1)
    i = np.clip(x.astype(np.int64), 0, len(rows) - 2)
    f = (x - i)[:, None]
    mixed: FloatArray = rows[i] * (1 - f) + rows[i + 1] * f
    return mixed


def _cubic(rows: FloatArray, course: FloatArray) -> FloatArray:
    """Return Catmull-Rom interpolation of `rows` [k, 6] at `course` [n], exact at the rows."""
    if len(rows) == 2:
        return _linear(rows, course)
    slope = np.gradient(rows, axis=0, edge_order=2)
    x = course * (len(rows) - 1)
    i = np.clip(x.astype(np.int64), 0, len(rows) - 2)
    f = (x - i)[:, None]
    h00, h01 = 1 - 3 * f**2 + 2 * f**3, 3 * f**2 - 2 * f**3
    h10, h11 = f - 2 * f**2 + f**3, f**3 - f**2
    value: FloatArray = h00 * rows[i] + h01 * rows[i + 1] + h10 * slope[i] + h11 * slope[i + 1]
    return value
