"""
How the firmware turns targets into motion: one base, two behaviours, and the braking law they
share.

Speed and acceleration are bounded per joint; joints do not wait for each other.
"""

from abc import ABC
from abc import abstractmethod

import numpy as np

from wla_ros.core.types import FloatArray


class SetpointGenerator(ABC):
    """Moves a set-point [6] towards targets within speed and acceleration limits. One thread."""

    def __init__(self, *, acceleration_rad_s2: float) -> None:
        """Rest at zero."""
        self._acceleration = acceleration_rad_s2
        self.reset(np.zeros(6))

    @property
    def position(self) -> FloatArray:
        """The set-point [6] [rad]."""
        return self._position

    @property
    def velocity(self) -> FloatArray:
        """Its rate [6] [rad/s]."""
        return self._velocity

    def reset(self, position: FloatArray) -> None:
        """Rest at `position` and forget all targets."""
        self._position = np.array(position, dtype=np.float64)
        self._velocity = np.zeros_like(self._position)
        self._target = self._position
        self._max_speed = 0.0

    @abstractmethod
    def aim(self, target: FloatArray, *, max_speed_rad_s: float, now_ns: int) -> None:
        """Take a target [6] [rad] that arrived at `now_ns`."""

    @abstractmethod
    def advance(self, now_ns: int, dt_s: float) -> None:
        """Move the set-point by one step of `dt_s` > 0 that ends at `now_ns`."""


def braking_speed(distance: FloatArray, *, acceleration: float, dt_s: float) -> FloatArray:
    """
    Return the largest speed for one step of `dt_s` after which the rest of `distance` >= 0
    suffices to stop.

    Exact for stepwise motion: with k = distance / (acceleration dt^2), n whole braking steps cover
    n (n + 1) / 2, and the fraction is spread over all n + 1 steps. Speeds then fall by
    acceleration * dt and end at zero on target.
    """
    unit = acceleration * dt_s
    k = distance / (unit * dt_s)
    n = np.floor((np.sqrt(1.0 + 8.0 * k) - 1.0) / 2.0)
    return np.asarray(unit * (n + (k - n * (n + 1.0) / 2.0) / (n + 1.0)))
