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
from wla_ros.policies.wla.conditioning import Conditioning  # noqa: E402
from wla_ros.policies.wla.images import prepare_images  # noqa: E402
from wla_ros.policies.wla.model.network import upload  # noqa: E402
from wla_ros.policies.wla.prompt import Prompts  # noqa: E402
from wla_ros.policies.wla.prompt import Question  # noqa: E402
from wla_ros.policies.wla.prompt_plan import ImageOrder  # noqa: E402

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
    """A network that says what it is told, token by token, and computes the rest itself."""

    def __init__(self, model, text, *, ends=True, tokens=None):
        self._model = model
        self._left = small_tokenizer().encode(text) if tokens is None else list(tokens)
        self._ends = ends
        self.said = 0

    def __getattr__(self, name):
        return getattr(self._model, name)

    def next_token(self, state):
        self.said += 1
        if self._left:
            return torch.tensor([self._left.pop(0)])
        assert self._ends, 'an endless text is not asked for more'
        return torch.tensor([small_tokenizer().end_token])


def conditioning(model, *, max_tokens=20):
    prompts = Prompts(tokenizer=small_tokenizer(model.config), config=model.config)
    return Conditioning(network=model, prompts=prompts, max_tokens=max_tokens)


def at_once(model, features, text):
    question = dataclasses.replace(QUESTION, serving=text)
    asking = conditioning(model)
    asked = asking.prompts.with_serving_text(question, ImageOrder(features.grids, 0))
    with torch.inference_mode():
        return asking.condition(asked, features, CLOCK).metaqueries


def same(found, expected):
    return len(found) == len(expected) and all(
        relative_error(a, b) < 1e-4 for a, b in zip(found, expected, strict=True)
    )


def speak(model, features, *, question=QUESTION, is_late=never, max_tokens=20):
    asking = conditioning(model, max_tokens=max_tokens)
    asked = asking.prompts.with_new_text(question, ImageOrder(features.grids, 0))
    with torch.inference_mode():
        return asking.condition(asked, features, CLOCK, is_late=is_late)


@pytest.mark.parametrize(
    'said',
    [
        'place it on the cup.\n',  # as trained: the full stop merged with the newline
        'place it on the cup.',  # the newline of the suffix has to replace the full stop
        'place it',
        '  place it \n',
        '',  # the newline of the template has to be replaced
        'pl<|im_start|>ace',  # never part of a text
    ],
)
def test_continuing_after_a_text_equals_one_pass_over_all_of_it(model, features, said):
    condition = speak(Saying(model, said), features)
    clean = said.replace('<|im_start|>', '').strip()
    assert condition.subtask == clean
    assert not condition.late
    assert same(condition.metaqueries, at_once(model, features, clean))


def test_tokens_that_are_not_those_of_the_text_are_rolled_back(model, features):
    letters = [token for letter in 'cup.\n' for token in small_tokenizer().encode(letter)]
    assert letters != small_tokenizer().encode('cup.\n')
    condition = speak(Saying(model, '', tokens=letters), features)
    assert condition.subtask == 'cup.'
    assert same(condition.metaqueries, at_once(model, features, 'cup.'))


def test_a_late_text_is_replaced_by_the_serving_one(model, features):
    answers = iter([False, False, True])
    saying = Saying(model, 'place it on the cup.')
    condition = speak(saying, features, is_late=lambda: next(answers))
    assert saying.said == 2
    assert (condition.subtask, condition.late) == ('place it.', True)
    assert same(condition.metaqueries, at_once(model, features, 'place it.'))


def test_an_endless_text_is_replaced_by_the_serving_one(model, features):
    saying = Saying(model, 'on ' * 50, ends=False)
    condition = speak(saying, features, max_tokens=5)
    assert saying.said == 5
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
    asking = conditioning(silent)
    asked = asking.prompts.without_language('stack', ImageOrder(features.grids, 0))
    with torch.inference_mode():
        condition = asking.condition(asked, features, CLOCK)
    assert condition.subtask == ''
    assert len(condition.metaqueries) == silent.config.expert.last_cross_block + 1


def test_rewinding_forgets_exactly_the_last_tokens(model, features):
    before = torch.tensor([[model.config.begin_of_img_token]])
    prompts = conditioning(model).prompts
    asked = prompts.with_new_text(QUESTION, ImageOrder(features.grids, 0))
    with torch.inference_mode():
        state = model.prefill(upload([asked.plan], model.device), features)
        expected = model.metaqueries_after(state, before)
        longer = model.extend(state, torch.tensor([[5, 6, 7]]))
        back = longer.rewound(3)
        assert same(model.metaqueries_after(back, before), expected)
    assert torch.equal(back.next_positions, state.next_positions)
    assert longer.rewound(0) is longer
