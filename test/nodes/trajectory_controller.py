"""
A joint_trajectory_controller as far as its topic goes, after its source (ros2_controllers).

Of Humble to Kilted: a trajectory replaces the one before; until its first point the controller
interpolates from what it commanded last (`interpolate_from_desired_state`, in Humble and Jazzy
`open_loop_control`). Newer ones can blend: they keep the points of the old trajectory up to the
stamp of the new one. Points with velocities and accelerations are joined by quintics.
"""

from typing import Any

import numpy as np

from wla_ros.base.types import FloatArray
from wla_ros.nodes.messages import duration_ns
from wla_ros.nodes.messages import stamp_ns

Waypoint = tuple[int, FloatArray]  # time, state [3, k]


class TrajectoryController:
    """Receives messages, is updated at its own rate."""

    def __init__(self, names: tuple[str, ...], position: FloatArray, now_ns: int, *, blends: bool):
        """Hold `position` [k]."""
        self.names = names
        self.blends = blends
        self.state: FloatArray = np.zeros((3, len(names)))  # [3, k] what is commanded
        self.state[0] = position
        self.jerk: FloatArray = np.zeros(len(names))  # [k] of what is commanded
        self.now_ns = now_ns
        self.replaced = 0
        self._before: Waypoint = (now_ns, self.state)
        self._points: list[Waypoint] = []
        self._received: list[Any] = []

    def receive(self, message: Any, now_ns: int) -> None:
        """Take a trajectory, or fail with the reason for which the controller refuses it."""
        assert tuple(message.joint_names) == self.names
        assert message.points, 'empty trajectory received'
        times = [duration_ns(point.time_from_start) for point in message.points]
        assert all(a < b for a, b in zip(times, times[1:], strict=False)), (
            'not strictly increasing'
        )
        for point in message.points:
            for field in (point.positions, point.velocities, point.accelerations):
                assert len(field) == len(self.names)
        assert not any(message.points[-1].velocities), 'velocity of last point is not zero'
        assert stamp_ns(message.header.stamp) + times[-1] > now_ns, 'ends in the past'
        self._received = [message]

    def update(self, now_ns: int) -> FloatArray:
        """Return what is commanded at `now_ns` [3, k]."""
        for message in self._received:
            self._replace(message, now_ns)
        self._received = []
        sampled = self._sample(now_ns)
        self.state, self.jerk, self.now_ns = sampled[:3], sampled[3], now_ns
        return self.state

    def _replace(self, message: Any, now_ns: int) -> None:
        start_ns = stamp_ns(message.header.stamp)
        fresh = [
            (
                start_ns + duration_ns(point.time_from_start),
                np.array([point.positions, point.velocities, point.accelerations]),
            )
            for point in message.points
        ]
        kept = [p for p in self._points if now_ns < p[0] < start_ns] if self.blends else []
        late_ns = max(now_ns - start_ns, 0) if self.blends and self._points else 0
        self._before = (self.now_ns, self.state)
        self._points = kept + [(time_ns + late_ns, state) for time_ns, state in fresh]
        self.replaced += 1

    def _sample(self, now_ns: int) -> FloatArray:
        if not self._points:
            return _evenly(self.state)
        segments = [self._before, *self._points]
        if now_ns >= segments[-1][0]:
            return _evenly(segments[-1][1])
        for first, second in zip(segments, segments[1:], strict=False):
            if first[0] <= now_ns < second[0]:
                return quintic(first, second, now_ns)
        raise AssertionError(f'nothing to sample at {now_ns}')


def _evenly(state: FloatArray) -> FloatArray:
    """Return `state` [3, k] and no jerk."""
    return np.array([*state, np.zeros(state.shape[1])])


def quintic(first: Waypoint, second: Waypoint, now_ns: int) -> FloatArray:
    """Return the state and the jerk [4, k] between two waypoints."""
    (p0, v0, a0), (p1, v1, a1) = first[1], second[1]
    width = (second[0] - first[0]) * 1e-9
    s = (now_ns - first[0]) * 1e-9
    d = p1 - p0
    c3 = (20 * d - (8 * v1 + 12 * v0) * width - (3 * a0 - a1) * width**2) / (2 * width**3)
    c4 = (-30 * d + (14 * v1 + 16 * v0) * width + (3 * a0 - 2 * a1) * width**2) / (2 * width**4)
    c5 = (12 * d - 6 * (v1 + v0) * width - (a0 - a1) * width**2) / (2 * width**5)
    return np.array(
        [
            p0 + v0 * s + a0 / 2 * s**2 + c3 * s**3 + c4 * s**4 + c5 * s**5,
            v0 + a0 * s + 3 * c3 * s**2 + 4 * c4 * s**3 + 5 * c5 * s**4,
            a0 + 6 * c3 * s + 12 * c4 * s**2 + 20 * c5 * s**3,
            6 * c3 + 24 * c4 * s + 60 * c5 * s**2,
        ]
    )
