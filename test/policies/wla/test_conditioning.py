# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""One vision pass and one prefill give the same meta-queries as everything at once."""

import dataclasses

import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('tokenizers')

from policies.wla.golden_data import relative_error  # noqa: E402
from policies.wla.small_checkpoint import small_config  # noqa: E402
from policies.wla.small_checkpoint import small_tokenizer  # noqa: E402
from policies.wla.small_policy import frame  # noqa: E402
from policies.wla.small_policy import small_model  # noqa: E402

from wla_ros.base.timing import StageClock  # noqa: E402
from wla_ros.policies.wla.images import prepare_images  # noqa: E402
from wla_ros.policies.wla.model.model import Generation  # noqa: E402
from wla_ros.policies.wla.prompt import Conditioning  # noqa: E402
from wla_ros.policies.wla.prompt import Question  # noqa: E402
from wla_ros.policies.wla.prompt import rolled_back  # noqa: E402

CLOCK = StageClock(now_ns=lambda: 0)
QUESTION = Question(instruction='stack the cup', previous='pick it.', serving='place it.')


def never():
    return False


@pytest.fixture(scope='module')
def model():
    return small_model()


@pytest.fixture(scope='module')
def features(model):
    images = [(frame('head', stamp).pixels, 64) for stamp in range(3)]
    prepared = prepare_images(images, model.config.vision, device=torch.device('cpu'))
    with torch.inference_mode():
        return model.visual(prepared.pixels, prepared.grids)


class Saying:
    """A model that says what it is told, token by token, and computes the rest itself."""

    def __init__(self, model, text, *, ends=True, tokens=None):
        self._model, self._text, self._ends = model, text, ends
        self.limits = []
        self.was_late = False

    def __getattr__(self, name):
        return getattr(self._model, name)

    def generate(self, state, *, end_tokens, max_tokens, is_late):
        self.limits.append(max_tokens)
        tokens = []
        for token in small_tokenizer().encode(self._text)[:max_tokens]:
            if is_late():
                self.was_late = True
                return Generation(tuple(tokens), has_ended=False, state=state)
            tokens.append(token)
            state = self._model.continue_with(state, torch.tensor([token]))
        return Generation(tuple(tokens), has_ended=self._ends, state=state)


def conditioning(model, *, max_tokens=20):
    return Conditioning(
        model=model, tokenizer=small_tokenizer(model.config), max_tokens=max_tokens
    )


def at_once(model, features, text):
    question = dataclasses.replace(QUESTION, serving=text)
    with torch.inference_mode():
        return conditioning(model).with_serving_text(question, features, CLOCK).metaqueries


def same(found, expected):
    return len(found) == len(expected) and all(
        relative_error(a, b) < 1e-4 for a, b in zip(found, expected, strict=True)
    )


def speak(model, features, *, question=QUESTION, is_late=never, max_tokens=20):
    with torch.inference_mode():
        return conditioning(model, max_tokens=max_tokens).with_new_text(
            question, features, CLOCK, is_late=is_late
        )


@pytest.mark.parametrize(
    'said',
    [
        'place it on the cup.\n',  # as trained: the full stop merged with the newline
        'place it on the cup.',  # the newline of the suffix has to replace the full stop
        'place it',
        '  place it \n',
        '',  # the newline of the template has to be replaced
        'pl<|im_end|>ace',  # never part of a text
    ],
)
def test_continuing_after_a_text_equals_one_pass_over_all_of_it(model, features, said):
    condition = speak(Saying(model, said), features)
    clean = said.replace('<|im_end|>', '').strip()
    assert condition.subtask == clean
    assert not condition.late
    assert same(condition.metaqueries, at_once(model, features, clean))


def test_tokens_that_are_not_those_of_the_text_are_rolled_back(model, features):
    class Stuttering(Saying):
        def generate(self, state, **limits):
            tokens = [token for letter in 'cup' for token in small_tokenizer().encode(letter)]
            for token in tokens:
                state = self._model.continue_with(state, torch.tensor([token]))
            return Generation(tuple(tokens), has_ended=True, state=state)

    condition = speak(Stuttering(model, ''), features)
    assert condition.subtask == 'cup'
    assert same(condition.metaqueries, at_once(model, features, 'cup'))


def test_a_late_text_is_replaced_by_the_serving_one(model, features):
    answers = iter([False, False, True])
    saying = Saying(model, 'place it on the cup.')
    condition = speak(saying, features, is_late=lambda: next(answers))
    assert saying.was_late
    assert (condition.subtask, condition.late) == ('place it.', True)
    assert same(condition.metaqueries, at_once(model, features, 'place it.'))


def test_an_endless_text_is_replaced_by_the_serving_one(model, features):
    saying = Saying(model, 'on ' * 50, ends=False)
    condition = speak(saying, features, max_tokens=5)
    assert saying.limits == [5]
    assert (condition.subtask, condition.late) == ('place it.', True)


def test_the_first_text_of_a_task_is_waited_for(model, features):
    first = dataclasses.replace(QUESTION, serving='')
    condition = speak(Saying(model, 'place it.'), features, question=first, is_late=lambda: True)
    assert (condition.subtask, condition.late) == ('place it.', False)


def test_an_endless_first_text_is_cut(model, features):
    first = dataclasses.replace(QUESTION, serving='')
    saying = Saying(model, 'on the cup on the cup', ends=False)
    condition = speak(saying, features, question=first, max_tokens=3)
    assert (condition.subtask, condition.late) == ('on the', False)


def test_without_language_the_prompt_has_no_memory(features):
    silent = small_model(small_config(training_mode='image_action'))
    with torch.inference_mode():
        condition = conditioning(silent).without_language('stack', features, CLOCK)
    assert condition.subtask == ''
    assert len(condition.metaqueries) == silent.config.expert.last_cross_block + 1


def test_rolling_back_forgets_exactly_the_last_tokens(model, features):
    tokens = conditioning(model)._tokens.of(
        '<|vision_start|><|image_pad|><|vision_end|>' * 3 + 'stack the cup', features.grids
    )
    with torch.inference_mode():
        state = model.prefill(torch.tensor(tokens), features)
        longer = model.continue_with(state, torch.tensor([5, 6, 7]))
        back = rolled_back(longer, 3)
        before = torch.tensor([model.config.begin_of_img_token])
        expected = model.metaqueries_after(state, before)
        assert same(model.metaqueries_after(back, before), expected)
    assert back.next_position == state.next_position
    assert rolled_back(longer, 0) is longer
