# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The law of motion that demonstrates pass_post: any number of tools at once, seen from above.

Owns where a tool wants to go from any place and speed, and its way from there. Knows no joints and
no time of an episode. Coordinates are x and y of the plane of the way, in the world frame.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wla_ros.base.types import FloatArray
from wla_ros.benchmarks.post.pass_post import ARM
from wla_ros.benchmarks.post.pass_post import POST_RADIUS_M
from wla_ros.sim.arm_settings import ARM_BASES

_BASE = np.array(ARM_BASES[ARM][:2])

# The closed fingers around the tool point, as a circle: they lean, so it is wider than they are.
HAND_RADIUS_M = 0.020
TOUCH_M = POST_RADIUS_M + HAND_RADIUS_M  # tool point to the middle of the post
KEEP_OUT_M = TOUCH_M + 0.034
# Joint 3 turns by up to 6 rad per metre, and may not accelerate by more than 5 rad/s^2.
SPEED_M_S = 0.38
ACCELERATION_M_S2 = 0.85
_RESPONSE_S = 0.10  # time constant of the speed
_APPROACH_HZ = 2.2  # speed towards the goal per distance from it
_LEAD_M = 0.06  # at 30 mm from a goal it still moves with 0.2 m/s
_DRIFT_MEMORY_S = 0.4  # the drift of the goal is trusted for about so long
# The plane's part the arm reaches well, relative to its base; the law pushes back into it.
REACH_LOW_M, REACH_HIGH_M = (0.185, -0.18), (0.60, 0.18)
_WALL_HZ = 8.0  # speed of the push per distance outside
# Off the line from post to goal by this much the side is given; nearer, both are likely.
_DECIDED_M = 0.012
_SOON_S = 0.25  # a tool that moves sideways has decided
_FREE_M = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """What each of m tools has before it; the next goal of a last one is that goal itself."""

    post: FloatArray  # [m, 2]
    goal: FloatArray  # [m, 2]
    drift: FloatArray  # [m, 2] velocity of the goal [m/s]
    next_goal: FloatArray  # [m, 2]
    next_drift: FloatArray  # [m, 2] its velocity [m/s]

    @property
    def is_last(self) -> NDArray[np.bool_]:
        """[m]: nothing comes after the goal."""
        return np.asarray(np.all(self.goal == self.next_goal, axis=1))

    def later(self, time_s: float) -> 'Scene':
        """Return what is to be expected after `time_s`, from the drifts of now."""
        trusted_s = _DRIFT_MEMORY_S * (1.0 - np.exp(-time_s / _DRIFT_MEMORY_S))
        fading = np.exp(-time_s / _DRIFT_MEMORY_S)
        return Scene(
            post=self.post,
            goal=self.goal + trusted_s * self.drift,
            drift=fading * self.drift,
            next_goal=self.next_goal + trusted_s * self.next_drift,
            next_drift=fading * self.next_drift,
        )

    def advanced(self, reached: NDArray[np.bool_]) -> 'Scene':
        """Return the scene with the next goal in place of the goal where that is `reached` [m]."""
        done = reached[:, None]
        return Scene(
            post=self.post,
            goal=np.where(done, self.next_goal, self.goal),
            drift=np.where(done, self.next_drift, self.drift),
            next_goal=self.next_goal,
            next_drift=self.next_drift,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ToolState:
    """Where m tools are and how fast."""

    point: FloatArray  # [m, 2] [m]
    velocity: FloatArray  # [m, 2] [m/s]

    def step(self, acceleration: FloatArray, dt_s: float) -> 'ToolState':
        """Return the state `dt_s` later under a constant `acceleration` [m, 2]."""
        velocity = self.velocity + acceleration * dt_s
        return ToolState(
            point=self.point + 0.5 * (self.velocity + velocity) * dt_s, velocity=velocity
        )


def side_of(state: ToolState, scene: Scene, draw: FloatArray) -> FloatArray:
    """
    Return on which side [m] of the post each tool passes: 1 is the left one, -1 the right one.

    Where the tool is, or soon will be, sets the odds: `draw` [m] is uniform in -1..1, drawn once
    for a demonstrator that keeps to its choice, every time for one that does not.
    """
    soon = state.point + _SOON_S * state.velocity
    lateral = _cross(_unit(scene.goal - scene.post), soon - scene.post)
    return np.where(lateral / _DECIDED_M + draw > 0.0, 1.0, -1.0)


def acceleration(state: ToolState, scene: Scene, side: FloatArray) -> FloatArray:
    """Return the acceleration [m, 2] that the law asks of each tool."""
    wanted = _wanted_velocity(state, scene, side)
    return _shortened((wanted - state.velocity) / _RESPONSE_S, ACCELERATION_M_S2)


def way(
    state: ToolState,
    scene: Scene,
    side: FloatArray,
    *,
    rows: int,
    dt_s: float,
    goal_radius_m: float,
    next_draw: FloatArray,
) -> FloatArray:
    """
    Return the points [m, rows, 2] of the undisturbed way from `state` on, the state first.

    Within `goal_radius_m` of a goal that is not the last, the way leads on to the next one, on the
    side that `side_of` gives there with `next_draw` [m].
    """
    points = np.empty((len(side), rows, 2))
    reached = np.zeros(len(side), dtype=np.bool_)
    for row in range(rows):
        points[:, row] = state.point
        expected = scene.later(row * dt_s)
        now = _reached(state, expected, goal_radius_m) & ~reached
        reached = reached | now
        expected = expected.advanced(reached)
        if now.any():
            side = np.where(now, side_of(state, expected, next_draw), side)
        state = state.step(acceleration(state, expected, side), dt_s)
    return points


def _reached(state: ToolState, scene: Scene, radius_m: float) -> NDArray[np.bool_]:
    near = _length(scene.goal - state.point)[:, 0] <= radius_m
    return np.asarray(near & ~scene.is_last)


def _wanted_velocity(state: ToolState, scene: Scene, side: FloatArray) -> FloatArray:
    to_goal = scene.goal - state.point
    to_post = scene.post - state.point
    # Where it need not stop, it comes in as fast as if the goal were further away.
    lead = np.where(scene.is_last[:, None], 0.0, _LEAD_M)
    approach = _APPROACH_HZ * (to_goal + lead * _unit(to_goal))
    straight = _shortened(approach, SPEED_M_S)
    wanted = np.where(
        is_blocked(state, scene)[:, None],
        SPEED_M_S * _around(to_post, side),
        straight + scene.drift,
    )
    # Too close to the post: away from it, whatever else.
    distance = _length(to_post)
    push = np.clip((KEEP_OUT_M - distance) / (KEEP_OUT_M - TOUCH_M), 0.0, 1.0)
    wanted = wanted - SPEED_M_S * push * to_post / np.maximum(distance, _FREE_M)
    inside = np.clip(state.point, _BASE + REACH_LOW_M, _BASE + REACH_HIGH_M)
    return np.asarray(wanted + _WALL_HZ * (inside - state.point))


def is_blocked(state: ToolState, scene: Scene) -> NDArray[np.bool_]:
    """Return [m]: the post stands within the keep-out of the straight way to the goal."""
    to_goal, to_post = scene.goal - state.point, scene.post - state.point
    direction = _unit(to_goal)
    along = np.sum(direction * to_post, axis=1)
    across = np.abs(_cross(direction, to_post))
    ahead = (along > 0.0) & (along < _length(to_goal)[:, 0])
    return np.asarray(ahead & (across < KEEP_OUT_M))


def _around(to_post: FloatArray, side: FloatArray) -> FloatArray:
    """Return the direction [m, 2] that passes the post on `side` along the keep-out."""
    distance = _length(to_post)[:, 0]
    angle = np.arcsin(np.clip(KEEP_OUT_M / np.maximum(distance, _FREE_M), 0.0, 1.0)) * side
    direction = _unit(to_post)
    c, s = np.cos(angle), np.sin(angle)
    return np.stack(
        (c * direction[:, 0] - s * direction[:, 1], s * direction[:, 0] + c * direction[:, 1]),
        axis=1,
    )


def _length(vectors: FloatArray) -> FloatArray:
    return np.asarray(np.hypot(vectors[:, :1], vectors[:, 1:]))  # [m, 1]


def _unit(vectors: FloatArray) -> FloatArray:
    return vectors / np.maximum(_length(vectors), _FREE_M)


def _shortened(vectors: FloatArray, longest: float) -> FloatArray:
    return vectors * np.minimum(1.0, longest / np.maximum(_length(vectors), _FREE_M))


def _cross(a: FloatArray, b: FloatArray) -> FloatArray:
    return np.asarray(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])
