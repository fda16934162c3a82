"""
How well consecutive plans fit together: the steps between them at the time of the switch.

Measured on the plans, before any bridge or limit smooths the step, and again on the curve that is
executed. Arm joints only.
"""

from dataclasses import dataclass

import numpy as np

from wla_ros.control.splice_report import SpliceSteps

# Upper edges of the histogram, about 2.5 per decade; the last bin is everything above.
POSITION_EDGES_RAD = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
VELOCITY_EDGES_RAD_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
ACCELERATION_EDGES_RAD_S2 = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeamSummary:
    """All splices that followed on a plan so far; a step is the largest over the arm joints."""

    count: int = 0
    last_position_rad: float = 0.0
    last_velocity_rad_s: float = 0.0
    last_acceleration_rad_s2: float = 0.0
    max_position_rad: float = 0.0
    max_velocity_rad_s: float = 0.0
    max_acceleration_rad_s2: float = 0.0
    position_histogram: tuple[int, ...] = (0,) * (len(POSITION_EDGES_RAD) + 1)
    velocity_histogram: tuple[int, ...] = (0,) * (len(VELOCITY_EDGES_RAD_S) + 1)
    acceleration_histogram: tuple[int, ...] = (0,) * (len(ACCELERATION_EDGES_RAD_S2) + 1)
    # Of the executed curve, bridge included
    max_bridged_position_rad: float = 0.0
    max_bridged_velocity_rad_s: float = 0.0
    max_bridged_acceleration_rad_s2: float = 0.0
    bridges: int = 0  # splices that needed a bridge
    max_bridge_s: float = 0.0


class _Steps:
    """Steps of one kind: last, largest, histogram."""

    def __init__(self, edges: tuple[float, ...]) -> None:
        self._edges = edges
        self.last = self.largest = 0.0
        self._counts = np.zeros(len(edges) + 1, dtype=np.int64)

    def add(self, value: float) -> None:
        self.last, self.largest = value, max(self.largest, value)
        self._counts[np.searchsorted(self._edges, value)] += 1

    @property
    def histogram(self) -> tuple[int, ...]:
        return tuple(self._counts.tolist())


class SeamMetrics:
    """Collects the steps of all splices."""

    def __init__(self) -> None:
        """Start with no splice."""
        self._count = self._bridges = 0
        self._position = _Steps(POSITION_EDGES_RAD)
        self._velocity = _Steps(VELOCITY_EDGES_RAD_S)
        self._acceleration = _Steps(ACCELERATION_EDGES_RAD_S2)
        self._bridged = SpliceSteps()
        self._longest_s = 0.0

    def add(self, step: SpliceSteps, bridged: SpliceSteps, bridge_s: float) -> None:
        """Record the switch from one plan to another."""
        self._count += 1
        self._position.add(step.position_rad)
        self._velocity.add(step.velocity_rad_s)
        self._acceleration.add(step.acceleration_rad_s2)
        most = self._bridged
        self._bridged = SpliceSteps(
            position_rad=max(most.position_rad, bridged.position_rad),
            velocity_rad_s=max(most.velocity_rad_s, bridged.velocity_rad_s),
            acceleration_rad_s2=max(most.acceleration_rad_s2, bridged.acceleration_rad_s2),
        )
        self._bridges += bridge_s > 0.0
        self._longest_s = max(self._longest_s, bridge_s)

    def summary(self) -> SeamSummary:
        """Return everything recorded so far."""
        return SeamSummary(
            count=self._count,
            last_position_rad=self._position.last,
            last_velocity_rad_s=self._velocity.last,
            last_acceleration_rad_s2=self._acceleration.last,
            max_position_rad=self._position.largest,
            max_velocity_rad_s=self._velocity.largest,
            max_acceleration_rad_s2=self._acceleration.largest,
            position_histogram=self._position.histogram,
            velocity_histogram=self._velocity.histogram,
            acceleration_histogram=self._acceleration.histogram,
            max_bridged_position_rad=self._bridged.position_rad,
            max_bridged_velocity_rad_s=self._bridged.velocity_rad_s,
            max_bridged_acceleration_rad_s2=self._bridged.acceleration_rad_s2,
            bridges=self._bridges,
            max_bridge_s=self._longest_s,
        )
