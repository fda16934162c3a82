# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Statistics of the data: read, normalise with them, and hold live joints against them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem
from wla_ros.base.config import load_configuration
from wla_ros.base.config import parameter
from wla_ros.base.types import FloatArray
from wla_ros.policies.wla.model.config_reading import read_json

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
    sets = read_json(file)
    chosen = _choose(sets, key, file)
    problems: list[Problem] = []
    state, action = (
        _columns(sets[chosen], name, kind, width, f'{file}: {chosen}', problems)
        for name in (STATE, ACTION)
    )
    if state is None or action is None:
        raise ConfigurationError(str(file), tuple(problems))
    return NormStatistics(key=chosen, state=state, action=action)


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


def _choose(sets: Mapping[str, Any], key: str, file: Path) -> str:
    if key in sets or (not key and len(sets) == 1):
        return key or next(iter(sets))
    known = f'known: {", ".join(sets)}' if sets else 'the file holds no statistics'
    problem = Problem(
        where=f'{file}: {key}', what='there are no statistics of this name', remedy=known
    )
    if not key:
        what = f'holds {len(sets)} sets of statistics'
        problem = Problem(where=str(file), what=what, remedy=f'name one; {known}')
    raise ConfigurationError(str(file), (problem,))


@dataclass(frozen=True, slots=True, kw_only=True)
class _ColumnsInFile:
    """What the file may hold of state or action; other fields are ignored."""

    min: tuple[float, ...] | None = parameter('lower bounds', default=None)
    max: tuple[float, ...] | None = parameter('upper bounds', default=None)
    q01: tuple[float, ...] | None = parameter('first percentiles', default=None)
    q99: tuple[float, ...] | None = parameter('last percentiles', default=None)
    mean: tuple[float, ...] | None = parameter('means', default=None)
    std: tuple[float, ...] | None = parameter('deviations', default=None)


def _columns(
    section: Any,  # noqa: ANN401 - JSON holds anything
    name: str,
    kind: str,
    width: int,
    where: str,
    problems: list[Problem],
) -> ColumnStatistics | None:
    """Return the columns `name` of a data set, None if anything is wrong with them."""
    count = len(problems)

    def complain(field: str, what: str) -> None:
        problems.append(Problem(where=f'{where}.{name}.{field}', what=what))

    values = section.get(name) if isinstance(section, dict) else None
    if not isinstance(values, dict):
        what = 'is missing' if values is None else f'must be an object, is {values!r}'
        problems.append(Problem(where=f'{where}.{name}', what=what))
        return None
    first_name, second_name = FIELDS[kind]
    wanted = {field: values[field] for field in FIELDS[kind] if field in values}
    try:
        found = load_configuration(_ColumnsInFile, wanted, source=where)
    except ConfigurationError as error:
        for problem in error.problems:
            complain(problem.where, problem.what)
        return None
    both = []
    for field in FIELDS[kind]:
        numbers = getattr(found, field)
        both.append(np.array(numbers or ()))
        if numbers is None:
            complain(field, 'is missing')
        elif len(numbers) != width:
            complain(field, f'must be a list of {width} numbers, is {len(numbers)} entries')
    if len(problems) == count:
        for index, (low, high) in enumerate(zip(*both, strict=True)):
            if kind == 'mean_std' and not high >= 0.0:
                complain(f'std[{index}]', f'is {high:g}, a deviation is not negative')
            elif kind != 'mean_std' and not low <= high:
                complain(f'{first_name}[{index}]', f'is {low:g}, above {second_name} = {high:g}')
    if len(problems) > count:
        return None
    return ColumnStatistics(kind=kind, first=both[0], second=both[1])


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
