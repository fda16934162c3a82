"""
The rest of the plan as a trajectory for a controller that interpolates by itself.

What the limiter would command, tick by tick, tried out on a twin of it: the trajectory obeys the
limits as commands do, and ends at rest. Knows no plan and no modes.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from wla_ros.base.curve import CurveSample
from wla_ros.base.types import FloatArray
from wla_ros.execution.limiter import MotionLimiter

# A stop from full speed takes 0.7 s at the default limits; one that takes longer is a bug.
_MOST_STOPPING_POINTS = 10_000
_ROUNDING_S = 1e-9


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
    tick_s: float | None = None,
    exact_s: float = 0.0,
    speed: FloatArray | None = None,
) -> PlannedTrajectory:
    """
    Return points `period_s` apart that follow `target_at(seconds from now)` until it is None.

    `limiter` is left as it is; its state is `since_s` old. For the first `exact_s` the twin makes
    the steps of `tick_s` that the limiter will make: where a limit is at work larger ones lead up
    to 5 mrad beside it (measured). Of a longer plan `max_points` are returned, the last of them a
    stop; there are more only if stopping at once takes more. Raises ValueError unless period_s > 0
    and max_points >= 1.
    """
    if not period_s > 0.0 or max_points < 1:
        raise ValueError(f'need a period > 0 and a point, got {period_s!r} s, {max_points!r}')
    twin = limiter.fork()
    kept: list[tuple[float, MotionLimiter]] = []
    now_s, waited_s = 0.0, since_s
    while len(kept) < max_points:
        exact = tick_s is not None and now_s < exact_s
        step_s = tick_s if exact and tick_s is not None else period_s
        target = target_at(now_s + step_s)
        if target is None:
            if now_s > (kept[-1][0] if kept else 0.0):
                kept.append((now_s, twin))
            break
        twin.step(target, step_s + waited_s, speed)
        now_s, waited_s = now_s + step_s, 0.0
        if not exact or now_s >= (kept[-1][0] if kept else 0.0) + period_s - _ROUNDING_S:
            kept.append((now_s, twin.fork()))
    times_s, points = _stopped(limiter, kept, since_s, period_s)
    while kept and len(points) > max_points:
        del kept[max(min(len(kept) - 1, len(kept) + max_points - len(points)), 0) :]
        times_s, points = _stopped(limiter, kept, since_s, period_s)
    return PlannedTrajectory(times_s, points[:, 0], points[:, 1], points[:, 2])


def _stopped(
    limiter: MotionLimiter,
    kept: list[tuple[float, MotionLimiter]],
    since_s: float,
    period_s: float,
) -> tuple[FloatArray, FloatArray]:
    """Return times [n] and points [n, 3, D]: those in `kept`, then a stop."""
    last_s, last = kept[-1] if kept else (0.0, limiter)
    stop = _stop(last, period_s if kept else period_s + since_s, period_s)
    points = np.array([*(twin.state for _, twin in kept), *stop])
    times_s = [time_s for time_s, _ in kept]
    times_s += [last_s + (i + 1) * period_s for i in range(len(stop))]
    if not times_s:
        points, times_s = limiter.state[None].copy(), [period_s]
    points[-1, 1:] = 0.0
    return np.array(times_s), points


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
