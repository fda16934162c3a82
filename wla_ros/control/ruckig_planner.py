"""
The only place that calls Ruckig: time-optimal approach of a state and full stop, per column.

State to state only. Ruckig's `intermediate_positions` are never set: in the pip build they are
sent to a remote service. Columns are independent (no synchronisation), so one column's trouble is
its own.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import ruckig

from wla_ros.core.joint_limits import JointLimits
from wla_ros.core.types import FloatArray

# Ruckig 0.19 fails where a distance lies within 1e-15 of the border between two shapes of motion,
# for example at 0.1 rad from rest with 5 rad/s^2 and 50 rad/s^3, and goes on failing because
# nothing moves. Aiming this far beside the target [rad or m] avoids the border (7382 of 7382 cases
# found).
_NUDGES = (0.0, 1e-7, -3e-7)


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
