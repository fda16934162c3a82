# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Sizes of a WLA checkpoint; nothing about a size is known elsewhere. Knows no torch.

Field names are those of the published files: `config.json` (WLA fields) and the backbone's own
config (Qwen3-VL), see `config_reading`.
"""

from dataclasses import dataclass

from wla_ros.base.config import parameter


@dataclass(frozen=True, slots=True, kw_only=True)
class VisionConfig:
    """Qwen3-VL vision tower."""

    depth: int = parameter('blocks', minimum=1)
    hidden_size: int = parameter('width', minimum=1)
    intermediate_size: int = parameter('width of the MLP', minimum=1)
    num_heads: int = parameter('heads', minimum=1)
    patch_size: int = parameter('side of a patch', unit='pixels', minimum=1)
    temporal_patch_size: int = parameter('frames of a patch', minimum=1)
    spatial_merge_size: int = parameter('patches per token along each side', minimum=1)
    in_channels: int = parameter('colours', minimum=1, default=3)
    num_position_embeddings: int = parameter('of the learned square grid', minimum=1)
    out_hidden_size: int = parameter('width of the tokens', minimum=1)
    deepstack_visual_indexes: tuple[int, ...] = parameter(
        'blocks whose output the first decoder layers get', minimum=0
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TextConfig:
    """Qwen3-VL text decoder."""

    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    vocab_size: int  # rows of the embedding, meta-queries included
    rms_norm_eps: float
    rope_theta: float
    mrope_section: tuple[int, int, int]  # rotary pairs of time, height, width


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpertConfig:
    """Flow-matching Action Expert (diffusion_model_cfg and its surroundings)."""

    num_layers: int
    num_attention_heads: int
    attention_head_dim: int
    input_embedding_dim: int  # = heads x head dim
    cross_attention_dim: int  # = width of the decoder
    interleave_self_attention: bool
    norm_type: str  # 'norm' (released checkpoints) or 'ada_norm' (appendix A of the paper)
    max_seq_len: int  # rows of the learned positions
    add_pos_embed: bool
    action_dim: int
    state_dim: int
    chunk_size: int
    num_timestep_buckets: int
    num_inference_timesteps: int

    def is_cross(self, block: int) -> bool:
        """Whether `block` reads meta-queries instead of its own tokens."""
        return not self.interleave_self_attention or block % 2 == 0

    @property
    def last_cross_block(self) -> int:
        """The highest block that reads meta-queries."""
        return max(block for block in range(self.num_layers) if self.is_cross(block))


@dataclass(frozen=True, slots=True, kw_only=True)
class WLAConfig:
    """A whole checkpoint."""

    vision: VisionConfig
    text: TextConfig
    expert: ExpertConfig
    num_metaqueries: int
    image_token: int
    vision_start_token: int
    vision_end_token: int
    primary_image_size: int  # side of the square the current head image is fitted into [pixels]
    auxiliary_image_size: int  # the same for all other images
    use_history_obs: bool
    history_obs_step: int  # age of the history frame in policy steps
    use_begin_frame_context: bool
    training_mode: str  # 'action', 'image_action', 'image_action_language', ...
    max_input_text_tokens: int
    system_prompt: str

    @property
    def has_language(self) -> bool:
        """Whether the checkpoint was trained to speak subtasks."""
        return 'language' in self.training_mode

    @property
    def begin_of_img_token(self) -> int:
        """`<begin_of_img>`; it, `<end_of_img>` and the meta-queries are the last rows."""
        return self.text.vocab_size - self.num_metaqueries - 2

    @property
    def end_of_img_token(self) -> int:
        """`<end_of_img>`."""
        return self.begin_of_img_token + 1

    @property
    def query_tokens(self) -> range:
        """`<img0>`, `<img1>`, ...: the meta-queries are plain rows of the embedding."""
        return range(self.begin_of_img_token + 2, self.text.vocab_size)

    @property
    def first_layer_read(self) -> int:
        """The decoder layer that belongs to block 0 of the expert: the last layers are read."""
        return self.text.num_hidden_layers - self.expert.num_layers

    @property
    def last_layer_read(self) -> int:
        """The highest decoder layer that any block reads; actions need no layer above it."""
        return self.first_layer_read + self.expert.last_cross_block
