# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The published prompts of WLA in the chat template of Qwen, as tokens. Knows no torch."""

import re
from dataclasses import dataclass
from pathlib import Path

from tokenizers import AddedToken
from tokenizers import Tokenizer

from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem
from wla_ros.policies.wla.model.config import WLAConfig
from wla_ros.policies.wla.prompt_plan import ImageGrid
from wla_ros.policies.wla.prompt_plan import ImageOrder
from wla_ros.policies.wla.prompt_plan import PromptPlan
from wla_ros.policies.wla.prompt_plan import plan_prompt

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


# What is asked, all of it known to the host before the device begins.


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What there is to ask about."""

    instruction: str
    previous: str  # subtasks done and running, for the prompt
    serving: str  # the text that serves if no new one is ready; empty at the beginning


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Asked:
    """A prompt that is ready to run: through the meta-queries where the answer is known."""

    text: str  # up to the assistant's turn
    images: ImageOrder
    plan: PromptPlan
    answer: str | None  # the subtask, empty without language; None: the model is to write one
    serving: str = ''  # takes the place of one that is late


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompts:
    """Makes the prompts of one checkpoint."""

    tokenizer: PromptTokenizer
    config: WLAConfig

    def without_language(self, instruction: str, images: ImageOrder) -> Asked:
        """Return the prompt of a checkpoint that does not speak."""
        text = action_question(
            self.config.system_prompt, self.tokenizer.truncated(instruction), len(images.grids)
        )
        return Asked(text=text, images=images, plan=self.answered(text, '', images), answer='')

    def with_serving_text(self, question: Question, images: ImageOrder) -> Asked:
        """Return the prompt with the text that serves already."""
        text = self._ask(question, images)
        plan = self.answered(text, self.tokenizer.plain(question.serving), images)
        return Asked(text=text, images=images, plan=plan, answer=question.serving)

    def with_new_text(self, question: Question, images: ImageOrder) -> Asked:
        """Return the prompt up to the text that the model is to write."""
        text = self._ask(question, images)
        plan = plan_prompt(self._tokens.of(text, images.grids), images, self.config)
        return Asked(text=text, images=images, plan=plan, answer=None, serving=question.serving)

    def answered(self, text: str, answer: str, images: ImageOrder) -> PromptPlan:
        """Return the plan of question, answer and meta-queries, tokenised as a whole."""
        whole = with_metaqueries(text, answer, self.config.num_metaqueries)
        tokens = self._tokens.through_metaqueries(whole, images.grids)
        return plan_prompt(tokens, images, self.config)

    @property
    def _tokens(self) -> PromptTokens:
        return PromptTokens(self.tokenizer, self.config)

    def _ask(self, question: Question, images: ImageOrder) -> str:
        return subtask_question(
            self.config.system_prompt,
            self.tokenizer.truncated(question.instruction),
            self.tokenizer.plain(question.previous),
            len(images.grids),
        )
