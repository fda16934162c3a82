# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Models to checkpoints in the published layout: whole folders, one shard in memory at a time."""

import json
import os
import shutil
from collections.abc import Callable
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem
from wla_ros.base.whole_file import whole_file
from wla_ros.base.whole_file import write_whole
from wla_ros.policies.wla.checkpoint.load import BACKBONE_FOLDER
from wla_ros.policies.wla.checkpoint.load import INDEX
from wla_ros.policies.wla.checkpoint.load import SINGLE
from wla_ros.policies.wla.checkpoint.load import STATISTICS
from wla_ros.policies.wla.checkpoint.load import TOKENIZER
from wla_ros.policies.wla.checkpoint.load import CheckpointFiles
from wla_ros.policies.wla.checkpoint.load import open_checkpoint
from wla_ros.policies.wla.checkpoint.weights import PREFIX
from wla_ros.policies.wla.checkpoint.weights import TYPES
from wla_ros.policies.wla.checkpoint.weights import Part
from wla_ros.policies.wla.checkpoint.weights import part_of
from wla_ros.policies.wla.model.model import WLAModel

DEFAULT_SHARD_BYTES = 2_000_000_000  # a shard is made in memory; the published ones have 5 GB


def require_new(folder: Path) -> None:
    """Raise ConfigurationError if `folder` exists and is not an empty folder."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        problem = Problem(
            where=str(folder), what='exists and is not empty', remedy='name a new folder'
        )
        raise ConfigurationError(str(folder), (problem,))


def save_checkpoint(
    folder: Path,
    model: WLAModel,
    origin: CheckpointFiles,
    *,
    masters: bool = False,
    max_shard_bytes: int = DEFAULT_SHARD_BYTES,
) -> None:
    """
    Write `model` into `folder` as a checkpoint like the one it was loaded from.

    Its tensors get the types they have there; with `masters` they stay as they are in `model`, so
    that training can go on where it was. Configurations, tokenizer, statistics and the parts that
    do not act are those of `origin`. The folder appears when everything is in it. Raises
    ConfigurationError if it exists, or if a tensor holds NaN or infinity, which nobody must load.
    """
    require_new(folder)
    source, _ = open_checkpoint(origin)
    values: dict[str, Tensor] = {
        PREFIX + name: value.detach() for name, value in model.state_dict().items()
    }
    bad = [name for name, value in values.items() if not value.isfinite().all()]
    if bad:
        problem = Problem(where=bad[0], what=f'holds NaN or infinity, as {len(bad)} tensors do')
        raise ConfigurationError(str(folder), (problem,))
    tensors = {}
    for name, stored in source.tensors.items():
        if part_of(name) is Part.HEAD:
            continue  # a copy of the embedding, which the published ones do not have
        value = values.get(name)
        dtype = value.dtype if masters and value is not None else TYPES[stored.dtype]
        tensors[name] = torch.empty(stored.shape, dtype=dtype, device='meta')

    def made(name: str, wanted: Tensor) -> Tensor:
        value = values[name] if name in values else source.read(name)
        return value.to('cpu', wanted.dtype)

    fresh = folder.with_name(f'.{folder.name}.{os.getpid()}.new')
    try:
        (fresh / BACKBONE_FOLDER).mkdir(parents=True)
        for file, place in (
            (origin.config, 'config.json'),
            (origin.backbone_config, f'{BACKBONE_FOLDER}/config.json'),
            (origin.tokenizer, f'{BACKBONE_FOLDER}/{TOKENIZER}'),
            (origin.statistics, STATISTICS),
        ):
            if file is not None:
                write_whole(fresh / place, file.read_bytes())
        write_shards(fresh, tensors, made, max_shard_bytes=max_shard_bytes)
        fresh.replace(folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def write_shards(
    folder: Path,
    tensors: Mapping[str, Tensor],
    make: Callable[[str, Tensor], Tensor] = lambda _, tensor: tensor,
    *,
    max_shard_bytes: int,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> None:
    """
    Write `tensors` into `folder`: one file, or shards with an index where they are larger.

    `make` returns the values of a tensor when its turn comes, in shape and type of the one given,
    which may lie on the meta device.
    """
    shards = _split(tensors, max_shard_bytes)
    total, done = sum(tensor.nbytes for tensor in tensors.values()), 0
    places: dict[str, str] = {}
    for number, names in enumerate(shards, start=1):
        single = len(shards) == 1
        file = SINGLE if single else f'model-{number:05}-of-{len(shards):05}.safetensors'
        shard = {}
        for name in names:
            shard[name] = make(name, tensors[name]).contiguous()
            done += tensors[name].nbytes
            progress(done, total)
        with whole_file(folder / file) as stream:
            stream.write(save(shard, metadata={'format': 'pt'}))
        places |= dict.fromkeys(names, file)
    if len(shards) > 1:
        index = {'metadata': {'total_size': total}, 'weight_map': places}
        write_whole(folder / INDEX, json.dumps(index, indent=1) + '\n')


def _split(tensors: Mapping[str, Tensor], limit: int) -> list[list[str]]:
    """Return shards in order, each below `limit` bytes unless it is a single tensor."""
    shards: list[list[str]] = [[]]
    size = 0
    for name, tensor in tensors.items():
        if shards[-1] and size + tensor.nbytes > limit:
            shards.append([])
            size = 0
        shards[-1].append(name)
        size += tensor.nbytes
    return shards
