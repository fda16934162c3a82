# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The bridge of a splice: quintics per column that carry the step between two plans to zero.

With the residual old plan less new plan at the splice, the executed curve is new plan + bridge.
The bridge begins with the position, velocity and acceleration of the residual and ends with zeros:
the executed curve is continuous in all three at the splice and the new plan itself behind it.
A bridge has two parts. Steps of position and velocity take as long as their shares of the limits
ask for. A step of the acceleration is taken out apart and at once: at the limit of the jerk
2 rad/s^2 would take 0.36 s and lead 5 mrad astray, while plans have such steps at every row. A
bridge over a running one goes on with both of its parts as they move, accelerations included:
bridges that began from rest each time would never arrive.

Knows no plans and no chunks. The limiter is what guarantees limits; a bridge only keeps the step
from costing more than a share of them.
"""

from dataclasses import dataclass
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from wla_ros.base.curve import CurveSample
from wla_ros.base.joints import JointLimits
from wla_ros.base.types import FloatArray
from wla_ros.execution.config import BridgeConfig

# Below these [per second^k] a residual is rounding: no bridge. 1 nanosecond at full speed moves
# 3e-9 rad.
_NO_STEP = np.array([[1e-8], [1e-7], [1e-5]])
# Durations are tried in two passes: about 40 % apart, then 4 %.
_COARSE = 12
_FINE = 10
# The acceleration is taken out within this time, as a plan changes it between two rows at 30 Hz.
_BRIEF_S = 0.05
_POWERS = np.arange(1.0, 6.0)[:, None]
# Peaks between these instants are at most 1.5 % higher.
_INSTANTS = np.linspace(0.0, 1.0, 21)


@dataclass(frozen=True, slots=True, eq=False)
class SpliceBridge:
    """The offset that is added to the new plan, per column; zero behind its end."""

    start_s: FloatArray  # [D] on the axis of the caller
    duration_s: FloatArray  # [D] of position and velocity, 0: no step, no bridge
    brief_s: FloatArray  # [D] of the acceleration, at most duration_s
    # [2, 3, 6, D] position, velocity and acceleration in powers of the time since the start, of
    # the part for position and velocity and of the part for the acceleration
    coefficients: FloatArray

    def at(self, instant_s: FloatArray | float) -> FloatArray:
        """Return position, velocity, acceleration [3, ..., D] of the offset at `instant_s`."""
        since_s = np.maximum(instant_s - self.start_s, 0.0)
        offset = _course(self.coefficients[0], since_s, since_s < self.duration_s)
        brief = since_s < self.brief_s
        if brief.any():
            offset += _course(self.coefficients[1], since_s, brief)
        return offset

    def positions_at(self, instant_s: FloatArray) -> FloatArray:
        """Return the position [n, D] of `at` alone, for `instant_s` [n, D] or [n, 1]."""
        since_s = np.maximum(instant_s - self.start_s, 0.0)
        slow = since_s * (since_s < self.duration_s)
        brief = since_s * (since_s < self.brief_s)
        (slow_of, brief_of) = self.coefficients[:, 0]  # [6, D] each
        offset = np.zeros_like(since_s)
        more = np.zeros_like(since_s)
        for power in range(len(slow_of) - 1, 0, -1):
            offset = (offset + slow_of[power]) * slow
            more = (more + brief_of[power]) * brief
        offset += slow_of[0] * (since_s < self.duration_s)
        return np.asarray(offset + more + brief_of[0] * (since_s < self.brief_s))

    def parts(self, instant_s: FloatArray) -> FloatArray:
        """Return [2, 3, D]: `at` of the slow and of the brief part alone."""
        since_s = np.maximum(instant_s - self.start_s, 0.0)
        return np.array(
            [
                _course(self.coefficients[0], since_s, since_s < self.duration_s),
                _course(self.coefficients[1], since_s, since_s < self.brief_s),
            ]
        )

    def replaced(self, where: NDArray[np.bool_], other: 'SpliceBridge') -> 'SpliceBridge':
        """Return the bridge with `other` at the columns `where`."""
        return SpliceBridge(
            np.where(where, other.start_s, self.start_s),
            np.where(where, other.duration_s, self.duration_s),
            np.where(where, other.brief_s, self.brief_s),
            np.where(where, other.coefficients, self.coefficients),
        )

    def since(self, shift_s: float) -> 'SpliceBridge':
        """Return the bridge on an axis whose origin lies `shift_s` earlier."""
        return replace(self, start_s=self.start_s + shift_s)

    @property
    def end_s(self) -> float:
        """When the last column has arrived at zero."""
        return float((self.start_s + self.duration_s).max())


def no_bridge(columns: int) -> SpliceBridge:
    """Return a bridge over nothing."""
    nothing = np.zeros(columns)
    return SpliceBridge(nothing, nothing, nothing, np.zeros((2, 3, 6, columns)))


def _course(coefficients: FloatArray, since_s: FloatArray, live: NDArray[np.bool_]) -> FloatArray:
    t = since_s * live
    square = t * t
    cube = square * t
    powers = np.array([live, t, square, cube, square * square, square * cube])
    if t.ndim == 1:
        return np.asarray((coefficients * powers).sum(axis=1))
    return np.asarray(np.einsum('kpd,p...d->k...d', coefficients, powers))


@dataclass(frozen=True, slots=True, eq=False)
class BridgeFit:
    """What a bridge has to carry to zero, and how long that takes."""

    residual: FloatArray  # [2, 3, D] of the slow and of the brief part, zero without step
    duration_s: FloatArray  # [D], 0: no step
    brief_s: FloatArray  # [D] of the acceleration
    steep: NDArray[np.bool_]  # [D] no duration within the bound keeps the configured shares


class BridgeFitter:
    """Finds how long each column's bridge has to be."""

    def __init__(
        self,
        config: BridgeConfig,
        limits: JointLimits,
        joints: NDArray[np.intp] | None = None,
    ) -> None:
        """Keep the configured shares of the rates of `limits`; `joints`: all but the grippers."""
        columns = np.arange(len(limits.velocity))
        self._is_gripper = np.zeros(len(columns), dtype=np.bool_)
        if joints is not None:
            self._is_gripper = ~np.isin(columns, joints)
        self._velocity = limits.velocity * config.velocity_share
        self._acceleration = limits.acceleration * config.acceleration_share
        self._jerk = limits.jerk * config.jerk_share
        self._coarse = np.geomspace(config.min_s, config.max_s, _COARSE)

    def fit(self, step: CurveSample, running: FloatArray) -> BridgeFit:
        """
        Return the shortest duration per column whose peaks stay within the shares.

        `step` [D] is between the plans; where there is none there is no bridge. `running`
        [2, 3, D] are the parts of the bridge that the motion is on. A peak that the bridge begins
        with cannot be undercut and counts as kept. The jerk gives way if velocity and acceleration
        can be kept without it only; if not even those can, the duration with the least excess is
        taken. Columns outside a plan have no bridge.
        """
        steps = (np.abs(step.values) > _NO_STEP).any(axis=0) & ~step.outside
        duration_s, brief_s = np.zeros(len(steps)), np.zeros(len(steps))
        steep = np.zeros(len(steps), dtype=np.bool_)
        residual = np.where(steps, running, 0.0)
        residual[0, :2] += np.where(steps, step.values[:2], 0.0)
        residual[1, 2] += np.where(steps, step.values[2], 0.0)
        columns = np.flatnonzero(steps)
        if len(columns):
            brief_s[columns] = self._brief_s(columns, residual[1][:, columns])
            r = residual[0][:, columns]
            bounds = self._bounds(columns, r)
            coarse = np.repeat(self._coarse[:, None], len(columns), axis=1)
            chosen, kept = _choose(coarse, r[:, None], bounds)
            each = np.arange(len(columns))
            before, until = coarse[np.maximum(chosen - 1, 0), each], coarse[chosen, each]
            fine = before + (until - before) * np.linspace(0.0, 1.0, _FINE)[:, None]
            chosen, _ = _choose(fine, r[:, None], bounds)
            duration_s[columns] = np.maximum(fine[chosen, each], brief_s[columns])
            steep[columns] = ~kept
        return BridgeFit(residual, duration_s, brief_s, steep)

    def _brief_s(self, columns: NDArray[np.intp], residual: FloatArray) -> FloatArray:
        """Return how long the brief part [3, k] takes: what its jerk asks for, but briefly."""
        r, v, a = np.abs(residual) / self._jerk[columns]
        wanted = np.maximum(np.maximum(9.0 * a, np.sqrt(36.0 * v)), np.cbrt(60.0 * r))
        return np.asarray(np.minimum(np.maximum(wanted, self._coarse[0]), _BRIEF_S))

    def run_up_s(self, residual: CurveSample, velocity: FloatArray) -> float:
        """
        Return how long before its first row a plan has to begin to be reached softly.

        `residual` is the present state less the first row; the run-up leads to that row with its
        `velocity` [D]. It takes half of the bridge over it: an arm at rest that speeds up evenly
        needs twice as long for a way as the plan that has the speed already, so it neither backs
        up nor overtakes. One time for all joints, because they belong to one row; they wait for
        no gripper.
        """
        columns = np.flatnonzero(~(residual.outside | self._is_gripper))
        if not len(columns):
            return 0.0
        durations = np.repeat(self._coarse[:, None], len(columns), axis=1)  # [K, k]
        r = np.stack(
            [
                residual.position[columns] + velocity[columns] * durations / 2.0,
                np.broadcast_to((residual.velocity - velocity)[columns], durations.shape),
                np.zeros_like(durations),
            ]
        )
        still = (np.abs(r).max(axis=1) <= _NO_STEP).all(axis=0)
        chosen, _ = _choose(durations, r, self._bounds(columns, r[:, 0]))
        return float(np.where(still, 0.0, self._coarse[chosen] / 2.0).max())

    def _bounds(self, columns: NDArray[np.intp], residual: FloatArray) -> FloatArray:
        """Return the peaks [3, k] that are allowed: shares, or what the residual begins with."""
        return np.stack(
            [
                np.maximum(self._velocity[columns], np.abs(residual[1])),
                np.maximum(self._acceleration[columns], np.abs(residual[2])),
                self._jerk[columns],
            ]
        )


def lasting(fit: BridgeFit, duration_s: FloatArray | float) -> BridgeFit:
    """Return `fit` with `duration_s`, one or [D], for the columns that have a step."""
    slow_s = np.where(fit.duration_s > 0.0, np.maximum(duration_s, fit.brief_s), 0.0)
    return replace(fit, duration_s=slow_s, steep=np.zeros_like(fit.steep))


def without(fit: BridgeFit, columns: NDArray[np.bool_]) -> BridgeFit:
    """Return `fit` with no bridge in `columns` [D]."""
    return BridgeFit(
        np.where(columns, 0.0, fit.residual),
        np.where(columns, 0.0, fit.duration_s),
        np.where(columns, 0.0, fit.brief_s),
        fit.steep & ~columns,
    )


def bridge_over(fit: BridgeFit, start_s: FloatArray) -> SpliceBridge:
    """Return the bridge [D] that begins with the residual at `start_s` and ends with zeros."""
    slow, brief = fit.residual
    return SpliceBridge(
        start_s,
        fit.duration_s,
        fit.brief_s,
        np.array([_quintic(slow, fit.duration_s), _quintic(brief, fit.brief_s)]),
    )


def _quintic(residual: FloatArray, duration_s: FloatArray) -> FloatArray:
    """Return the polynomial [3, 6, D] from `residual` [3, D] to zeros, and its derivatives."""
    r, v, a = residual
    lasting = duration_s > 0.0
    rate = np.where(lasting, 1.0 / np.where(lasting, duration_s, 1.0), 0.0)
    shape = np.zeros((3, 6, len(r)))
    shape[0, 0], shape[0, 1], shape[0, 2] = r, v, 0.5 * a
    shape[0, 3] = (-10.0 * r * rate - 6.0 * v) * rate * rate - 1.5 * a * rate
    shape[0, 4] = ((15.0 * r * rate + 8.0 * v) * rate + 1.5 * a) * rate * rate
    shape[0, 5] = ((-6.0 * r * rate - 3.0 * v) * rate - 0.5 * a) * rate**3
    for order in (1, 2):
        shape[order, :5] = shape[order - 1, 1:] * _POWERS
    return shape


def _peak_basis() -> FloatArray:
    """
    Return [3, n, 3]: velocity, acceleration and jerk at n instants per position, velocity and
    acceleration of the residual, all in units of the duration.
    """
    u = _INSTANTS[:, None]
    shapes = np.array([[1, 0, 0, -10, 15, -6], [0, 1, 0, -6, 8, -3], [0, 0, 0.5, -1.5, 1.5, -0.5]])
    basis = []
    for _ in range(3):
        shapes = shapes[:, 1:] * np.arange(1, shapes.shape[1])
        basis.append((u ** np.arange(shapes.shape[1])) @ shapes.T)
    return np.stack(basis)


_PEAK_BASIS = _peak_basis()


def _choose(
    durations: FloatArray, residual: FloatArray, bounds: FloatArray
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """
    Return which of `durations` [K, k] to take and whether it keeps velocity and acceleration.

    `residual` [3, K or 1, k], `bounds` [3, k].
    """
    powers = np.stack([np.ones_like(durations), durations, durations * durations])
    scaled = (residual * powers).reshape(3, -1)  # residual in units of the duration
    course = _PEAK_BASIS @ scaled  # [3, n, K * k]
    peaks = np.maximum(course.max(axis=1), -course.min(axis=1)).reshape(3, *durations.shape)
    powers = np.stack([durations, durations * durations, durations**3])
    excess = peaks / powers / bounds[:, None]  # [3, K, k]
    kept = excess <= 1.0 + 1e-9
    soft, fair = kept.all(axis=0), kept[:2].all(axis=0)
    least = np.argmin(excess[:2].max(axis=0), axis=0)
    chosen = np.where(
        soft.any(axis=0),
        np.argmax(soft, axis=0),
        np.where(fair.any(axis=0), np.argmax(fair, axis=0), least),
    )
    return chosen, fair.any(axis=0)
