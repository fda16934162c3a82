"""
Writes tensors into safetensors shards as they are made: one tensor in memory at a time.

The library's own writer wants all tensors of a file at once, 5 GB for a published shard.
"""

import json
import math
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from wla_ros.core.whole_file import whole_file
from wla_ros.core.whole_file import write_whole
from wla_ros.policy.wla.checkpoint_files import INDEX
from wla_ros.policy.wla.checkpoint_files import SINGLE
from wla_ros.policy.wla.safetensors_header import BYTES_OF_TYPE

_ALIGNMENT = 8  # of the first tensor; the library pads headers alike


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTensor:
    """A tensor to be written."""

    name: str
    shape: tuple[int, ...]
    dtype: str  # 'F32' or 'BF16'

    @property
    def size(self) -> int:
        """Number of bytes."""
        return math.prod(self.shape) * BYTES_OF_TYPE[self.dtype]


def write_shards(
    folder: Path,
    planned: Sequence[PlannedTensor],
    make: Callable[[PlannedTensor], Tensor],
    *,
    max_shard_bytes: int,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> None:
    """
    Write `planned` into `folder`: one file, or shards with an index where they are larger.

    `make` returns the values of a tensor in its shape and type when its turn comes.
    """
    shards = _split(planned, max_shard_bytes)
    total, done = sum(tensor.size for tensor in planned), 0
    places: dict[str, str] = {}
    for number, shard in enumerate(shards, start=1):
        single = len(shards) == 1
        name = SINGLE if single else f'model-{number:05}-of-{len(shards):05}.safetensors'
        with whole_file(folder / name) as stream:
            stream.write(_header(shard))
            for tensor in shard:
                values = make(tensor).contiguous().flatten()
                stream.write(memoryview(values.view(torch.uint8).numpy()))
                places[tensor.name] = name
                done += tensor.size
                progress(done, total)
    if len(shards) > 1:
        index = {'metadata': {'total_size': total}, 'weight_map': places}
        write_whole(folder / INDEX, json.dumps(index, indent=1) + '\n')


def _split(planned: Sequence[PlannedTensor], limit: int) -> list[list[PlannedTensor]]:
    """Return shards in order, each below `limit` bytes unless it is a single tensor."""
    shards: list[list[PlannedTensor]] = [[]]
    size = 0
    for tensor in planned:
        if shards[-1] and size + tensor.size > limit:
            shards.append([])
            size = 0
        shards[-1].append(tensor)
        size += tensor.size
    return shards


def _header(shard: Sequence[PlannedTensor]) -> bytes:
    entries: Mapping[str, object] = {'__metadata__': {'format': 'pt'}} | _entries(shard)
    text = json.dumps(entries, separators=(',', ':')).encode()
    text += b' ' * (-len(text) % _ALIGNMENT)
    return len(text).to_bytes(8, 'little') + text


def _entries(shard: Sequence[PlannedTensor]) -> dict[str, object]:
    entries: dict[str, object] = {}
    begin = 0
    for tensor in shard:
        entries[tensor.name] = {
            'dtype': tensor.dtype,
            'shape': list(tensor.shape),
            'data_offsets': [begin, begin + tensor.size],
        }
        begin += tensor.size
    return entries
