"""
The last stage before the wire: every command obeys position, velocity, acceleration and jerk
limits.

Owns the commanded state and moves it one step at a time. Safety is by induction: the present state
has a full stop that stays inside the position bounds; a next state is accepted only if it has one
too; otherwise the column takes the stop of the present state, which was verified before. Columns
are judged independently. Never raises while stepping and never emits a value that is not finite.
Knows no schedule and no clock.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wla_ros.control.ruckig_planner import MotionPlanner
from wla_ros.control.ruckig_planner import MotionState
from wla_ros.control.ruckig_planner import RuckigPlanner
from wla_ros.control.ruckig_planner import Stop
from wla_ros.core.joint_limits import JointLimits
from wla_ros.core.types import FloatArray

# Target rates stay this share below their limits. What is left of the velocity is the speed of
# catching up with a target at the limit; Ruckig refuses motions that take longer than two hours.
_BELOW_LIMIT = 0.99
# Rounding of Ruckig's positions, [rad] or [m], and of its rates, relative: far below any
# actuator's resolution.
_POSITION_ROUNDING = 1e-9
_RATE_ROUNDING = 1e-7
# A command this close to rest [per second] is at rest.
_REST_VELOCITY = 1e-9
_REST_ACCELERATION = 1e-6


@dataclass(frozen=True, slots=True)
class MotionTarget:
    """Where to be at the end of the step; columns in `stop` come to rest instead."""

    position: FloatArray  # [D]
    velocity: FloatArray  # [D]
    acceleration: FloatArray  # [D]
    stop: NDArray[np.bool_]  # [D]


class MotionLimiter:
    """
    The commanded state of all columns and the only way to move it; one thread calls all methods.

    A seed outside the bounds (an arm resting on its end stop) is held: the bound of that column is
    where it stands, and follows it inward until it is the real one. It never moves further out.
    """

    def __init__(self, limits: JointLimits, planner: MotionPlanner | None = None) -> None:
        """Limit by `limits`; `planner` is Ruckig unless a test brings its own."""
        self._limits = limits
        self._planner = RuckigPlanner(limits) if planner is None else planner
        self._lower = limits.lower.copy()
        self._upper = limits.upper.copy()
        self.seed((limits.lower + limits.upper) / 2.0)
        self.stops_forced = 0  # steps in which a column had to take its stop
        self.planner_failures = 0

    def seed(self, position: FloatArray) -> None:
        """Rest at `position` [D]. Raises ValueError if it is not finite."""
        if not np.all(np.isfinite(position)):
            raise ValueError(f'the seed must be finite, got {position!r}')
        self._set(MotionState(position.tolist(), [0.0] * len(position), [0.0] * len(position)))
        self._lower = np.minimum(self._limits.lower, position)
        self._upper = np.maximum(self._limits.upper, position)

    def halt(self) -> None:
        """Rest where the command is: it has not changed for long."""
        self.seed(self.position)

    @property
    def at_rest(self) -> bool:
        """Whether velocity and acceleration are zero."""
        return bool(
            np.abs(self.velocity).max() <= _REST_VELOCITY
            and np.abs(self.acceleration).max() <= _REST_ACCELERATION
        )

    def step(
        self, target: MotionTarget, duration_s: float, speed: FloatArray | None = None
    ) -> None:
        """
        Move the commanded state by `duration_s` towards `target`, as fast as the limits allow.

        `speed` [D] lowers the velocity limits for this step. A target that is not finite stops its
        column.
        """
        limits = self._limits
        stop = target.stop | ~(
            np.isfinite(target.position)
            & np.isfinite(target.velocity)
            & np.isfinite(target.acceleration)
        )
        candidate = None
        if not stop.all():
            candidate = self._planner.approach(
                self._state,
                _reachable(target, stop, self._lower, self._upper, limits, self.position),
                limits.velocity if speed is None else speed,
                duration_s,
            )
            self.planner_failures += candidate is None
        if candidate is not None:
            after = self._planner.stop(candidate, 0.0)
            accepted = ~stop & self._acceptable(candidate, after)
            if accepted.all():
                assert after is not None
                self._accept(candidate, after, limits)
                return
            self.stops_forced += bool((~accepted & ~stop).any())
        else:
            accepted = np.zeros_like(stop)
        self._step_with_stops(candidate, accepted, duration_s)

    def _step_with_stops(
        self, candidate: MotionState | None, accepted: NDArray[np.bool_], duration_s: float
    ) -> None:
        """Take the candidate in `accepted` columns, in others the stop of the present."""
        stop = self._planner.stop(self._state, duration_s)
        stopping = None if stop is None else stop.state
        if stopping is None or not _finite(stopping):
            self.planner_failures += 1
            stopping = _plain_deceleration(self._state, self._limits, duration_s)
        if candidate is not None and accepted.any():
            stopping = MotionState(
                np.where(accepted, candidate.position, stopping.position).tolist(),
                np.where(accepted, candidate.velocity, stopping.velocity).tolist(),
                np.where(accepted, candidate.acceleration, stopping.acceleration).tolist(),
            )
        self._accept(stopping, self._planner.stop(stopping, 0.0), self._limits)

    def _acceptable(self, candidate: MotionState, after: Stop | None) -> NDArray[np.bool_]:
        """Return [D] whether the state obeys the rates and can stop inside; NaN never does."""
        if after is None:
            return np.zeros(len(self.position), dtype=np.bool_)
        limits, room = self._limits, 1.0 + _RATE_ROUNDING
        return np.asarray(
            (after.lowest >= self._lower - _POSITION_ROUNDING)
            & (after.highest <= self._upper + _POSITION_ROUNDING)
            & (np.abs(candidate.velocity) <= limits.velocity * room)
            & (np.abs(candidate.acceleration) <= limits.acceleration * room)
        )

    def _accept(self, state: MotionState, after: Stop | None, limits: JointLimits) -> None:
        """Make `state` the commanded one and let bounds of a seed outside follow it inward."""
        position = np.array(state.position)
        if not (position >= self._lower).all() or not (position <= self._upper).all():
            # Rounding of Ruckig, or the plain deceleration next to a bound.
            position = np.minimum(np.maximum(position, self._lower), self._upper)
            state = MotionState(position.tolist(), state.velocity, state.acceleration)
        self._set(state)
        if after is not None:
            self._lower = np.maximum(self._lower, np.minimum(limits.lower, after.lowest))
            self._upper = np.minimum(self._upper, np.maximum(limits.upper, after.highest))

    def _set(self, state: MotionState) -> None:
        self._state = state
        self.position = np.array(state.position)
        self.velocity = np.array(state.velocity)
        self.acceleration = np.array(state.acceleration)
        for values in (self.position, self.velocity, self.acceleration):
            values.flags.writeable = False


def _reachable(
    target: MotionTarget,
    stop: NDArray[np.bool_],
    lower: FloatArray,
    upper: FloatArray,
    limits: JointLimits,
    present: FloatArray,
) -> MotionState:
    """
    Return the target moved inside all limits, the way Ruckig demands it; stopping columns stay
    put.
    """
    wanted = np.where(stop, present, target.position)
    position = np.minimum(np.maximum(wanted, lower), upper)
    most = limits.velocity * _BELOW_LIMIT
    velocity = np.minimum(np.maximum(target.velocity, -most), most)
    # No velocity where the column stops or the target lies outside and would lead further out.
    still = stop | ((wanted < lower) & (velocity < 0.0)) | ((wanted > upper) & (velocity > 0.0))
    velocity = np.where(still, 0.0, velocity)
    # The velocity that an acceleration still leads to, a^2 / 2j, must stay below the limit as
    # well.
    room = np.sqrt(2.0 * limits.jerk * (limits.velocity - np.abs(velocity))) * _BELOW_LIMIT
    most = np.minimum(limits.acceleration * _BELOW_LIMIT, room)
    acceleration = np.minimum(np.maximum(target.acceleration, -most), most)
    acceleration = np.where(still | (wanted != position), 0.0, acceleration)
    return MotionState(position.tolist(), velocity.tolist(), acceleration.tolist())


def _finite(state: MotionState) -> bool:
    return all(map(math.isfinite, (*state.position, *state.velocity, *state.acceleration)))


def _plain_deceleration(state: MotionState, limits: JointLimits, duration_s: float) -> MotionState:
    """
    Return one step towards rest without a planner: used only where Ruckig fails on a verified
    state.

    The acceleration turns against the velocity within jerk and acceleration limits and ends at
    zero velocity.
    """
    velocity, before = np.array(state.velocity), np.array(state.acceleration)
    if not duration_s > 0.0:
        return state
    wanted = np.clip(-velocity / duration_s, -limits.acceleration, limits.acceleration)
    change = np.clip(wanted - before, -limits.jerk * duration_s, limits.jerk * duration_s)
    after = before + change
    next_velocity = velocity + (before + after) / 2.0 * duration_s
    resting = next_velocity * velocity <= 0.0
    next_velocity = np.where(resting, 0.0, next_velocity)
    position = np.array(state.position) + (velocity + next_velocity) / 2.0 * duration_s
    return MotionState(
        position.tolist(), next_velocity.tolist(), np.where(resting, 0.0, after).tolist()
    )
