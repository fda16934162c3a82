# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""How the firmware moves between targets: streamed set-points, or trapezoids that rest at each."""

import math
from abc import ABC
from abc import abstractmethod
from collections import deque

import numpy as np

from wla_ros.base.timing import NS_PER_MS
from wla_ros.base.timing import ns_to_seconds
from wla_ros.base.types import FloatArray

# How the firmware turns targets into motion: one base, two behaviours, and the braking law they
# share.
#
# Speed and acceleration are bounded per joint; joints do not wait for each other.


class SetpointGenerator(ABC):
    """Moves a set-point [6] towards targets within speed and acceleration limits. One thread."""

    def __init__(self, *, acceleration_rad_s2: float) -> None:
        """Rest at zero."""
        self._acceleration = acceleration_rad_s2
        self.reset(np.zeros(6))

    @property
    def position(self) -> FloatArray:
        """The set-point [6] [rad]."""
        return self._position

    @property
    def velocity(self) -> FloatArray:
        """Its rate [6] [rad/s]."""
        return self._velocity

    def reset(self, position: FloatArray) -> None:
        """Rest at `position` and forget all targets."""
        self._position = np.array(position, dtype=np.float64)
        self._velocity = np.zeros_like(self._position)
        self._target = self._position
        self._max_speed = 0.0

    @abstractmethod
    def aim(self, target: FloatArray, *, max_speed_rad_s: float, now_ns: int) -> None:
        """Take a target [6] [rad] that arrived at `now_ns`."""

    @abstractmethod
    def advance(self, now_ns: int, dt_s: float) -> None:
        """Move the set-point by one step of `dt_s` > 0 that ends at `now_ns`."""


def braking_speed(distance: FloatArray, *, acceleration: float, dt_s: float) -> FloatArray:
    """
    Return the largest speed for one step of `dt_s` after which the rest of `distance` >= 0
    suffices to stop.

    Exact for stepwise motion: with k = distance / (acceleration dt^2), n whole braking steps cover
    n (n + 1) / 2, and the fraction is spread over all n + 1 steps. Speeds then fall by
    acceleration * dt and end at zero on target.
    """
    unit = acceleration * dt_s
    k = distance / (unit * dt_s)
    n = np.floor((np.sqrt(1.0 + 8.0 * k) - 1.0) / 2.0)
    return np.asarray(unit * (n + (k - n * (n + 1.0) / 2.0) / (n + 1.0)))


# Window of the speed estimate: five intervals at 200 Hz. Shorter passes on jitter, longer lags in
# acceleration.
_WINDOW_NS = 27 * NS_PER_MS
# A pause after which targets do not belong to one stream; slower than 10 Hz nothing is streamed.
_STREAM_END_NS = 100 * NS_PER_MS
# The target moves on for this many intervals without a new one.
_COAST_INTERVALS = 1.5
# Time constants of the approach close to the target and of changes of speed: new estimates arrive
# in stairs.
_APPROACH_S = 0.02
_SPEED_CHANGE_S = 0.006
# Part of the acceleration that braking before a resting target plans with; the rest corrects,
# against overshoot.
_BRAKING_SHARE = 0.8
# Targets that differ by more than this factor of the possible motion, plus the slack, are jumps.
_JUMP_FACTOR = 2.0
_JUMP_SLACK_RAD = 0.02
_STILL = [0.0] * 6


class StreamGenerator(SetpointGenerator):
    """Tracks streams without lag."""

    def reset(self, position: FloatArray) -> None:
        """Rest at `position` and forget the stream."""
        super().reset(position)
        self._stream_velocity = np.zeros_like(self._position)
        self._arrivals: deque[tuple[int, FloatArray]] = deque()
        self._coast_until_ns = 0

    def aim(self, target: FloatArray, *, max_speed_rad_s: float, now_ns: int) -> None:
        """Take the next sample of the stream."""
        target = np.array(target, dtype=np.float64)
        self._max_speed = max_speed_rad_s
        if self._arrivals:
            elapsed_ns = now_ns - self._arrivals[-1][0]
            reach = (
                _JUMP_FACTOR * max_speed_rad_s * ns_to_seconds(max(elapsed_ns, 0))
                + _JUMP_SLACK_RAD
            )
            if elapsed_ns > _STREAM_END_NS or _farthest(target, self._target) > reach:
                self._arrivals.clear()
        self._arrivals.append((now_ns, target))
        # The window always spans one interval, whatever the rate.
        while len(self._arrivals) > 2 and self._arrivals[0][0] < now_ns - _WINDOW_NS:
            self._arrivals.popleft()
        self._target = target
        self._estimate(now_ns)

    def advance(self, now_ns: int, dt_s: float) -> None:
        """Move by one step."""
        streaming = bool(self._arrivals) and now_ns <= self._coast_until_ns
        ahead_s = ns_to_seconds(now_ns - self._arrivals[-1][0]) if streaming else 0.0
        stream = self._stream_velocity.tolist() if streaming else _STILL
        change = self._acceleration * dt_s
        share = min(dt_s / _SPEED_CHANGE_S, 1.0)
        most = self._max_speed
        # Six numbers: plain arithmetic takes a third of the time of arrays.
        positions, velocities = [], []
        for position, velocity, target, going in zip(
            self._position.tolist(),
            self._velocity.tolist(),
            self._target.tolist(),
            stream,
            strict=True,
        ):
            # The error is where the target will be at the end of the step, without the part that
            # the stream covers.
            error = (target + going * ahead_s if streaming else target) - position
            error = error - going * dt_s
            wanted = min(max(going + self._approach(error), -most), most)
            faster = velocity + min(max(share * (wanted - velocity), -change), change)
            # A lowered speed limit is approached with full braking.
            bound = max(most, abs(velocity) - change)
            velocity = min(max(faster, -bound), bound)
            velocities.append(velocity)
            positions.append(position + velocity * dt_s)
        self._velocity = np.array(velocities)
        self._position = np.array(positions)

    def _approach(self, error: float) -> float:
        """Return the speed towards the target: exponential when close, then constant braking."""
        distance = abs(error)
        braking = _BRAKING_SHARE * self._acceleration
        linear_range = braking * _APPROACH_S * _APPROACH_S
        if distance <= linear_range:
            speed = distance / _APPROACH_S
        else:
            speed = math.sqrt(max(2.0 * braking * (distance - linear_range / 2.0), 0.0))
        return math.copysign(speed, error)

    def _estimate(self, now_ns: int) -> None:
        """Fit the speed of the targets in the window, a straight line by least squares."""
        count = len(self._arrivals)
        span_ns = self._arrivals[-1][0] - self._arrivals[0][0]
        if count < 2:
            self._stream_velocity = np.zeros_like(self._position)
            self._coast_until_ns = now_ns
            return
        if span_ns < NS_PER_MS:  # a burst: its times say nothing about the speed
            return
        times = np.array([(stamp - now_ns) * 1e-9 for stamp, _ in self._arrivals])  # [n]
        times -= times.mean()
        targets = np.array([target for _, target in self._arrivals])  # [n, 6]
        slope = times @ targets / (times @ times)
        self._stream_velocity = np.clip(slope, -self._max_speed, self._max_speed)
        self._coast_until_ns = now_ns + round(_COAST_INTERVALS * span_ns / (count - 1))


def _farthest(target: FloatArray, other: FloatArray) -> float:
    pairs: zip[tuple[float, float]] = zip(target.tolist(), other.tolist(), strict=True)
    return max([abs(a - b) for a, b in pairs])


# MOVE J: every target is planned to rest, from the present position and speed.
#
# Re-planning an optimal trapezoid at every step is the same motion, so no plan is stored. Behind a
# moving target it lags by speed^2 / (2 * acceleration), for example 0.1 rad (100 ms) at 1 rad/s.
# Measured on 1 rad in 1.5 s (minimum jerk): lag 98 ms at 200 Hz, 121 ms at 30 Hz, at most 0.16 rad
# behind.


class TrapezoidGenerator(SetpointGenerator):
    """Rests at every target without overshoot."""

    def aim(self, target: FloatArray, *, max_speed_rad_s: float, now_ns: int) -> None:
        """Plan to rest at `target`."""
        self._target = np.array(target, dtype=np.float64)
        self._max_speed = max_speed_rad_s

    def advance(self, now_ns: int, dt_s: float) -> None:
        """Move by one step."""
        error = self._target - self._position
        speed = braking_speed(np.abs(error), acceleration=self._acceleration, dt_s=dt_s)
        wanted = np.copysign(np.minimum(speed, self._max_speed), error)
        change = self._acceleration * dt_s
        self._velocity = self._velocity + np.clip(wanted - self._velocity, -change, change)
        self._position = self._position + self._velocity * dt_s
