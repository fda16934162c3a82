"""
Smooth motion that cannot be foretold for long: a sum of sines with phases and rates drawn by seed.

Position and velocity are exact at any time, so nothing depends on the step of the physics.
"""

import numpy as np

from wla_ros.core.types import FloatArray

_TERMS = 4


class SmoothDrift:
    """
    A value that wanders within +-`amplitude`.

    Rates lie between `slowest_hz` and `fastest_hz`. The largest rate of change is below
    2 pi fastest_hz amplitude, and usually half of that.
    """

    def __init__(
        self,
        random: np.random.Generator,
        *,
        amplitude: float,
        slowest_hz: float,
        fastest_hz: float,
    ) -> None:
        """Draw rates, phases and shares from `random`."""
        # One rate from each part of the range, so that no draw is a single slow sine.
        edges = np.linspace(slowest_hz, fastest_hz, _TERMS + 1)
        self._rate: FloatArray = 2.0 * np.pi * random.uniform(edges[:-1], edges[1:])  # [rad/s]
        self._phase: FloatArray = random.uniform(0.0, 2.0 * np.pi, _TERMS)
        share = random.uniform(0.5, 1.0, _TERMS)
        self._amplitude: FloatArray = amplitude * share / share.sum()

    def at(self, time_s: float) -> float:
        """Return the value."""
        return float(self._amplitude @ np.sin(self._rate * time_s + self._phase))

    def rate_at(self, time_s: float) -> float:
        """Return its rate of change per second."""
        return float((self._amplitude * self._rate) @ np.cos(self._rate * time_s + self._phase))

    def integral(self, time_s: float) -> float:
        """Return the integral of the value from zero to `time_s`."""
        parts = np.cos(self._phase) - np.cos(self._rate * time_s + self._phase)
        return float((self._amplitude / self._rate) @ parts)
