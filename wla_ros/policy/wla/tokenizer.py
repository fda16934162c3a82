"""
The tokenizer of a checkpoint, completed and checked: texts to token numbers and back.

Owns the names of the special tokens. Knows no template.
"""

import re
from pathlib import Path

from tokenizers import AddedToken
from tokenizers import Tokenizer

from wla_ros.core.errors import ConfigurationError
from wla_ros.core.errors import Problem
from wla_ros.policy.wla.configuration import WLAConfig

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
