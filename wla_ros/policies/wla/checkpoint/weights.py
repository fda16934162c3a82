# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The tensors of a checkpoint: names, sources, checks, hash."""

import enum
import hashlib
import json
import math
import os
import re
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors import safe_open
from torch import Tensor

from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem

# Which part of a WLA checkpoint a tensor belongs to, by its published name. Knows no torch.
#
# Owns the names. A training run on several devices puts `module.` before them.

PREFIX = 'model.'  # before the names of WLAModel's own parameters
EMBEDDING = 'model.mllm_backbone.model.language_model.embed_tokens.weight'
# Stored by some although it is the embedding (tied); never by the released checkpoints.
HEAD = 'model.mllm_backbone.lm_head.weight'
_PARALLEL = 'module.'


class Part(enum.Enum):
    """A part and the prefix of its tensors."""

    VISION = 'vision tower', 'model.mllm_backbone.model.visual.'
    DECODER = 'text decoder', 'model.mllm_backbone.model.language_model.'
    HEAD = 'head (copy of the embedding)', HEAD
    EXPERT = 'Action Expert', 'model.action_expert.'
    WORLD_EXPERT = 'World Expert', 'model.world_expert.'
    CONNECTOR = 'connector', 'model.connector.'
    VAE = 'image autoencoder', 'vae.'
    UNKNOWN = 'unknown', ''

    def __init__(self, title: str, prefix: str) -> None:
        """Keep title and prefix."""
        self.title = title
        self.prefix = prefix

    @property
    def acts(self) -> bool:
        """Whether actions and subtasks need it; the other known parts stay on disk."""
        return self in {Part.VISION, Part.DECODER, Part.EXPERT}


def published_name(name: str) -> str:
    """Return `name` without what parallel training put before it."""
    return name.removeprefix(_PARALLEL)


def part_of(name: str) -> Part:
    """Return the part that a published name belongs to."""
    return next(part for part in Part if name.startswith(part.prefix))


# Shortens lists of tensor names: numbered layers that share a complaint become one line.

_NUMBER = re.compile(r'(?<=\.)\d+(?=\.)')


def collapse(names: Iterable[str]) -> list[str]:
    """
    Return `names` with those that differ only in their first number joined, in order.

        layers.0.norm.weight, layers.1.norm.weight, layers.3.norm.weight
        -> layers.{0-1,3}.norm.weight
    """
    groups: dict[str, list[int]] = {}
    for name in names:
        found = _NUMBER.search(name)
        pattern = _NUMBER.sub('{}', name, count=1) if found else name
        groups.setdefault(pattern, []).extend([int(found.group())] if found else [])
    return [
        pattern.replace('{}', _ranges(sorted(numbers)), 1) if numbers else pattern
        for pattern, numbers in groups.items()
    ]


def _ranges(numbers: list[int]) -> str:
    """Return '3' or '{0-2,5}' of ascending numbers."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    texts = [str(run[0]) if len(run) == 1 else f'{run[0]}-{run[-1]}' for run in runs]
    return texts[0] if len(numbers) == 1 else '{' + ','.join(texts) + '}'


# The tensors of a checkpoint on disk: listed without being read, read one by one.
#
# Files are memory-mapped; a tensor costs memory only once it is copied.

# Types that weights may have, by the names of the safetensors library.
TYPES = {
    'F64': torch.float64,
    'F32': torch.float32,
    'BF16': torch.bfloat16,
    'F16': torch.float16,
}
_REMEDY = 'copy or download the file again and compare its size'
_TYPE_NAMES = {dtype: name for name, dtype in TYPES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTensor:
    """A tensor in a file."""

    name: str  # as published, see checkpoint_parts
    key: str  # as in the file
    file: Path
    dtype: str  # of TYPES, or another name of safetensors or torch
    shape: tuple[int, ...]

    @property
    def parameters(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    @property
    def size(self) -> int:
        """Number of bytes; of a type that is not supported, the number of values."""
        dtype = TYPES.get(self.dtype)
        return self.parameters * (1 if dtype is None else dtype.itemsize)


class WeightSource(Protocol):
    """Tensors by published name."""

    @property
    def tensors(self) -> Mapping[str, StoredTensor]:
        """Everything that is stored."""
        ...

    def read(self, name: str) -> Tensor:
        """Return a tensor on the CPU, mapped to the file where possible."""
        ...

    def content(self, name: str) -> NDArray[np.uint8]:
        """Return the bytes of a tensor [bytes]."""
        ...


def open_weights(file: Path) -> WeightSource:
    """
    Return the weights in an index, a safetensors file or a state dict.

    Raises ConfigurationError listing every file that is missing, truncated or damaged.
    """
    if file.suffix == '.json':
        return _open_shards(file)
    if file.suffix == '.safetensors':
        problems: list[Problem] = []
        tensors = _stored_in(file, problems)
        _raise(file, problems)
        return SafetensorsSource(tensors)
    return StateDictSource(file)


class SafetensorsSource:
    """One or several safetensors files."""

    def __init__(self, tensors: list[StoredTensor]) -> None:
        """Keep what the headers list."""
        self._tensors = {tensor.name: tensor for tensor in tensors}
        self._opened: dict[Path, safe_open] = {}

    @property
    def tensors(self) -> Mapping[str, StoredTensor]:
        """Everything that is stored."""
        return self._tensors

    def read(self, name: str) -> Tensor:
        """Return a tensor mapped to the file."""
        stored = self._tensors[name]
        if stored.file not in self._opened:
            self._opened[stored.file] = safe_open(stored.file, framework='pt', device='cpu')
        return self._opened[stored.file].get_tensor(stored.key)

    def content(self, name: str) -> NDArray[np.uint8]:
        """Return the bytes of a tensor, mapped to the file."""
        return _bytes_of(self.read(name))


class StateDictSource:
    """A state dict as training saves it (`model.pt`)."""

    def __init__(self, file: Path) -> None:
        """
        Open `file`; only tensors are unpickled, never code.

        Raises ConfigurationError if it is damaged or holds anything else.
        """
        try:
            values = torch.load(file, map_location='cpu', mmap=True, weights_only=True)
        except Exception as error:  # OSError, RuntimeError, UnpicklingError, EOFError, ...
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise _damaged(file, f'cannot be read as a state dict: {reason}') from error
        is_flat = isinstance(values, dict) and all(torch.is_tensor(v) for v in values.values())
        if not is_flat:
            keys = ', '.join(list(map(str, values))[:5]) if isinstance(values, dict) else ''
            kind = f'a dict of {keys}, ...' if keys else type(values).__name__
            raise _damaged(file, f'must map names to tensors, holds {kind}')
        self._values: dict[str, Tensor] = {published_name(k): v for k, v in values.items()}
        self._tensors = {
            published_name(key): StoredTensor(
                name=published_name(key),
                key=key,
                file=file,
                dtype=_TYPE_NAMES.get(value.dtype, str(value.dtype)),
                shape=tuple(value.shape),
            )
            for key, value in values.items()
        }

    @property
    def tensors(self) -> Mapping[str, StoredTensor]:
        """Everything that is stored."""
        return self._tensors

    def read(self, name: str) -> Tensor:
        """Return a tensor mapped to the file."""
        return self._values[name]

    def content(self, name: str) -> NDArray[np.uint8]:
        """Return the bytes of a tensor."""
        return _bytes_of(self._values[name])


def _bytes_of(tensor: Tensor) -> NDArray[np.uint8]:
    flat = tensor.detach().contiguous().flatten()
    content: NDArray[np.uint8] = flat.view(torch.uint8).numpy()
    return content


def _stored_in(file: Path, problems: list[Problem]) -> list[StoredTensor]:
    """Return the tensors of a safetensors file; a damaged one is one problem and no tensor."""
    try:
        with safe_open(file, framework='pt', device='cpu') as opened:
            parts = {key: opened.get_slice(key) for key in opened.keys()}  # noqa: SIM118
            return [
                StoredTensor(
                    name=published_name(key),
                    key=key,
                    file=file,
                    dtype=str(part.get_dtype()),
                    shape=tuple(part.get_shape()),
                )
                for key, part in parts.items()
            ]
    except OSError as error:
        what = f'cannot be read: {error.strerror or error}'
        problems.append(Problem(where=str(file), what=what))
    except SafetensorError as error:
        what = f'is damaged or truncated ({file.stat().st_size} bytes): {error}'
        problems.append(Problem(where=str(file), what=what, remedy=_REMEDY))
    return []


def _open_shards(index: Path) -> SafetensorsSource:
    """Open all shards of an index; what index and shards disagree about is a problem."""
    problems: list[Problem] = []
    where = str(index)
    try:
        weight_map = json.loads(index.read_text(encoding='utf-8'))['weight_map']
        shard_of = {str(name): str(shard) for name, shard in weight_map.items()}
    except OSError as error:
        raise _damaged(index, f'cannot be read: {error.strerror}') from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _damaged(index, f'is no index of shards: {error!r}') from error
    tensors: list[StoredTensor] = []
    for shard in dict.fromkeys(shard_of.values()):
        file = index.parent / shard
        count = len(problems)
        found = _stored_in(file, problems)
        if len(problems) > count:
            continue
        names = {tensor.key for tensor in found}
        listed = {name for name, of in shard_of.items() if of == shard}
        problems += [
            Problem(where=where, what=f'{name} is not in {shard} as listed')
            for name in sorted(listed - names)
        ]
        problems += [
            Problem(where=str(file), what=f'holds {name}, which is not listed in the index')
            for name in sorted(names - listed)
        ]
        tensors += found
    _raise(index, problems)
    return SafetensorsSource(tensors)


def _raise(file: Path, problems: list[Problem]) -> None:
    if problems:
        raise ConfigurationError(str(file.parent), tuple(problems))


def _damaged(file: Path, what: str) -> ConfigurationError:
    problem = Problem(where=str(file), what=what, remedy=_REMEDY)
    return ConfigurationError(str(file.parent), (problem,))


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


# A name for the content of the weights, for the provenance of every chunk.
#
# SHA-256 over name, type, shape and SHA-256 of the bytes of every tensor that acts, in the order
# of the names. All bytes count. How they are spread over files, what training put before the
# names, and parts that stay on disk do not: a checkpoint keeps its hash when it is re-sharded or
# stripped.


def weights_sha256(
    source: WeightSource,
    names: Iterable[str],
    progress: Callable[[int], None] = lambda _: None,
) -> str:
    """
    Return the hash of the tensors `names` of `source`, 64 hexadecimal digits.

    Uses all cores: some 1.5 GB/s each. `progress` gets the bytes of each finished tensor.
    """
    ordered = sorted(names)
    digest = hashlib.sha256()
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        contents = pool.map(lambda name: hashlib.sha256(source.content(name)).hexdigest(), ordered)
        for name, content in zip(ordered, contents, strict=True):
            stored = source.tensors[name]
            digest.update(json.dumps([name, stored.dtype, stored.shape, content]).encode())
            progress(stored.size)
    return digest.hexdigest()
