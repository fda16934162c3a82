# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""WLA-0: backbone, text decoder and Action Expert composed as published, eagerly computed."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch import nn

from wla_ros.policies.flow_sampler import CleanPrefix
from wla_ros.policies.flow_sampler import GuidedPrefix
from wla_ros.policies.flow_sampler import integrate
from wla_ros.policies.wla.model.action_expert import ActionExpert
from wla_ros.policies.wla.model.config import WLAConfig
from wla_ros.policies.wla.model.layers import causal_mask
from wla_ros.policies.wla.model.layers import text_angles
from wla_ros.policies.wla.model.network import Cache
from wla_ros.policies.wla.model.network import Prefilled
from wla_ros.policies.wla.model.network import Prompt
from wla_ros.policies.wla.model.network import VisionFeatures
from wla_ros.policies.wla.model.text import KeyValueCache
from wla_ros.policies.wla.model.text import TextDecoder
from wla_ros.policies.wla.model.text import select_rows
from wla_ros.policies.wla.model.vision import VisionTower
from wla_ros.policies.wla.prompt_plan import ImageGrid


class BackboneModel(nn.Module):
    """Holder that gives tower and decoder their published names."""

    def __init__(self, config: WLAConfig) -> None:
        """Create both."""
        super().__init__()
        self.visual = VisionTower(config.vision)
        self.language_model = TextDecoder(config.text)


class Backbone(nn.Module):
    """Holder of the published name `model`."""

    def __init__(self, config: WLAConfig) -> None:
        """Create the model."""
        super().__init__()
        self.model = BackboneModel(config)


class WLAModel(nn.Module):
    """
    The parts of a checkpoint that act, with published parameter names below `model.`.

    A `wla_ros.policies.wla.model.network.Network`; gradients pass through every method.
    """

    def __init__(self, config: WLAConfig) -> None:
        """Create all parts; sizes come from `config` only."""
        super().__init__()
        self._config = config
        self.mllm_backbone = Backbone(config)
        self.action_expert = ActionExpert(config.expert)

    @property
    def config(self) -> WLAConfig:
        """Its sizes."""
        return self._config

    @property
    def visual(self) -> VisionTower:
        """The vision tower."""
        tower: VisionTower = self.mllm_backbone.model.visual
        return tower

    @property
    def decoder(self) -> TextDecoder:
        """The text decoder."""
        decoder: TextDecoder = self.mllm_backbone.model.language_model
        return decoder

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        device: torch.device = self.decoder.embed_tokens.weight.device
        return device

    @property
    def dtype(self) -> torch.dtype:
        """The type of the backbone's weights."""
        dtype: torch.dtype = self.decoder.embed_tokens.weight.dtype
        return dtype

    def see(self, pixels: Tensor, grids: Sequence[ImageGrid]) -> VisionFeatures:
        """See Network; raises ValueError if the grids do not add up to n."""
        features: VisionFeatures = self.visual(pixels, grids)
        return features

    def prefill(self, prompt: Prompt, features: VisionFeatures) -> Prefilled:
        """See Network."""
        cache = KeyValueCache()
        last = prompt.wanted_rows[:, -1:]
        outputs = self._run(
            self._embed(prompt, features),
            prompt.positions,
            cache,
            prompt.present,
            images=(prompt.image_rows, features.deepstack),
            rows_of_last=last,
        )
        return Prefilled(
            cache, cache.length, prompt.next_positions, outputs[-1][:, 0], prompt.present
        )

    def extend(self, state: Prefilled, tokens: Tensor) -> Prefilled:
        """See Network."""
        present, positions = _behind(state, tokens)
        outputs = self._run(
            self.decoder.embed_tokens(tokens), positions, _continued(state), present
        )
        length = state.length + tokens.shape[1]
        following = state.next_positions + tokens.shape[1]
        return Prefilled(state.cache, length, following, outputs[-1][:, -1], present)

    def next_token(self, state: Prefilled) -> Tensor:
        """See Network."""
        return self.decoder.logits(state.last_hidden).argmax(-1)

    def metaqueries(
        self, prompt: Prompt, features: VisionFeatures, *, prune: bool = True
    ) -> tuple[Tensor, ...]:
        """See Network; without `prune` the output of every layer."""
        if not prompt.has_queries:
            raise ValueError('the prompt must end with the meta-queries, in order')
        return self._metaqueries(
            self._embed(prompt, features),
            prompt.positions,
            KeyValueCache(),
            prompt.present,
            rows=prompt.wanted_rows,
            images=(prompt.image_rows, features.deepstack),
            prune=prune,
        )

    def metaqueries_after(
        self, state: Prefilled, before: Tensor, *, prune: bool = True
    ) -> tuple[Tensor, ...]:
        """See Network; without `prune` the output of every layer."""
        numbers = self.config.query_tokens
        queries = torch.arange(numbers.start, numbers.stop, device=before.device)
        tokens = torch.cat((before, queries.expand(len(before), -1)), dim=1)
        present, positions = _behind(state, tokens)
        rows = torch.arange(before.shape[1], tokens.shape[1], device=tokens.device)
        return self._metaqueries(
            self.decoder.embed_tokens(tokens),
            positions,
            _continued(state),
            present,
            rows=rows.expand(len(tokens), -1),
            prune=prune,
        )

    def sample(
        self,
        metaqueries: Sequence[Tensor],
        state: Tensor,
        noise: Tensor,
        *,
        steps: int,
        prefix: CleanPrefix | GuidedPrefix | None = None,
    ) -> Tensor:
        """See Network."""
        context = self.action_expert.prepare(state[:, None], metaqueries)
        return integrate(
            lambda x_t, time: self.action_expert(x_t, time, context),
            noise,
            steps=steps,
            buckets=self.config.expert.num_timestep_buckets,
            prefix=prefix,
        )

    def _embed(self, prompt: Prompt, features: VisionFeatures) -> Tensor:
        """Return inputs [b, s, width]."""
        x = self.decoder.embed_tokens(prompt.tokens)
        seen = x.flatten(0, 1).index_copy(0, prompt.image_rows, features.tokens.to(x.dtype))
        return seen.view_as(x)

    def _metaqueries(
        self,
        x: Tensor,
        positions: Tensor,
        cache: Cache,
        present: Tensor | None,
        *,
        rows: Tensor,
        prune: bool,
        images: tuple[Tensor, Sequence[Tensor]] | None = None,
    ) -> tuple[Tensor, ...]:
        outputs = self._run(
            x,
            positions,
            cache,
            present,
            images=images,
            layers=self.config.last_layer_read + 1 if prune else None,
            rows_of_last=rows if prune else None,
        )
        read = outputs[self.config.first_layer_read :]
        whole = read[:-1] if prune else read
        return (*(select_rows(output, rows) for output in whole), *read[len(whole) :])

    def _run(
        self,
        x: Tensor,
        positions: Tensor,
        cache: Cache,
        present: Tensor | None,
        *,
        images: tuple[Tensor, Sequence[Tensor]] | None = None,
        layers: int | None = None,
        rows_of_last: Tensor | None = None,
    ) -> list[Tensor]:
        """
        Return the outputs [b, s, width] of the first `layers` decoder layers.

        `present` [b, p + s] are all tokens. Of the last layer only `rows_of_last` [b, r] are
        computed.
        """
        text = self.config.text
        cos, sin = text_angles(positions, text.head_dim, text.rope_theta, text.mrope_section)
        cos, sin = cos.to(x.dtype), sin.to(x.dtype)
        mask = causal_mask(x.shape[1], cache.length + x.shape[1], present, x.device)
        image_rows, deepstack = images or (None, ())
        blocks = list(self.decoder.layers)[:layers]
        outputs = []
        for index, block in enumerate(blocks):
            rows = rows_of_last if index == len(blocks) - 1 else None
            x = block(x, cos, sin, mask, cache, index, rows)
            # The last token and meta-queries are no images.
            if index < len(deepstack) and rows is None:
                added = deepstack[index].to(x.dtype)
                x = x.flatten(0, 1).index_add(0, image_rows, added).view_as(x)
            outputs.append(x)
        return outputs


def _continued(state: Prefilled) -> Cache:
    """Return the cache with the tokens of `state` only."""
    if state.cache.length < state.length:
        raise ValueError('the state is void: one before it was continued since')
    state.cache.truncate(state.length)
    return state.cache


def _behind(state: Prefilled, tokens: Tensor) -> tuple[Tensor | None, Tensor]:
    """Return what is present [b, p + s] and positions [3, b, s] of text `tokens` [b, s]."""
    after = torch.arange(tokens.shape[1], device=tokens.device)
    positions = (state.next_positions[:, None] + after).expand(3, -1, -1)
    if state.present is None:
        return None, positions
    fresh = torch.ones_like(tokens, dtype=torch.bool)
    return torch.cat((state.present, fresh), dim=1), positions
