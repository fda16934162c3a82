# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Action Expert against one put together from diffusers' attention blocks, on random sizes."""

import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('diffusers')

from diffusers.models.attention import FeedForward
from diffusers.models.attention_processor import Attention
from diffusers.models.embeddings import TimestepEmbedding
from diffusers.models.embeddings import Timesteps
from policies.wla.golden_data import relative_error
from policies.wla.random_models import random_sample
from policies.wla.random_models import randomise
from torch import nn
from torch.nn import functional

from wla_ros.policies.wla.model.action_expert import ActionExpert

SEEDS = range(100, 112)
TOLERANCE = 1e-5


class OfficialBlock(nn.Module):
    """Attention and feed-forward of diffusers, as the published expert puts them together."""

    def __init__(self, config, context_width):
        super().__init__()
        width = config.input_embedding_dim
        self.attn1 = Attention(
            query_dim=width,
            heads=config.num_attention_heads,
            dim_head=config.attention_head_dim,
            bias=True,
            cross_attention_dim=context_width,
        )
        self.ff = FeedForward(width, activation_fn='gelu-approximate')
        if config.norm_type == 'ada_norm':
            self.norm1 = nn.Module()
            self.norm1.linear = nn.Linear(width, 2 * width)

    def forward(self, x, context, embedded_time):
        normed = functional.layer_norm(x, x.shape[-1:], eps=1e-5)
        if hasattr(self, 'norm1'):
            modulation = self.norm1.linear(functional.silu(embedded_time))
            scale, shift = modulation.chunk(2, dim=1)
            normed = normed * (1 + scale[:, None]) + shift[:, None]
        x = x + self.attn1(normed, encoder_hidden_states=context)
        return x + self.ff(functional.layer_norm(x, x.shape[-1:], eps=1e-5))


class OfficialTransformer(nn.Module):
    """Blocks, time embedding and final norm, with the published names."""

    def __init__(self, config):
        super().__init__()
        width = config.input_embedding_dim
        self.timestep_encoder = nn.Module()
        self.timestep_encoder.timestep_embedder = TimestepEmbedding(256, width)
        self.time_proj = Timesteps(256, flip_sin_to_cos=True, downscale_freq_shift=1)
        self.transformer_blocks = nn.ModuleList(
            OfficialBlock(config, config.cross_attention_dim if config.is_cross(block) else None)
            for block in range(config.num_layers)
        )
        self.norm_out = nn.LayerNorm(width, eps=1e-6)

    def forward(self, x, metaqueries, time):
        embedded = self.timestep_encoder.timestep_embedder(self.time_proj(time))
        for block, context in zip(self.transformer_blocks, metaqueries, strict=True):
            x = block(x, context, embedded)
        return self.norm_out(x)


@pytest.fixture(params=SEEDS)
def expert(request, tmp_path):
    config = random_sample(request.param).configuration(tmp_path).expert
    expert = ActionExpert(config).eval()
    randomise(expert)
    return expert


@torch.inference_mode()
def test_transformer_matches_blocks_of_diffusers(expert):
    config = expert.config
    official = OfficialTransformer(config).eval()
    official.load_state_dict(expert.model.state_dict())
    tokens = torch.randn(3, 1 + config.chunk_size, config.input_embedding_dim)
    metaqueries = torch.randn(config.num_layers, 3, 5, config.cross_attention_dim)
    time = torch.tensor([0, 312, 999])
    contexts = [rows if config.is_cross(block) else None for block, rows in enumerate(metaqueries)]
    expected = official(tokens, contexts, time)
    prepared = expert.prepare(torch.zeros(3, 1, config.state_dim), metaqueries)
    every = time[:, None].expand(-1, 1 + config.chunk_size)
    found = expert.model(tokens, every, prepared.keys_and_values)
    assert relative_error(found, expected) < TOLERANCE


@torch.inference_mode()
def test_one_context_serves_several_candidates(expert):
    config = expert.config
    rows = torch.randn(4, config.chunk_size, config.action_dim)
    time = torch.full((4, config.chunk_size), 500)
    metaqueries = torch.randn(config.num_layers, 1, 5, config.cross_attention_dim)
    shared = expert.prepare(torch.ones(1, 1, config.state_dim), metaqueries)
    together = expert(rows, time, shared)
    alone = torch.cat([expert(rows[i : i + 1], time[:1], shared) for i in range(4)])
    assert relative_error(together, alone) < TOLERANCE


@torch.inference_mode()
def test_every_row_has_its_own_time(expert):
    config = expert.config
    rows = torch.randn(1, config.chunk_size, config.action_dim)
    context = expert.prepare(
        torch.ones(1, 1, config.state_dim),
        torch.randn(config.num_layers, 1, 5, config.cross_attention_dim),
    )
    time = torch.full((1, config.chunk_size), 300)
    clean = time.clone()
    clean[:, 0] = config.num_timestep_buckets
    assert relative_error(expert(rows, clean, context), expert(rows, time, context)) > TOLERANCE
