"""Compares what a checkpoint stores with what the model has; lists every difference at once."""

import re
from collections.abc import Iterable
from collections.abc import Mapping
from pathlib import Path

import torch

from wla_ros.core.errors import Problem
from wla_ros.policy.wla.checkpoint_parts import EMBEDDING
from wla_ros.policy.wla.checkpoint_parts import HEAD
from wla_ros.policy.wla.checkpoint_parts import Part
from wla_ros.policy.wla.checkpoint_parts import part_of
from wla_ros.policy.wla.tensor_names import collapse
from wla_ros.policy.wla.weight_source import TYPES
from wla_ros.policy.wla.weight_source import StoredTensor
from wla_ros.policy.wla.weight_source import WeightSource

Shape = tuple[int, ...]


def compare_weights(
    stored: Mapping[str, StoredTensor], wanted: Mapping[str, Shape], file: Path
) -> tuple[Problem, ...]:
    """
    Return what is missing, unexpected, mis-shaped or of an unknown type.

    Tensors of the World Expert, its connector, the autoencoder and a copy of the head are
    expected to be there or not.
    """
    missing = [name for name in wanted if name not in stored]
    unexpected = [
        name
        for name in stored
        if name not in wanted and (part_of(name) is Part.UNKNOWN or part_of(name).acts)
    ]
    problems = _grouped(
        {name: f'is missing, expected {list(wanted[name])}' for name in missing},
        dict.fromkeys(missing, file),
        'the weights must be those of the config files beside them',
    )
    problems += _grouped(
        {name: f'is unexpected, found {list(stored[name].shape)}' for name in unexpected},
        {name: stored[name].file for name in unexpected},
        'the config files describe another model',
    )
    present = [name for name in wanted if name in stored]
    problems += _grouped(
        {
            name: f'is {list(stored[name].shape)}, expected {list(wanted[name])}'
            for name in present
            if stored[name].shape != wanted[name]
        },
        {name: stored[name].file for name in present},
        'sizes come from config.json and the config of the backbone',
    )
    problems += _grouped(
        {
            name: f'is stored as {stored[name].dtype}'
            for name in present
            if stored[name].dtype not in TYPES
        },
        {name: stored[name].file for name in present},
        f'supported are {", ".join(TYPES)}',
    )
    return tuple(problems)


def check_tied_head(source: WeightSource) -> tuple[Problem, ...]:
    """Return a problem if a stored head is not the embedding that it is tied to."""
    if HEAD not in source.tensors or EMBEDDING not in source.tensors:
        return ()
    head, embedding = source.read(HEAD), source.read(EMBEDDING)
    if head.shape == embedding.shape and torch.equal(head, embedding.to(head.dtype)):
        return ()
    return (
        Problem(
            where=str(source.tensors[HEAD].file),
            what=f'{HEAD} differs from the embedding',
            remedy='only a tied head is supported, as in the published checkpoints',
        ),
    )


def report_not_finite(
    names: Iterable[str], stored: Mapping[str, StoredTensor]
) -> tuple[Problem, ...]:
    """Return problems for tensors `names` that hold NaN or infinity."""
    found = {name: 'holds NaN or infinity' for name in names}
    files = {name: stored[name].file for name in found}
    remedy = 'the training diverged or the file is damaged: take another checkpoint'
    return tuple(_grouped(found, files, remedy))


def _grouped(
    complaints: Mapping[str, str], files: Mapping[str, Path], remedy: str
) -> list[Problem]:
    """Return one problem for all layers of a file with the same complaint."""
    groups: dict[tuple[Path, str, str], list[str]] = {}
    for name, complaint in complaints.items():
        key = (files[name], complaint, re.sub(r'\.\d+\.', '.{}.', name, count=1))
        groups.setdefault(key, []).append(name)
    return [
        Problem(where=str(file), what=f'{name} {complaint}', remedy=remedy)
        for (file, complaint, _), names in groups.items()
        for name in collapse(names)
    ]
