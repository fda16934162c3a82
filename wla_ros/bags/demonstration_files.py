# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Demonstrations as files: one npz (numpy's own format) an episode, written whole or not at all.

For what this package makes and reads itself; recordings are bags. Every member carries a checksum.
"""

import dataclasses
import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem
from wla_ros.base.config import load_configuration
from wla_ros.base.demonstration import CameraFrames
from wla_ros.base.demonstration import Demonstration
from wla_ros.base.demonstration import ObjectTracks
from wla_ros.base.demonstration import SubtaskSpan
from wla_ros.base.whole_file import whole_file

_VERSION = 1
_TEXTS = 'texts'  # the member with everything that is no array, as JSON
_ARRAYS = ('stamps_ns', 'joints', 'velocities', 'commands')
_OPTIONAL = ('plans', 'taught')
_FRAMES = ('stamps_ns', 'pixels', 'seen')


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Texts:
    """What is no array."""

    version: int
    dt_ns: int
    columns: tuple[str, ...]
    cameras: tuple[str, ...]
    objects: tuple[str, ...]
    instruction: str
    subtasks: tuple[SubtaskSpan, ...]
    task: str
    origin: str
    succeeded: bool | None


def write_demonstration(path: Path, demonstration: Demonstration) -> None:
    """Write `path`. Raises OSError naming it if the disk is full; nothing half-written is left."""
    objects = demonstration.objects
    texts = _Texts(
        version=_VERSION,
        dt_ns=demonstration.dt_ns,
        columns=demonstration.columns,
        cameras=tuple(demonstration.cameras),
        objects=objects.names if objects else (),
        instruction=demonstration.instruction,
        subtasks=demonstration.subtasks,
        task=demonstration.task,
        origin=demonstration.origin,
        succeeded=demonstration.succeeded,
    )
    content = json.dumps(dataclasses.asdict(texts), ensure_ascii=False).encode('utf-8')
    arrays: dict[str, NDArray[Any]] = {_TEXTS: np.frombuffer(content, np.uint8)}
    arrays |= {name: getattr(demonstration, name) for name in _ARRAYS}
    for name in _OPTIONAL:
        if (values := getattr(demonstration, name)) is not None:
            arrays[name] = values
    if objects:
        arrays['objects'] = objects.poses
    for camera, frames in demonstration.cameras.items():
        arrays |= {f'{camera}.{name}': getattr(frames, name) for name in _FRAMES}
    with whole_file(path) as stream:
        np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]  # names are free


def read_demonstration(path: Path) -> Demonstration:
    """Return what `path` holds. Raises ConfigurationError if it is missing, damaged or wrong."""
    try:
        with np.load(path, allow_pickle=False) as members:
            arrays = dict(members)
    except OSError as error:
        raise _wrong(path, f'cannot be read: {error.strerror or error}') from error
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, TypeError) as error:
        raise _wrong(path, f'is damaged or no demonstration: {error}') from error
    try:
        values = json.loads(arrays[_TEXTS].tobytes().decode('utf-8'))
        texts = load_configuration(_Texts, values, source=str(path))
        if texts.version != _VERSION:
            raise _wrong(path, f'has version {texts.version}, this program knows {_VERSION}')
        return Demonstration(**_values(texts, arrays))
    except KeyError as error:
        raise _wrong(path, f'has no {error.args[0]}') from error
    except ValueError as error:
        raise _wrong(path, str(error)) from error


def _values(texts: _Texts, arrays: Mapping[str, Any]) -> dict[str, Any]:
    return {
        'dt_ns': texts.dt_ns,
        'columns': texts.columns,
        **{name: arrays[name] for name in _ARRAYS},
        **{name: arrays.get(name) for name in _OPTIONAL},
        'cameras': {
            camera: CameraFrames(**{name: arrays[f'{camera}.{name}'] for name in _FRAMES})
            for camera in texts.cameras
        },
        'instruction': texts.instruction,
        'subtasks': texts.subtasks,
        'objects': ObjectTracks(names=texts.objects, poses=arrays['objects'])
        if texts.objects
        else None,
        'task': texts.task,
        'origin': texts.origin,
        'succeeded': texts.succeeded,
    }


def _wrong(path: Path, what: str) -> ConfigurationError:
    problem = Problem(where=str(path), what=what, remedy='make or copy it again')
    return ConfigurationError('demonstration', (problem,))
