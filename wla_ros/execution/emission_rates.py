# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
How fast the emitted commands changed, by their stamps: the largest divided differences.

The limiter's own rates are not asked. Judged in batches: a tick costs a microsecond.
"""

from dataclasses import dataclass

import numpy as np

from wla_ros.base.divided_differences import divided_rates
from wla_ros.base.types import FloatArray

_ORDERS = 3
# Commands a batch; between two statuses at 10 Hz lie 20.
_BATCH = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstRates:
    """The largest rates of any arm joint so far, by stamps."""

    velocity_rad_s: float = 0.0
    acceleration_rad_s2: float = 0.0
    jerk_rad_s3: float = 0.0


class EmissionRates:
    """The largest rates of the joints; one thread."""

    def __init__(self, joints: tuple[int, ...]) -> None:
        """Look at the columns `joints`."""
        self._joints = list(joints)
        self._stamps_ns: list[int] = []
        self._positions: list[FloatArray] = []
        self._worst = np.zeros(_ORDERS)

    def add(self, stamp_ns: int, position: FloatArray) -> None:
        """Take the command [D] emitted at `stamp_ns`."""
        if self._stamps_ns and stamp_ns <= self._stamps_ns[-1]:
            return  # the same instant: the command has not moved
        self._stamps_ns.append(stamp_ns)
        self._positions.append(position)
        if len(self._stamps_ns) >= _BATCH:
            self._judge()

    def restart(self) -> None:
        """Compare what follows with nothing before: a new motion begins, or time jumped."""
        self._judge()
        self._stamps_ns, self._positions = [], []

    def worst(self) -> WorstRates:
        """Return the largest rates so far."""
        self._judge()
        velocity, acceleration, jerk = self._worst.tolist()
        return WorstRates(
            velocity_rad_s=velocity, acceleration_rad_s2=acceleration, jerk_rad_s3=jerk
        )

    def _judge(self) -> None:
        if len(self._stamps_ns) <= _ORDERS:
            return
        stamps_ns = np.array(self._stamps_ns, dtype=np.int64)
        positions = np.array(self._positions)[:, self._joints]
        found = [
            (np.abs(rates) - rounding).max()
            for rates, rounding in divided_rates(stamps_ns, positions)
        ]
        self._worst = np.maximum(self._worst, found)
        self._stamps_ns = self._stamps_ns[-_ORDERS:]
        self._positions = self._positions[-_ORDERS:]
