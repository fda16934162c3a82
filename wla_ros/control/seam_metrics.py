"""
How well consecutive plans fit together: the steps between them at the time of the switch.

Measured on the plans, before any bridge or limit smooths the step, and again on the curve that is
executed. Arm joints only.
"""

from dataclasses import dataclass

from wla_ros.control.splice_report import SpliceSteps


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
    # Of the executed curve, bridge included
    max_bridged_position_rad: float = 0.0
    max_bridged_velocity_rad_s: float = 0.0
    max_bridged_acceleration_rad_s2: float = 0.0
    bridges: int = 0  # splices that needed a bridge
    max_bridge_s: float = 0.0


class SeamMetrics:
    """Collects the steps of all splices."""

    def __init__(self) -> None:
        """Start with no splice."""
        self._count = self._bridges = 0
        self._last = self._most = self._bridged = SpliceSteps()
        self._longest_s = 0.0

    def add(self, step: SpliceSteps, bridged: SpliceSteps, bridge_s: float) -> None:
        """Record the switch from one plan to another."""
        self._count += 1
        self._last = step
        self._most = _larger(self._most, step)
        self._bridged = _larger(self._bridged, bridged)
        self._bridges += bridge_s > 0.0
        self._longest_s = max(self._longest_s, bridge_s)

    def summary(self) -> SeamSummary:
        """Return everything recorded so far."""
        return SeamSummary(
            count=self._count,
            last_position_rad=self._last.position_rad,
            last_velocity_rad_s=self._last.velocity_rad_s,
            last_acceleration_rad_s2=self._last.acceleration_rad_s2,
            max_position_rad=self._most.position_rad,
            max_velocity_rad_s=self._most.velocity_rad_s,
            max_acceleration_rad_s2=self._most.acceleration_rad_s2,
            max_bridged_position_rad=self._bridged.position_rad,
            max_bridged_velocity_rad_s=self._bridged.velocity_rad_s,
            max_bridged_acceleration_rad_s2=self._bridged.acceleration_rad_s2,
            bridges=self._bridges,
            max_bridge_s=self._longest_s,
        )


def _larger(one: SpliceSteps, other: SpliceSteps) -> SpliceSteps:
    return SpliceSteps(
        position_rad=max(one.position_rad, other.position_rad),
        velocity_rad_s=max(one.velocity_rad_s, other.velocity_rad_s),
        acceleration_rad_s2=max(one.acceleration_rad_s2, other.acceleration_rad_s2),
    )
