# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""A checkpoint on disk to a model: files, precision, what is missing or left over."""

import json
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import torch
from torch import Tensor

from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem
from wla_ros.policies.wla.checkpoint.weights import EMBEDDING
from wla_ros.policies.wla.checkpoint.weights import PREFIX
from wla_ros.policies.wla.checkpoint.weights import Part
from wla_ros.policies.wla.checkpoint.weights import WeightSource
from wla_ros.policies.wla.checkpoint.weights import check_tied_head
from wla_ros.policies.wla.checkpoint.weights import compare_weights
from wla_ros.policies.wla.checkpoint.weights import open_weights
from wla_ros.policies.wla.checkpoint.weights import part_of
from wla_ros.policies.wla.checkpoint.weights import report_not_finite
from wla_ros.policies.wla.checkpoint.weights import weights_sha256
from wla_ros.policies.wla.model.config import WLAConfig
from wla_ros.policies.wla.model.config_reading import read_configuration
from wla_ros.policies.wla.model.model import WLAModel

# Finds the files of a checkpoint in one folder or a pair. Knows no torch and opens no weights.
#
# Layouts: everything in one folder, the backbone's config below `mllm/`; or the WLA folder as
# published, beside the folder of its backbone, which has the backbone's config and tokenizer.

INDEX = 'model.safetensors.index.json'
SINGLE = 'model.safetensors'
STATE_DICT = 'model.pt'  # what training writes
BACKBONE_FOLDER = 'mllm'
TOKENIZER = 'tokenizer.json'
STATISTICS = 'norm_stats.json'


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointFiles:
    """Where everything is; None is missing."""

    folder: Path
    config: Path | None
    backbone_config: Path | None
    weights: tuple[Path, ...]  # an index with its shards listed inside, one file, or none
    tokenizer: Path | None
    statistics: Path | None

    def missing(self, *fields: str) -> tuple[Problem, ...]:
        """Return a problem for each of `fields` that is not there; all fields if none is named."""
        wanted = {
            'config': ('config.json of WLA', 'give the folder of a WLA checkpoint'),
            'backbone_config': (
                f"the backbone's config ({BACKBONE_FOLDER}/config.json)",
                f'give the folder of {self._backbone_name} as backbone folder',
            ),
            'weights': (
                f'a file of weights ({INDEX}, {SINGLE} or {STATE_DICT})',
                'download or copy them there',
            ),
            'tokenizer': (
                TOKENIZER,
                f'copy it from {self._backbone_name}, or give its folder as backbone folder',
            ),
            'statistics': (
                STATISTICS,
                'copy the one that the checkpoint was trained with there, or name it',
            ),
        }
        return tuple(
            Problem(where=str(self.folder), what=f'{what} is missing', remedy=remedy)
            for field, (what, remedy) in wanted.items()
            if field in (fields or wanted) and getattr(self, field) in (None, ())
        )

    def require(self, *fields: str) -> None:
        """Raise ConfigurationError if one of `fields` is missing; all count if none is named."""
        problems = self.missing(*fields)
        if problems:
            raise ConfigurationError(str(self.folder), problems)

    @property
    def _backbone_name(self) -> str:
        """The name the WLA config gives its backbone."""
        name = _read(self.config).get('mllm_id') if self.config else ''
        return str(name or 'the backbone')


def find_checkpoint_files(
    path: Path,
    *,
    backbone: Path | None = None,
    tokenizer: Path | None = None,
    statistics: Path | None = None,
) -> CheckpointFiles:
    """
    Return the files of the checkpoint at `path`.

    Args:
        path: a folder, or the file of weights in one.
        backbone: a second folder, asked for whatever the first does not have, except weights.
        tokenizer: a file to take instead.
        statistics: a file to take instead.

    Raises:
        ConfigurationError: a path does not exist, or the folder holds several sets of weights.

    """
    given = [path, *(place for place in (backbone, tokenizer, statistics) if place is not None)]
    problems = [
        Problem(where=str(place), what='does not exist') for place in given if not place.exists()
    ]
    folder = path if path.is_dir() else path.parent
    weights = _weights(folder) if path.is_dir() else (path,)
    if len(weights) > 1:
        names = ', '.join(file.name for file in weights)
        problems.append(
            Problem(
                where=str(folder),
                what=f'holds {len(weights)} sets of weights: {names}',
                remedy='give the file you mean, or move the other away',
            )
        )
    if problems:
        raise ConfigurationError(str(path), tuple(problems))
    folders = [folder, *([backbone] if backbone else [])]
    below = [place / BACKBONE_FOLDER for place in folders]
    return CheckpointFiles(
        folder=folder,
        config=_first(place / 'config.json' for place in folders if not _is_backbone(place)),
        backbone_config=_first(
            place / 'config.json' for place in (*below, *folders) if _is_backbone(place)
        ),
        weights=weights,
        tokenizer=tokenizer or _first(place / TOKENIZER for place in (*folders, *below)),
        statistics=statistics
        or _first(
            place / name for place in folders for name in (STATISTICS, f'configs/{STATISTICS}')
        ),
    )


def _weights(folder: Path) -> tuple[Path, ...]:
    return tuple(
        folder / name for name in (INDEX, SINGLE, STATE_DICT) if (folder / name).is_file()
    )


def _first(files: Iterable[Path]) -> Path | None:
    return next((file for file in files if file.is_file()), None)


def _is_backbone(folder: Path) -> bool:
    """Whether the config in `folder` is one of a Qwen3-VL model."""
    return 'vision_config' in _read(folder / 'config.json')


def _read(file: Path) -> dict[str, object]:
    """Return a JSON object, empty if there is none; who needs the file complains about it."""
    try:
        values = json.loads(file.read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


# In which types the weights are computed with: decided here, never by what a file stores.


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision:
    """Types of backbone and Action Expert; actions are integrated in fp32 in any case."""

    backbone: torch.dtype
    expert: torch.dtype

    def of(self, part: Part) -> torch.dtype:
        """Return the type of a part that acts."""
        return self.expert if part is Part.EXPERT else self.backbone


PRECISIONS: Mapping[str, Precision] = MappingProxyType(
    {
        # The published RoboTwin and RMBench adapters cast everything.
        'bfloat16': Precision(backbone=torch.bfloat16, expert=torch.bfloat16),
        'float32': Precision(backbone=torch.float32, expert=torch.float32),
        # As the released checkpoints are stored.
        'mixed': Precision(backbone=torch.bfloat16, expert=torch.float32),
    }
)


# (bytes done, bytes in all); a checkpoint counts twice, once hashed and once loaded
Progress = Callable[[int, int], None]

_HASH_DIGITS_OF_VERSION = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedCheckpoint:
    """A model that is ready to run."""

    model: WLAModel
    config: WLAConfig
    files: CheckpointFiles
    weights_sha256: str

    @property
    def version(self) -> str:
        """Short name of the weights: the `policy_version` of chunks."""
        return f'wla-{self.weights_sha256[:_HASH_DIGITS_OF_VERSION]}'


def load_checkpoint(
    files: CheckpointFiles,
    *,
    precision: Precision,
    device: torch.device | str,
    check_finite: bool = True,
    trainable: bool = False,
    progress: Progress = lambda _done, _total: None,
) -> LoadedCheckpoint:
    """
    Return the model in `files` (see find_checkpoint_files) on `device`.

    A `trainable` one has gradients, and weights in fp32, to which small steps can be added,
    whatever it is stored in. `check_finite` looks for NaN and infinity in every tensor, which
    costs a pass over the weights.

    Raises ConfigurationError listing everything that is missing, truncated, unexpected, mis-shaped
    or not finite. Tokenizer and statistics are not read here.
    """
    if trainable and precision != PRECISIONS['float32']:
        raise ValueError(f'training needs weights in float32, not {precision}')
    source, config = open_checkpoint(files)
    model = model_without_memory(config)
    names = _checked_names(source, model, files)
    step = _Steps(2 * sum(source.tensors[name].size for name in names), progress)
    digest = weights_sha256(source, names, step)
    weights: dict[str, Tensor] = {}
    not_finite: dict[str, Tensor] = {}
    for name in names:
        wanted = precision.of(part_of(name))
        # A copy even where nothing changes: a file that is replaced must not kill the robot.
        weights[name] = source.read(name).to(device, wanted, copy=True)
        if check_finite:
            not_finite[name] = _is_not_finite(weights[name])
        step(source.tensors[name].size)
    bad = [name for name, flag in not_finite.items() if flag]
    if bad:
        raise ConfigurationError(str(files.folder), report_not_finite(bad, source.tensors))
    model.load_state_dict(
        {name.removeprefix(PREFIX): tensor for name, tensor in weights.items()}, assign=True
    )
    model.requires_grad_(requires_grad=trainable).train(trainable)
    return LoadedCheckpoint(model=model, config=config, files=files, weights_sha256=digest)


def hash_checkpoint(
    files: CheckpointFiles, progress: Progress = lambda _done, _total: None
) -> str:
    """Return the hash that load_checkpoint gives; raises ConfigurationError as it does."""
    source, config = open_checkpoint(files)
    names = _checked_names(source, model_without_memory(config), files)
    step = _Steps(sum(source.tensors[name].size for name in names), progress)
    return weights_sha256(source, names, step)


def open_checkpoint(files: CheckpointFiles) -> tuple[WeightSource, WLAConfig]:
    """
    Return the stored tensors and the configuration; reads no tensor.

    Raises ConfigurationError if files are missing, damaged or contradict each other.
    """
    files.require('config', 'backbone_config', 'weights')
    source = open_weights(files.weights[0])
    embedding = source.tensors.get(EMBEDDING)
    if embedding is None:
        what = f'has no {EMBEDDING}'
        raise ConfigurationError(
            str(files.folder),
            (Problem(where=str(files.weights[0]), what=what, remedy='is it a WLA checkpoint?'),),
        )
    config = read_configuration(
        _path(files.config), _path(files.backbone_config), embedding_rows=embedding.shape[0]
    )
    return source, config


def model_without_memory(config: WLAConfig) -> WLAModel:
    """Return a model whose parameters have shapes but no values (torch's meta device)."""
    with torch.device('meta'):
        return WLAModel(config)


def parameter_shapes(model: WLAModel) -> dict[str, tuple[int, ...]]:
    """Return the shape of every parameter by its published name."""
    return {PREFIX + name: tuple(value.shape) for name, value in model.state_dict().items()}


def _checked_names(source: WeightSource, model: WLAModel, files: CheckpointFiles) -> list[str]:
    """Return the names of all parameters, every one of which is stored in its shape."""
    shapes = parameter_shapes(model)
    problems = compare_weights(source.tensors, shapes, files.weights[0])
    problems = problems or check_tied_head(source)
    if problems:
        raise ConfigurationError(str(files.folder), problems)
    return list(shapes)


def _is_not_finite(tensor: Tensor) -> Tensor:
    """Return a bool []; the bounds of a tensor are NaN or infinite if any value is."""
    low, high = torch.aminmax(tensor)
    return ~(low.isfinite() & high.isfinite())


def _path(path: Path | None) -> Path:
    if path is None:
        raise ValueError('required before')
    return path


class _Steps:
    """Adds up steps for a progress callback."""

    def __init__(self, total: int, progress: Progress) -> None:
        self._done = 0
        self._total = total
        self._progress = progress

    def __call__(self, step: int) -> None:
        self._done += step
        self._progress(self._done, self._total)
