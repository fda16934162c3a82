"""
Makes a random checkpoint in the published layout, to be loaded by the code that loads real ones.

Backbone in bf16 and expert in fp32, as released; the World Expert's parts are left out.
"""

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from wla_ros.core.errors import ConfigurationError
from wla_ros.core.errors import Problem
from wla_ros.core.whole_file import write_whole
from wla_ros.policy.wla.checkpoint import model_without_memory
from wla_ros.policy.wla.checkpoint_files import BACKBONE_FOLDER
from wla_ros.policy.wla.checkpoint_files import STATISTICS
from wla_ros.policy.wla.checkpoint_files import TOKENIZER
from wla_ros.policy.wla.checkpoint_parts import PREFIX
from wla_ros.policy.wla.checkpoint_parts import Part
from wla_ros.policy.wla.checkpoint_parts import part_of
from wla_ros.policy.wla.configuration_reading import read_configuration
from wla_ros.policy.wla.norm_statistics import ACTION
from wla_ros.policy.wla.norm_statistics import STATE
from wla_ros.policy.wla.random_sizes import RandomSize
from wla_ros.policy.wla.tiny_tokenizer import tiny_tokenizer
from wla_ros.policy.wla.tokenizer import IMAGE
from wla_ros.policy.wla.tokenizer import VISION_BEGIN
from wla_ros.policy.wla.tokenizer import VISION_END
from wla_ros.policy.wla.weight_writing import write_shards
from wla_ros.robots.piper.limits import JOINT_LOWER_RAD
from wla_ros.robots.piper.limits import JOINT_UPPER_RAD

STATISTICS_KEY = 'piper_random'
DEFAULT_SHARD_BYTES = 2_000_000_000  # a shard is made in memory; the published ones have 5 GB
_ARMS = 2
# Published Piper data hold openings in parts of 70 mm.
_GRIPPER_RANGE = (0.0, 1.0)
_EMBEDDING_DEVIATION = 0.02  # initializer_range of Qwen


def create_checkpoint(
    folder: Path,
    size: RandomSize,
    *,
    seed: int = 0,
    max_shard_bytes: int = DEFAULT_SHARD_BYTES,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> None:
    """
    Write a random checkpoint into `folder`, which is made; the same seed gives the same bytes.

    Raises ConfigurationError if the folder exists and is not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        problem = Problem(
            where=str(folder), what='exists and is not empty', remedy='name a new folder'
        )
        raise ConfigurationError(str(folder), (problem,))
    backbone = folder / BACKBONE_FOLDER
    backbone.mkdir(parents=True, exist_ok=True)
    tokenizer = tiny_tokenizer(embedding_rows=size.text_rows, metaqueries=size.metaqueries)
    tokenizer.save(str(backbone / TOKENIZER))
    vocabulary = tokenizer.get_vocab()
    tokens = {
        'image_token_id': vocabulary[IMAGE],
        'vision_start_token_id': vocabulary[VISION_BEGIN],
        'vision_end_token_id': vocabulary[VISION_END],
    }
    _write_json(folder / 'config.json', size.wla_config())
    _write_json(backbone / 'config.json', size.backbone_config(tokens))
    _write_json(folder / STATISTICS, _statistics())
    config = read_configuration(folder / 'config.json', backbone / 'config.json')
    generator = torch.Generator().manual_seed(seed)
    shapes = {
        PREFIX + name: value for name, value in model_without_memory(config).state_dict().items()
    }
    write_shards(
        folder,
        {name: _placeholder(name, value) for name, value in shapes.items()},
        lambda name, value: _random(name, value, generator),
        max_shard_bytes=max_shard_bytes,
        progress=progress,
    )


def _placeholder(name: str, value: Tensor) -> Tensor:
    """Return a tensor on the meta device in the shape of `value` and the type it is stored in."""
    is_expert = part_of(name) is Part.EXPERT
    return value.to(torch.float32 if is_expert else torch.bfloat16)


def _random(name: str, placeholder: Tensor, generator: torch.Generator) -> Tensor:
    """Return values that keep activations near 1: norms 1, biases 0, the rest 1/sqrt(fan in)."""
    shape, dtype = tuple(placeholder.shape), placeholder.dtype
    if len(shape) == 1:
        return torch.full(shape, float(name.endswith('weight')), dtype=dtype)
    deviation = 1.0 / math.sqrt(math.prod(shape[1:]))
    if 'embed' in name.split('.')[-2]:  # tokens and learned positions
        deviation = _EMBEDDING_DEVIATION
    return torch.empty(shape, dtype=dtype).normal_(0.0, deviation, generator=generator)


def _statistics() -> dict[str, dict[str, dict[str, list[float]]]]:
    """Return statistics of columns that are uniform over the Piper's joint ranges."""
    low = np.array([*JOINT_LOWER_RAD, _GRIPPER_RANGE[0]] * _ARMS)
    high = np.array([*JOINT_UPPER_RAD, _GRIPPER_RANGE[1]] * _ARMS)
    span = high - low
    columns = {
        'min': low.tolist(),
        'max': high.tolist(),
        'q01': (low + 0.01 * span).tolist(),
        'q99': (high - 0.01 * span).tolist(),
        'mean': (low + 0.5 * span).tolist(),
        'std': (span / math.sqrt(12.0)).tolist(),
    }
    return {STATISTICS_KEY: {ACTION: columns, STATE: columns}}


def _write_json(file: Path, values: object) -> None:
    write_whole(file, json.dumps(values, indent=1) + '\n')
