"""
What the command follows of a plan: a parabola fitted around every instant, not every row.

Rows of policies jitter. At 30 Hz half a millirad of jitter asks for more jerk than the limits
have; a last stage that goes after every row then swings around the plan by fifty times as much.
The plan is known ahead, so the fit looks as far ahead as back and does not lag. A plan of constant
velocity or acceleration is followed as it is. Knows no limits and no rows.
"""

import numpy as np
from numpy.typing import NDArray

from wla_ros.control.curve_sample import CurveSample
from wla_ros.control.planned_curve import PlannedCurve
from wla_ros.core.types import FloatArray

_REACH = 4  # instants on either side


class PlanSmoothing:
    """Fits over `window_s` on either side, less near the ends of the plan, where nothing is."""

    def __init__(self, window_s: float, smoothed: NDArray[np.bool_]) -> None:
        """Smooth the columns `smoothed` [D]; with a window of 0 none."""
        self._smoothed = smoothed
        self._ahead_s = np.linspace(-window_s, window_s, 2 * _REACH + 1)
        self._is_on = window_s > 0.0 and bool(smoothed.any())
        if self._is_on:
            self._weights = _weights(self._ahead_s)

    def sample(
        self, curve: PlannedCurve, time_ns: int, offset_s: FloatArray | None
    ) -> CurveSample:
        """Return the curve with column c taken at `time_ns` + `offset_s[c]` [D], smoothed."""
        here = curve.sample(time_ns, offset_s)
        if not self._is_on or here.outside.all():
            return here
        positions, outside = curve.around(time_ns, offset_s, self._ahead_s)
        # Relative to the middle: arms that rest are not moved by rounding.
        relative = positions - here.values[0]
        if not outside.any():
            fitted = self._weights[_REACH] @ relative
            fitted[0] += here.values[0]
            return CurveSample(np.where(self._smoothed, fitted, here.values), here.outside)
        inside = ~outside  # [n, D]
        both = inside[_REACH + 1 :] & inside[_REACH - 1 :: -1]
        reach = np.logical_and.accumulate(both).sum(axis=0) * (self._smoothed & inside[_REACH])
        fitted = np.einsum('dcn,nd->cd', self._weights[reach], relative)
        fitted[0] += here.values[0]
        return CurveSample(np.where(reach > 0, fitted, here.values), here.outside)


def _weights(ahead_s: FloatArray) -> FloatArray:
    """
    Return [r + 1, 3, n]: what n positions at `ahead_s` count for position, velocity and
    acceleration in the middle, with 0 to r of them used on either side (Savitzky-Golay, order 2).
    """
    weights = np.zeros((_REACH + 1, 3, len(ahead_s)))
    for reach in range(1, _REACH + 1):
        used = slice(_REACH - reach, _REACH + reach + 1)
        t = ahead_s[used]
        weights[reach, :, used] = np.linalg.pinv(np.stack((np.ones_like(t), t, t * t / 2), axis=1))
    return weights
