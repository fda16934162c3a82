"""Whether an arm follows its plan, allowing for lag."""

import numpy as np

from wla_ros.core.timing import NS_PER_MS
from wla_ros.core.types import FloatArray
from wla_ros.sim.expert.plan import Plan

_LARGEST_LAG_NS = 400 * NS_PER_MS  # latency, action latency and servo lag together
_LAG_STEP_NS = 20 * NS_PER_MS
_TOLERANCE_RAD = 0.12  # of any joint
_CONSECUTIVE = 5  # observations, so that one odd sample does not count


class Tracking:
    """Counts observations in a row in which the arm is nowhere near the plan's recent past."""

    def __init__(self) -> None:
        """Start with an arm that follows."""
        self._misses = 0

    def lost(self, plan: Plan, stamp_ns: int, position: FloatArray) -> bool:
        """Take in `position` [6] at `stamp_ns`; return whether the arm has left the plan."""
        times_ns = np.arange(
            stamp_ns - _LARGEST_LAG_NS, stamp_ns + 1, _LAG_STEP_NS, dtype=np.int64
        )
        away = np.max(np.abs(plan.rows_at(times_ns)[:, :6] - position), axis=1)
        self._misses = 0 if bool(np.min(away) < _TOLERANCE_RAD) else self._misses + 1
        return self._misses >= _CONSECUTIVE
