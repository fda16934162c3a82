# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Both prompt forms token by token, and the tokenizer that makes them."""

import dataclasses

import pytest

pytest.importorskip('tokenizers')

from hypothesis import given  # noqa: E402
from hypothesis import settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from policies.wla.small_checkpoint import QUERIES  # noqa: E402
from policies.wla.small_checkpoint import small_config  # noqa: E402
from policies.wla.small_checkpoint import small_tokenizer  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402
from tokenizers.models import BPE  # noqa: E402

from wla_ros.base.config import ConfigurationError  # noqa: E402
from wla_ros.policies.wla.checkpoint.tiny_tokenizer import WORDS  # noqa: E402
from wla_ros.policies.wla.checkpoint.tiny_tokenizer import tiny_tokenizer  # noqa: E402
from wla_ros.policies.wla.prompt import PromptTokenizer  # noqa: E402
from wla_ros.policies.wla.prompt import PromptTokens  # noqa: E402
from wla_ros.policies.wla.prompt import action_question  # noqa: E402
from wla_ros.policies.wla.prompt import load_tokenizer  # noqa: E402
from wla_ros.policies.wla.prompt import subtask_question  # noqa: E402
from wla_ros.policies.wla.prompt import with_metaqueries  # noqa: E402
from wla_ros.policies.wla.prompt_plan import ImageGrid  # noqa: E402

CONFIG = small_config()
TOKENIZER = small_tokenizer()
TOKENS = PromptTokens(TOKENIZER, CONFIG)
GRIDS = (ImageGrid(4, 4), ImageGrid(2, 4))  # four and two tokens
NEWLINE = 'Ċ'
OPENING = [
    '<|im_start|>',
    'system',
    NEWLINE,
    '<|im_end|>',
    NEWLINE,
    '<|im_start|>',
    'user',
    NEWLINE,
]
CLOSING = ['<|im_end|>', NEWLINE, '<|im_start|>', 'assistant']
QUERY_NAMES = [f'<img{index}>' for index in range(QUERIES)]


def image(count):
    return ['<|vision_start|>', *['<|image_pad|>'] * count, '<|vision_end|>']


def names(tokens):
    whole = tiny_tokenizer(embedding_rows=512, metaqueries=QUERIES)
    return [whole.id_to_token(token) for token in tokens]


def test_action_prompt_token_by_token_with_the_newlines_merged():
    question = action_question('', 'stack the red cup', 2)
    assert names(TOKENS.of(question, GRIDS)) == [
        *OPENING,
        *image(4),
        *image(2),
        *['s', 't', 'a', 'c', 'k', 'Ġthe', 'Ġred', 'Ġcup'],
        *CLOSING,
        NEWLINE,
    ]
    whole = with_metaqueries(question, '', QUERIES)
    assert names(TOKENS.through_metaqueries(whole, GRIDS))[-QUERIES - 3 :] == [
        'assistant',
        NEWLINE + NEWLINE,  # one token: the newline of the template and that of the suffix
        '<begin_of_img>',
        *QUERY_NAMES,
    ]


def test_subtask_prompt_token_by_token_with_the_memory_after_the_first_image():
    question = subtask_question('', 'stack the cup', 'pick the cup.', 2)
    assert names(TOKENS.of(question, GRIDS)) == [
        *OPENING,
        *['Instruction', ':', 'Ġstack', 'Ġthe', 'Ġcup'],
        *image(4),
        *['Previous', 'Ġsubtask', ':', 'Ġpick', 'Ġthe', 'Ġcup', '.'],
        *image(2),
        *['Current', 'Ġsubtask', ':'],
        *CLOSING,
        NEWLINE,
    ]


def test_an_empty_memory_is_not_mentioned():
    question = subtask_question('', 'stack', '', 2)
    assert 'Previous' not in question
    assert question.count('<|image_pad|>') == 2


def test_the_full_stop_of_a_subtask_merges_with_the_newline_of_the_suffix():
    question = subtask_question('', 'stack', '', 1)
    whole = with_metaqueries(question, ' place the cup. ', QUERIES)
    found = names(TOKENS.through_metaqueries(whole, GRIDS[:1]))
    tail = ['assistant', NEWLINE, 'p', 'l', 'a', 'c', 'e', 'Ġthe', 'Ġcup', '.Ċ', '<begin_of_img>']
    assert found[-len(tail) - QUERIES :] == [*tail, *QUERY_NAMES]


def test_a_subtask_continues_the_tokens_of_its_question():
    question = subtask_question('', 'stack', 'pick the cup.', 2)
    asked = TOKENS.of(question, GRIDS)
    whole = TOKENS.through_metaqueries(with_metaqueries(question, 'place it', QUERIES), GRIDS)
    assert whole[: len(asked)] == asked


def test_nothing_after_the_last_metaquery_is_kept():
    whole = with_metaqueries(action_question('', 'x', 0), '', QUERIES)
    assert whole.endswith('<end_of_img><|im_end|>')
    assert TOKENS.through_metaqueries(whole, ())[-1] == CONFIG.query_tokens[-1]


def test_a_system_prompt_stands_in_its_turn():
    assert action_question('be quick', 'x', 0).startswith('<|im_start|>system\nbe quick<|im_end|>')


@pytest.mark.parametrize('grids', [GRIDS[:1], (*GRIDS, ImageGrid(2, 2))])
def test_images_that_do_not_match_the_prompt_are_refused(grids):
    with pytest.raises(ValueError, match='image'):
        TOKENS.of(action_question('', 'x', 2), grids)


def test_a_long_instruction_is_cut_after_the_configured_number_of_tokens():
    tokenizer = small_tokenizer(small_config(max_input_text_tokens=3))
    assert tokenizer.truncated('stack the red cup') == 'stack the red cup'[:3]
    assert tokenizer.truncated('Instruction: the cup') == 'Instruction: the'


def test_a_short_instruction_is_unchanged():
    assert (
        TOKENIZER.truncated('stapele die rote Tasse – 叠杯子') == 'stapele die rote Tasse – 叠杯子'
    )


@pytest.mark.parametrize(
    'text',
    [
        'a<|im_end|>b',
        'a<|image_pad|>b',
        'a<|im<|im_end|>_end|>b',  # removing the inner one would leave the outer one
        'a<img0>b<begin_of_img>',
    ],
)
def test_nobody_can_end_the_turn_or_add_images_with_a_text(text):
    assert TOKENIZER.truncated(text) == 'ab'


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.sampled_from(['<|im_end|>', '<|im_', 'end|>', '<img0>', '<img', '0>', 'a']), max_size=8
    )
)
def test_plain_text_never_contains_a_special_token(parts):
    special = set(TOKENIZER.encode('<|im_end|><img0>'))
    assert not special & set(TOKENIZER.encode(TOKENIZER.plain(''.join(parts))))


@settings(max_examples=50, deadline=None)
@given(st.text(alphabet=st.characters(codec='ascii', exclude_characters='<|'), max_size=60))
def test_text_survives_its_tokens(text):
    assert TOKENIZER.decode(TOKENIZER.encode(text)) == text


def test_a_tokenizer_of_the_backbone_is_completed_as_published(tmp_path):
    whole = tiny_tokenizer(embedding_rows=512, metaqueries=QUERIES)
    path = tmp_path / 'tokenizer.json'
    tiny_tokenizer(embedding_rows=400, metaqueries=0).save(str(path))
    text = path.read_text().replace('pad_token', 'filler')
    text = text.replace('<begin_of_img>', '<spare_a>').replace('<end_of_img>', '<b>')
    path.write_text(text)
    tokenizer = load_tokenizer(path, CONFIG)
    assert tokenizer.encode('<begin_of_img><img3>') == [512, 514 + 3]
    assert tokenizer.encode('the cup') == whole.encode('the cup').ids


def test_a_missing_tokenizer_is_one_clear_error(tmp_path):
    with pytest.raises(ConfigurationError, match='does not exist .copy tokenizer.json'):
        load_tokenizer(tmp_path / 'tokenizer.json', CONFIG)


def test_a_damaged_tokenizer_is_one_clear_error(tmp_path):
    (tmp_path / 'tokenizer.json').write_text('{"version": "1.0"')
    with pytest.raises(ConfigurationError, match='is no tokenizer'):
        load_tokenizer(tmp_path / 'tokenizer.json', CONFIG)


def test_every_token_with_another_number_is_listed():
    other = dataclasses.replace(CONFIG, image_token=3, vision_end_token=5)
    with pytest.raises(ConfigurationError) as caught:
        small_tokenizer(other)
    message = str(caught.value)
    assert '2 problems' in message
    assert '<|image_pad|>' in message
    assert 'the checkpoint says 3' in message


def test_a_tokenizer_without_turns_is_refused():
    with pytest.raises(ConfigurationError, match='im_start'):
        PromptTokenizer(Tokenizer(BPE(vocab={'a': 0}, merges=[])), CONFIG, source='x')


def test_a_tiny_tokenizer_too_small_for_its_texts_is_refused():
    with pytest.raises(ValueError, match='too small'):
        tiny_tokenizer(embedding_rows=300)


def test_every_word_of_the_tiny_tokenizer_is_one_token():
    whole = tiny_tokenizer()
    assert {word: len(whole.encode(word).ids) for word in WORDS} == dict.fromkeys(WORDS, 1)
