# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Means and differences with 95 % intervals; differences are of the same seeds.

Pure and deterministic: the bootstrap draws from a fixed seed.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wla_ros.base.types import FloatArray
from wla_ros.episodes.summary import SuccessRate

_DRAWS = 4000
_SHARES = (2.5, 97.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A value with its 95 % interval; NaN where there is nothing to estimate from."""

    value: float
    low: float
    high: float
    count: int  # episodes, or pairs of episodes

    @property
    def known(self) -> bool:
        """Whether there was anything to estimate from."""
        return math.isfinite(self.value)


UNKNOWN = Estimate(value=math.nan, low=math.nan, high=math.nan, count=0)


def mean_estimate(values: FloatArray) -> Estimate:
    """Return the mean of `values` [n] with its percentile bootstrap interval."""
    if not values.size:
        return UNKNOWN
    means = values[_drawn(values.size)].mean(axis=1)
    low, high = np.percentile(means, _SHARES)
    return Estimate(
        value=float(values.mean()), low=float(low), high=float(high), count=values.size
    )


def relative_difference(values: FloatArray, reference: FloatArray) -> Estimate:
    """
    Return mean(values) / mean(reference) - 1; both [n], pair i is one seed.

    The bootstrap draws pairs.
    """
    if values.shape != reference.shape:
        raise ValueError(f'pairs are needed, got {values.shape} and {reference.shape}')
    if not values.size:
        return UNKNOWN
    drawn = _drawn(values.size)
    ratios = values[drawn].mean(axis=1) / reference[drawn].mean(axis=1) - 1.0
    low, high = np.percentile(ratios, _SHARES)
    value = float(values.mean() / reference.mean() - 1.0)
    return Estimate(value=value, low=float(low), high=float(high), count=values.size)


def success_difference(successes: FloatArray, reference: FloatArray) -> Estimate:
    """
    Return the difference of two success rates of the same n seeds, both [n] of 0 and 1.

    Newcombe (1998), method 10: Wilson intervals of both, and the correlation of the pairs. Unlike
    a bootstrap it has a width even if all episodes succeed.
    """
    if successes.shape != reference.shape:
        raise ValueError(f'pairs are needed, got {successes.shape} and {reference.shape}')
    count = int(successes.size)
    if not count:
        return UNKNOWN
    first, second = successes > 0.5, reference > 0.5
    both, neither = int((first & second).sum()), int((~first & ~second).sum())
    only_first, only_second = int((first & ~second).sum()), int((~first & second).sum())
    wins, reference_wins = both + only_first, both + only_second
    product = wins * (count - wins) * reference_wins * (count - reference_wins)
    crossed: float = both * neither - only_first * only_second
    if crossed > 0:
        # Correlation narrows the interval: less of it is assumed than was seen.
        crossed = max(crossed - count / 2.0, 0.0)
    correlation = crossed / math.sqrt(product) if product else 0.0
    p, q = wins / count, reference_wins / count
    p_low, p_high = SuccessRate(successes=wins, episodes=count).interval
    q_low, q_high = SuccessRate(successes=reference_wins, episodes=count).interval
    below = _joined(p - p_low, q_high - q, correlation)
    above = _joined(p_high - p, q - q_low, correlation)
    return Estimate(value=p - q, low=p - q - below, high=p - q + above, count=count)


def _joined(first: float, second: float, correlation: float) -> float:
    return math.sqrt(
        max(first * first - 2.0 * correlation * first * second + second * second, 0.0)
    )


def _drawn(count: int) -> NDArray[np.int64]:
    """Return indices [draws, count], the same for every call with this count."""
    return np.random.default_rng(count).integers(0, count, (_DRAWS, count))
