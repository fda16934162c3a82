# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""From a condition to rows in robot units: noise, prefix, flow, choice, columns."""

from dataclasses import dataclass

import torch

from wla_ros.base.types import CommittedPrefix
from wla_ros.base.types import FloatArray
from wla_ros.base.types import Representation
from wla_ros.policies.flow_sampler import CleanPrefix
from wla_ros.policies.flow_sampler import GuidedPrefix
from wla_ros.policies.flow_sampler import draw_noise
from wla_ros.policies.wla.candidates import Choice
from wla_ros.policies.wla.columns import ModelColumns
from wla_ros.policies.wla.conditioning import Condition
from wla_ros.policies.wla.model.network import Network
from wla_ros.policies.wla.prefix import sampler_prefix
from wla_ros.policies.wla.settings import WlaSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """Samples chunks of one checkpoint; keeps nothing between them."""

    network: Network
    columns: ModelColumns
    settings: WlaSettings
    choice: Choice

    def rows(
        self,
        condition: Condition,
        joints: FloatArray,
        reference: FloatArray,
        given: CommittedPrefix | None,
        *,
        seed: int,
    ) -> tuple[FloatArray, int]:
        """
        Return rows [horizon, D] and how many leading ones are those of `given`.

        `joints` [D] are measured, relative actions start from `reference` [D]. The host waits once
        for the device: for the rows.
        """
        device, expert = self.network.device, self.network.config.expert
        prefix, certain = sampler_prefix(
            given,
            self.columns,
            reference,
            self.settings,
            chunk_size=expert.chunk_size,
            device=device,
        )
        state = torch.as_tensor(self.columns.state(joints), dtype=torch.float32).to(device)
        shape = (self.choice.candidates, expert.chunk_size, expert.action_dim)
        candidates = self.network.sample(
            condition.metaqueries,
            state[None],
            draw_noise(shape, seed, device),
            steps=self.settings.steps,
            prefix=prefix,
        )
        sampled: FloatArray = self.choice.choose(candidates).double().cpu().numpy()
        if isinstance(prefix, GuidedPrefix) and self.settings.clip_guided:
            sampled = self.columns.clipped(sampled)
        rows = self.columns.rows(sampled, reference)
        rows = rows[: self.settings.horizon or None]
        certain = min(certain, len(rows))
        is_joint = self.columns.space.representation is Representation.JOINT_POSITION
        if isinstance(prefix, CleanPrefix) and given is not None and is_joint:
            # What is executed anyway comes back exactly, not through fp32.
            rows[:certain] = given.rows[:certain]
        return rows, certain
