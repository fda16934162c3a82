# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Rows that continue those already committed: quintics and settling."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from wla_ros.base.timing import NS_PER_S
from wla_ros.base.types import FloatArray

# Polynomials of fifth degree between two states: the smoothest way from one motion into another.
#
# A quintic is fixed by position, velocity and acceleration at both ends. Planned again from a
# state on itself to the same end it is the same curve, so a policy that plans anew at every
# observation does not disturb its own motion.

# Rows of the coefficients 3, 4, 5 from (rest of position, velocity * T, acceleration * T^2).
_SOLVE = np.array([[10.0, -4.0, 0.5], [-15.0, 7.0, -1.0], [6.0, -3.0, 0.5]])
_POWERS = np.arange(6)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MotionState:
    """A state of motion along k axes."""

    position: FloatArray  # [k]
    velocity: FloatArray  # [k] per second
    acceleration: FloatArray  # [k] per second^2


def axis_of(state: MotionState, axis: int) -> MotionState:
    """Return the state along one axis [1]."""
    mine = slice(axis, axis + 1)
    return MotionState(
        position=state.position[mine],
        velocity=state.velocity[mine],
        acceleration=state.acceleration[mine],
    )


class Leg(Protocol):
    """A motion along k axes."""

    @property
    def duration_s(self) -> float:
        """How long it takes."""
        ...

    def at(self, time_s: FloatArray) -> FloatArray:
        """Return positions [n, k] at times [n] >= 0 since its start."""
        ...

    def acceleration(self, time_s: FloatArray) -> FloatArray:
        """Return accelerations [n, k] at times [n] within the duration."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Quintic:
    """One polynomial per axis; after its end it goes on with the velocity it has there."""

    coefficients: FloatArray  # [6, k] of powers of time / duration
    duration_s: float

    @classmethod
    def between(cls, start: MotionState, end: MotionState, duration_s: float) -> 'Quintic':
        """Return the motion from `start` to `end` in `duration_s` > 0."""
        t = duration_s
        c0, c1, c2 = start.position, start.velocity * t, start.acceleration * (t * t / 2.0)
        rest = np.stack(
            (
                end.position - c0 - c1 - c2,
                end.velocity * t - c1 - 2.0 * c2,
                end.acceleration * (t * t) - 2.0 * c2,
            )
        )  # [3, k]
        return cls(np.concatenate((np.stack((c0, c1, c2)), _SOLVE @ rest)), t)

    def at(self, time_s: FloatArray) -> FloatArray:
        """Return positions [n, k] at times [n] >= 0 since the start."""
        u = np.minimum(time_s / self.duration_s, 1.0)
        inside: FloatArray = u[:, None] ** _POWERS @ self.coefficients
        beyond = np.maximum(time_s - self.duration_s, 0.0)
        if beyond.any():
            slope = (_POWERS @ self.coefficients) / self.duration_s
            inside = inside + beyond[:, None] * slope
        return inside

    def acceleration(self, time_s: FloatArray) -> FloatArray:
        """Return accelerations [n, k] at times [n] within the duration."""
        u = time_s / self.duration_s
        powers = (_POWERS * (_POWERS - 1))[2:] * u[:, None] ** _POWERS[:-2]
        value: FloatArray = powers @ self.coefficients[2:] / self.duration_s**2
        return value


# How a distance dies away: critically damped, so that planning it anew does not delay it.
#
# The state of a linear system says all about its future: a plan that is made again from a state on
# the way is the same plan. A polynomial over a fixed time, begun again and again, would never end.


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


Rows = Callable[[NDArray[np.int64]], FloatArray]  # times [n] [ns] -> [n, k]

_STEP_NS = 1_000_000
_SETTLE_S = 0.10  # time constant: 20 mrad off ask for 2 rad/s^2


class JoinedRows:
    """The rows of a plan, from the state of an arm on."""

    def __init__(
        self, rows: Rows, time_ns: int, position: FloatArray, velocity: FloatArray
    ) -> None:
        """Enter the plan `rows` at `time_ns` from `position` and `velocity`, both [k]."""
        self._rows = rows
        self._time_ns = time_ns
        planned = rows(np.array([time_ns, time_ns + _STEP_NS], dtype=np.int64))
        slope = (planned[1] - planned[0]) * (NS_PER_S / _STEP_NS)
        nothing = np.zeros_like(position)
        self._off = Settling(
            MotionState(
                position=position - planned[0],
                velocity=velocity - slope,
                acceleration=nothing,
            ),
            MotionState(position=nothing, velocity=nothing, acceleration=nothing),
            _SETTLE_S,
        )

    def at(self, times_ns: NDArray[np.int64]) -> FloatArray:
        """Return rows [n, k] at times [n]; before the entry they are those of the plan."""
        elapsed_s = (times_ns - self._time_ns) / NS_PER_S
        off = self._off.at(np.maximum(elapsed_s, 0.0))
        return self._rows(times_ns) + np.where(elapsed_s[:, None] >= 0.0, off, 0.0)
