# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Paths in a plane for the expert of dispose_trash."""

import functools
import math
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import Chebyshev
from numpy.typing import NDArray

from wla_ros.base.timing import NS_PER_S
from wla_ros.base.types import FloatArray
from wla_ros.base.types import Observation
from wla_ros.base.types import PolicyRequest
from wla_ros.base.types import Refusal
from wla_ros.robots.piper.kinematics import PiperKinematics
from wla_ros.sim import arm_settings as settings
from wla_ros.sim.expert.joined_rows import Leg
from wla_ros.sim.expert.joined_rows import MotionState
from wla_ros.sim.expert.motion import ArmTool

# Where the plan of one inference begins: at the arms as observed, or behind the rows that are
# executed whatever the policy says.
#
# Times are absolute. Knows no task.
#
#     answer row        0   1   2   3   4   5 ...          due: stamp + (row_offset + i) * dt
#     observed          ^ joints of the observation        plan from row 0 on
#     prefix of 3       c   c   c   ^                      rows 0 to 2 copied, plan from row 2 on


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlanStart:
    """The state from which to plan, and the rows that are fixed already."""

    row0_ns: int  # when row 0 of the answer is due
    time_ns: int  # of the state
    state: MotionState  # of all D columns; the acceleration is 0 where nothing tells it
    copied: FloatArray  # [k, D] the first rows of the answer
    likely: FloatArray  # [m, D] the rows in execution behind them, which may still change

    @property
    def committed(self) -> int:
        """The number k of rows that are fixed."""
        return len(self.copied)

    def times_ns(self, dt_ns: int, horizon: int) -> NDArray[np.int64]:
        """Return when the rows of the answer are due [horizon]."""
        times: NDArray[np.int64] = self.row0_ns + dt_ns * np.arange(horizon, dtype=np.int64)
        return times


def plan_start(
    observation: Observation, request: PolicyRequest, *, dt_ns: int, horizon: int
) -> PlanStart:
    """
    Return where to plan from.

    Certain rows of `request.prefix` are taken over, and the plan begins at the last of them with
    the speed and acceleration they end with. Without any it begins with the joints of the
    observation, which are those of row 0.
    """
    row0_ns = observation.stamp_ns + request.row_offset * dt_ns
    nothing = np.zeros((0, len(observation.joint_position)))
    prefix = request.prefix
    count = 0 if prefix is None else min(prefix.committed, horizon)
    if prefix is None or not count:
        return PlanStart(
            row0_ns=row0_ns,
            time_ns=row0_ns,
            state=MotionState(
                position=observation.joint_position,
                velocity=observation.joint_velocity,
                acceleration=np.zeros_like(observation.joint_position),
            ),
            copied=nothing,
            likely=nothing if prefix is None else prefix.rows[prefix.weights > 0.0],
        )
    rows = prefix.rows[:count]
    weighted = prefix.rows[: int(np.count_nonzero(prefix.weights > 0.0))]
    return PlanStart(
        row0_ns=row0_ns,
        time_ns=row0_ns + (count - 1) * dt_ns,
        state=_end_state(rows, observation, dt_ns / NS_PER_S),
        copied=rows,
        likely=weighted[count:],
    )


def _end_state(rows: FloatArray, observation: Observation, dt_s: float) -> MotionState:
    """Return the state at the last of `rows` [k, D] from the parabola through the last three."""
    last = rows[-1]
    if len(rows) == 1:
        return MotionState(
            position=last,
            velocity=observation.joint_velocity,
            acceleration=np.zeros_like(last),
        )
    slope = (last - rows[-2]) / dt_s
    if len(rows) == 2:
        return MotionState(position=last, velocity=slope, acceleration=np.zeros_like(last))
    bend = (last - 2.0 * rows[-2] + rows[-3]) / dt_s**2
    return MotionState(position=last, velocity=slope + bend * dt_s / 2.0, acceleration=bend)


# The tool of one arm on a horizontal plane, with a fixed lean: two coordinates in place of six
# joints.
#
# In such a plane joint 1 is the azimuth and joints 2, 3 and 5 depend on the radius alone, so
# inverse kinematics is a polynomial: thousands of points take microseconds.

_SAMPLES = 81
_DEGREE = 14
_LARGEST_ERROR_RAD = 2e-4  # 0.1 mm at the tool
_VELOCITY_STEP_S = 1e-3


@functools.lru_cache(maxsize=8)
def plane_chart(
    arm: str, *, height_m: float, tilt_rad: float, radius_range_m: tuple[float, float]
) -> 'PlaneChart':
    """Return a `PlaneChart`, the same for the same arguments: they never change, and fits cost."""
    return PlaneChart(arm, height_m=height_m, tilt_rad=tilt_rad, radius_range_m=radius_range_m)


class PlaneChart:
    """
    Points (x, y) of the world at height `height_m`, reached by `arm` leaning by `tilt_rad`.

    Points outside of `radius_range_m` around the arm's first axis are taken to its border.
    """

    def __init__(
        self, arm: str, *, height_m: float, tilt_rad: float, radius_range_m: tuple[float, float]
    ) -> None:
        """Fit the joints. Raises ValueError where the arm does not reach the whole range."""
        self.height_m = height_m
        self._low_m, self._high_m = radius_range_m
        self._base = np.array(settings.ARM_BASES[arm])
        self._tool = ArmTool(arm)
        radii = np.linspace(self._low_m, self._high_m, _SAMPLES)
        base = np.eye(4)
        base[:3, 3] = self._base
        kinematics = PiperKinematics(tool_offset_m=settings.TCP_OFFSET_M, base=base)
        rows = [np.array(settings.HOME_RAD)]
        for radius in radii:
            point = self._base + np.array([radius, 0.0, height_m])
            solved = kinematics.solve(self._tool.leaning(point, tilt_rad=tilt_rad), rows[-1])
            if isinstance(solved, Refusal):
                raise ValueError(
                    f'{arm}: no joints for radius {radius:.3f} m, height {height_m} m, '
                    f'tilt {math.degrees(tilt_rad):.0f} deg: {solved.detail}'
                )
            rows.append(solved)
        joints = np.array(rows[1:])
        joints[:, 0] = 0.0  # the azimuth is added later
        fits = [Chebyshev.fit(radii, joints[:, i], _DEGREE) for i in range(6)]
        error = max(float(np.max(np.abs(fit(radii) - joints[:, i]))) for i, fit in enumerate(fits))
        if not error < _LARGEST_ERROR_RAD:
            raise ValueError(f'{arm}: the fit of the plane is off by {error:.2g} rad')
        # Powers of the radius scaled to [-1, 1], highest first, as Horner's rule wants them.
        self._powers: FloatArray = np.array([_padded(fit) for fit in fits]).T[
            ::-1
        ]  # [degree+1, 6]

    def joints_at(self, points: FloatArray) -> FloatArray:
        """Return joints [n, 6] with the tool at `points` [n, 2]."""
        away = points - self._base[:2]
        radius = np.clip(np.hypot(away[:, 0], away[:, 1]), self._low_m, self._high_m)
        scaled = (2.0 * radius - self._low_m - self._high_m) / (self._high_m - self._low_m)
        joints: FloatArray = np.zeros((len(points), 6))
        for row in self._powers:
            joints = joints * scaled[:, None] + row
        joints[:, 0] += np.arctan2(away[:, 1], away[:, 0])
        return joints

    def point_of(self, joints: FloatArray) -> FloatArray:
        """Return where the tool is, seen from above [2]; it need not be in the plane."""
        point: FloatArray = self._tool.pose(joints)[:2, 3]
        return point

    def velocity_of(self, joints: FloatArray, velocity: FloatArray) -> FloatArray:
        """Return how fast the tool moves, seen from above [2] [m/s]."""
        step = velocity * _VELOCITY_STEP_S
        change: FloatArray = self.point_of(joints + step) - self.point_of(joints - step)
        return change / (2.0 * _VELOCITY_STEP_S)


def _padded(fit: Chebyshev) -> FloatArray:
    """Return the power coefficients [degree + 1] of `fit` in its scaled argument."""
    power = np.polynomial.chebyshev.cheb2poly(fit.coef)
    padded = np.zeros(_DEGREE + 1)
    padded[: len(power)] = power
    return padded


_STEP_S = 1e-3
_AROUND_S = np.array([-_STEP_S, 0.0, _STEP_S])


class PlanePath:
    """
    Legs of a way, one after another from `start_ns` on; before it the start, at the end the last
    speed is kept.
    """

    def __init__(
        self,
        chart: PlaneChart,
        start_ns: int,
        legs: tuple[tuple[Leg, ...], tuple[Leg, ...]],
    ) -> None:
        """Take the legs of both coordinates, ((x leg, ...), (y leg, ...)), one axis each."""
        self.start_ns = start_ns
        self._chart = chart
        self._legs = legs

    def points_at(self, elapsed_s: FloatArray) -> FloatArray:
        """Return where the tool is to be [n, 2] at times [n] since the start."""
        return np.stack([_along(legs, elapsed_s) for legs in self._legs], axis=1)

    def rows_at(self, times_ns: NDArray[np.int64]) -> FloatArray:
        """Return the joints [n, 6] at absolute times [n]."""
        elapsed_s = np.maximum(times_ns - self.start_ns, 0) / NS_PER_S
        return self._chart.joints_at(self.points_at(elapsed_s))

    def state_at(self, time_ns: int) -> MotionState:
        """Return where the tool is to be at `time_ns` and how it moves, seen from above [2]."""
        elapsed_s = max(time_ns - self.start_ns, 0) / NS_PER_S
        around = self.points_at(elapsed_s + _AROUND_S)
        return MotionState(
            position=around[1],
            velocity=(around[2] - around[0]) / (2.0 * _STEP_S),
            acceleration=np.array([_bend(legs, elapsed_s) for legs in self._legs]),
        )


def _along(legs: tuple[Leg, ...], elapsed_s: FloatArray) -> FloatArray:
    """Return the coordinate [n]."""
    value: FloatArray = legs[0].at(elapsed_s)[:, 0]
    began_s = 0.0
    for before, leg in zip(legs, legs[1:], strict=False):
        began_s += before.duration_s
        later = elapsed_s > began_s
        if later.any():
            value = np.where(later, leg.at(np.maximum(elapsed_s - began_s, 0.0))[:, 0], value)
    return value


def _bend(legs: tuple[Leg, ...], elapsed_s: float) -> float:
    """Return the second derivative of the coordinate."""
    for leg in legs:
        if elapsed_s <= leg.duration_s:
            return float(leg.acceleration(np.array([elapsed_s]))[0, 0])
        elapsed_s -= leg.duration_s
    return 0.0
