"""
Are the commands within the limits? Judged from the commanded positions alone.

The executor's own velocities and accelerations are not asked. A motion within the limits, sampled
at a constant period h, has differences of its samples within the same limits: the n-th difference
over h^n is a weighted mean of the n-th derivative. So a difference above a limit proves a
violation, however the command came about. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wla_ros.core.joint_limits import JointLimits
from wla_ros.core.types import FloatArray

QUANTITIES = ('position', 'velocity', 'acceleration', 'jerk')
# Positions are exact to 1e-9 (rounding of the planner). Differenced three times at 5 ms, that is
# 0.064 of a jerk limit of 50; each tolerance is relative to its limit.
_TOLERANCE = {'velocity': 1e-5, 'acceleration': 1e-4, 'jerk': 5e-3}
_POSITION_TOLERANCE = 1e-8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CommandCheck:
    """How often each limit was exceeded, and how fast the commands changed."""

    commands: int
    violations: Mapping[str, int]  # per quantity: commands x columns beyond the limit
    worst_ratio: Mapping[str, float]  # largest value over its limit; of positions the overshoot
    jerk: FloatArray  # [m] per command the largest |jerk| of an arm joint [rad/s^3]

    @property
    def violated(self) -> int:
        """Violations of any limit."""
        return sum(self.violations.values())


def check_commands(
    stamps_ns: NDArray[np.int64],
    position: FloatArray,
    limits: JointLimits,
    *,
    period_ns: int,
    joint_columns: tuple[int, ...],
    reseeded: NDArray[np.bool_] | None = None,
) -> CommandCheck:
    """
    Check commands [n, D] sent at `stamps_ns` [n].

    Differences are taken only where consecutive commands are `period_ns` apart, and not from the
    command before to one at which an arm was `reseeded` [n]: the command is set to where the arm
    rests, which is no motion. A value that is not finite is a violation of position.
    """
    outside = ~(
        (position >= limits.lower - _POSITION_TOLERANCE)
        & (position <= limits.upper + _POSITION_TOLERANCE)
    )
    beyond = np.maximum(limits.lower - position, position - limits.upper)
    violations = {'position': int(outside.sum())}
    worst = {'position': float(max(beyond.max(), 0.0)) if position.size else 0.0}
    period_s = period_ns / 1e9
    steady = np.diff(stamps_ns) == period_ns  # [n-1]
    if reseeded is not None:
        steady &= ~reseeded[1:]
    differences = rates = position
    regular = steady
    for order, name in enumerate(QUANTITIES[1:], start=1):
        differences = np.diff(differences, axis=0)
        if order > 1:
            regular = regular[:-1] & regular[1:]
        rates = differences[regular] / period_s**order
        ratios = np.abs(rates) / getattr(limits, name)
        violations[name] = int((~(ratios <= 1.0 + _TOLERANCE[name])).sum())
        worst[name] = float(ratios.max()) if ratios.size else 0.0
    largest = np.abs(rates[:, list(joint_columns)])  # [m, joints]
    return CommandCheck(
        commands=len(position),
        violations=violations,
        worst_ratio=worst,
        jerk=largest.max(axis=1) if largest.size else np.zeros(0),
    )
