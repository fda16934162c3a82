# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
From a prompt and the features of its images to the meta-query states that condition the actions.

Owns the writing of a text and when it is too late. One vision pass and one prefill serve text and
actions. Must not know cameras, joints or normalisation.
"""

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wla_ros.base.timing import StageClock
from wla_ros.policies.wla.model.network import Network
from wla_ros.policies.wla.model.network import Prefilled
from wla_ros.policies.wla.model.network import VisionFeatures
from wla_ros.policies.wla.model.network import upload
from wla_ros.policies.wla.prompt import Asked
from wla_ros.policies.wla.prompt import Prompts


@dataclass(frozen=True, slots=True, eq=False)
class Condition:
    """What the Action Expert reads, and the text it was made with."""

    metaqueries: tuple[Tensor, ...]  # per block [1, q, width]
    subtask: str = ''
    late: bool = False  # the text was not ready in time; `subtask` is the previous one


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """Greedily chosen tokens; the state has seen exactly these."""

    tokens: tuple[int, ...]  # without the end token
    has_ended: bool  # an end token was chosen; else the limit or the deadline came first
    state: Prefilled


def write(
    network: Network,
    state: Prefilled,
    *,
    end_tokens: frozenset[int],
    max_tokens: int,
    is_late: Callable[[], bool] = lambda: False,
) -> Written:
    """
    Choose tokens greedily up to an end token or `max_tokens`, behind one prompt.

    `is_late` is asked before every token; writing stops there when it says so. The host waits for
    the device once a token: it has to know which one it was.
    """
    tokens: list[int] = []
    while len(tokens) < max_tokens and not is_late():
        chosen = network.next_token(state)
        token = int(chosen)
        if token in end_tokens:
            return Written(tuple(tokens), has_ended=True, state=state)
        tokens.append(token)
        state = network.extend(state, chosen[:, None])
    return Written(tuple(tokens), has_ended=False, state=state)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditioning:
    """Runs prompts through one network; keeps nothing between them."""

    network: Network
    prompts: Prompts
    max_tokens: int

    def condition(
        self,
        asked: Asked,
        features: VisionFeatures,
        clock: StageClock,
        *,
        is_late: Callable[[], bool] = lambda: False,
    ) -> Condition:
        """
        Return the condition, with a new text where the prompt leaves it open.

        Where the text is late or endless, the serving text takes its place. Without one, which is
        before the first text of a task, `is_late` is not asked and an endless text is cut.
        """
        with clock.stage('prefill'):
            prompt = upload([asked.plan], self.network.device)
            if asked.answer is not None:
                return Condition(self.network.metaqueries(prompt, features), asked.answer)
            prefilled = self.network.prefill(prompt, features)
        with clock.stage('subtask'):
            return self._with_new_text(asked, prefilled, is_late)

    def _with_new_text(
        self, asked: Asked, prefilled: Prefilled, is_late: Callable[[], bool]
    ) -> Condition:
        tokenizer = self.prompts.tokenizer
        written = write(
            self.network,
            prefilled,
            end_tokens=frozenset({tokenizer.end_token}),
            max_tokens=self.max_tokens,
            is_late=is_late if asked.serving else lambda: False,
        )
        subtask = tokenizer.plain(tokenizer.decode(written.tokens)).strip()
        late = bool(asked.serving) and not written.has_ended
        if late:
            subtask = asked.serving
        answer = tokenizer.plain(subtask)
        whole = self.prompts.answered(asked.text, answer, asked.images)
        before_queries = whole.tokens[: whole.query_rows.start].tolist()
        seen = [*asked.plan.tokens.tolist(), *written.tokens]
        known = _common(before_queries, seen)
        state = written.state.rewound(len(seen) - known)
        before = torch.from_numpy(np.asarray([before_queries[known:]], np.int64))
        metaqueries = self.network.metaqueries_after(state, before.to(self.network.device))
        return Condition(metaqueries, subtask, late)


def _common(first: Sequence[int], second: Sequence[int]) -> int:
    """Return how many tokens both begin with."""
    for index, (a, b) in enumerate(zip(first, second, strict=False)):
        if a != b:
            return index
    return min(len(first), len(second))
