# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The seam between the policy and whatever computes its network: the eager model or an engine.

Axis letters: b prompts, s tokens, p tokens before, q meta-queries, n candidates, h rows.
Everything that crosses it lies on the device already, and no method waits for the device.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from wla_ros.policies.flow_sampler import CleanPrefix
from wla_ros.policies.flow_sampler import GuidedPrefix
from wla_ros.policies.wla.model.config import WLAConfig
from wla_ros.policies.wla.prompt_plan import ImageGrid
from wla_ros.policies.wla.prompt_plan import PromptPlan


@dataclass(frozen=True, slots=True, eq=False)
class VisionFeatures:
    """What the decoder takes from the images."""

    grids: tuple[ImageGrid, ...]
    tokens: Tensor  # [m, out_hidden]
    deepstack: tuple[Tensor, ...]  # each [m, out_hidden], added after decoder layers 0, 1, ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prompt:
    """A batch of prompt plans on the device, padded to the longest."""

    tokens: Tensor  # [b, s]
    positions: Tensor  # [3, b, s]
    next_positions: Tensor  # [b]
    image_rows: Tensor  # [m] of the b * s rows, images in the order of the features
    wanted_rows: Tensor  # [b, r] the meta-queries, or the last token
    has_queries: bool
    present: Tensor | None  # [b, s] false where padded; None: nothing is


def upload(plans: Sequence[PromptPlan], device: torch.device, *, pad_left: bool = True) -> Prompt:
    """
    Return `plans` on `device`. Their images follow each other in the features.

    Padding changes no result, whichever side it is on. Raises ValueError if some end with
    meta-queries and others do not.
    """
    if len({bool(plan.query_rows) for plan in plans}) != 1:
        raise ValueError('all prompts of a batch must end with the meta-queries, or none')
    longest = max(len(plan.tokens) for plan in plans)
    shape = (len(plans), longest)
    tokens, present = np.zeros(shape, np.int64), np.zeros(shape, np.bool_)
    positions = np.zeros((3, *shape), np.int64)
    image_rows, wanted_rows = [], []
    for index, plan in enumerate(plans):
        start = longest - len(plan.tokens) if pad_left else 0
        rows = slice(start, start + len(plan.tokens))
        tokens[index, rows], present[index, rows] = plan.tokens, True
        positions[:, index, rows] = plan.positions
        image_rows += [index * longest + start + row for image in plan.image_rows for row in image]
        wanted_rows.append([start + row for row in plan.wanted_rows])

    def on_device(values: object, dtype: type[np.generic] = np.int64) -> Tensor:
        return torch.from_numpy(np.asarray(values, dtype)).to(device, non_blocking=True)

    return Prompt(
        tokens=on_device(tokens),
        positions=on_device(positions),
        next_positions=on_device([plan.next_position for plan in plans]),
        image_rows=on_device(image_rows),
        wanted_rows=on_device(wanted_rows),
        has_queries=bool(plans[0].query_rows),
        present=None if present.all() else on_device(present, np.bool_),
    )


class Cache(Protocol):
    """Keys and values of every decoder layer for the tokens so far."""

    @property
    def length(self) -> int:
        """Number p of tokens."""
        ...

    def append(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Append [b, g, s, d] to `layer` and return all of it, [b, g, p + s, d]."""
        ...

    def truncate(self, length: int) -> None:
        """Forget all tokens behind the first `length`. Exact: attention is causal."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Prefilled:
    """
    Tokens that went through every decoder layer: what text and meta-queries continue from.

    States of one prompt share a cache: continuing one forgets what was appended behind it, so that
    states made from it before are void.
    """

    cache: Cache
    length: int  # of the tokens of the cache that belong to it
    next_positions: Tensor  # [b]
    last_hidden: Tensor  # [b, width] of the last token, output of the last layer
    present: Tensor | None  # [b, length], as in Prompt

    def rewound(self, tokens: int) -> 'Prefilled':
        """Return the state before its last `tokens` text tokens; it has no last hidden row."""
        if not tokens:
            return self
        return Prefilled(
            self.cache,
            self.length - tokens,
            self.next_positions - tokens,
            self.last_hidden[:, :0],
            None if self.present is None else self.present[:, :-tokens],
        )


class Network(Protocol):
    """What the policy needs of the network of a checkpoint."""

    @property
    def config(self) -> WLAConfig:
        """Its sizes."""
        ...

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        ...

    @property
    def dtype(self) -> torch.dtype:
        """In which type its backbone computes."""
        ...

    def see(self, pixels: Tensor, grids: Sequence[ImageGrid]) -> VisionFeatures:
        """Return the features of images of which `pixels` [n, patch values] are the patches."""
        ...

    def prefill(self, prompt: Prompt, features: VisionFeatures) -> Prefilled:
        """Run prompts with their images through every decoder layer."""
        ...

    def extend(self, state: Prefilled, tokens: Tensor) -> Prefilled:
        """Append text `tokens` [b, s]."""
        ...

    def next_token(self, state: Prefilled) -> Tensor:
        """Return the most likely token [b] behind the last; who reads it waits for it."""
        ...

    def metaqueries(self, prompt: Prompt, features: VisionFeatures) -> tuple[Tensor, ...]:
        """
        Return the meta-query rows [b, q, width] for every block of the expert, in one pass.

        Each entry is the un-normed output of the decoder layer that the block belongs to; entries
        above the last that is read may be missing. Raises ValueError if the prompts do not end
        with the meta-queries.
        """
        ...

    def metaqueries_after(self, state: Prefilled, before: Tensor) -> tuple[Tensor, ...]:
        """Return the same behind `state`; `before` [b, k] are the tokens up to the first one."""
        ...

    def sample(
        self,
        metaqueries: Sequence[Tensor],
        state: Tensor,
        noise: Tensor,
        *,
        steps: int,
        prefix: CleanPrefix | GuidedPrefix | None = None,
    ) -> Tensor:
        """
        Return normalised actions, fp32 [n, h, action dim].

        Args:
            metaqueries: [n or 1, q, width] per block.
            state: normalised proprioception [n or 1, state dim].
            noise: [n, h, action dim], see flow_sampler.draw_noise.
            steps: Euler steps; the released configs say 32, the robot of the paper used 10.
            prefix: rows that are decided already.

        """
        ...
