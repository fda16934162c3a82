# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Where and when to let go of the ball over a bin that moves: the soonest meeting within the limits
of the arm.

The bin is expected to go on with its present speed, which it does not: the later a meeting, the
worse it is known, so it is aimed at anew with every observation until shortly before.
"""

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wla_ros.base.timing import NS_PER_MS
from wla_ros.base.timing import NS_PER_S
from wla_ros.base.timing import seconds_to_ns
from wla_ros.base.types import FloatArray
from wla_ros.sim.expert.estimates import MotionEstimate
from wla_ros.sim.expert.joined_rows import MotionState
from wla_ros.sim.expert.joined_rows import Quintic
from wla_ros.sim.expert.joined_rows import axis_of
from wla_ros.sim.expert.plane import PlaneChart
from wla_ros.sim.expert.plane import PlanePath
from wla_ros.sim.tasks.dispose_trash import BIN_ORBIT_M
from wla_ros.sim.tasks.dispose_trash import TURNTABLE_CENTRE_M

# From the row that opens the hand to the ball half way into the bin. Measured.
FALL_NS = 200 * NS_PER_MS
_HOVER_NS = 40 * NS_PER_MS  # at rest above the bin before the hand opens
_MOMENTS_NS = np.arange(0, 360, 10, dtype=np.int64) * NS_PER_MS  # after arrival, to open it
_SPEED_M_S = 0.50
_ACCELERATION_M_S2 = 1.2
_KEPT_EFFORT = 1.5
# Before arrival; corrections of the way would ask for too much. The bin is off along its orbit
# only, so the moment of opening is corrected instead.
_LAST_AIM_NS = 200 * NS_PER_MS
_MISS_M = 0.025
_DURATIONS_S = np.geomspace(0.35, 2.5, 16)
_SAMPLES = np.linspace(0.04, 0.96, 13)


class BinMotion:
    """The bin's angle on the turntable, observed and expected."""

    def __init__(self) -> None:
        """Start without observations."""
        self._angle = MotionEstimate()
        self._last_rad = 0.0

    def see(self, stamp_ns: int, position: FloatArray) -> None:
        """Take where the bin was at `stamp_ns` [m]."""
        raw = math.atan2(position[1] - TURNTABLE_CENTRE_M[1], position[0] - TURNTABLE_CENTRE_M[0])
        self._last_rad += math.remainder(raw - self._last_rad, 2.0 * math.pi)
        self._angle.see(stamp_ns, np.array([self._last_rad]))

    def at(self, times_ns: NDArray[np.int64]) -> FloatArray:
        """Return where the bin is expected [n, 2] [m] at times [n]."""
        last_ns = int(times_ns[0])
        ahead_s = (times_ns - last_ns) / NS_PER_S
        angle = self._angle.at(last_ns) + ahead_s * self._angle.velocity
        return np.array(TURNTABLE_CENTRE_M) + BIN_ORBIT_M * np.stack(
            (np.cos(angle), np.sin(angle)), axis=1
        )


@dataclass(frozen=True, slots=True, eq=False)
class Drop:
    """A way over the bin and when to open the hand."""

    path: PlanePath
    point: FloatArray  # [2] where the way ends
    arrival_ns: int
    release_ns: int  # the hand begins to open


def aim(
    chart: PlaneChart, bin_: BinMotion, time_ns: int, tool: MotionState, kept: Drop | None
) -> Drop:
    """
    Return how to meet the bin from the state `tool` of the tool [2] at `time_ns`.

    `kept` is what was aimed at before: its time of arrival is kept if the limits allow, and it is
    way is kept shortly before its end, unless it would miss whatever the moment.
    """
    if kept is not None:
        if kept.arrival_ns - time_ns < _LAST_AIM_NS:
            timed = _timed(bin_, kept, time_ns)
            if timed is not None:
                return timed
        else:
            again, effort = _meet(chart, bin_, time_ns, tool, kept.arrival_ns)
            if effort <= _KEPT_EFFORT:
                return again
    best, least = None, math.inf
    for duration_s in _DURATIONS_S:
        arrival_ns = time_ns + seconds_to_ns(float(duration_s))
        candidate, effort = _meet(chart, bin_, time_ns, tool, arrival_ns)
        if best is None or effort < least:
            best, least = candidate, effort
        if effort <= 1.0:
            break
    assert best is not None
    return best


def _meet(
    chart: PlaneChart, bin_: BinMotion, time_ns: int, tool: MotionState, arrival_ns: int
) -> tuple[Drop, float]:
    """Return the drop that arrives at `arrival_ns`, and its effort as a share of the limits."""
    duration_s = (arrival_ns - time_ns) / NS_PER_S
    release_ns = arrival_ns + _HOVER_NS
    point = bin_.at(np.array([release_ns + FALL_NS]))[0]
    goal = MotionState(position=point, velocity=np.zeros(2), acceleration=np.zeros(2))
    whole = Quintic.between(tool, goal, duration_s)
    times = _SAMPLES * duration_s
    bend = float(np.hypot(*whole.acceleration(times).T).max())
    steps = np.diff(whole.at(times), axis=0)
    speed = float(np.hypot(*steps.T).max()) / (times[1] - times[0])
    legs = tuple(
        (Quintic.between(axis_of(tool, axis), axis_of(goal, axis), duration_s),) for axis in (0, 1)
    )
    path = PlanePath(chart, time_ns, (legs[0], legs[1]))
    effort = max(bend / _ACCELERATION_M_S2, speed / _SPEED_M_S)
    return Drop(path, point, arrival_ns, release_ns), effort


def _timed(bin_: BinMotion, drop: Drop, time_ns: int) -> Drop | None:
    """Return `drop` with the best moment to open the hand; None if the bin will be elsewhere."""
    moments = max(drop.arrival_ns, time_ns) + _MOMENTS_NS
    miss_m = np.hypot(*(bin_.at(moments + FALL_NS) - drop.point).T)
    best = int(np.argmin(miss_m))
    if not miss_m[best] < _MISS_M:
        return None
    return dataclasses.replace(drop, release_ns=int(moments[best]))
