"""
The tensors of a checkpoint on disk: listed without being read, read one by one.

Files are memory-mapped; a tensor costs memory only once it is copied.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors import safe_open
from torch import Tensor

from wla_ros.core.errors import ConfigurationError
from wla_ros.core.errors import Problem
from wla_ros.policy.wla.checkpoint_parts import published_name

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
