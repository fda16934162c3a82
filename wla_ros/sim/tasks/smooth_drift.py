# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Smooth motion that cannot be foretold for long: a sum of sines with phases and rates drawn by seed.

Position and velocity are exact at any time, so nothing depends on the step of the physics.
"""

import math

import numpy as np

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
        rate = 2.0 * np.pi * random.uniform(edges[:-1], edges[1:])  # [rad/s]
        phase = random.uniform(0.0, 2.0 * np.pi, _TERMS)
        share = random.uniform(0.5, 1.0, _TERMS)
        size = amplitude * share / share.sum()
        # Plain numbers: asked for at every step of the physics.
        self._terms: list[tuple[float, float, float]] = list(
            zip(size.tolist(), rate.tolist(), phase.tolist(), strict=True)
        )

    def at(self, time_s: float) -> float:
        """Return the value."""
        return sum([size * math.sin(rate * time_s + phase) for size, rate, phase in self._terms])

    def rate_at(self, time_s: float) -> float:
        """Return its rate of change per second."""
        return sum(
            [size * rate * math.cos(rate * time_s + phase) for size, rate, phase in self._terms]
        )

    def integral(self, time_s: float) -> float:
        """Return the integral of the value from zero to `time_s`."""
        return sum(
            [
                size / rate * (math.cos(phase) - math.cos(rate * time_s + phase))
                for size, rate, phase in self._terms
            ]
        )
