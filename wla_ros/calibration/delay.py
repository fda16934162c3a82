# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The delay between two signals by cross-correlation, with its uncertainty."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wla_ros.base.timing import NS_PER_S
from wla_ros.base.types import FloatArray
from wla_ros.base.types import Refusal

# How far a measured signal runs behind a commanded one: normalised cross-correlation.
#
# Follows UMI's latency_util (arXiv 2402.10329): both signals on a 1 ms grid, the lag of the
# highest correlation is the delay. Here every lag is normalised by its own window, negative lags
# are part of the search (a feedback that precedes its command is a clock problem to be shown,
# never to be masked away), the peak is interpolated, and what cannot be trusted is refused by
# name.

NOT_FINITE = 'not_finite'
FEW_SAMPLES = 'few_samples'
GAP = 'gap'
NO_MOTION = 'no_motion'
REVERSED = 'reversed'
UNLIKE = 'unlike'
AT_THE_EDGE = 'at_the_edge'
AMBIGUOUS = 'ambiguous'
AHEAD = 'ahead'

_GRID_S = 0.001
# Fewer seconds of overlap than this hold less than half a period of any excitation of ours.
_SHORTEST_OVERLAP_S = 1.0
# A correlation that still rises at the edge of the search with this much has its peak beyond.
_SIMILAR = 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Signal:
    """Samples of one quantity in any order; repeated stamps keep their first value."""

    stamps_ns: NDArray[np.int64]  # [n]
    values: FloatArray  # [n]


@dataclass(frozen=True, slots=True, kw_only=True)
class DelaySettings:
    """Where to search and what to believe."""

    least_motion: float  # peak to peak of both signals, in their unit
    minimum_s: float = -0.1
    maximum_s: float = 0.6
    least_correlation: float = 0.95
    least_lead: float = 0.02  # of the peak over every other maximum of the correlation
    # The accuracy of stamps: one period of a driver at 200 Hz. A simulated servo, whose speed is
    # fed forward, runs 2.2 ms ahead (measured).
    most_ahead_s: float = 0.005
    longest_gap_s: float = 0.15


@dataclass(frozen=True, slots=True, kw_only=True)
class DelayEstimate:
    """The delay of one signal and how well it is known."""

    delay_s: float
    uncertainty_s: float  # standard error, from what the delayed command does not explain
    correlation: float  # 1 is the command, delayed and nothing else
    gain: float  # feedback per command; 2 is a gripper whose widths are doubled
    motion: float  # peak to peak of the feedback


def estimate_delay(
    command: Signal, feedback: Signal, settings: DelaySettings
) -> DelayEstimate | Refusal:
    """
    Return by how much `feedback` lags `command`, or why that cannot be said.

    Record both for `settings.maximum_s` longer than the motion on either side.
    """
    for name, signal in (('command', command), ('feedback', feedback)):
        refusal = _judge_samples(name, signal)
        if refusal is not None:
            return refusal
    origin_ns = int(feedback.stamps_ns.min())
    given_t, given = _ordered(command, origin_ns)
    seen_t, seen = _ordered(feedback, origin_ns)
    window = _window(given_t, seen_t, settings)
    if isinstance(window, Refusal):
        return window
    refusal = (
        _judge_gaps('command', given_t, settings)
        or _judge_gaps('feedback', seen_t, settings)
        or _judge_motion('command', given, settings)
        or _judge_motion('feedback', seen, settings)
    )
    if refusal is not None:
        return refusal
    lags_s = np.arange(settings.minimum_s, settings.maximum_s + _GRID_S / 2, _GRID_S)
    grid = np.arange(window[0], window[1], _GRID_S)
    measured = np.interp(grid, seen_t, seen)
    # commanded[j + k] is the command at grid[j] - lags_s[-1 - k]
    reach = grid[0] - lags_s[-1] + _GRID_S * np.arange(grid.size + lags_s.size - 1)
    commanded = np.interp(reach, given_t, given)
    correlation = _correlation_by_lag(commanded, measured)[::-1]
    refusal = _judge_peak(lags_s, correlation, settings)
    if refusal is not None:
        return refusal
    peak = int(np.argmax(correlation))
    delay_s, height = _interpolated_peak(lags_s, correlation, peak)
    if delay_s < -settings.most_ahead_s:
        return Refusal(
            reason=AHEAD,
            detail=f'the feedback runs {-1e3 * delay_s:.1f} ms ahead of the command: are the '
            'clocks of driver and executor hosts synchronised, is joints.latency_s right?',
        )
    delayed = np.interp(grid - delay_s, given_t, given)
    gain, error = _fit(delayed, measured)
    count = int(np.count_nonzero((seen_t >= window[0]) & (seen_t <= window[1])))
    steepness = abs(gain) * float(np.std(np.gradient(delayed, _GRID_S)))
    return DelayEstimate(
        delay_s=delay_s,
        uncertainty_s=error / (steepness * np.sqrt(count)),
        correlation=min(1.0, height),
        gain=gain,
        motion=float(np.ptp(seen)),
    )


def _judge_samples(name: str, signal: Signal) -> Refusal | None:
    if signal.stamps_ns.shape != signal.values.shape or signal.values.ndim != 1:
        raise ValueError(
            f'{name}: {signal.stamps_ns.shape} stamps for {signal.values.shape} values'
        )
    if not np.all(np.isfinite(signal.values)):
        return Refusal(reason=NOT_FINITE, detail=f'the {name} holds numbers that are not finite')
    distinct = np.unique(signal.stamps_ns).size
    if distinct < 20:
        return Refusal(
            reason=FEW_SAMPLES,
            detail=f'the {name} has {distinct} samples with stamps of their own',
        )
    return None


def _ordered(signal: Signal, origin_ns: int) -> tuple[FloatArray, FloatArray]:
    """Return times [s] since the origin, rising, and values."""
    stamps, first = np.unique(signal.stamps_ns, return_index=True)
    return (stamps - origin_ns) / NS_PER_S, np.asarray(signal.values, dtype=np.float64)[first]


def _window(
    given_t: FloatArray, seen_t: FloatArray, settings: DelaySettings
) -> tuple[float, float] | Refusal:
    """Return the times of feedback whose command is known at every lag."""
    begin = max(float(seen_t[0]), float(given_t[0]) + settings.maximum_s)
    end = min(float(seen_t[-1]), float(given_t[-1]) + settings.minimum_s)
    if end - begin >= _SHORTEST_OVERLAP_S:
        return begin, end
    return Refusal(
        reason=FEW_SAMPLES,
        detail=f'command and feedback overlap by {max(0.0, end - begin):.2f} s at all lags, '
        f'needed are {_SHORTEST_OVERLAP_S:g} s',
    )


def _judge_gaps(name: str, times: FloatArray, settings: DelaySettings) -> Refusal | None:
    widest = float(np.max(np.diff(times)))
    if widest <= settings.longest_gap_s:
        return None
    return Refusal(
        reason=GAP,
        detail=f'the {name} pauses for {widest:.3f} s, bound {settings.longest_gap_s:g} s',
    )


def _judge_motion(name: str, values: FloatArray, settings: DelaySettings) -> Refusal | None:
    motion = float(np.ptp(values))
    if motion >= settings.least_motion:
        return None
    return Refusal(
        reason=NO_MOTION,
        detail=f'the {name} moves by {motion:.5f}, needed are {settings.least_motion:g}',
    )


def _correlation_by_lag(commanded: FloatArray, measured: FloatArray) -> FloatArray:
    """Return Pearson's correlation of `measured` [m] with every window of `commanded` [n]."""
    count = measured.size
    centred = measured - measured.mean()
    commanded = commanded - commanded.mean()
    products = np.correlate(commanded, centred, mode='valid')
    sums = np.concatenate([[0.0], np.cumsum(commanded)])
    squares = np.concatenate([[0.0], np.cumsum(commanded**2)])
    window_sums = sums[count:] - sums[:-count]
    variances = (squares[count:] - squares[:-count]) - window_sums**2 / count
    scale = np.sqrt(np.maximum(variances, 0.0) * float(centred @ centred))
    moving = scale > 1e-12 * max(1.0, float(scale.max()))
    return np.where(moving, products / np.where(moving, scale, 1.0), 0.0)


def _judge_peak(
    lags_s: FloatArray, correlation: FloatArray, settings: DelaySettings
) -> Refusal | None:
    peak = int(np.argmax(correlation))
    height, depth = float(correlation[peak]), float(correlation.min())
    if -depth > max(height + settings.least_lead, settings.least_correlation):
        return Refusal(
            reason=REVERSED,
            detail=f'the feedback moves against the command (correlation {depth:.3f})',
        )
    if peak in (0, correlation.size - 1) and height > _SIMILAR:
        return Refusal(
            reason=AT_THE_EDGE,
            detail=f'the best delay lies at the edge of the search, {1e3 * lags_s[peak]:.0f} ms',
        )
    if not height >= settings.least_correlation:
        return Refusal(
            reason=UNLIKE,
            detail=f'the feedback does not follow the command: correlation {height:.3f}, '
            f'needed are {settings.least_correlation:g}',
        )
    inner = correlation[1:-1]
    maxima = 1 + np.flatnonzero((inner >= correlation[:-2]) & (inner > correlation[2:]))
    # Noise ripples the top of one hill; another hill has a valley in between.
    for other in maxima[maxima != peak]:
        low, high = sorted((peak, int(other)))
        rival = float(correlation[other])
        valley = float(correlation[low : high + 1].min())
        if height - rival < settings.least_lead and rival - valley > settings.least_lead / 2:
            return Refusal(
                reason=AMBIGUOUS,
                detail=f'delays of {1e3 * lags_s[peak]:.0f} ms and {1e3 * lags_s[other]:.0f} ms '
                f'fit alike (correlations {height:.3f}, {rival:.3f}): the motion repeats itself',
            )
    return None


def _interpolated_peak(
    lags_s: FloatArray, correlation: FloatArray, peak: int
) -> tuple[float, float]:
    """Return lag [s] and height of the parabola through the peak and its neighbours."""
    left, top, right = correlation[peak - 1 : peak + 2].tolist()
    curvature = left - 2.0 * top + right
    shift = 0.0 if curvature >= 0.0 else 0.5 * (left - right) / curvature
    return float(lags_s[peak]) + shift * _GRID_S, top - 0.25 * (left - right) * shift


def _fit(delayed: FloatArray, measured: FloatArray) -> tuple[float, float]:
    """Return the gain of measured on delayed and the standard deviation of what is left."""
    centred = delayed - delayed.mean()
    gain = float(centred @ (measured - measured.mean()) / (centred @ centred))
    return gain, float(np.std(measured - measured.mean() - gain * centred))


NOTHING_MEASURED = 'nothing_measured'
SCATTERED = 'scattered'


@dataclass(frozen=True, slots=True, kw_only=True)
class CombinedDelay:
    """The delay of a group of columns."""

    delay_s: float
    spread_s: float  # largest less smallest
    columns: tuple[str, ...]  # that it was made of


def combine_delays(
    estimates: Mapping[str, DelayEstimate | Refusal], *, largest_spread_s: float
) -> CombinedDelay | Refusal:
    """
    Return the median of the estimates by column.

    Refused columns are left out, but at least half of them must have an estimate.
    """
    delays = {
        column: estimate.delay_s
        for column, estimate in estimates.items()
        if isinstance(estimate, DelayEstimate)
    }
    if not delays or 2 * len(delays) < len(estimates):
        return Refusal(
            reason=NOTHING_MEASURED,
            detail=f'{len(delays)} of {len(estimates)} columns have a delay, half are needed',
        )
    spread_s = max(delays.values()) - min(delays.values())
    if not spread_s <= largest_spread_s:
        slowest, quickest = (
            max(delays, key=delays.__getitem__),
            min(delays, key=delays.__getitem__),
        )
        return Refusal(
            reason=SCATTERED,
            detail=f'{slowest} lags {1e3 * delays[slowest]:.1f} ms, {quickest} '
            f'{1e3 * delays[quickest]:.1f} ms: one offset cannot serve both '
            f'(largest spread {1e3 * largest_spread_s:g} ms)',
        )
    return CombinedDelay(
        delay_s=float(np.median(list(delays.values()))), spread_s=spread_s, columns=tuple(delays)
    )
