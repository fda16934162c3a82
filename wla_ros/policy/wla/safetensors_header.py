"""
The header of a safetensors file: names, types, shapes and places, without reading a tensor.

Reading it here, before the library maps the file, gives a truncated file its own clear message.
Knows no torch. Format: 8 bytes length of the header (little endian), JSON, then the tensors.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path

from wla_ros.core.errors import Problem
from wla_ros.policy.wla.checkpoint_parts import published_name

BYTES_OF_TYPE = {'F64': 8, 'F32': 4, 'BF16': 2, 'F16': 2}
_REMEDY = 'copy or download the file again and compare its size'
_MAX_HEADER_BYTES = 100_000_000  # limit of the safetensors library


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTensor:
    """A tensor in a file."""

    name: str  # as published, see checkpoint_parts
    key: str  # as in the file
    file: Path
    dtype: str  # safetensors' name: 'F32', 'BF16', ...
    shape: tuple[int, ...]
    begin: int = 0  # first byte in the file
    end: int = 0  # one past the last

    @property
    def parameters(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    @property
    def size(self) -> int:
        """Number of bytes."""
        return self.parameters * BYTES_OF_TYPE.get(self.dtype, 1)


def read_header(file: Path, problems: list[Problem]) -> list[StoredTensor]:
    """Return the tensors of `file`; what is wrong with it becomes one problem and no tensor."""
    try:
        size = file.stat().st_size
        with file.open('rb') as stream:
            length = int.from_bytes(stream.read(8), 'little')
            if size < 8 or length > min(size - 8, _MAX_HEADER_BYTES):
                raise _Truncated(f'is truncated inside its header: {size} bytes')
            header = json.loads(stream.read(length))
        return _tensors(file, header, size, 8 + length)
    except OSError as error:
        problems.append(Problem(where=str(file), what=f'cannot be read: {error.strerror}'))
    except _Truncated as error:
        problems.append(Problem(where=str(file), what=str(error), remedy=_REMEDY))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        what = f'is no safetensors file: {error}'
        problems.append(Problem(where=str(file), what=what, remedy=_REMEDY))
    return []


class _Truncated(Exception):  # noqa: N818 - never leaves this module
    """The file ends too early, or too late."""


def _tensors(
    file: Path, header: dict[str, dict[str, object]], size: int, data: int
) -> list[StoredTensor]:
    tensors = []
    for key, entry in header.items():
        if key == '__metadata__':
            continue
        shape, offsets, dtype = entry['shape'], entry['data_offsets'], entry['dtype']
        if not isinstance(shape, list) or not isinstance(offsets, list):
            raise TypeError(f'{key}: shape {shape!r}, offsets {offsets!r}')
        begin, end = offsets
        tensor = StoredTensor(
            name=published_name(key),
            key=key,
            file=file,
            dtype=str(dtype),
            shape=tuple(shape),
            begin=data + begin,
            end=data + end,
        )
        if tensor.dtype in BYTES_OF_TYPE and tensor.size != end - begin:
            raise ValueError(f'{key} {shape} of {dtype} takes {end - begin} bytes')
        tensors.append(tensor)
    wanted = max((tensor.end for tensor in tensors), default=data)
    if size < wanted:
        raise _Truncated(f'is truncated: {size} of {wanted} bytes')
    if size > wanted:
        raise _Truncated(f'has {size} bytes where its header promises {wanted}')
    return tensors
