"""
Do live joints look like the data a checkpoint was trained on? Asked before autonomy begins.

Wrong units, a wrong order of arms or a wrong data set show here as columns far outside of what the
statistics know. Pure numpy.
"""

from dataclasses import dataclass

import numpy as np

from wla_ros.core.types import FloatArray
from wla_ros.policy.wla.norm_statistics import ColumnStatistics

# A state four deviations from the mean is not of the data set.
_DEVIATIONS = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnOutside:
    """One column that the data set never looked like, in the units of the data set."""

    column: str
    value: float
    lower: float
    upper: float

    def __str__(self) -> str:
        """Return column, value and bounds."""
        return f'{self.column} = {self.value:.4g} outside [{self.lower:.4g}, {self.upper:.4g}]'


def columns_outside(
    values: FloatArray,
    statistics: ColumnStatistics,
    columns: tuple[str, ...],
    *,
    margin: float,
    tolerance: FloatArray,
) -> tuple[ColumnOutside, ...]:
    """
    Return the columns of state `values` [d] outside of the bounds of `statistics`.

    Bounds are widened by `margin` of their range, by `tolerance` [d] at least: an arm at rest may
    stand exactly where all episodes began, and a column may be constant. NaN is outside.
    """
    lower, upper = _bounds(statistics)
    slack = np.maximum(margin * (upper - lower), tolerance)
    inside = (values >= lower - slack) & (values <= upper + slack)
    return tuple(
        ColumnOutside(
            column=columns[i],
            value=float(values[i]),
            lower=float(lower[i] - slack[i]),
            upper=float(upper[i] + slack[i]),
        )
        for i in np.flatnonzero(~inside)
    )


def _bounds(statistics: ColumnStatistics) -> tuple[FloatArray, FloatArray]:
    if statistics.kind != 'mean_std':
        return statistics.first, statistics.second
    reach = _DEVIATIONS * statistics.second
    return np.asarray(statistics.first - reach), np.asarray(statistics.first + reach)
