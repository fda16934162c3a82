# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The motion that a delay is measured with: a slow sweep of one column around where it is.

Faded in and out, so it begins and ends at rest in its start position; bounded in amplitude,
velocity, acceleration and jerk; moved inward where the start is near a limit. A sweep never
repeats itself, so its delay is unambiguous.
"""

import math
from dataclasses import dataclass

import numpy as np

from wla_ros.base.types import FloatArray
from wla_ros.base.types import Refusal

NO_ROOM = 'no_room'
OUT_OF_RANGE = 'out_of_range'

_SWEEP_HZ = (0.4, 1.0)
_CHECK_STEP_S = 0.002
# A start near a limit changes the shape, and with it the rates: the amplitude is found anew.
_ROUNDS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ExcitationBounds:
    """The most that the motion of one column may be, in its unit (rad or m)."""

    amplitude: float
    least_amplitude: float  # less is no measurement
    velocity: float
    acceleration: float
    jerk: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Excitation:
    """The motion of one column over time since its begin."""

    start: float
    offset: float  # of the middle of the sweep from the start
    amplitude: float
    duration_s: float
    fade_s: float

    def position(self, t_s: FloatArray) -> FloatArray:
        """Return the position [n] at times [n] since the begin; the start before and after it."""
        t_s = np.clip(np.asarray(t_s, dtype=np.float64), 0.0, self.duration_s)
        fade = _smooth_step(np.minimum(t_s, self.duration_s - t_s) / self.fade_s)
        low_hz, high_hz = _SWEEP_HZ
        turns = low_hz * t_s + (high_hz - low_hz) * t_s**2 / (2.0 * self.duration_s)
        return self.start + fade * (self.offset + self.amplitude * np.sin(math.tau * turns))

    def largest_rates(self) -> tuple[float, float, float]:
        """Return the largest velocity, acceleration and jerk, unsigned."""
        times = np.arange(0.0, self.duration_s + _CHECK_STEP_S, _CHECK_STEP_S)
        velocity = np.gradient(self.position(times), _CHECK_STEP_S)
        acceleration = np.gradient(velocity, _CHECK_STEP_S)
        jerk = np.gradient(acceleration, _CHECK_STEP_S)
        rates = (np.abs(velocity).max(), np.abs(acceleration).max(), np.abs(jerk).max())
        return float(rates[0]), float(rates[1]), float(rates[2])

    def reach(self) -> tuple[float, float]:
        """Return the lowest and the highest position."""
        times = np.arange(0.0, self.duration_s + _CHECK_STEP_S, _CHECK_STEP_S)
        positions = self.position(times)
        return float(positions.min()), float(positions.max())


def plan_excitation(
    *,
    start: float,
    lower: float,
    upper: float,
    bounds: ExcitationBounds,
    duration_s: float,
    fade_s: float = 1.0,
) -> Excitation | Refusal:
    """
    Return a motion from `start` back to it within [lower, upper] and `bounds`, or why not.

    Raises ValueError unless duration_s >= 2 * fade_s > 0.
    """
    if not duration_s >= 2.0 * fade_s > 0.0:
        raise ValueError(f'duration_s {duration_s!r} must hold two fades of {fade_s!r} s')
    if not lower <= start <= upper:
        return Refusal(
            reason=OUT_OF_RANGE,
            detail=f'it stands at {start:.4f}, outside of {lower:.4f} .. {upper:.4f}',
        )
    amplitude = min(bounds.amplitude, (upper - lower) / 2.0)
    limits = (bounds.velocity, bounds.acceleration, bounds.jerk)
    for _ in range(_ROUNDS):
        found = Excitation(
            start=start,
            offset=min(max(0.0, lower - start + amplitude), upper - start - amplitude),
            amplitude=amplitude,
            duration_s=duration_s,
            fade_s=fade_s,
        )
        rates = found.largest_rates()
        excess = max(rate / limit for rate, limit in zip(rates, limits, strict=True))
        if excess <= 1.0:
            break
        amplitude /= excess * 1.001
    else:
        return Refusal(reason=NO_ROOM, detail='no amplitude keeps the rates; take more time')
    if amplitude < bounds.least_amplitude:
        return Refusal(
            reason=NO_ROOM,
            detail=f'only {amplitude:.4f} of amplitude fit the limits, needed are '
            f'{bounds.least_amplitude:.4f}: move it away from its limit',
        )
    return found


def _smooth_step(share: FloatArray) -> FloatArray:
    """Return 0..1 over 0..1 with two continuous derivatives."""
    share = np.clip(share, 0.0, 1.0)
    return share**3 * (10.0 + share * (6.0 * share - 15.0))


# Which column moves when: excitations one after the other, all other columns at rest.
#
# Times are seconds since the begin of the plan.


@dataclass(frozen=True, slots=True, kw_only=True)
class ExcitationPart:
    """One column's turn."""

    column: int
    begin_s: float
    motion: Excitation

    @property
    def end_s(self) -> float:
        """When it rests again."""
        return self.begin_s + self.motion.duration_s


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExcitationPlan:
    """All turns; `start` [D] is where every column rests."""

    start: FloatArray
    parts: tuple[ExcitationPart, ...]
    rest_s: float

    @property
    def duration_s(self) -> float:
        """From the begin to the end of the last rest."""
        return max((part.end_s for part in self.parts), default=0.0) + self.rest_s

    def rows(self, t_s: FloatArray) -> FloatArray:
        """Return positions [n, D] at times [n]; the start before the begin and after the end."""
        rows = np.tile(self.start, (len(t_s), 1))
        for part in self.parts:
            rows[:, part.column] += part.motion.position(t_s - part.begin_s) - part.motion.start
        return rows


def in_turn(start: FloatArray, motions: dict[int, Excitation], *, rest_s: float) -> ExcitationPlan:
    """Return the plan in which the columns move in the order given, with a rest around each."""
    parts: list[ExcitationPart] = []
    begin_s = rest_s
    for column, motion in motions.items():
        parts.append(ExcitationPart(column=column, begin_s=begin_s, motion=motion))
        begin_s = parts[-1].end_s + rest_s
    return ExcitationPlan(start=np.array(start), parts=tuple(parts), rest_s=rest_s)
