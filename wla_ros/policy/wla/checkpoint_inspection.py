"""
What a checkpoint is, without loading it: headers and config files only.

Collects problems instead of stopping at the first, so that a broken checkpoint can be looked at.
"""

from dataclasses import dataclass
from dataclasses import field

from wla_ros.core.errors import ConfigurationError
from wla_ros.core.errors import Problem
from wla_ros.policy.wla.checkpoint import model_without_memory
from wla_ros.policy.wla.checkpoint import open_checkpoint
from wla_ros.policy.wla.checkpoint import parameter_shapes
from wla_ros.policy.wla.checkpoint_files import CheckpointFiles
from wla_ros.policy.wla.checkpoint_parts import Part
from wla_ros.policy.wla.checkpoint_parts import part_of
from wla_ros.policy.wla.configuration import WLAConfig
from wla_ros.policy.wla.statistics_summary import StatisticsSummary
from wla_ros.policy.wla.statistics_summary import summarise_statistics
from wla_ros.policy.wla.tokenizer import load_tokenizer
from wla_ros.policy.wla.weight_check import compare_weights
from wla_ros.policy.wla.weight_source import StoredTensor


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
