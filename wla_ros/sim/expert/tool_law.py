# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Laws of feedback for one arm: from where the tool is and what is known to where it should go next.

A law plans nothing and remembers next to nothing, so it can say what to do in any state, also in
one that a learner got into. What a chunk needs is made by following the law for the length of
the chunk (`feedback_expert`). Places are in the vertical plane through the arm's first axis
(`leaning_arm`), in base_link of the arm.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple
from typing import Protocol
from typing import TypeVar

import numpy as np

from wla_ros.base.types import FloatArray
from wla_ros.base.types import Observation
from wla_ros.sim import arm_settings as settings
from wla_ros.sim.expert.leaning_arm import leaning_place

# Speed falls with the distance to go, so that motions end softly; a law lowers it near contact.
FAST_M_S = 0.35
_GAIN_HZ = 4.0
_CREEP_M_S = 0.003  # so that the last tenths of a millimetre end
# What the executor's limiter follows without falling behind, folded arms included; with 1.5 m/s^2
# the arm lagged by 0.25 rad and then overshot into the cups.
_ACCELERATION_M_S2 = 0.6
_BRAKING_M_S2 = 0.4
_LEAN_GAIN_HZ = 3.0
_LEAN_RAD_S = 0.8
_LEAN_RAD_S2 = 2.0
_CLOSEST_M = 0.17  # of the tool to the first axis; nearer no lean is within the limits
_FARTHEST_M = 0.55

Vector = tuple[float, float, float]


class Place(NamedTuple):
    """Where a tool is in base_link of its arm."""

    azimuth_rad: float
    radius_m: float
    height_m: float
    lean_rad: float  # of the approach axis from straight down, outward

    @property
    def point(self) -> Vector:
        """Return the tool centre point [m]."""
        x, y = (
            self.radius_m * math.cos(self.azimuth_rad),
            self.radius_m * math.sin(self.azimuth_rad),
        )
        return x, y, self.height_m

    def backed_off(self, distance_m: float) -> 'Place':
        """Return the place `distance_m` back along the approach axis."""
        return self._replace(
            radius_m=self.radius_m - distance_m * math.sin(self.lean_rad),
            height_m=self.height_m + distance_m * math.cos(self.lean_rad),
        )


def place_at(point: Vector, lean_rad: float) -> Place:
    """Return the place with the tool at `point` in base_link."""
    x, y, z = point
    return Place(math.atan2(y, x), math.hypot(x, y), z, lean_rad)


def vector(values: FloatArray) -> Vector:
    """Return the three numbers of `values` [3]."""
    x, y, z = values.tolist()
    return x, y, z


HOME = Place(*leaning_place(np.array(settings.HOME_RAD), tool_offset_m=settings.TCP_OFFSET_M))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One arm's tool at one instant."""

    place: Place
    velocity: tuple[
        float, float, float, float
    ]  # along the circle, outward, up [m/s]; lean [rad/s]
    width_m: float  # opening of the hand, as measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """What a law wants in one state."""

    goal: Place
    width_m: float  # to command
    subtask: str
    speed_m_s: float = FAST_M_S  # at most
    drift: Vector = (0.0, 0.0, 0.0)  # how the goal moves: along the circle, outward, up [m/s]
    finished: bool = False


World = TypeVar('World')


class ToolLaw(Protocol[World]):
    """
    The law of one task. A `World` holds what is known besides the tool: objects in base_link of
    the arm, and the little that has to be remembered.
    """

    task: str

    def choose_arm(self, observation: Observation) -> str:
        """Return the arm that is to work."""
        ...

    def see(
        self, observation: Observation, arm: str, tool: Tool, told: str, before: World | None
    ) -> World:
        """
        Return what is known at an observation, with what was known at the one before.

        `told` is the instruction. Raises ValueError if it or the poses of objects do not fit.
        """
        ...

    def intent(self, tool: Tool, world: World) -> Intent:
        """Return what to do now."""
        ...

    def predict(
        self, world: World, intent: Intent, before: Tool, after: Tool, dt_s: float
    ) -> World:
        """Return what is known once the tool has moved on from `before` to `after`."""
        ...

    def stopped_width_m(self, place: Place, world: World) -> float:
        """Return the opening below which a hand at `place` cannot close, 0 without an object."""
        ...


def reached(tool: Tool, intent: Intent, stopped_width_m: float, dt_s: float) -> Tool:
    """Return the tool `dt_s` later if it follows `intent` and its fingers stop at an object."""
    here, goal = tool.place, intent.goal
    radius = max(here.radius_m, _CLOSEST_M)
    goal_radius = min(max(goal.radius_m, _CLOSEST_M), _FARTHEST_M)
    ahead = (
        radius * math.remainder(goal.azimuth_rad - here.azimuth_rad, math.tau),
        goal_radius - here.radius_m,
        goal.height_m - here.height_m,
    )
    distance = math.hypot(*ahead)
    braking = math.sqrt(2.0 * _BRAKING_M_S2 * distance)
    speed = min(intent.speed_m_s, _GAIN_HZ * distance + _CREEP_M_S, braking, distance / dt_s)
    share = speed / distance if distance > 1e-9 else 0.0
    wanted = [share * part + drift for part, drift in zip(ahead, intent.drift, strict=True)]
    change = [to - now for to, now in zip(wanted, tool.velocity[:3], strict=True)]
    most = _ACCELERATION_M_S2 * dt_s
    size = math.hypot(*change)
    less = most / size if size > most else 1.0
    along, outward, up = (
        now + less * part for now, part in zip(tool.velocity[:3], change, strict=True)
    )
    lean_rate = _clipped(_LEAN_GAIN_HZ * (goal.lean_rad - here.lean_rad), _LEAN_RAD_S)
    lean = tool.velocity[3] + _clipped(lean_rate - tool.velocity[3], _LEAN_RAD_S2 * dt_s)
    return Tool(
        place=Place(
            here.azimuth_rad + along * dt_s / radius,
            here.radius_m + outward * dt_s,
            here.height_m + up * dt_s,
            here.lean_rad + lean * dt_s,
        ),
        velocity=(along, outward, up, lean),
        width_m=closed(tool.width_m, intent.width_m, stopped_width_m, dt_s),
    )


def closed(width_m: float, commanded_m: float, stop_m: float, dt_s: float) -> float:
    """Return the opening `dt_s` later of a hand that stops at `stop_m` when it closes."""
    reach = settings.GRIPPER_SPEED_M_S * dt_s
    moved = width_m + _clipped(commanded_m - width_m, reach)
    return max(moved, min(stop_m, width_m)) if moved < width_m else moved


def _clipped(value: float, most: float) -> float:
    return min(max(value, -most), most)


# The way to a point that the hand is to close around: from behind along the approach axis, the
# deeper the better it is centred. Whoever is beside it and low goes back and up first.


@dataclass(frozen=True, slots=True)
class Aim:
    """How a tool lies to the point it is to close around, for the lean of the goal."""

    distance_m: float
    lateral_m: float  # off the approach axis through the point
    along_m: float  # on that axis, positive beyond the point


def aim_of(place: Place, goal: Place) -> Aim:
    """Return how `place` lies to `goal`."""
    s, c = math.sin(goal.lean_rad), math.cos(goal.lean_rad)
    turn = math.remainder(place.azimuth_rad - goal.azimuth_rad, math.tau)
    sideways = min(place.radius_m, goal.radius_m) * turn
    outward, up = place.radius_m - goal.radius_m, place.height_m - goal.height_m
    along, across = outward * s - up * c, outward * c + up * s
    return Aim(math.sqrt(sideways**2 + outward**2 + up**2), math.hypot(sideways, across), along)


@dataclass(frozen=True, slots=True, kw_only=True)
class Funnel:
    """How a hand comes to a point."""

    back_m: float  # from where it goes straight
    slope: float  # depth allowed per centring
    centred_m: float  # deviation that does not count
    clear_m: float  # height of the tool above everything else on the table

    def toward(self, here: Place, goal: Place) -> Place:
        """Return where to go from `here` in order to come to `goal`."""
        aim = aim_of(here, goal)
        start = goal.backed_off(self.back_m)
        low = here.height_m < start.height_m - _LOW_M
        if low and aim.lateral_m > _BESIDE_M:
            return here.backed_off(self.back_m)
        back = min(max(self.slope * (aim.lateral_m - self.centred_m), 0.0), self.back_m)
        wanted = goal.backed_off(back)
        if aim.lateral_m > _FAR_M:
            wanted = wanted._replace(height_m=max(wanted.height_m, self.clear_m))
        return wanted


_LOW_M = 0.02
_BESIDE_M = 0.015
_FAR_M = 0.08
