# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Sizes of a very small WLA and its tokenizer, for tests of what stands around the model."""

from wla_ros.policies.wla.checkpoint.tiny_tokenizer import tiny_tokenizer
from wla_ros.policies.wla.model.config import ExpertConfig
from wla_ros.policies.wla.model.config import TextConfig
from wla_ros.policies.wla.model.config import VisionConfig
from wla_ros.policies.wla.model.config import WLAConfig
from wla_ros.policies.wla.prompt import IMAGE
from wla_ros.policies.wla.prompt import VISION_BEGIN
from wla_ros.policies.wla.prompt import VISION_END
from wla_ros.policies.wla.prompt import PromptTokenizer

QUERIES = 4
ROWS = 512


def small_config(**changes):
    """Return a configuration whose special tokens are those of the tiny tokenizer."""
    tokenizer = tiny_tokenizer(embedding_rows=ROWS, metaqueries=QUERIES)
    values = {
        'vision': VisionConfig(
            depth=2,
            hidden_size=32,
            intermediate_size=64,
            num_heads=2,
            patch_size=16,
            temporal_patch_size=2,
            spatial_merge_size=2,
            in_channels=3,
            num_position_embeddings=16,
            out_hidden_size=32,
            deepstack_visual_indexes=(0,),
        ),
        'text': TextConfig(
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=4,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=16,
            vocab_size=ROWS + 2 + QUERIES,
            rms_norm_eps=1e-6,
            rope_theta=5e6,
            mrope_section=(4, 2, 2),
        ),
        'expert': ExpertConfig(
            num_layers=4,
            num_attention_heads=4,
            attention_head_dim=8,
            input_embedding_dim=32,
            cross_attention_dim=32,
            interleave_self_attention=True,
            norm_type='norm',
            max_seq_len=32,
            add_pos_embed=True,
            action_dim=14,
            state_dim=14,
            chunk_size=8,
            num_timestep_buckets=1000,
            num_inference_timesteps=32,
        ),
        'num_metaqueries': QUERIES,
        'image_token': tokenizer.token_to_id(IMAGE),
        'vision_start_token': tokenizer.token_to_id(VISION_BEGIN),
        'vision_end_token': tokenizer.token_to_id(VISION_END),
        'primary_image_size': 64,
        'auxiliary_image_size': 64,
        'use_history_obs': True,
        'history_obs_step': 8,
        'use_begin_frame_context': False,
        'training_mode': 'image_action_language',
        'max_input_text_tokens': 256,
        'system_prompt': '',
    }
    return WLAConfig(**(values | changes))


def small_tokenizer(config=None):
    """Return the tokenizer of small_config."""
    tokenizer = tiny_tokenizer(embedding_rows=ROWS, metaqueries=QUERIES)
    return PromptTokenizer(tokenizer, config or small_config(), source='test')
