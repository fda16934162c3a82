# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""WLA-0: backbone, text decoder and Action Expert composed as published."""

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch import nn

from wla_ros.policies.flow_sampler import CleanPrefix
from wla_ros.policies.flow_sampler import GuidedPrefix
from wla_ros.policies.flow_sampler import integrate
from wla_ros.policies.wla.images import ImageGrid
from wla_ros.policies.wla.model.action_expert import ActionExpert
from wla_ros.policies.wla.model.config import WLAConfig
from wla_ros.policies.wla.model.layers import text_angles
from wla_ros.policies.wla.model.text import ALL_ROWS
from wla_ros.policies.wla.model.text import LAST_ROW
from wla_ros.policies.wla.model.text import KeyValueCache
from wla_ros.policies.wla.model.text import TextDecoder
from wla_ros.policies.wla.model.vision import VisionFeatures
from wla_ros.policies.wla.model.vision import VisionTower

# Positions of a prompt with images: time, height, width per token, for the decoder's rotary.


def token_positions(
    tokens: Tensor, image_token: int, grids: Sequence[ImageGrid], merge: int
) -> tuple[Tensor, int]:
    """
    Return positions [3, s] of `tokens` [s] and the position of the next token.

    A text token takes p on all axes and moves to p + 1. An image block that starts at p takes
    t = p, h = p + row, w = p + column of the merged grid; text goes on at p + max(rows, columns):

        tokens    a  b  [ 0,0  0,1  1,0  1,1 ]  c
        t         0  1     2    2    2    2     4
        h         0  1     2    2    3    3     4
        w         0  1     2    3    2    3     4

    Raises ValueError if the image tokens do not match `grids`.
    """
    values = tokens.tolist()
    parts: list[Tensor] = []
    position, index = 0, 0
    remaining = list(grids)
    while index < len(values):
        if values[index] != image_token:
            parts.append(torch.full((3, 1), position))
            position, index = position + 1, index + 1
            continue
        if not remaining:
            raise ValueError(f'token {index} begins an image, only {len(grids)} images are given')
        rows, columns = remaining.pop(0).merged(merge)
        count = rows * columns
        if values[index : index + count] != [image_token] * count:
            raise ValueError(f'image at token {index} needs {rows} x {columns} image tokens')
        flat = torch.arange(count)
        block = torch.stack((torch.zeros_like(flat), flat // columns, flat % columns))
        parts.append(block + position)
        position, index = position + max(rows, columns), index + count
    if remaining:
        raise ValueError(f'{len(remaining)} of {len(grids)} images have no tokens in the prompt')
    return torch.cat(parts, dim=1).to(tokens.device), position


@dataclass(frozen=True, slots=True, eq=False)
class Prefilled:
    """Tokens that went through every decoder layer: what text and meta-queries continue from."""

    cache: KeyValueCache
    next_position: int
    last_hidden: Tensor  # [1, width] of the last token, output of the last layer


@dataclass(frozen=True, slots=True, eq=False)
class Generation:
    """Greedily chosen tokens; the state has seen exactly these."""

    tokens: tuple[int, ...]  # without the end token
    has_ended: bool  # an end token was chosen; else the limit or the deadline came first
    state: Prefilled


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
    """The parts of a checkpoint that act, with published parameter names below `model.`."""

    def __init__(self, config: WLAConfig) -> None:
        """Create all parts; sizes come from `config` only."""
        super().__init__()
        self.config = config
        self.mllm_backbone = Backbone(config)
        self.action_expert = ActionExpert(config.expert)

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

    def prefill(self, tokens: Tensor, features: VisionFeatures) -> Prefilled:
        """Run a prompt [s] with its images through every decoder layer."""
        x, positions, next_position, is_image = self._embed(tokens, features)
        cache = KeyValueCache()
        outputs = self._run(
            x,
            positions,
            cache,
            deepstack=features.deepstack,
            is_image=is_image,
            rows_of_last=LAST_ROW,
        )
        return Prefilled(cache, next_position, outputs[-1])

    def continue_with(self, state: Prefilled, tokens: Tensor) -> Prefilled:
        """Append text `tokens` [s] through every decoder layer."""
        cache = state.cache.fork()
        outputs = self._run(
            self.decoder.embed_tokens(tokens),
            _text_positions(state, tokens),
            cache,
            rows_of_last=LAST_ROW,
        )
        return Prefilled(cache, state.next_position + len(tokens), outputs[-1])

    def generate(
        self,
        state: Prefilled,
        *,
        end_tokens: frozenset[int],
        max_tokens: int,
        is_late: Callable[[], bool] = lambda: False,
    ) -> Generation:
        """
        Choose tokens greedily up to an end token or `max_tokens`.

        `is_late` is asked before every token; generation stops there when it says so.
        """
        tokens: list[int] = []
        while len(tokens) < max_tokens and not is_late():
            token = int(self.decoder.logits(state.last_hidden).argmax())
            if token in end_tokens:
                return Generation(tuple(tokens), has_ended=True, state=state)
            tokens.append(token)
            state = self.continue_with(state, torch.tensor([token], device=self.device))
        return Generation(tuple(tokens), has_ended=False, state=state)

    def metaqueries_after(
        self, state: Prefilled, before: Tensor, *, prune: bool = True
    ) -> tuple[Tensor, ...]:
        """
        Return the meta-query rows [q, width] for every block of the expert.

        `before` [k] are the tokens between `state` and the first meta-query. Each entry is the
        un-normed output of the decoder layer that the block belongs to; entries above the last
        that is read are missing when pruned.
        """
        queries = torch.tensor(self.config.query_tokens, device=self.device)
        tokens = torch.cat((before, queries))
        return self._metaqueries(
            self.decoder.embed_tokens(tokens),
            _text_positions(state, tokens),
            state.cache.fork(),
            prune=prune,
        )

    def metaqueries_of(
        self, tokens: Tensor, features: VisionFeatures, *, prune: bool = True
    ) -> tuple[Tensor, ...]:
        """
        Return the same in one pass over a prompt [s] that ends with the last meta-query.

        Raises ValueError if it does not.
        """
        queries = torch.tensor(self.config.query_tokens, device=tokens.device)
        if not torch.equal(tokens[-len(queries) :], queries):
            raise ValueError('the prompt must end with the meta-queries, in order')
        x, positions, _, is_image = self._embed(tokens, features)
        return self._metaqueries(
            x,
            positions,
            KeyValueCache(),
            prune=prune,
            deepstack=features.deepstack,
            is_image=is_image,
        )

    def sample_actions(
        self,
        metaqueries: Sequence[Tensor],
        state: Tensor,
        noise: Tensor,
        *,
        steps: int,
        prefix: CleanPrefix | GuidedPrefix | None = None,
    ) -> Tensor:
        """
        Return normalised actions, fp32 [b, h, action dim].

        Args:
            metaqueries: [q, width] per block, see metaqueries_of.
            state: normalised proprioception [state dim].
            noise: [b, h, action dim], see flow_sampler.draw_noise; b candidates share the rest.
            steps: Euler steps; the released configs say 32, the robot of the paper used 10.
            prefix: rows that are decided already.

        """
        context = self.action_expert.prepare(
            state[None, None], [rows[None] for rows in metaqueries]
        )
        return integrate(
            lambda x_t, time: self.action_expert(x_t, time, context),
            noise,
            steps=steps,
            buckets=self.config.expert.num_timestep_buckets,
            prefix=prefix,
        )

    def _embed(
        self, tokens: Tensor, features: VisionFeatures
    ) -> tuple[Tensor, Tensor, int, Tensor]:
        """Return inputs [s, width], positions [3, s], the next position, where images are [s]."""
        merge = self.config.vision.spatial_merge_size
        image_token = self.config.image_token
        positions, following = token_positions(tokens, image_token, features.grids, merge)
        is_image = tokens == image_token
        x = self.decoder.embed_tokens(tokens)
        x = x.masked_scatter(is_image[:, None], features.tokens.to(x.dtype))
        return x, positions, following, is_image

    def _metaqueries(
        self,
        x: Tensor,
        positions: Tensor,
        cache: KeyValueCache,
        *,
        prune: bool,
        deepstack: Sequence[Tensor] = (),
        is_image: Tensor | None = None,
    ) -> tuple[Tensor, ...]:
        rows = slice(len(x) - self.config.num_metaqueries, None)
        outputs = self._run(
            x,
            positions,
            cache,
            deepstack=deepstack,
            is_image=is_image,
            layers=self.config.last_layer_read + 1 if prune else None,
            rows_of_last=rows if prune else ALL_ROWS,
        )
        read = outputs[self.config.first_layer_read :]
        return tuple(output[-self.config.num_metaqueries :] for output in read)

    def _run(
        self,
        x: Tensor,
        positions: Tensor,
        cache: KeyValueCache,
        *,
        deepstack: Sequence[Tensor] = (),
        is_image: Tensor | None = None,
        layers: int | None = None,
        rows_of_last: slice = ALL_ROWS,
    ) -> list[Tensor]:
        """Return the output of the first `layers` decoder layers, [s, width] each."""
        text = self.config.text
        cos, sin = text_angles(positions, text.head_dim, text.rope_theta, text.mrope_section)
        cos, sin = cos.to(x.dtype), sin.to(x.dtype)
        blocks = list(self.decoder.layers)[:layers]
        outputs = []
        for index, block in enumerate(blocks):
            rows = rows_of_last if index == len(blocks) - 1 else ALL_ROWS
            x = block(x, cos, sin, cache, index, rows)
            # A restricted suffix holds no image.
            if is_image is not None and index < len(deepstack) and rows == ALL_ROWS:
                seen = x[is_image] + deepstack[index].to(x.dtype)
                x = x.masked_scatter(is_image[:, None], seen)
            outputs.append(x)
        return outputs


def _text_positions(state: Prefilled, tokens: Tensor) -> Tensor:
    """Return positions [3, s] of text `tokens` [s] that follow `state`."""
    after = torch.arange(len(tokens), device=tokens.device)
    return (state.next_position + after).expand(3, -1)
