# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Judges emitted commands by nothing but when they left and where they lead.

Written without the code it judges. Its claim: whatever the gaps, the positions lie on one motion
within the limits. Newton's form of the polynomial through neighbouring commands tells: n! times
its leading coefficient is a mean of the n-th derivative. Behind a silence longer than `stall_s` an
arm stands at its last command; what comes then must be exactly that position, and the motion from
there on must be one from rest, which is judged with the arm resting through the silence.
"""

from dataclasses import dataclass
from dataclasses import field
from math import factorial

import numpy as np

from wla_ros.base.joints import JointLimits
from wla_ros.base.types import FloatArray

STALL_NS = 100_000_000  # `motion.stall_s` by default
_ERROR = 1e-9  # of a position [rad or m]
_ROOM = {1: 1e-4, 2: 1e-3, 3: 5e-3}  # relative to the limit
_NAMES = {1: 'velocity', 2: 'acceleration', 3: 'jerk'}


@dataclass
class EmissionOracle:
    """Sees every command once, in the order they left."""

    limits: JointLimits
    violations: list[str] = field(default_factory=list)
    # Largest share of each limit that was asked for
    worst: dict[str, float] = field(default_factory=lambda: dict.fromkeys(_NAMES.values(), 0.0))
    commands: int = 0
    _times_ns: list[int] = field(default_factory=list)
    _positions: list[FloatArray] = field(default_factory=list)

    def see(self, time_ns: int, position: FloatArray, restarted: tuple[int, ...] = ()) -> None:
        """
        Take the command that left at `time_ns` of a clock that nobody sets.

        The columns `restarted` belong to an arm whose status says that it obeys nothing.
        """
        self.commands += 1
        if not np.isfinite(position).all():
            self.violations.append(f'{time_ns}: not finite')
            return
        if self._times_ns and time_ns - self._times_ns[-1] > STALL_NS:
            step = np.abs(position - self._positions[-1])
            step[list(restarted)] = 0.0
            if step.max() > _ERROR:
                self.violations.append(f'{time_ns}: moved by {step.max():.3g} behind a stall')
            self._judge()
            for ahead in (3, 2, 1):  # it rested here
                self._times_ns.append(time_ns - ahead * 5_000_000)
                self._positions.append(self._positions[-1])
            del self._times_ns[:-3], self._positions[:-3]
        if restarted:
            self._judge()
            for before in self._positions:  # as if they had always rested there
                before[list(restarted)] = position[list(restarted)]
        if self._times_ns and time_ns == self._times_ns[-1]:
            if np.abs(position - self._positions[-1]).max() > _ERROR:
                self.violations.append(f'{time_ns}: two places at one instant')
            return
        self._times_ns.append(time_ns)
        self._positions.append(np.array(position))
        if len(self._times_ns) > 500:
            self._judge()

    def close(self) -> None:
        """Judge what has not been yet."""
        self._judge()

    def _judge(self) -> None:
        """Judge all commands but leave the last three to those that follow."""
        if not self._times_ns:
            return
        times_s = (np.array(self._times_ns) - self._times_ns[0]) * 1e-9
        positions = np.array(self._positions)
        for order, name in _NAMES.items():
            if len(times_s) <= order:
                break
            rates, errors = _newton(times_s, positions, order)
            bound = getattr(self.limits, name)
            share = np.maximum(np.abs(rates) - errors[:, None], 0.0) / bound
            self.worst[name] = max(self.worst[name], float(share.max()))
            for k, column in np.argwhere(share > 1.0 + _ROOM[order])[:3]:
                self.violations.append(
                    f'{self._times_ns[k + order]}: {name} of column {column} is '
                    f'{share[k, column]:.3f} of its limit'
                )
        del self._times_ns[:-3], self._positions[:-3]


def _newton(times_s: FloatArray, values: FloatArray, order: int) -> tuple[FloatArray, FloatArray]:
    """
    Return order! times the leading coefficients [n - order, D], and their error [n - order].

    Lagrange's weights: the coefficient is the sum of values over the products of all distances.
    """
    count = len(times_s) - order
    rates, errors = np.zeros((count, values.shape[1])), np.zeros(count)
    for i in range(order + 1):
        product = np.ones(count)
        for j in range(order + 1):
            if j != i:
                product *= times_s[i : i + count] - times_s[j : j + count]
        # Values less their first: large positions would lose digits.
        rates += (values[i : i + count] - values[:count]) / product[:, None]
        errors += _ERROR / np.abs(product)
    return factorial(order) * rates, factorial(order) * errors
