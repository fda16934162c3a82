# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Motions of a tool in time: joint paths with minimum jerk, straight lines, durations."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from wla_ros.base.types import FloatArray
from wla_ros.base.types import Refusal
from wla_ros.robots.piper.kinematics import PiperKinematics
from wla_ros.sim import arm_settings as settings

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


# Motion of one arm's tool: where the tool centre point is, and straight lines of it as joint
# motions.
#
# The tool always stays in the vertical plane through the arm's first axis and leans out of the
# vertical by a tilt, which a Piper can do anywhere in its workspace; straight down it cannot
# (joint 5 ends at 70 deg).

TILT_RAD = math.radians(30.0)
_LINE_ROWS = 33
_LARGEST_STEP_RAD = 0.5  # between rows of a line; more is a change of branch


class CannotProceedError(Exception):
    """There is nothing the arm can do: out of reach, or pointless; says why."""


class ArmTool:
    """The tool of `arm`; positions are in the world frame."""

    def __init__(self, arm: str) -> None:
        """Place the arm's kinematics at its base."""
        self._base = np.array(settings.ARM_BASES[arm])
        base = np.eye(4)
        base[:3, 3] = self._base
        self._kinematics = PiperKinematics(tool_offset_m=settings.TCP_OFFSET_M, base=base)

    def pose(self, joints: FloatArray) -> FloatArray:
        """Return the tool pose [4, 4] at `joints` [6]."""
        return self._kinematics.pose(joints)

    def radius_m(self, point: FloatArray) -> float:
        """Return the horizontal distance [m] of `point` from the arm's first axis."""
        return float(np.hypot(*(point[:2] - self._base[:2])))

    def leaning(self, point: FloatArray, *, tilt_rad: float = TILT_RAD) -> FloatArray:
        """
        Return the pose [4, 4] with the tool at `point` [3], approaching outward and down by
        `tilt_rad`.
        """
        azimuth = math.atan2(point[1] - self._base[1], point[0] - self._base[0])
        c, s = math.cos(azimuth), math.sin(azimuth)
        approach = np.array([c * math.sin(tilt_rad), s * math.sin(tilt_rad), -math.cos(tilt_rad)])
        sideways = np.array([-s, c, 0.0])
        pose = np.eye(4)
        pose[:3, 0] = np.cross(sideways, approach)
        pose[:3, 1] = sideways
        pose[:3, 2] = approach
        pose[:3, 3] = point
        return pose

    def backed_off(self, point: FloatArray, distance_m: float) -> FloatArray:
        """Return the point [3] from which the tool approaches `point` over `distance_m`."""
        back: FloatArray = point - distance_m * self.leaning(point)[:3, 2]
        return back

    def joints_at(self, point: FloatArray, seed: FloatArray) -> FloatArray:
        """Return joints [6] near `seed` with the tool at `point`. Raises CannotProceedError."""
        solved = self._kinematics.solve(self.leaning(point), seed)
        if isinstance(solved, Refusal):
            raise CannotProceedError(_describe(point, solved))
        return solved

    def line(self, start: FloatArray, goal: FloatArray, *, speed_m_s: float) -> Motion:
        """
        Return the motion of the tool from `start` [6] straight to the point `goal` [3].

        `speed_m_s` is the peak speed. The start's own lean is kept at first and turned into the
        usual one. Raises CannotProceedError.
        """
        first = self.pose(start)
        origin = first[:3, 3]
        tilt = math.acos(min(1.0, max(-1.0, -float(first[2, 2]))))
        rows = [start]
        for fraction in np.linspace(0.0, 1.0, _LINE_ROWS)[1:]:
            point = origin + fraction * (goal - origin)
            pose = self.leaning(point, tilt_rad=tilt + fraction * (TILT_RAD - tilt))
            solved = self._kinematics.solve_step(pose, rows[-1], max_step_rad=_LARGEST_STEP_RAD)
            if isinstance(solved, Refusal):
                raise CannotProceedError(_describe(point, solved))
            rows.append(solved)
        length_m = float(np.linalg.norm(goal - origin))
        return timed(np.array(rows), shortest_s=max(PEAK_SPEED * length_m / speed_m_s, 0.05))


def _describe(point: FloatArray, refusal: Refusal) -> str:
    return f'tool at ({point[0]:.3f}, {point[1]:.3f}, {point[2]:.3f}) m: {refusal.detail}'
