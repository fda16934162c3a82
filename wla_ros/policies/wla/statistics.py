# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Statistics of the data: read, normalise with them, and hold live joints against them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wla_ros.base.config import Problem
from wla_ros.base.types import FloatArray
from wla_ros.policies.wla.model.config_reading import JsonFields

# Reads the published norm_stats.json: per data set, statistics of the state and action columns.
#
# Owns the layout of the file. Knows no torch and no meaning of a column.

STATE = 'observation.state'
ACTION = 'action'
# Fields of the file that a way of normalising reads; the first two are enough to normalise.
FIELDS = {
    'min_max': ('min', 'max'),
    'quantile': ('q01', 'q99'),
    'mean_std': ('mean', 'std'),
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ColumnStatistics:
    """Two numbers per column: lower and upper bound, or mean and standard deviation."""

    kind: str  # a key of FIELDS
    first: FloatArray  # [d] min, q01 or mean
    second: FloatArray  # [d] max, q99 or std


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NormStatistics:
    """Statistics of one data set."""

    key: str
    state: ColumnStatistics
    action: ColumnStatistics


def read_statistics(file: Path, *, key: str, kind: str, width: int) -> NormStatistics:
    """
    Return the statistics `key` of `file`; an empty key takes the only one there is.

    `width` is how many columns state and action have. Raises ConfigurationError listing every
    missing, wrong or impossible number.
    """
    problems: list[Problem] = []
    fields = JsonFields.read(file, problems)
    fields.raise_problems(str(file))
    chosen = _choose(fields, key)
    fields.raise_problems(str(file))
    section = fields.section(chosen)
    statistics = NormStatistics(
        key=chosen,
        state=_columns(section, STATE, kind, width),
        action=_columns(section, ACTION, kind, width),
    )
    fields.raise_problems(str(file))
    return statistics


def write_statistics(statistics: NormStatistics) -> dict[str, dict[str, dict[str, list[float]]]]:
    """Return what read_statistics reads, ready for JSON."""
    return {
        statistics.key: {
            name: dict(
                zip(
                    FIELDS[columns.kind],
                    (columns.first.tolist(), columns.second.tolist()),
                    strict=True,
                )
            )
            for name, columns in ((ACTION, statistics.action), (STATE, statistics.state))
        }
    }


def _choose(fields: JsonFields, key: str) -> str:
    names = fields.names
    if key in names:
        return key
    known = f'known: {", ".join(names)}' if names else 'the file holds no statistics'
    if key:
        fields.complain(key, 'there are no statistics of this name', known)
    elif len(names) == 1:
        return names[0]
    else:
        fields.complain('', f'holds {len(names)} sets of statistics', f'name one; {known}')
    return ''


def _columns(section: JsonFields, name: str, kind: str, width: int) -> ColumnStatistics:
    fields = section.section(name)
    first_name, second_name = FIELDS[kind]
    first = fields.numbers(first_name, width)
    second = fields.numbers(second_name, width)
    result = ColumnStatistics(kind=kind, first=np.array(first), second=np.array(second))
    if len(first) != width or len(second) != width:
        return result  # complained about above
    for index, (low, high) in enumerate(zip(first, second, strict=True)):
        if kind == 'mean_std' and not high >= 0.0:
            fields.complain(f'std[{index}]', f'is {high:g}, a deviation is not negative')
        elif kind != 'mean_std' and not low <= high:
            fields.complain(
                f'{first_name}[{index}]', f'is {low:g}, above {second_name} = {high:g}'
            )
    return result


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


# Do live joints look like the data a checkpoint was trained on? Asked before autonomy begins.
#
# Wrong units, a wrong order of arms or a wrong data set show here as columns far outside of what
# the statistics know. Pure numpy.

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
