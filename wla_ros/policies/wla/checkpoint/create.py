# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Random checkpoints in the published layout, to try the plumbing."""

import json
import math
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wla_ros.base.whole_file import write_whole
from wla_ros.policies.wla.checkpoint.load import BACKBONE_FOLDER
from wla_ros.policies.wla.checkpoint.load import STATISTICS
from wla_ros.policies.wla.checkpoint.load import TOKENIZER
from wla_ros.policies.wla.checkpoint.load import model_without_memory
from wla_ros.policies.wla.checkpoint.save import DEFAULT_SHARD_BYTES
from wla_ros.policies.wla.checkpoint.save import require_new
from wla_ros.policies.wla.checkpoint.save import write_shards
from wla_ros.policies.wla.checkpoint.tiny_tokenizer import tiny_tokenizer
from wla_ros.policies.wla.checkpoint.weights import PREFIX
from wla_ros.policies.wla.checkpoint.weights import Part
from wla_ros.policies.wla.checkpoint.weights import part_of
from wla_ros.policies.wla.model.config_reading import read_configuration
from wla_ros.policies.wla.prompt import IMAGE
from wla_ros.policies.wla.prompt import VISION_BEGIN
from wla_ros.policies.wla.prompt import VISION_END
from wla_ros.policies.wla.statistics import ACTION
from wla_ros.policies.wla.statistics import STATE
from wla_ros.robots.piper.limits import JOINT_LOWER_RAD
from wla_ros.robots.piper.limits import JOINT_UPPER_RAD

# Sizes of random checkpoints, as the two config files of the published layout. Knows no torch.
#
# `full` has the published sizes (Qwen3-VL-2B with the released expert); `nano` runs at camera rate
# on two CPU cores; `tiny` is for tests.

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomSize:
    """Everything that tells the sizes apart."""

    text_rows: int
    image_size: int
    metaqueries: int
    vision: Mapping[str, int]
    deepstack: tuple[int, ...]
    text: Mapping[str, int]
    mrope_section: tuple[int, int, int]
    expert: Mapping[str, int]
    chunk_size: int = 32
    max_seq_len: int = 1024
    steps: int = 10

    def wla_config(self) -> Fields:
        """Return config.json for 14 joint columns (two Pipers)."""
        return {
            'model_type': 'wla',
            'mllm_id': 'mllm',
            'num_metaqueries': self.metaqueries,
            'chunk_size': self.chunk_size,
            'max_action_dim': 14,
            'max_state_dim': 14,
            'use_history_obs': True,
            'history_obs_step': 8,
            'primary_image_size': self.image_size,
            'auxiliary_image_size': self.image_size,
            'num_inference_timesteps': self.steps,
            'num_timestep_buckets': 1000,
            'noise_beta_alpha': 1.5,
            'noise_beta_beta': 1.0,
            'noise_s': 0.999,
            'add_pos_embed': True,
            'max_seq_len': self.max_seq_len,
            'num_target_vision_tokens': 0,
            'max_input_text_tokens': 256,
            'system_prompt': '',
            'training_mode': 'image_action_language',
            'diffusion_model_cfg': {
                **self.expert,
                'cross_attention_dim': self.text['hidden_size'],
                'output_dim': self.expert['input_embedding_dim'],
                'interleave_self_attention': True,
                'norm_type': 'norm',
                'dropout': 0.0,
                'final_dropout': False,
                'positional_embeddings': None,
            },
        }

    def backbone_config(self, tokens: Mapping[str, int]) -> Fields:
        """Return the backbone's config; `tokens` are the numbers of image and vision tokens."""
        return {
            'model_type': 'qwen3_vl',
            **tokens,
            'tie_word_embeddings': True,
            'text_config': {
                'model_type': 'qwen3_vl_text',
                **self.text,
                'vocab_size': self.text_rows + 2 + self.metaqueries,
                'hidden_act': 'silu',
                'attention_bias': False,
                'rms_norm_eps': 1e-6,
                'rope_theta': 5_000_000.0,
                'rope_scaling': {
                    'rope_type': 'default',
                    'mrope_interleaved': True,
                    'mrope_section': list(self.mrope_section),
                },
                'tie_word_embeddings': True,
            },
            'vision_config': {
                'model_type': 'qwen3_vl',
                **self.vision,
                'patch_size': 16,
                'temporal_patch_size': 2,
                'spatial_merge_size': 2,
                'in_channels': 3,
                'out_hidden_size': self.text['hidden_size'],
                'deepstack_visual_indexes': list(self.deepstack),
                'hidden_act': 'gelu_pytorch_tanh',
            },
        }


SIZES: Mapping[str, RandomSize] = MappingProxyType(
    {
        'tiny': RandomSize(
            text_rows=512,
            image_size=64,
            metaqueries=8,
            vision={
                'depth': 3,
                'hidden_size': 32,
                'intermediate_size': 64,
                'num_heads': 2,
                'num_position_embeddings': 64,
            },
            deepstack=(0, 1),
            text={
                'hidden_size': 64,
                'intermediate_size': 128,
                'num_hidden_layers': 4,
                'num_attention_heads': 4,
                'num_key_value_heads': 2,
                'head_dim': 16,
            },
            mrope_section=(4, 2, 2),
            expert={
                'num_layers': 4,
                'num_attention_heads': 4,
                'attention_head_dim': 8,
                'input_embedding_dim': 32,
            },
            chunk_size=8,
            max_seq_len=32,
        ),
        'nano': RandomSize(
            text_rows=512,
            image_size=96,
            metaqueries=8,
            vision={
                'depth': 3,
                'hidden_size': 96,
                'intermediate_size': 384,
                'num_heads': 3,
                'num_position_embeddings': 36,
            },
            deepstack=(0, 1),
            text={
                'hidden_size': 128,
                'intermediate_size': 384,
                'num_hidden_layers': 4,
                'num_attention_heads': 4,
                'num_key_value_heads': 2,
                'head_dim': 32,
            },
            mrope_section=(6, 5, 5),
            expert={
                'num_layers': 4,
                'num_attention_heads': 4,
                'attention_head_dim': 32,
                'input_embedding_dim': 128,
            },
            max_seq_len=64,
        ),
        'full': RandomSize(
            text_rows=151_936,
            image_size=256,
            metaqueries=64,
            vision={
                'depth': 24,
                'hidden_size': 1024,
                'intermediate_size': 4096,
                'num_heads': 16,
                'num_position_embeddings': 2304,
            },
            deepstack=(5, 11, 17),
            text={
                'hidden_size': 2048,
                'intermediate_size': 6144,
                'num_hidden_layers': 28,
                'num_attention_heads': 16,
                'num_key_value_heads': 8,
                'head_dim': 128,
            },
            mrope_section=(24, 20, 20),
            expert={
                'num_layers': 28,
                'num_attention_heads': 32,
                'attention_head_dim': 32,
                'input_embedding_dim': 1024,
            },
            steps=32,
        ),
    }
)


STATISTICS_KEY = 'piper_random'
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
    require_new(folder)
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
