"""
From images, instruction and memory to the meta-query states that condition the actions.

Owns what is said and when it is too late. One vision pass and one prefill serve text and actions.
Must not know cameras, joints or normalisation.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from wla_ros.policy.wla.model import Prefilled
from wla_ros.policy.wla.model import WLAModel
from wla_ros.policy.wla.prompt import PromptTokens
from wla_ros.policy.wla.prompt import action_question
from wla_ros.policy.wla.prompt import subtask_question
from wla_ros.policy.wla.prompt import with_metaqueries
from wla_ros.policy.wla.stage_clock import StageClock
from wla_ros.policy.wla.text_decoder import KeyValueCache
from wla_ros.policy.wla.tokenizer import PromptTokenizer
from wla_ros.policy.wla.vision_tower import VisionFeatures


@dataclass(frozen=True, slots=True, eq=False)
class Condition:
    """What the Action Expert reads, and the text it was made with."""

    metaqueries: tuple[Tensor, ...]  # per block [q, width]
    subtask: str = ''
    late: bool = False  # the text was not ready in time; `subtask` is the previous one


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What there is to ask about."""

    instruction: str
    previous: str  # subtasks done and running, for the prompt
    serving: str  # the text that serves if no new one is ready; empty at the beginning


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditioning:
    """Asks one model; keeps nothing between questions."""

    model: WLAModel
    tokenizer: PromptTokenizer
    max_tokens: int

    @property
    def _tokens(self) -> PromptTokens:
        return PromptTokens(self.tokenizer, self.model.config)

    def without_language(
        self, instruction: str, features: VisionFeatures, clock: StageClock
    ) -> Condition:
        """Return the condition of a checkpoint that does not speak."""
        question = action_question(
            self.model.config.system_prompt,
            self.tokenizer.truncated(instruction),
            len(features.grids),
        )
        with clock.stage('prefill'):
            return Condition(self._in_one_pass(question, '', features))

    def with_serving_text(
        self, question: Question, features: VisionFeatures, clock: StageClock
    ) -> Condition:
        """Return the condition with the text that serves already: one pass, nothing generated."""
        with clock.stage('prefill'):
            asked = self._ask(question, features)
            metaqueries = self._in_one_pass(asked, question.serving, features)
        return Condition(metaqueries, question.serving)

    def with_new_text(
        self,
        question: Question,
        features: VisionFeatures,
        clock: StageClock,
        *,
        is_late: Callable[[], bool],
    ) -> Condition:
        """
        Return the condition with a new text.

        Where it is late or endless, the serving text takes its place. Without one, which is before
        the first text of a task, `is_late` is not asked and an endless text is cut.
        """
        text = self._ask(question, features)
        asked = self._tokens.of(text, features.grids)
        with clock.stage('prefill'):
            prefilled = self.model.prefill(self._on_device(asked), features)
        with clock.stage('subtask'):
            generation = self.model.generate(
                prefilled,
                end_tokens=frozenset({self.tokenizer.end_token}),
                max_tokens=self.max_tokens,
                is_late=is_late if question.serving else lambda: False,
            )
            subtask = self.tokenizer.plain(self.tokenizer.decode(generation.tokens)).strip()
            late = bool(question.serving) and not generation.has_ended
            if late:
                subtask = question.serving
            whole = self._whole(text, subtask, features)
            seen = [*asked, *generation.tokens]
            known = _common(whole[: -self.model.config.num_metaqueries], seen)
            state = rolled_back(generation.state, len(seen) - known)
            before = self._on_device(whole[known : -self.model.config.num_metaqueries])
            metaqueries = self.model.metaqueries_after(state, before)
        return Condition(metaqueries, subtask, late)

    def _ask(self, question: Question, features: VisionFeatures) -> str:
        return subtask_question(
            self.model.config.system_prompt,
            self.tokenizer.truncated(question.instruction),
            self.tokenizer.plain(question.previous),
            len(features.grids),
        )

    def _in_one_pass(
        self, question: str, answer: str, features: VisionFeatures
    ) -> tuple[Tensor, ...]:
        whole = self._whole(question, self.tokenizer.plain(answer), features)
        return self.model.metaqueries_of(self._on_device(whole), features)

    def _whole(self, question: str, answer: str, features: VisionFeatures) -> list[int]:
        """Return the tokens of question, answer and meta-queries, tokenised as a whole."""
        text = with_metaqueries(question, answer, self.model.config.num_metaqueries)
        return self._tokens.through_metaqueries(text, features.grids)

    def _on_device(self, tokens: list[int]) -> Tensor:
        return torch.tensor(tokens, dtype=torch.long, device=self.model.device)


def rolled_back(state: Prefilled, tokens: int) -> Prefilled:
    """
    Return `state` before its last `tokens` text tokens; it has no last hidden row.

    Exact: attention is causal, so what came later left no trace in earlier keys and values.
    """
    if tokens == 0:
        return state
    layers = [(key[:, :-tokens], value[:, :-tokens]) for key, value in state.cache.layers]
    return Prefilled(
        KeyValueCache(layers), state.next_position - tokens, state.last_hidden.narrow(0, 0, 0)
    )


def _common(first: list[int], second: list[int]) -> int:
    """Return how many tokens both begin with."""
    for index, (a, b) in enumerate(zip(first, second, strict=False)):
        if a != b:
            return index
    return min(len(first), len(second))
