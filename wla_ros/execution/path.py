# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""What the command follows of a plan: the curve through its rows, smoothed by a parabola."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wla_ros.base.curve import CurveSample
from wla_ros.base.curve import HermiteInterpolation
from wla_ros.base.types import FloatArray
from wla_ros.execution.bridge import SpliceBridge
from wla_ros.execution.bridge import no_bridge

# The curve that is executed: the curves of consecutive plans, each with its bridge, per column.
#
# Column c follows a piece from that piece's start for c on, so columns may change over at
# different times: each has its own latency. Immutable: a splice returns a new one. Knows no rows,
# no limits.


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """One plan; times are seconds since the origin of its curve."""

    curve: HermiteInterpolation
    start_s: FloatArray  # [D]
    last_start_s: float
    bridge: SpliceBridge | None
    bridge_end_s: float

    def at(self, instant_s: FloatArray, earliest_s: float) -> CurveSample:
        sample = self.curve.at(instant_s)
        if self.bridge is None or earliest_s >= self.bridge_end_s:
            return sample
        return sample.lifted(self.bridge.at(instant_s))

    def at_once(self, instant_s: float) -> CurveSample:
        sample = self.curve.at_once(instant_s)
        if self.bridge is None or instant_s >= self.bridge_end_s:
            return sample
        return sample.lifted(self.bridge.at(instant_s))


class PlannedCurve:
    """See the module docstring. Offsets of columns are never negative."""

    __slots__ = ('_pieces',)

    def __init__(self, pieces: tuple[_Piece, ...] = ()) -> None:
        """Begin with no piece: there is no curve before the first splice."""
        self._pieces = pieces

    def spliced(
        self,
        curve: HermiteInterpolation,
        start_s: FloatArray,
        bridge: SpliceBridge | None,
        *,
        keep_from_ns: int,
    ) -> 'PlannedCurve':
        """
        Return this curve until `start_s` [D] and `curve` with `bridge` from there on.

        Times are seconds since the origin of `curve`. What nobody followed any more at
        `keep_from_ns` is left out.
        """
        piece = _Piece(
            curve=curve,
            start_s=start_s,
            last_start_s=float(start_s.max()),
            bridge=bridge,
            bridge_end_s=-np.inf if bridge is None else bridge.end_s,
        )
        pieces = self._pieces
        first = 0
        for i, each in enumerate(pieces):
            if (keep_from_ns - each.curve.origin_ns) * 1e-9 >= each.last_start_s:
                first = i
        return PlannedCurve((*pieces[first:], piece))

    def sample(self, time_ns: int, offset_s: FloatArray | None) -> CurveSample:
        """
        Return the curve with column c taken at `time_ns` + `offset_s[c]` [D], None: no offsets.

        Raises ValueError without any piece.
        """
        if not self._pieces:
            raise ValueError('nothing is planned')
        newest = self._pieces[-1]
        since_s = (time_ns - newest.curve.origin_ns) * 1e-9
        if since_s >= newest.last_start_s or len(self._pieces) == 1:
            if offset_s is None:
                return newest.at_once(since_s)
            return newest.at(since_s + offset_s, since_s)
        if offset_s is None:
            offset_s = np.zeros(len(newest.start_s))
        return self._mixed(time_ns, offset_s, bridged=True)

    def is_plan(self, start_s: FloatArray) -> bool:
        """Return whether the newest plan alone is executed, all columns at once, from now on."""
        newest = self._pieces[-1]
        together = start_s is newest.start_s and bool((start_s == start_s[0]).all())
        return together and newest.bridge is None

    def plan(self, time_ns: int, offset_s: FloatArray) -> CurveSample:
        """Return the same of the plans alone, without bridges."""
        return self._mixed(time_ns, offset_s, bridged=False)

    def around(
        self, time_ns: int, offset_s: FloatArray | None, ahead_s: FloatArray
    ) -> tuple[FloatArray, NDArray[np.bool_]]:
        """
        Return the positions [n, D] of column c at `time_ns` + `offset_s[c]` + `ahead_s` [n], and
        where there are none: behind the end, and before the first piece that is kept.

        Without offsets much faster.
        """
        position: FloatArray | None = None
        outside = missing = np.zeros(0, dtype=np.bool_)
        for i, piece in reversed(list(enumerate(self._pieces))):
            since_s = (time_ns - piece.curve.origin_ns) * 1e-9
            if offset_s is None:
                instant_s = (since_s + ahead_s)[:, None]
                here, away = piece.curve.positions_at(instant_s[:, 0])
            else:
                instant_s = since_s + offset_s + ahead_s[:, None]
                sample = piece.curve.at(instant_s)
                here, away = sample.position, sample.outside
            if piece.bridge is not None and since_s + ahead_s[0] < piece.bridge_end_s:
                here = here + piece.bridge.positions_at(instant_s)
            early = instant_s < piece.start_s
            if i == 0:
                away = away | early
            if position is None:
                position, outside, missing = here, np.broadcast_to(away, here.shape), early
            else:
                position = np.where(missing, here, position)
                outside = np.where(missing, away, outside)
                missing = missing & early
            if not missing.any():
                break
        if position is None:
            raise ValueError('nothing is planned')
        return position, outside

    def at_times(self, times_ns: NDArray[np.int64]) -> CurveSample:
        """Return all columns at the same `times_ns` [n]: arrays [n, D]."""
        columns = len(self._pieces[-1].start_s) if self._pieces else 0

        def sample_of(piece: _Piece) -> tuple[FloatArray, CurveSample]:
            since_s = piece.curve.seconds(times_ns)[:, None]
            here = piece.curve.at_rows(times_ns)
            if piece.bridge is not None:
                here = here.lifted(piece.bridge.at(since_s))
            return np.broadcast_to(since_s, (len(times_ns), columns)), here

        return self._newest_first(sample_of)

    def _mixed(self, time_ns: int, offset_s: FloatArray, *, bridged: bool) -> CurveSample:
        def sample_of(piece: _Piece) -> tuple[FloatArray, CurveSample]:
            since_s = (time_ns - piece.curve.origin_ns) * 1e-9
            instant_s = since_s + offset_s
            return instant_s, piece.at(instant_s, since_s if bridged else np.inf)

        return self._newest_first(sample_of)

    def _newest_first(
        self, sample_of: Callable[[_Piece], tuple[FloatArray, CurveSample]]
    ) -> CurveSample:
        """
        Return the samples of the pieces that each column follows; before all starts, the oldest's.

        `sample_of` returns the instants on the axis of a piece, and the piece there.
        """
        result: CurveSample | None = None
        missing: NDArray[np.bool_] | None = None
        for i, piece in reversed(list(enumerate(self._pieces))):
            instant_s, sample = sample_of(piece)
            result = (
                sample if missing is None or result is None else result.replaced(missing, sample)
            )
            ahead = instant_s < piece.start_s
            missing = ahead if missing is None else missing & ahead
            if i == 0 or not missing.any():
                break
        if result is None:
            raise ValueError('nothing is planned')
        return result

    def bridge(self, time_ns: int, offset_s: FloatArray, origin_ns: int) -> SpliceBridge:
        """Return the bridge that each column is on then, with times since `origin_ns`."""
        columns = len(self._pieces[-1].start_s)
        bridge = no_bridge(columns)
        missing: NDArray[np.bool_] = np.ones(columns, dtype=np.bool_)
        for i, piece in reversed(list(enumerate(self._pieces))):
            here = missing & ((time_ns - piece.curve.origin_ns) * 1e-9 + offset_s >= piece.start_s)
            here = missing if i == 0 else here
            if piece.bridge is not None:
                shift_s = (piece.curve.origin_ns - origin_ns) * 1e-9
                bridge = bridge.replaced(here, piece.bridge.since(shift_s))
            missing = missing & ~here
            if not missing.any():
                break
        return bridge


_REACH = 4  # instants on either side


class PlanSmoothing:
    """Fits over `window_s` on either side, less near the ends of the plan, where nothing is."""

    def __init__(self, window_s: float, smoothed: NDArray[np.bool_]) -> None:
        """Smooth the columns `smoothed` [D]; with a window of 0 none."""
        self._smoothed = smoothed
        self._ahead_s = np.linspace(-window_s, window_s, 2 * _REACH + 1)
        self._is_on = window_s > 0.0 and bool(smoothed.any())
        if self._is_on:
            self._weights = _weights(self._ahead_s)

    def sample(
        self, curve: PlannedCurve, time_ns: int, offset_s: FloatArray | None
    ) -> CurveSample:
        """Return the curve with column c taken at `time_ns` + `offset_s[c]` [D], smoothed."""
        here = curve.sample(time_ns, offset_s)
        if not self._is_on or here.outside.all():
            return here
        positions, outside = curve.around(time_ns, offset_s, self._ahead_s)
        # Relative to the middle: arms that rest are not moved by rounding.
        relative = positions - here.values[0]
        if not outside.any():
            fitted = self._weights[_REACH] @ relative
            fitted[0] += here.values[0]
            return CurveSample(np.where(self._smoothed, fitted, here.values), here.outside)
        inside = ~outside  # [n, D]
        both = inside[_REACH + 1 :] & inside[_REACH - 1 :: -1]
        reach = np.logical_and.accumulate(both).sum(axis=0) * (self._smoothed & inside[_REACH])
        fitted = np.einsum('dcn,nd->cd', self._weights[reach], relative)
        fitted[0] += here.values[0]
        return CurveSample(np.where(reach > 0, fitted, here.values), here.outside)


def _weights(ahead_s: FloatArray) -> FloatArray:
    """
    Return [r + 1, 3, n]: what n positions at `ahead_s` count for position, velocity and
    acceleration in the middle, with 0 to r of them used on either side (Savitzky-Golay, order 2).
    """
    weights = np.zeros((_REACH + 1, 3, len(ahead_s)))
    for reach in range(1, _REACH + 1):
        used = slice(_REACH - reach, _REACH + reach + 1)
        t = ahead_s[used]
        weights[reach, :, used] = np.linalg.pinv(np.stack((np.ones_like(t), t, t * t / 2), axis=1))
    return weights
