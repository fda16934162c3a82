# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The last stage before the wire: limits of position, velocity, acceleration and jerk.

Ruckig plans in the moving frame of the plan; a set-point is accepted only if a full stop from it
stays within the position limits.
"""

import copy
import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import ruckig
from numpy.typing import NDArray

from wla_ros.base.curve import CurveSample
from wla_ros.base.joints import JointLimits
from wla_ros.base.types import FloatArray

# The only place that calls Ruckig: time-optimal approach of a state and full stop, per column.
#
# State to state only. Ruckig's `intermediate_positions` are never set: in the pip build they are
# sent to a remote service. Columns are independent (no synchronisation), so one column's trouble
# is its own.

# Ruckig 0.19 fails where a distance lies within 1e-15 of the border between two shapes of motion,
# for example at 0.1 rad from rest with 5 rad/s^2 and 50 rad/s^3, and goes on failing because
# nothing moves. Aiming this far beside the target [rad or m] avoids the border (7382 of 7382 cases
# found).
_NUDGES = (0.0, 1e-7, -3e-7)
# Of a longer step only the end would be judged, and what leads to it can be too fast already.
_LONGEST_STEP_S = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class Stop:
    """A full stop from some state: where it is after one step, and how far it reaches."""

    state: FloatArray  # [3, D] position, velocity, acceleration
    lowest: FloatArray  # [D] lowest position until rest
    highest: FloatArray  # [D] highest position until rest


class MotionPlanner(Protocol):
    """
    What the limiter needs; both methods may return None when no motion could be computed.

    States are [3, D]: position, velocity, acceleration.
    """

    def approach(
        self, state: FloatArray, target: FloatArray, speed: FloatArray, duration_s: float
    ) -> FloatArray | None:
        """
        Return the state `duration_s` along the fastest way to a moving target, within `speed` [D].

        `target` is the state at the end of the step; its velocity is assumed to go on.
        """
        ...

    def stop(self, state: FloatArray, duration_s: float) -> Stop | None:
        """Return the full stop from `state`."""
        ...


class RuckigPlanner:
    """Ruckig with the limits of all columns; not thread-safe."""

    def __init__(self, limits: JointLimits) -> None:
        """Prepare for `limits`, whose velocity, acceleration and jerk [D] are positive."""
        columns = len(limits.velocity)
        self._ruckig = ruckig.Ruckig(columns)
        self._trajectory = ruckig.Trajectory(columns)
        self._approach = _input(columns, limits, ruckig.ControlInterface.Position)
        self._stop = _input(columns, limits, ruckig.ControlInterface.Velocity)
        origin = [0.0] * columns
        for request in (self._approach, self._stop):
            request.target_position = origin
            request.target_velocity = origin
            request.target_acceleration = origin
        self._stop.current_position = origin

    def approach(
        self, state: FloatArray, target: FloatArray, speed: FloatArray, duration_s: float
    ) -> FloatArray | None:
        """
        Return the state `duration_s` along the fastest way to the moving target, None if there is
        none.

        Planned in the frame that moves with the target, where the target is the origin and the
        velocity limits are shifted. Planned in the resting frame, Ruckig would aim at where the
        target is now, arrive when it has moved on, and lag behind a target of constant velocity
        for seconds.
        """
        position, velocity, acceleration = target
        request = self._approach
        request.max_velocity = (speed - velocity).tolist()
        request.min_velocity = (-speed - velocity).tolist()
        request.target_acceleration = acceleration.tolist()
        # Where the target is at the start of the step
        offset = state[0] - (position - velocity * duration_s)
        request.current_velocity = (state[1] - velocity).tolist()
        request.current_acceleration = state[2].tolist()
        for nudge in _NUDGES:
            request.current_position = (offset + nudge).tolist()
            if self._calculate(request):
                ahead = np.array(self._trajectory.at_time(duration_s))
                ahead[0] += position
                ahead[0] -= nudge
                ahead[1] += velocity
                return ahead
        return None

    def stop(self, state: FloatArray, duration_s: float) -> Stop | None:
        """
        Return the fastest full stop from `state`, or None if Ruckig finds none.

        Planned relative to the present position: with the velocity interface of Ruckig 0.19 the
        reported extrema always include the origin, which then is the present position and belongs
        to the stop.
        """
        request = self._stop
        request.current_velocity = state[1].tolist()
        request.current_acceleration = state[2].tolist()
        if not self._calculate(request):
            return None
        ahead = np.array(self._trajectory.at_time(duration_s))
        ahead[0] += state[0]
        bounds = self._trajectory.position_extrema
        return Stop(
            ahead,
            state[0] + [bound.min for bound in bounds],
            state[0] + [bound.max for bound in bounds],
        )

    def _calculate(self, request: ruckig.InputParameter) -> bool:
        try:
            result = self._ruckig.calculate(request, self._trajectory)
        except (
            ruckig.RuckigError
        ):  # invalid input or a numerical dead end: the limiter stops instead
            return False
        return bool(result in (ruckig.Result.Working, ruckig.Result.Finished))


def _input(
    columns: int, limits: JointLimits, interface: ruckig.ControlInterface
) -> ruckig.InputParameter:
    request = ruckig.InputParameter(columns)
    request.synchronization = ruckig.Synchronization.No
    request.control_interface = interface
    request.max_velocity = [float(value) for value in limits.velocity]
    request.max_acceleration = [float(value) for value in limits.acceleration]
    request.max_jerk = [float(value) for value in limits.jerk]
    return request


# Target rates stay this share below their limits. What is left of the velocity is the speed of
# catching up with a target at the limit; Ruckig refuses motions that take longer than two hours.
_BELOW_LIMIT = 0.99
# Rounding of Ruckig's positions, [rad] or [m], and of its rates, relative: far below any
# actuator's resolution.
_POSITION_ROUNDING = 1e-9
_RATE_ROUNDING = 1e-7
# A command this close to rest [per second] is at rest.
_REST = np.array([[1e-9], [1e-6]])  # velocity, acceleration


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
        self._ease = _Ease(limits)
        self._lower = limits.lower
        self._upper = limits.upper
        self.stops_forced = 0  # steps in which a column had to take its stop
        self.planner_failures = 0
        self._trusted = True  # the planner found the last stop it was asked for
        self.seed((limits.lower + limits.upper) / 2.0)

    def fork(self) -> 'MotionLimiter':
        """Return a limiter in the same state, to go back to."""
        return copy.copy(self)  # all it holds is replaced, never written to

    def seed(self, position: FloatArray) -> None:
        """Rest at `position` [D]. Raises ValueError if it is not finite."""
        if not np.all(np.isfinite(position)):
            raise ValueError(f'the seed must be finite, got {position!r}')
        state = np.zeros((3, len(position)))
        state[0] = position
        self._set(state)
        self._lower = np.minimum(self._limits.lower, position)
        self._upper = np.maximum(self._limits.upper, position)

    def place(self, columns: NDArray[np.intp], position: FloatArray) -> None:
        """
        Rest at `position` [D] in `columns`; the others go on as they are.

        Raises ValueError if the position of a column is not finite.
        """
        if not np.all(np.isfinite(position[columns])):
            raise ValueError(f'the position must be finite, got {position!r}')
        state = self.state.copy()
        state[:, columns] = 0.0
        state[0, columns] = position[columns]
        lower, upper = self._lower.copy(), self._upper.copy()
        lower[columns] = np.minimum(self._limits.lower, position)[columns]
        upper[columns] = np.maximum(self._limits.upper, position)[columns]
        self._set(state)
        self._lower, self._upper = lower, upper

    def halt(self) -> None:
        """Rest where the command is: it has not changed for long."""
        self.seed(self.position)

    @property
    def position(self) -> FloatArray:
        """Commanded positions [D], read-only."""
        return np.asarray(self.state[0])

    @property
    def velocity(self) -> FloatArray:
        """Commanded velocities [D], read-only."""
        return np.asarray(self.state[1])

    @property
    def acceleration(self) -> FloatArray:
        """Commanded accelerations [D], read-only."""
        return np.asarray(self.state[2])

    @property
    def at_rest(self) -> bool:
        """Whether velocity and acceleration are zero."""
        return bool((np.abs(self.state[1:]) <= _REST).all())

    def nearest(self, position: FloatArray) -> FloatArray:
        """Return the place next to `position` [D] that may be commanded."""
        return np.minimum(np.maximum(position, self._lower), self._upper)

    def step(
        self, target: CurveSample, duration_s: float, speed: FloatArray | None = None
    ) -> None:
        """
        Move the commanded state by `duration_s` towards `target`, as fast as the limits allow.

        `target` is where to be at the end of the step; columns outside come to rest instead.
        `speed` [D] lowers the velocity limits for this step. A target that is not finite stops its
        column. A late step goes the way that steps in time would have gone.
        """
        parts = max(1, math.ceil(duration_s / _LONGEST_STEP_S))
        for part in range(1, parts):
            before_s = duration_s * (1.0 - part / parts)
            self._step(target.moved_back(before_s), duration_s / parts, speed)
        self._step(target, duration_s / parts, speed)

    def _step(self, target: CurveSample, duration_s: float, speed: FloatArray | None) -> None:
        limits = self._limits
        fastest = limits.velocity if speed is None else speed
        if not target.outside.any() and self._ease.reachable(target.values):
            stop, wanted = target.outside, target.values
        else:
            stop = target.outside | ~np.isfinite(target.values).all(axis=0)
            wanted = _reachable(target.values, stop, self._lower, self._upper, limits, self.state)
        candidate = None
        if not stop.all():
            candidate = self._planner.approach(self.state, wanted, fastest, duration_s)
            if candidate is None:
                self.planner_failures += 1
            elif self._trusted and not stop.any() and self._ease.stops_inside(candidate):
                self._set(candidate)
                self._lower, self._upper = limits.lower, limits.upper
                return
        accepted = np.zeros_like(stop)
        if candidate is not None:
            after = self._planner.stop(candidate, 0.0)
            self._trusted = after is not None
            accepted = ~stop & self._acceptable(candidate, after)
            if accepted.all():
                assert after is not None
                self._accept(candidate, after)
                return
            self.stops_forced += bool((~accepted & ~stop).any())
        self._step_with_stops(candidate, accepted, duration_s)

    def _step_with_stops(
        self, candidate: FloatArray | None, accepted: NDArray[np.bool_], duration_s: float
    ) -> None:
        """Take the candidate in `accepted` columns, in others the stop of the present."""
        stop = self._planner.stop(self.state, duration_s)
        stopping = None if stop is None else stop.state
        if stopping is None or not np.isfinite(stopping).all():
            self.planner_failures += 1
            stopping = _plain_deceleration(self.state, self._limits, duration_s)
        if candidate is not None and accepted.any():
            stopping = np.where(accepted, candidate, stopping)
        self._accept(stopping, self._planner.stop(stopping, 0.0))

    def _acceptable(self, candidate: FloatArray, after: Stop | None) -> NDArray[np.bool_]:
        """Return [D] whether the state obeys the rates and can stop inside; NaN never does."""
        if after is None:
            return np.zeros(len(self.position), dtype=np.bool_)
        limits, room = self._limits, 1.0 + _RATE_ROUNDING
        return np.asarray(
            (after.lowest >= self._lower - _POSITION_ROUNDING)
            & (after.highest <= self._upper + _POSITION_ROUNDING)
            & (np.abs(candidate[1]) <= limits.velocity * room)
            & (np.abs(candidate[2]) <= limits.acceleration * room)
        )

    def _accept(self, state: FloatArray, after: Stop | None) -> None:
        """Make `state` the commanded one and let bounds of a seed outside follow it inward."""
        position, limits = state[0], self._limits
        if not (position >= self._lower).all() or not (position <= self._upper).all():
            # Rounding of Ruckig, or the plain deceleration next to a bound.
            state = state.copy()
            state[0] = np.minimum(np.maximum(position, self._lower), self._upper)
        self._set(state)
        if after is not None:
            self._lower = np.maximum(self._lower, np.minimum(limits.lower, after.lowest))
            self._upper = np.minimum(self._upper, np.maximum(limits.upper, after.highest))

    def _set(self, state: FloatArray) -> None:
        state.flags.writeable = False
        self.state = state  # [3, D] position, velocity, acceleration


class _Ease:
    """
    Quick sufficient tests, for all columns at once, that spare the careful ones.

    A state with speed v and acceleration a (both as magnitudes) stops within w T, where
    w = v + a^2 / 2j bounds the speed on the way, and T = a / j + w / A + A / j its duration:
    bringing the acceleration to zero takes a / j, a stop from speed w then sqrt(4 w / j) where
    the limit A is not reached and w / A + A / j else, which is never less. Ruckig's stop is the
    fastest one, so it neither takes longer nor gets faster.
    """

    def __init__(self, limits: JointLimits) -> None:
        # 1e-12: what passes lies inside the bounds after rounding as well.
        half = (limits.upper - limits.lower) / 2.0 - 1e-12
        middle = np.zeros((3, len(half)))
        middle[0] = (limits.lower + limits.upper) / 2.0
        self._middle = middle
        # The velocity that an acceleration still leads to must stay below the limit as well.
        rise = limits.acceleration**2 / (2.0 * limits.jerk)
        self._target_room = np.array(
            [
                half,
                np.minimum(limits.velocity * _BELOW_LIMIT, limits.velocity - rise),
                limits.acceleration * _BELOW_LIMIT,
            ]
        )
        room = 1.0 + _RATE_ROUNDING
        self._state_room = np.array([half, limits.velocity * room, limits.acceleration * room])
        self._per_jerk = 1.0 / limits.jerk
        self._per_acceleration = 1.0 / limits.acceleration
        self._onset = limits.acceleration / limits.jerk

    def reachable(self, target: FloatArray) -> bool:
        """Return whether `_reachable` would leave the target [3, D] as it is; NaN never passes."""
        return bool((np.abs(target - self._middle) <= self._target_room).all())

    def stops_inside(self, state: FloatArray) -> bool:
        """Return whether the state [3, D] obeys the rates and stops inside; NaN never does."""
        size = np.abs(state - self._middle)
        acceleration = size[2] * self._per_jerk  # [s]
        speed = size[1] + 0.5 * size[2] * acceleration
        size[0] += speed * (acceleration + speed * self._per_acceleration + self._onset)
        return bool((size <= self._state_room).all())


def _reachable(
    target: FloatArray,
    stop: NDArray[np.bool_],
    lower: FloatArray,
    upper: FloatArray,
    limits: JointLimits,
    present: FloatArray,
) -> FloatArray:
    """
    Return the target [3, D] moved inside all limits, the way Ruckig demands it; stopping columns
    stay put.
    """
    wanted = np.where(stop, present[0], target[0])
    position = np.minimum(np.maximum(wanted, lower), upper)
    most = limits.velocity * _BELOW_LIMIT
    velocity = np.minimum(np.maximum(target[1], -most), most)
    # No velocity where the column stops or the target lies outside and would lead further out.
    still = stop | ((wanted < lower) & (velocity < 0.0)) | ((wanted > upper) & (velocity > 0.0))
    velocity = np.where(still, 0.0, velocity)
    # The velocity that an acceleration still leads to, a^2 / 2j, must stay below the limit as
    # well.
    room = np.sqrt(2.0 * limits.jerk * (limits.velocity - np.abs(velocity))) * _BELOW_LIMIT
    most = np.minimum(limits.acceleration * _BELOW_LIMIT, room)
    acceleration = np.minimum(np.maximum(target[2], -most), most)
    acceleration = np.where(still | (wanted != position), 0.0, acceleration)
    return np.array([position, velocity, acceleration])


def _plain_deceleration(state: FloatArray, limits: JointLimits, duration_s: float) -> FloatArray:
    """
    Return one step towards rest without a planner: used only where Ruckig fails on a verified
    state.

    The acceleration turns against the velocity within jerk and acceleration limits and ends at
    zero velocity.
    """
    position, velocity, before = state
    if not duration_s > 0.0:
        return state
    wanted = np.clip(-velocity / duration_s, -limits.acceleration, limits.acceleration)
    change = np.clip(wanted - before, -limits.jerk * duration_s, limits.jerk * duration_s)
    after = before + change
    next_velocity = velocity + (before + after) / 2.0 * duration_s
    resting = next_velocity * velocity <= 0.0
    next_velocity = np.where(resting, 0.0, next_velocity)
    return np.array(
        [
            position + (velocity + next_velocity) / 2.0 * duration_s,
            next_velocity,
            np.where(resting, 0.0, after),
        ]
    )
