# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
A small byte-level BPE tokenizer in the manner of Qwen's, for random checkpoints.

Owns no text of a real tokenizer: the merges come from a few words. It behaves like the real one
where prompts depend on it: newlines merge with newlines and with a full stop before them.
"""

from collections.abc import Iterator

from tokenizers import AddedToken
from tokenizers import Regex
from tokenizers import Tokenizer
from tokenizers import decoders
from tokenizers import normalizers
from tokenizers import pre_tokenizers
from tokenizers.models import BPE

from wla_ros.policies.wla.prompt import BEGIN_OF_IMAGE
from wla_ros.policies.wla.prompt import END_OF_IMAGE
from wla_ros.policies.wla.prompt import metaquery_token

# The pre-tokeniser of Qwen2 and later, from the published tokenizer.json.
_QWEN_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r'|\s*[\r\n]+|\s+(?!\S)|\s+'
)

# In the order of the published vocabulary.
QWEN_SPECIAL_TOKENS = (
    '<|endoftext|>',
    '<|im_start|>',
    '<|im_end|>',
    '<|object_ref_start|>',
    '<|object_ref_end|>',
    '<|box_start|>',
    '<|box_end|>',
    '<|quad_start|>',
    '<|quad_end|>',
    '<|vision_start|>',
    '<|vision_end|>',
    '<|vision_pad|>',
    '<|image_pad|>',
    '<|video_pad|>',
)

# Words of the template and of the tasks; a leading space belongs to the word as in GPT-2's BPE.
# Earlier words win: a part of a later one never cuts them.
WORDS = (
    '\n\n', '.\n', ':', ' subtask', 'Previous', 'Instruction', 'Current', 'assistant', 'system',
    'user', ' the', ' cup', ' stack', ' red', ' left', ' arm', ' pick', ' place', ' on',
    ' and',
)  # fmt: skip


def tiny_tokenizer(*, embedding_rows: int = 512, metaqueries: int = 8) -> Tokenizer:
    """
    Return a tokenizer whose ids end exactly at embedding_rows + 2 + metaqueries.

    As in the published vocabulary: text, Qwen's special tokens, `<pad_token_i>` up to
    `embedding_rows`, then begin_of_img, end_of_img and the meta-queries. `save(path)` writes it as
    tokenizer.json. Raises ValueError if `embedding_rows` is too small for the text tokens.
    """
    vocabulary = {text: index for index, text in enumerate(_byte_alphabet())}
    merges: list[tuple[str, str]] = []
    for word in WORDS:
        for left, right in _prefix_merges(_byte_level(word)):
            if left + right not in vocabulary:
                vocabulary[left + right] = len(vocabulary)
                merges.append((left, right))
    for text in QWEN_SPECIAL_TOKENS:
        vocabulary[text] = len(vocabulary)
    if len(vocabulary) > embedding_rows:
        raise ValueError(f'{embedding_rows=} is too small: text takes {len(vocabulary)} tokens')
    for index in range(embedding_rows - len(vocabulary)):
        vocabulary[f'<pad_token_{index}>'] = len(vocabulary)
    added = (BEGIN_OF_IMAGE, END_OF_IMAGE, *(metaquery_token(i) for i in range(metaqueries)))
    tokenizer = Tokenizer(BPE(vocab=vocabulary, merges=merges))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_QWEN_SPLIT), behavior='isolated'),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(
        [
            AddedToken(text, special=True, normalized=False)
            for text in (*QWEN_SPECIAL_TOKENS, *added)
        ]
    )
    return tokenizer


def _byte_alphabet() -> list[str]:
    return sorted(pre_tokenizers.ByteLevel.alphabet())


def _byte_level(word: str) -> str:
    """Return `word` in the printable characters that stand for its bytes."""
    pieces: list[tuple[str, tuple[int, int]]] = pre_tokenizers.ByteLevel(
        add_prefix_space=False, use_regex=False
    ).pre_tokenize_str(word)
    return ''.join(text for text, _ in pieces)


def _prefix_merges(text: str) -> Iterator[tuple[str, str]]:
    """Yield the merges that grow the first character to the whole text."""
    for end in range(1, len(text)):
        yield text[:end], text[end]
