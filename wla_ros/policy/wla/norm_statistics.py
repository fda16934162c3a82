"""
Reads the published norm_stats.json: per data set, statistics of the state and action columns.

Owns the layout of the file. Knows no torch and no meaning of a column.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wla_ros.core.errors import Problem
from wla_ros.core.types import FloatArray
from wla_ros.policy.wla.json_fields import JsonFields

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
