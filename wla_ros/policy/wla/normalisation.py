"""
Columns to the numbers a model works with and back, and padding to the model's width.

Pure numpy. Owns the formulas as published; must not know what a column means.
"""

from dataclasses import dataclass

import numpy as np

from wla_ros.core.types import FloatArray
from wla_ros.policy.wla.norm_statistics import ColumnStatistics

# Added to ranges and deviations in the published code, so that a constant column does not divide
# by zero. The RMBench adapter leaves it out when it restores actions.
EPSILON = 1e-6
# Half the width of the range of normalised values in the data: the bounds of min-max, a little
# more than the 98 % between quantiles, and what 99.7 % of a normal distribution lies in.
_RANGES = {'min_max': 1.0, 'quantile': 1.5, 'mean_std': 3.0}


@dataclass(frozen=True, slots=True, eq=False)
class Normaliser:
    """
    Affine per column: normalised = (value - origin) / scale - shift.

    Min-max and quantiles map the bounds to -1 and 1::

        2 (x - low) / (high - low + epsilon) - 1        origin low, scale (..) / 2, shift 1

    Mean and deviation give (x - mean) / (std + epsilon). Values outside the bounds are not
    clipped, as published.
    """

    origin: FloatArray  # [d]
    scale: FloatArray  # [d] positive, or 0 for a constant column without epsilon
    shift: float
    half_range: float = 1.0  # normalised values of the data lie within +- this

    @staticmethod
    def of(statistics: ColumnStatistics, epsilon: float = EPSILON) -> 'Normaliser':
        """Return the normaliser of the kind that `statistics` are."""
        if statistics.kind == 'mean_std':
            scale, shift = statistics.second + epsilon, 0.0
        else:
            scale, shift = (statistics.second - statistics.first + epsilon) / 2.0, 1.0
        return Normaliser(statistics.first, scale, shift, _RANGES[statistics.kind])

    @property
    def width(self) -> int:
        """Number d of columns."""
        return int(self.origin.shape[0])

    def normalise(self, values: FloatArray) -> FloatArray:
        """
        Return `values` [..., d] normalised.

        Raises ValueError for another width, or a constant column without epsilon.
        """
        self._check_width(values)
        if not np.all(self.scale > 0.0):
            raise ValueError('a constant column cannot be normalised with an epsilon of 0')
        return np.asarray((values - self.origin) / self.scale - self.shift)

    def restore(self, values: FloatArray) -> FloatArray:
        """Return normalised `values` [..., d] in their units. Raises ValueError for a width."""
        self._check_width(values)
        return np.asarray((values + self.shift) * self.scale + self.origin)

    def clip(self, values: FloatArray) -> FloatArray:
        """Return normalised `values` [..., d or more] within the range of the data."""
        return np.clip(values, -self.half_range, self.half_range)

    def _check_width(self, values: FloatArray) -> None:
        if values.ndim < 1 or values.shape[-1] != self.width:
            raise ValueError(f'expected {self.width} columns, got {list(values.shape)}')


def pad(values: FloatArray, width: int) -> FloatArray:
    """Return `values` [..., d] with zeros up to [..., width]. Raises ValueError if d > width."""
    missing = width - values.shape[-1]
    if missing < 0:
        raise ValueError(f'{values.shape[-1]} columns do not fit into the {width} of the model')
    return np.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, missing)])


def unpad(values: FloatArray, width: int) -> FloatArray:
    """Return the first `width` columns. Raises ValueError if there are fewer."""
    if values.shape[-1] < width:
        raise ValueError(f'the model has {values.shape[-1]} columns, {width} are needed')
    return values[..., :width]
