"""
Polynomials of fifth degree between two states: the smoothest way from one motion into another.

A quintic is fixed by position, velocity and acceleration at both ends. Planned again from a state
on itself to the same end it is the same curve, so a policy that plans anew at every observation
does not disturb its own motion.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from wla_ros.core.types import FloatArray

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
