"""
Sizes of random checkpoints, as the two config files of the published layout. Knows no torch.

`full` has the published sizes (Qwen3-VL-2B with the released expert); `nano` runs at camera rate
on two CPU cores; `tiny` is for tests.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

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
