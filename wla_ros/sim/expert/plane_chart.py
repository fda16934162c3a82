"""
The tool of one arm on a horizontal plane, with a fixed lean: two coordinates in place of six
joints.

In such a plane joint 1 is the azimuth and joints 2, 3 and 5 depend on the radius alone, so
inverse kinematics is a polynomial: thousands of points take microseconds.
"""

import functools
import math

import numpy as np
from numpy.polynomial import Chebyshev

from wla_ros.core.types import FloatArray
from wla_ros.core.types import Refusal
from wla_ros.robots.piper.kinematics import PiperKinematics
from wla_ros.sim import arm_settings as settings
from wla_ros.sim.expert.tool_motion import ArmTool

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
