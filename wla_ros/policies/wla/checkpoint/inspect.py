# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""What is in a checkpoint, without loading it."""

from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem
from wla_ros.policies.wla.checkpoint.load import CheckpointFiles
from wla_ros.policies.wla.checkpoint.load import model_without_memory
from wla_ros.policies.wla.checkpoint.load import open_checkpoint
from wla_ros.policies.wla.checkpoint.load import parameter_shapes
from wla_ros.policies.wla.checkpoint.weights import Part
from wla_ros.policies.wla.checkpoint.weights import StoredTensor
from wla_ros.policies.wla.checkpoint.weights import compare_weights
from wla_ros.policies.wla.checkpoint.weights import part_of
from wla_ros.policies.wla.model.config import WLAConfig
from wla_ros.policies.wla.model.config_reading import read_json
from wla_ros.policies.wla.prompt import load_tokenizer
from wla_ros.policies.wla.statistics import ACTION
from wla_ros.policies.wla.statistics import FIELDS
from wla_ros.policies.wla.statistics import STATE
from wla_ros.policies.wla.statistics import read_statistics

# What a norm_stats.json offers: its data sets, their widths and the ways of normalising.


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
    widest = min(action_dim, state_dim)
    summaries = []
    try:
        sets = read_json(file)
    except ConfigurationError as error:
        return (), error.problems
    for key, values in sets.items():
        section = values if isinstance(values, dict) else {}
        parts = [section.get(name) for name in (STATE, ACTION)]
        kinds = tuple(
            kind
            for kind, names in FIELDS.items()
            if all(isinstance(part, dict) and name in part for part in parts for name in names)
        )
        if not kinds:
            kinds_there_are = ', '.join(map(' and '.join, FIELDS.values()))
            what = f'has no complete {kinds_there_are}'
            problems.append(Problem(where=f'{file}: {key}', what=what))
            continue
        numbers = section[STATE][FIELDS[kinds[0]][0]]
        columns = len(numbers) if isinstance(numbers, list) else 0
        if columns > widest:
            what = f'has {columns} columns, the checkpoint has {widest}'
            problems.append(Problem(where=f'{file}: {key}', what=what))
            continue
        try:
            for kind in kinds:
                read_statistics(file, key=key, kind=kind, width=columns)
        except ConfigurationError as error:
            problems += error.problems
            continue
        summaries.append(StatisticsSummary(key=key, columns=columns, kinds=kinds))
    return tuple(summaries), tuple(problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartSummary:
    """What is stored of one part."""

    part: Part
    tensors: int
    parameters: int
    size: int  # bytes
    dtypes: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class Inspection:
    """Everything that could be found out."""

    files: CheckpointFiles
    config: WLAConfig | None = None
    parts: tuple[PartSummary, ...] = ()
    statistics: tuple[StatisticsSummary, ...] = ()
    problems: list[Problem] = field(default_factory=list)


def inspect_checkpoint(files: CheckpointFiles) -> Inspection:
    """Return what `files` hold and everything that is wrong with them."""
    inspection = Inspection(files=files, problems=list(files.missing()))
    if files.missing('config', 'backbone_config', 'weights'):
        return inspection
    try:
        source, config = open_checkpoint(files)
    except ConfigurationError as error:
        inspection.problems += error.problems
        return inspection
    inspection.config = config
    inspection.parts = _summaries(list(source.tensors.values()))
    wanted = parameter_shapes(model_without_memory(config))
    inspection.problems += compare_weights(source.tensors, wanted, files.weights[0])
    if files.tokenizer is not None:
        try:
            load_tokenizer(files.tokenizer, config)
        except ConfigurationError as error:
            inspection.problems += error.problems
    if files.statistics is not None:
        inspection.statistics, problems = summarise_statistics(
            files.statistics,
            action_dim=config.expert.action_dim,
            state_dim=config.expert.state_dim,
        )
        inspection.problems += problems
    return inspection


def _summaries(tensors: list[StoredTensor]) -> tuple[PartSummary, ...]:
    groups: dict[Part, list[StoredTensor]] = {part: [] for part in Part}
    for tensor in tensors:
        groups[part_of(tensor.name)].append(tensor)
    return tuple(
        PartSummary(
            part=part,
            tensors=len(group),
            parameters=sum(tensor.parameters for tensor in group),
            size=sum(tensor.size for tensor in group),
            dtypes=tuple(sorted({tensor.dtype for tensor in group})),
        )
        for part, group in groups.items()
        if group
    )
