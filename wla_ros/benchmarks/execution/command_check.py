# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Are the commands within the limits? Judged from the emitted stamps and positions alone.

The executor's own velocities and accelerations are not asked: divided differences tell, whatever
the gaps between the commands. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wla_ros.base.divided_differences import divided_rates
from wla_ros.base.joints import JointLimits
from wla_ros.base.types import FloatArray

QUANTITIES = ('position', 'velocity', 'acceleration', 'jerk')
# Relative to the limit: rounding of the planner's rates.
_TOLERANCE = {'velocity': 1e-5, 'acceleration': 1e-4, 'jerk': 3e-3}
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
    joint_columns: tuple[int, ...],
    reseeded: NDArray[np.bool_] | None = None,
) -> CommandCheck:
    """
    Check commands [n, D] sent at `stamps_ns` [n], which rise.

    The columns `reseeded` [n, D] were set, at rest, to where a released arm is: one that is
    disabled or moved by hand obeys no command. Their differences begin anew there, nothing else
    is left out. A value that is not finite is a violation of position.
    """
    outside = ~(
        (position >= limits.lower - _POSITION_TOLERANCE)
        & (position <= limits.upper + _POSITION_TOLERANCE)
    )
    beyond = np.maximum(limits.lower - position, position - limits.upper)
    violations = {'position': int(outside.sum())}
    worst = {'position': float(max(beyond.max(), 0.0)) if position.size else 0.0}
    whole = np.ones(position.shape, dtype=np.bool_) if reseeded is None else ~reseeded
    rates = position[:0]
    for order, (rates, rounding) in enumerate(divided_rates(stamps_ns, position), start=1):
        name = QUANTITIES[order]
        judged = np.ones(rates.shape, dtype=np.bool_)
        for step in range(1, order + 1):  # none of the commands that a difference spans
            judged &= whole[step : len(whole) - order + step]
        excess = np.where(judged, np.maximum(np.abs(rates) - rounding, 0.0), 0.0)
        ratios = excess / getattr(limits, name)
        violations[name] = int((~(ratios <= 1.0 + _TOLERANCE[name])).sum())
        worst[name] = float(ratios.max()) if ratios.size else 0.0
    largest = np.abs(rates[:, list(joint_columns)])  # [m, joints]
    return CommandCheck(
        commands=len(position),
        violations=violations,
        worst_ratio=worst,
        jerk=largest.max(axis=1) if largest.size else np.zeros(0),
    )
