# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Random small WLA configurations with their weights, for parity with the official components."""

import json
import random
from dataclasses import dataclass

import torch

from wla_ros.policies.wla.model.config_reading import read_configuration
from wla_ros.policies.wla.prompt_plan import ImageGrid

IMAGE, VISION_START, VISION_END = 90, 91, 92
TEXT_TOKENS = 90  # numbers below are text
PLAIN_ROWS = 96


@dataclass(frozen=True)
class Sample:
    """A configuration in both config files, images and a prompt that ends with meta-queries."""

    wla: dict
    backbone: dict
    grids: tuple[ImageGrid, ...]
    pixels: torch.Tensor  # [n, patch values]
    prompt: torch.Tensor  # [s]

    def configuration(self, folder):
        """Write the files into `folder` and read them."""
        (folder / 'config.json').write_text(json.dumps(self.wla))
        (folder / 'backbone.json').write_text(json.dumps(self.backbone))
        return read_configuration(folder / 'config.json', folder / 'backbone.json')


def random_sample(seed):
    """Return a sample; sizes, image counts and lengths follow from `seed`."""
    draw = random.Random(seed)
    torch.manual_seed(seed)
    vision_heads = draw.choice([1, 2, 3])
    vision_width = vision_heads * draw.choice([8, 12, 16, 32])
    head_dim = draw.choice([16, 24, 32])
    groups = draw.choice([1, 2, 3])
    kv_heads = draw.choice([1, 2])
    width = draw.choice([32, 48, 64])
    layers = draw.choice([2, 3, 4, 5, 6])
    depth = draw.choice([2, 3, 4])
    merge = draw.choice([1, 2, 2, 3])
    queries = draw.choice([1, 3, 8])
    third = head_dim // 6
    height, across = draw.randint(1, third), draw.randint(1, third)
    section = [head_dim // 2 - height - across, height, across]
    blocks = draw.randint(1, layers)
    expert_heads = draw.choice([1, 2, 4])
    patch = draw.choice([4, 8])
    images = draw.randint(1, 5)
    grids = tuple(
        ImageGrid(merge * draw.randint(1, 4), merge * draw.randint(1, 4)) for _ in range(images)
    )
    tokens = _text(draw)
    for grid in grids:
        rows, columns = grid.merged(merge)
        tokens += [VISION_START, *[IMAGE] * (rows * columns), VISION_END, *_text(draw)]
    wla = {
        'model_type': 'wla',
        'num_metaqueries': queries,
        'chunk_size': draw.choice([1, 5, 8]),
        'max_action_dim': draw.choice([7, 14]),
        'max_state_dim': draw.choice([8, 14]),
        'primary_image_size': 12 * patch,
        'auxiliary_image_size': 12 * patch,
        'add_pos_embed': draw.choice([True, False]),
        'max_seq_len': 16,
        'training_mode': 'image_action_language',
        'diffusion_model_cfg': {
            'num_layers': blocks,
            'num_attention_heads': expert_heads,
            'attention_head_dim': 8,
            'input_embedding_dim': 8 * expert_heads,
            'cross_attention_dim': width,
            'interleave_self_attention': draw.choice([True, True, False]),
            'norm_type': draw.choice(['norm', 'ada_norm']),
        },
    }
    backbone = {
        'model_type': 'qwen3_vl',
        'image_token_id': IMAGE,
        'vision_start_token_id': VISION_START,
        'vision_end_token_id': VISION_END,
        'video_token_id': 93,
        'tie_word_embeddings': True,
        'text_config': {
            'model_type': 'qwen3_vl_text',
            'hidden_size': width,
            'intermediate_size': draw.choice([40, 96]),
            'num_hidden_layers': layers,
            'num_attention_heads': kv_heads * groups,
            'num_key_value_heads': kv_heads,
            'head_dim': head_dim,
            'vocab_size': PLAIN_ROWS + 2 + queries,
            'hidden_act': 'silu',
            'attention_bias': False,
            'rms_norm_eps': 1e-6,
            'rope_theta': draw.choice([1e4, 5e6]),
            'rope_scaling': {
                'rope_type': 'default',
                'mrope_interleaved': True,
                'mrope_section': section,
            },
            'tie_word_embeddings': True,
        },
        'vision_config': {
            'model_type': 'qwen3_vl',
            'depth': depth,
            'hidden_size': vision_width,
            'intermediate_size': draw.choice([24, 64]),
            'num_heads': vision_heads,
            'patch_size': patch,
            'temporal_patch_size': 2,
            'spatial_merge_size': merge,
            'in_channels': 3,
            'num_position_embeddings': draw.choice([4, 25, 64]),
            'out_hidden_size': width,
            'deepstack_visual_indexes': sorted(draw.sample(range(depth), min(depth, 2, layers))),
            'hidden_act': 'gelu_pytorch_tanh',
        },
    }
    suffix = range(PLAIN_ROWS, PLAIN_ROWS + 2 + queries)  # <begin_of_img>, <end_of_img>, queries
    tokens += [draw.randrange(TEXT_TOKENS), suffix[0], *suffix[2:]]
    pixels = torch.randn(sum(grid.patches for grid in grids), 3 * 2 * patch * patch)
    return Sample(wla, backbone, grids, pixels, torch.tensor(tokens))


def _text(draw):
    return [draw.randrange(TEXT_TOKENS) for _ in range(draw.randint(1, 12))]


def randomise(module):
    """Give every parameter values that make a mistake visible, norms and biases included."""
    for name, parameter in module.named_parameters():
        noise = torch.randn_like(parameter) / max(1, parameter[0].numel()) ** 0.5
        is_norm = 'norm' in name and name.endswith('weight') and parameter.ndim == 1
        parameter.data = 1.0 + 0.2 * torch.randn_like(parameter) if is_norm else noise
