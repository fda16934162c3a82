"""
The published prompts of WLA in Qwen's chat template, as whole strings.

A string is tokenised as a whole, never in parts: the newline before the meta-queries merges with
what precedes it ('assistant' newline, or the full stop of a subtask) into one token. Knows no
images, only where they stand.
"""

from dataclasses import dataclass

from wla_ros.policy.wla.configuration import WLAConfig
from wla_ros.policy.wla.image_grid import ImageGrid
from wla_ros.policy.wla.tokenizer import BEGIN_OF_IMAGE
from wla_ros.policy.wla.tokenizer import END_OF_IMAGE
from wla_ros.policy.wla.tokenizer import IMAGE
from wla_ros.policy.wla.tokenizer import TURN_BEGIN
from wla_ros.policy.wla.tokenizer import TURN_END
from wla_ros.policy.wla.tokenizer import VISION_BEGIN
from wla_ros.policy.wla.tokenizer import VISION_END
from wla_ros.policy.wla.tokenizer import PromptTokenizer
from wla_ros.policy.wla.tokenizer import metaquery_token

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
