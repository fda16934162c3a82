"""
Many values kept as counts of bins, so that distributions of many episodes can be added up.

A quantile is the upper edge of its bin: it never understates. Pure.
"""

import math
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field

import numpy as np

from wla_ros.core.types import FloatArray

# Forty bins per decade: an edge overstates a value by at most 6 %.
_PER_DECADE = 40
_SMALLEST = 1e-9  # less is zero: rounding of float64 in radians and metres


@dataclass(frozen=True, slots=True)
class BinnedValues:
    """Counts of values >= 0 in logarithmic bins; bin None of the mapping is zero."""

    counts: Mapping[int | None, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Number of values."""
        return sum(self.counts.values())

    def quantile(self, share: float) -> float:
        """Return the upper edge of the bin of the value at `share` in 0..1, NaN without values."""
        wanted = max(1, math.ceil(share * self.total))
        seen = 0
        for edge in sorted(self.counts, key=lambda item: -math.inf if item is None else item):
            seen += self.counts[edge]
            if seen >= wanted:
                return 0.0 if edge is None else 10.0 ** (edge / _PER_DECADE)
        return math.nan

    def as_text(self) -> str:
        """Return for example 'z:12 -80:3 -79:1', for files."""
        return ' '.join(
            f'{"z" if edge is None else edge}:{count}' for edge, count in self.counts.items()
        )


def binned(values: FloatArray | Iterable[float]) -> BinnedValues:
    """Return the bins of `values`. Raises ValueError if one is negative or not finite."""
    array = np.fromiter(values, dtype=np.float64) if not isinstance(values, np.ndarray) else values
    if array.size and not (np.isfinite(array).all() and (array >= 0.0).all()):
        raise ValueError('values must be finite and not negative')
    positive = array[array > _SMALLEST]
    edges, counts = np.unique(
        np.ceil(np.log10(positive) * _PER_DECADE - 1e-9).astype(np.int64), return_counts=True
    )
    result: dict[int | None, int] = dict(zip(edges.tolist(), counts.tolist(), strict=True))
    zeros = array.size - positive.size
    return BinnedValues({None: zeros, **result} if zeros else result)


def added(parts: Iterable[BinnedValues]) -> BinnedValues:
    """Return all values of `parts` together."""
    counts: dict[int | None, int] = {}
    for part in parts:
        for edge, count in part.counts.items():
            counts[edge] = counts.get(edge, 0) + count
    return BinnedValues(counts)


def parsed(text: str) -> BinnedValues:
    """Return what `as_text` wrote. Raises ValueError for anything else."""
    counts: dict[int | None, int] = {}
    for part in text.split():
        edge, _, count = part.partition(':')
        counts[None if edge == 'z' else int(edge)] = int(count)
    return BinnedValues(counts)
