"""
The bridge of a splice: a quintic per column that carries the step between two plans to zero.

With the residual old plan less new plan at the splice, the executed curve is new plan + bridge.
The bridge begins with the position, velocity and acceleration of the residual and ends with zeros:
the executed curve is continuous in all three at the splice and the new plan itself behind it.
Knows no plans and no chunks. The limiter is what guarantees limits; a bridge only keeps the step
from costing more than a share of them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wla_ros.control.curve_sample import CurveSample
from wla_ros.control.executor_config import BridgeConfig
from wla_ros.core.joint_limits import JointLimits
from wla_ros.core.types import FloatArray

# Below these [per second^k] a residual is rounding: no bridge. 1 nanosecond at full speed moves
# 3e-9 rad.
_NO_STEP = np.array([[1e-8], [1e-7], [1e-5]])
# Durations are tried in two passes: about 40 % apart, then 4 %.
_COARSE = 12
_FINE = 10
_POWERS = np.arange(1.0, 6.0)[:, None]
# Peaks between these instants are at most 1.5 % higher.
_INSTANTS = np.linspace(0.0, 1.0, 21)


@dataclass(frozen=True, slots=True, eq=False)
class SpliceBridge:
    """The offset that is added to the new plan, per column; zero behind its end."""

    start_s: FloatArray  # [D] on the axis of the caller
    duration_s: FloatArray  # [D], 0: no step, no bridge
    # [3, 6, D] position, velocity and acceleration in powers of the time since the start
    coefficients: FloatArray

    def at(self, instant_s: FloatArray | float) -> FloatArray:
        """Return position, velocity, acceleration [3, ..., D] of the offset at `instant_s`."""
        since_s = np.maximum(instant_s - self.start_s, 0.0)
        live = since_s < self.duration_s
        t = since_s * live
        square = t * t
        cube = square * t
        powers = np.array([live, t, square, cube, square * square, square * cube])
        if t.ndim == 1:
            return np.asarray((self.coefficients * powers).sum(axis=1))
        return np.asarray(np.einsum('kpd,p...d->k...d', self.coefficients, powers))

    @property
    def end_s(self) -> float:
        """When the last column has arrived at zero."""
        return float((self.start_s + self.duration_s).max())


@dataclass(frozen=True, slots=True, eq=False)
class BridgeFit:
    """Durations for a residual."""

    duration_s: FloatArray  # [D], 0: no step
    steep: NDArray[np.bool_]  # [D] no duration within the bound keeps the configured shares


class BridgeFitter:
    """Finds how long each column's bridge has to be."""

    def __init__(self, config: BridgeConfig, limits: JointLimits) -> None:
        """Keep the configured shares of the rates of `limits`."""
        self._velocity = limits.velocity * config.velocity_share
        self._acceleration = limits.acceleration * config.acceleration_share
        self._jerk = limits.jerk * config.jerk_share
        self._coarse = np.geomspace(config.min_s, config.max_s, _COARSE)

    def fit(self, step: CurveSample, residual: CurveSample) -> BridgeFit:
        """
        Return the shortest duration per column whose peaks stay within the shares.

        `step` [D] is between the plans; where there is none there is no bridge. `residual` [D] is
        what the bridge has to carry to zero: the step, and what is left of a running bridge.
        A peak that the residual begins with cannot be undercut and counts as kept. The jerk gives
        way if velocity and acceleration can be kept without it only; if not even those can, the
        duration with the least excess is taken. Columns outside a plan have no bridge.
        """
        steps = (np.abs(step.values) > _NO_STEP).any(axis=0) & ~residual.outside
        duration_s = np.zeros(len(steps))
        steep = np.zeros(len(steps), dtype=np.bool_)
        columns = np.flatnonzero(steps)
        if len(columns):
            r = residual.values[:, columns]
            bounds = self._bounds(columns, r)
            coarse = np.repeat(self._coarse[:, None], len(columns), axis=1)
            chosen, kept = _choose(coarse, r[:, None], bounds)
            each = np.arange(len(columns))
            before, until = coarse[np.maximum(chosen - 1, 0), each], coarse[chosen, each]
            fine = before + (until - before) * np.linspace(0.0, 1.0, _FINE)[:, None]
            chosen, _ = _choose(fine, r[:, None], bounds)
            duration_s[columns] = fine[chosen, each]
            steep[columns] = ~kept
        return BridgeFit(duration_s, steep)

    def run_up_s(self, residual: CurveSample, velocity: FloatArray) -> float:
        """
        Return how long before its first row a plan has to begin to be reached softly.

        `residual` is the present state less the first row; the run-up leads to that row with its
        `velocity` [D]. It takes half of the bridge over it: an arm at rest that speeds up evenly
        needs twice as long for a way as the plan that has the speed already, so it neither backs
        up nor overtakes. One time for all columns, because they belong to one row.
        """
        columns = np.flatnonzero(~residual.outside)
        if not len(columns):
            return 0.0
        durations = np.repeat(self._coarse[:, None], len(columns), axis=1)  # [K, k]
        r = np.stack(
            [
                residual.position[columns] + velocity[columns] * durations / 2.0,
                np.broadcast_to((residual.velocity - velocity)[columns], durations.shape),
                np.broadcast_to(residual.acceleration[columns], durations.shape),
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


def bridge_over(
    residual: CurveSample, start_s: FloatArray, duration_s: FloatArray
) -> SpliceBridge:
    """Return the bridge [D] that begins with `residual` at `start_s` and ends with zeros."""
    bridged = duration_s > 0.0
    rate = np.where(bridged, 1.0 / np.where(bridged, duration_s, 1.0), 0.0)
    r, v, a = residual.values * bridged
    shape = np.zeros((3, 6, len(r)))
    shape[0, 0], shape[0, 1], shape[0, 2] = r, v, 0.5 * a
    shape[0, 3] = (-10.0 * r * rate - 6.0 * v) * rate * rate - 1.5 * a * rate
    shape[0, 4] = ((15.0 * r * rate + 8.0 * v) * rate + 1.5 * a) * rate * rate
    shape[0, 5] = ((-6.0 * r * rate - 3.0 * v) * rate - 0.5 * a) * rate**3
    for order in (1, 2):
        shape[order, :5] = shape[order - 1, 1:] * _POWERS
    return SpliceBridge(start_s, duration_s, shape)


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
