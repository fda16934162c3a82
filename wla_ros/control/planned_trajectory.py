"""
The rest of the plan as a trajectory for a controller that interpolates by itself.

What the limiter would command, tick by tick, tried out on a twin of it: the trajectory obeys the
limits as commands do, and ends at rest. Knows no plan and no modes.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from wla_ros.control.curve_sample import CurveSample
from wla_ros.control.motion_limiter import MotionLimiter
from wla_ros.core.types import FloatArray

# A stop from full speed takes 0.7 s at the default limits; one that takes longer is a bug.
_MOST_STOPPING_POINTS = 10_000


class PlannedTrajectory(NamedTuple):
    """n >= 1 points, the last one at rest."""

    times_s: FloatArray  # [n] after now, rising
    positions: FloatArray  # [n, D]
    velocities: FloatArray  # [n, D]
    accelerations: FloatArray  # [n, D]


def planned_trajectory(
    limiter: MotionLimiter,
    target_at: Callable[[float], CurveSample | None],
    *,
    since_s: float,
    period_s: float,
    max_points: int,
    speed: FloatArray | None = None,
) -> PlannedTrajectory:
    """
    Return points `period_s` apart that follow `target_at(seconds from now)` until it is None.

    `limiter` is left as it is; its state is `since_s` old. Of a longer plan `max_points` are
    returned, the last of them a stop; there are more only if stopping at once takes more. Raises
    ValueError unless period_s > 0 and max_points >= 1.
    """
    if not period_s > 0.0 or max_points < 1:
        raise ValueError(f'need a period > 0 and a point, got {period_s!r} s, {max_points!r}')
    twin = limiter.fork()
    twins = [limiter]
    duration_s = period_s + since_s
    while len(twins) <= max_points:
        target = target_at(len(twins) * period_s)
        if target is None:
            break
        twin.step(target, duration_s, speed)
        twins.append(twin.fork())
        duration_s = period_s
    keep = len(twins) - 1
    stop = _stop(twins[keep], duration_s, period_s)
    while keep and keep + len(stop) > max_points:
        keep = max(min(keep - 1, max_points - len(stop)), 0)
        stop = _stop(twins[keep], period_s if keep else period_s + since_s, period_s)
    points = np.array([*(each.state for each in twins[1 : keep + 1]), *stop])  # [n, 3, D]
    if not len(points):
        points = limiter.state[None].copy()
    points[-1, 1:] = 0.0
    times_s = np.arange(1.0, len(points) + 1.0) * period_s
    return PlannedTrajectory(times_s, points[:, 0], points[:, 1], points[:, 2])


def _stop(limiter: MotionLimiter, duration_s: float, period_s: float) -> list[FloatArray]:
    """Return the states [3, D] on the way to rest, none if it is at rest."""
    twin = limiter.fork()
    nowhere = CurveSample(twin.state, np.ones(twin.state.shape[1], dtype=np.bool_))
    states: list[FloatArray] = []
    while not twin.at_rest and len(states) < _MOST_STOPPING_POINTS:
        twin.step(nowhere, duration_s)
        states.append(twin.state)
        duration_s = period_s
    return states
