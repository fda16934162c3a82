"""
Ways of the tool past the post to the goal: how fast they can be, and whether they keep clear.

Geometry and limits only; which side and when to plan is the expert's business. Coordinates: x away
from the arm, y across, as seen from above.
"""

from dataclasses import dataclass

import numpy as np

from wla_ros.core.types import FloatArray
from wla_ros.sim.expert.quintic import MotionState
from wla_ros.sim.expert.quintic import Quintic
from wla_ros.sim.expert.quintic import axis_of
from wla_ros.sim.tasks.pass_post import POST_RADIUS_M

CLEAR_M = 0.060  # beside the middle of the post
_HAND_M = 0.011  # half the width of the closed fingers
_TOUCH_M = POST_RADIUS_M + _HAND_M
BESIDE_M = 0.015  # before the post by this much the tool is beside it
BEHIND_M = 0.035  # past the post by this much the hand may turn towards the goal
# The radius changes joint 3 by up to 6 rad/m, the azimuth joint 1 by 1/0.35 m: within 2.5 rad/s
# and 4 rad/s^2.
_SPEED_M_S = (0.42, 0.60)
_ACCELERATION_M_S2 = (0.75, 1.20)
_SAMPLES = np.linspace(0.02, 1.0, 25)
_SHORTEST_LEG_S = 0.10
IMPOSSIBLE = 1e6


@dataclass(frozen=True, slots=True)
class PostWay:
    """A way as legs of x and y, and how much of the limits it needs: up to 1 it is fine."""

    legs: tuple[tuple[Quintic, ...], tuple[Quintic, ...]]
    effort: float


def way(
    start: MotionState, goal: MotionState, post: FloatArray, side: int, duration_s: float
) -> PostWay:
    """
    Return the way from `start` to `goal` in `duration_s`.

    `side` +1 passes the post with larger y, -1 with smaller y, 0 goes straight. From beside the
    post on the way is straight as well.
    """
    x = Quintic.between(axis_of(start, 0), axis_of(goal, 0), duration_s)
    if not side or start.position[0] > post[0] - BESIDE_M:
        legs = (x,), (Quintic.between(axis_of(start, 1), axis_of(goal, 1), duration_s),)
        effort = _effort(legs)
        if side:
            effort = max(effort, _nearness(x, legs[1], post, side))
        return PostWay(legs, effort)
    times = _SAMPLES * duration_s
    along = x.at(times)[:, 0]
    passed = along >= post[0]
    index = int(np.argmax(passed))
    beside_s = float(times[index])
    if index and passed[index]:
        share = (post[0] - along[index - 1]) / (along[index] - along[index - 1])
        beside_s = float(times[index - 1] + share * (times[index] - times[index - 1]))
    beside_s = max(beside_s, _SHORTEST_LEG_S)
    if not passed[index] or duration_s - beside_s < _SHORTEST_LEG_S:
        legs = (x,), (Quintic.between(axis_of(start, 1), axis_of(goal, 1), duration_s),)
        return PostWay(legs, IMPOSSIBLE)
    beside = MotionState(
        position=np.array([post[1] + side * CLEAR_M]),
        velocity=np.zeros(1),
        acceleration=np.zeros(1),
    )
    across = (
        Quintic.between(axis_of(start, 1), beside, beside_s),
        Quintic.between(beside, axis_of(goal, 1), duration_s - beside_s),
    )
    effort = max(_effort(((x,), across)), _nearness(x, across, post, side))
    return PostWay(((x,), across), effort)


def _effort(legs: tuple[tuple[Quintic, ...], ...]) -> float:
    """Return the largest speed and acceleration as a share of the limits."""
    needed = 0.0
    for axis, most_speed, most in zip(legs, _SPEED_M_S, _ACCELERATION_M_S2, strict=True):
        for leg in axis:
            times = _SAMPLES * leg.duration_s
            # The start is what it is: its acceleration is not counted.
            bend = np.abs(leg.acceleration(times)).max()
            speed = np.abs(np.diff(leg.at(times)[:, 0])).max() / (times[1] - times[0])
            needed = max(needed, float(bend) / most, float(speed) / most_speed)
    return needed


def _nearness(x: Quintic, across: tuple[Quintic, ...], post: FloatArray, side: int) -> float:
    """Return 0 for a way that keeps clear of the post, more the nearer it comes."""
    leg = across[0]
    times = _SAMPLES * leg.duration_s
    away_x = x.at(times)[:, 0] - post[0]
    away_y = side * (leg.at(times)[:, 0] - post[1])
    away = np.hypot(away_x, np.maximum(away_y, 0.0))
    nearest = float(np.min(away))
    wanted = 0.5 * (CLEAR_M + _TOUCH_M)
    return 0.0 if nearest >= wanted else 1.0 + 4.0 * (wanted - nearest) / wanted
