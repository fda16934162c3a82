"""
How a distance dies away: critically damped, so that planning it anew does not delay it.

The state of a linear system says all about its future: a plan that is made again from a state on
the way is the same plan. A polynomial over a fixed time, begun again and again, would never end.
"""

from dataclasses import dataclass

import numpy as np

from wla_ros.core.types import FloatArray
from wla_ros.sim.expert.quintic import MotionState


@dataclass(frozen=True, slots=True)
class Settling:
    """Approaches the straight motion of `goal` from `start` along k axes."""

    start: MotionState
    goal: MotionState  # position at the start; its acceleration is not used
    tau_s: float  # time constant
    duration_s: float = float('inf')

    def at(self, time_s: FloatArray) -> FloatArray:
        """Return positions [n, k] at times [n] >= 0 since the start."""
        away = self.start.position - self.goal.position
        drift = self.start.velocity - self.goal.velocity + away / self.tau_s
        fade = np.exp(-time_s / self.tau_s)[:, None]
        line = self.goal.position + time_s[:, None] * self.goal.velocity
        value: FloatArray = line + (away + time_s[:, None] * drift) * fade
        return value

    def acceleration(self, time_s: FloatArray) -> FloatArray:
        """Return accelerations [n, k]."""
        away = self.start.position - self.goal.position
        drift = self.start.velocity - self.goal.velocity + away / self.tau_s
        fade = np.exp(-time_s / self.tau_s)[:, None] / self.tau_s
        value: FloatArray = ((away + time_s[:, None] * drift) / self.tau_s - 2.0 * drift) * fade
        return value
