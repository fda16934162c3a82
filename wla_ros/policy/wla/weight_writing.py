"""Writes tensors into safetensors shards as they are made: one shard in memory at a time."""

import json
from collections.abc import Callable
from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import save
from torch import Tensor

from wla_ros.core.whole_file import whole_file
from wla_ros.core.whole_file import write_whole
from wla_ros.policy.wla.checkpoint_files import INDEX
from wla_ros.policy.wla.checkpoint_files import SINGLE


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
