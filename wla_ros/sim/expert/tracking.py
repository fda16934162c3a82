"""Whether an arm follows its plan, allowing for lag, and how far it has fallen behind."""

import numpy as np

from wla_ros.core.timing import NS_PER_MS
from wla_ros.core.types import FloatArray
from wla_ros.sim.expert.plan import Plan

# Behind by more is no lag but a stop: an executor that held, a pause of the whole machine.
_STOPPED_NS = 250 * NS_PER_MS
_MEMORY_NS = 2000 * NS_PER_MS
_FINE_STEP_NS = 10 * NS_PER_MS
_BEHIND_RAD = 0.03  # of any joint: about 1.5 cm at the fingers
_LARGEST_LAG_NS = 400 * NS_PER_MS  # latency, action latency and servo lag together
_LAG_STEP_NS = 20 * NS_PER_MS
_TOLERANCE_RAD = 0.12  # of any joint
_CONSECUTIVE = 5  # observations, so that one odd sample does not count


def time_behind_ns(plan: Plan, stamp_ns: int, position: FloatArray) -> int:
    """
    Return by how much the arm at `position` [6] has fallen behind the plan at `stamp_ns`, or 0.

    An arm that was stopped on its way is at a place of the plan's past and nowhere near what the
    plan has asked for since. Ordinary lag counts as 0.
    """
    lags_ns = np.arange(0, _MEMORY_NS + 1, _FINE_STEP_NS, dtype=np.int64)
    away = np.max(np.abs(plan.rows_at(stamp_ns - lags_ns)[:, :6] - position), axis=1)
    recent = lags_ns <= _STOPPED_NS
    nearest = float(np.min(away[recent]))
    earlier = np.where(recent, np.inf, away)
    place = int(np.argmin(earlier))
    if nearest <= _BEHIND_RAD or not float(earlier[place]) < nearest / 2:
        return 0
    return int(lags_ns[place])


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
