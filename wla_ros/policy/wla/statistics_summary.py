"""What a norm_stats.json offers: its data sets, their widths and the ways of normalising."""

from dataclasses import dataclass
from pathlib import Path

from wla_ros.core.errors import ConfigurationError
from wla_ros.core.errors import Problem
from wla_ros.policy.wla.json_fields import JsonFields
from wla_ros.policy.wla.norm_statistics import ACTION
from wla_ros.policy.wla.norm_statistics import FIELDS
from wla_ros.policy.wla.norm_statistics import STATE
from wla_ros.policy.wla.norm_statistics import read_statistics


@dataclass(frozen=True, slots=True, kw_only=True)
class StatisticsSummary:
    """One data set of the file."""

    key: str
    columns: int
    kinds: tuple[str, ...]  # keys of norm_statistics.FIELDS


def summarise_statistics(
    file: Path, *, action_dim: int, state_dim: int
) -> tuple[tuple[StatisticsSummary, ...], tuple[Problem, ...]]:
    """Return the data sets that are usable, and what is wrong with the others."""
    problems: list[Problem] = []
    root = JsonFields.read(file, problems)
    widest = min(action_dim, state_dim)
    summaries = []
    for key in root.names:
        of_state = root.section(key).section(STATE)
        of_action = root.section(key).section(ACTION)
        kinds = tuple(
            kind
            for kind, names in FIELDS.items()
            if all(fields.has(name) for fields in (of_state, of_action) for name in names)
        )
        if not kinds:
            root.complain(key, f'has no complete {", ".join(map(" and ".join, FIELDS.values()))}')
            continue
        columns = of_state.length(FIELDS[kinds[0]][0])
        if columns > widest:
            root.complain(key, f'has {columns} columns, the checkpoint has {widest}')
            continue
        try:
            for kind in kinds:
                read_statistics(file, key=key, kind=kind, width=columns)
        except ConfigurationError as error:
            problems += error.problems
            continue
        summaries.append(StatisticsSummary(key=key, columns=columns, kinds=kinds))
    return tuple(summaries), tuple(problems)
