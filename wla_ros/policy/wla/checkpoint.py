"""
Loads a WLA checkpoint: files to a model on its device, with the hash of its weights.

The model is laid out without memory, compared with what is stored, and only then filled tensor by
tensor, from the mapped file to the device. World Expert, connector and autoencoder stay on disk.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from wla_ros.core.errors import ConfigurationError
from wla_ros.core.errors import Problem
from wla_ros.policy.wla.checkpoint_files import CheckpointFiles
from wla_ros.policy.wla.checkpoint_parts import EMBEDDING
from wla_ros.policy.wla.checkpoint_parts import PREFIX
from wla_ros.policy.wla.checkpoint_parts import part_of
from wla_ros.policy.wla.configuration import WLAConfig
from wla_ros.policy.wla.configuration_reading import read_configuration
from wla_ros.policy.wla.model import WLAModel
from wla_ros.policy.wla.precision import Precision
from wla_ros.policy.wla.weight_check import check_tied_head
from wla_ros.policy.wla.weight_check import compare_weights
from wla_ros.policy.wla.weight_check import report_not_finite
from wla_ros.policy.wla.weight_source import WeightSource
from wla_ros.policy.wla.weight_source import open_weights
from wla_ros.policy.wla.weights_hash import weights_sha256

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
    progress: Progress = lambda _done, _total: None,
) -> LoadedCheckpoint:
    """
    Return the model in `files` (see find_checkpoint_files) on `device`.

    `check_finite` looks for NaN and infinity in every tensor, which costs a pass over the weights.
    Raises ConfigurationError listing everything that is missing, truncated, unexpected, mis-shaped
    or not finite. Tokenizer and statistics are not read here.
    """
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
    model.requires_grad_(requires_grad=False).eval()
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
