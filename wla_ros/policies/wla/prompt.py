# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The published prompts of WLA in the chat template of Qwen, as tokens."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import AddedToken
from tokenizers import Tokenizer
from torch import Tensor

from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem
from wla_ros.base.timing import StageClock
from wla_ros.policies.wla.images import ImageGrid
from wla_ros.policies.wla.model.config import WLAConfig
from wla_ros.policies.wla.model.model import Prefilled
from wla_ros.policies.wla.model.model import WLAModel
from wla_ros.policies.wla.model.text import KeyValueCache
from wla_ros.policies.wla.model.vision import VisionFeatures

# The tokenizer of a checkpoint, completed and checked: texts to token numbers and back.
#
# Owns the names of the special tokens. Knows no template.

TURN_BEGIN = '<|im_start|>'
TURN_END = '<|im_end|>'
VISION_BEGIN = '<|vision_start|>'
VISION_END = '<|vision_end|>'
IMAGE = '<|image_pad|>'
BEGIN_OF_IMAGE = '<begin_of_img>'
END_OF_IMAGE = '<end_of_img>'


def metaquery_token(index: int) -> str:
    """Return the text of meta-query token `index`."""
    return f'<img{index}>'


class PromptTokenizer:
    """A tokenizer whose special tokens are those of the checkpoint."""

    def __init__(self, tokenizer: Tokenizer, config: WLAConfig, *, source: str) -> None:
        """
        Add the tokens of WLA where they are missing.

        The published checkpoints hold the backbone's tokenizer; there, `<pad_token_i>` fill the
        vocabulary up to the embedding's size before begin_of_img, end_of_img and the meta-queries.
        Raises ConfigurationError naming `source` with every token that has another number.
        """
        self._tokenizer = tokenizer
        self._config = config
        _complete(tokenizer, config)
        problems = tuple(_problems(tokenizer, config))
        if problems:
            raise ConfigurationError(source, problems)
        self.end_token = int(tokenizer.token_to_id(TURN_END) or 0)
        added = tokenizer.get_added_tokens_decoder().values()
        # The longest first, so that no token hides a longer one.
        names = sorted((re.escape(token.content) for token in added), key=len, reverse=True)
        self._special = re.compile('|'.join(names))

    def encode(self, text: str) -> list[int]:
        """Return the tokens of the whole `text`, special tokens by their names."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def decode(self, tokens: list[int] | tuple[int, ...]) -> str:
        """Return the text of `tokens` without special tokens."""
        text: str = self._tokenizer.decode(list(tokens), skip_special_tokens=True)
        return text

    def plain(self, text: str) -> str:
        """
        Return `text` without the names of special tokens.

        Somebody's instruction must not end the turn or bring an image of its own.
        """
        while self._special.search(text):  # removing one name may join the halves of another
            text = self._special.sub('', text)
        return text

    def truncated(self, text: str) -> str:
        """Return plain `text`, cut after the checkpoint's number of text tokens, as published."""
        tokens = self.encode(self.plain(text))
        return self.decode(tokens[: self._config.max_input_text_tokens])


def load_tokenizer(path: Path, config: WLAConfig) -> PromptTokenizer:
    """
    Return the tokenizer of the file `path` (tokenizer.json).

    Raises ConfigurationError if it is missing, damaged, or does not belong to the checkpoint.
    """
    if not path.is_file():
        remedy = 'copy tokenizer.json of the backbone there'
        raise ConfigurationError(
            str(path), (Problem(where='file', what='does not exist', remedy=remedy),)
        )
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises plain Exception for anything unreadable
        problem = Problem(
            where='file', what=f'is no tokenizer: {error}', remedy='download it again'
        )
        raise ConfigurationError(str(path), (problem,)) from error
    return PromptTokenizer(tokenizer, config, source=str(path))


def _complete(tokenizer: Tokenizer, config: WLAConfig) -> None:
    if tokenizer.token_to_id(BEGIN_OF_IMAGE) is not None:
        return
    missing = config.begin_of_img_token - tokenizer.get_vocab_size(with_added_tokens=True)
    names = [f'<pad_token_{index}>' for index in range(missing)]
    names += [BEGIN_OF_IMAGE, END_OF_IMAGE]
    names += [metaquery_token(index) for index in range(config.num_metaqueries)]
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in names])


def _problems(tokenizer: Tokenizer, config: WLAConfig) -> list[Problem]:
    wanted: dict[str, int | None] = {
        TURN_BEGIN: None,
        TURN_END: None,
        VISION_BEGIN: config.vision_start_token,
        VISION_END: config.vision_end_token,
        IMAGE: config.image_token,
        BEGIN_OF_IMAGE: config.begin_of_img_token,
        END_OF_IMAGE: config.end_of_img_token,
    }
    wanted |= {metaquery_token(index): row for index, row in enumerate(config.query_tokens)}
    problems = []
    for name, number in wanted.items():
        found = tokenizer.token_to_id(name)
        if found is None or number not in (None, found):
            expected = 'it must exist' if number is None else f'the checkpoint says {number}'
            problems.append(
                Problem(
                    where=f'token {name}',
                    what=f'has the number {found}, {expected}',
                    remedy='take the tokenizer that the checkpoint was trained with',
                )
            )
    return problems


_IMAGE = f'{VISION_BEGIN}{IMAGE}{VISION_END}'


def action_question(system: str, instruction: str, images: int) -> str:
    """
    Return the prompt without language, up to the assistant's turn.

    ::

        system | image ... image instruction | assistant
    """
    return _turns(system, _IMAGE * images + instruction)


def subtask_question(system: str, instruction: str, previous: str, images: int) -> str:
    """
    Return the prompt with language, up to the assistant's turn.

    `previous` is left out where empty. ::

        system | Instruction: .. image Previous subtask: .. image .. Current subtask: | assistant
    """
    first, rest = min(images, 1), max(images - 1, 0)
    remembered = f'Previous subtask: {previous}' if previous and images else ''
    user = f'Instruction: {instruction}' + _IMAGE * first + remembered + _IMAGE * rest
    return _turns(system, user + 'Current subtask:')


def with_metaqueries(question: str, answer: str, metaqueries: int) -> str:
    """Return the question, the subtask (empty without language) and the meta-queries."""
    queries = ''.join(metaquery_token(index) for index in range(metaqueries))
    return f'{question}{answer.strip()}\n{BEGIN_OF_IMAGE}{queries}{END_OF_IMAGE}{TURN_END}'


def _turns(system: str, user: str) -> str:
    """Qwen's chat template with one system and one user turn, and the assistant's turn begun."""
    return (
        f'{TURN_BEGIN}system\n{system}{TURN_END}\n'
        f'{TURN_BEGIN}user\n{user}{TURN_END}\n'
        f'{TURN_BEGIN}assistant\n'
    )


@dataclass(frozen=True, slots=True)
class PromptTokens:
    """Makes tokens of prompts: images take as many tokens as they have, the rest is text."""

    tokenizer: PromptTokenizer
    config: WLAConfig

    def of(self, text: str, grids: tuple[ImageGrid, ...]) -> list[int]:
        """
        Return the tokens of a whole prompt, each image as often as it has tokens.

        Raises ValueError if `text` has not one image per grid.
        """
        image, merge = self.config.image_token, self.config.vision.spatial_merge_size
        sizes = [rows * columns for rows, columns in (grid.merged(merge) for grid in grids)]
        tokens: list[int] = []
        for token in self.tokenizer.encode(text):
            if token != image:
                tokens.append(token)
            elif sizes:
                tokens += [image] * sizes.pop(0)
            else:
                raise ValueError(f'the prompt has more images than the {len(grids)} given')
        if sizes:
            raise ValueError(f'{len(sizes)} of {len(grids)} images are not in the prompt')
        return tokens

    def through_metaqueries(self, text: str, grids: tuple[ImageGrid, ...]) -> list[int]:
        """
        Return the tokens of a prompt made by with_metaqueries up to the last meta-query.

        What follows it cannot influence it: attention is causal.
        """
        tokens = self.of(text, grids)
        last = tokens.index(self.config.begin_of_img_token) + self.config.num_metaqueries
        return tokens[: last + 1]


# From images, instruction and memory to the meta-query states that condition the actions.
#
# Owns what is said and when it is too late. One vision pass and one prefill serve text and
# actions. Must not know cameras, joints or normalisation.


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
