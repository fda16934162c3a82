# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Candidates: sampled together, imagined, scored, the best is executed."""

import numpy as np
import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('tokenizers')

from policies.wla.small_checkpoint import small_config  # noqa: E402
from policies.wla.small_policy import observation  # noqa: E402
from policies.wla.small_policy import small_model  # noqa: E402
from policies.wla.small_policy import small_policy  # noqa: E402

from wla_ros.base.types import PolicyRequest  # noqa: E402
from wla_ros.policies.wla.candidates import Choice  # noqa: E402

REQUEST = PolicyRequest(instruction='stack the cup')


@pytest.fixture(scope='module')
def silent():
    return small_model(small_config(training_mode='image_action'))


def best_of(scores):
    return Choice(candidates=3, imagine=lambda rows: rows, score=lambda *_: torch.tensor(scores))


def test_the_best_of_several_is_executed_and_the_first_is_the_only_one_without(silent):
    rows = [
        small_policy(silent, choice=best_of(scores)).infer(observation(), REQUEST).rows
        for scores in ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, float('nan'), 1.0])
    ]
    assert not np.allclose(rows[0], rows[1])
    assert not np.allclose(rows[1], rows[2])
    alone = small_policy(silent).infer(observation(), REQUEST).rows
    # The first candidate of three begins at the noise of the only one.
    np.testing.assert_allclose(rows[0], alone, atol=1e-5)


def test_what_is_imagined_is_what_is_scored(silent):
    imagined = []

    def imagine(candidates):
        imagined.append(candidates)
        return candidates[:, -1]

    def score(candidates, endings):
        assert torch.equal(endings, candidates[:, -1])
        return -endings.square().sum(-1)

    policy = small_policy(silent, choice=Choice(candidates=4, imagine=imagine, score=score))
    policy.infer(observation(), REQUEST)
    assert imagined[0].shape == (4, 8, 14)


@pytest.mark.parametrize(
    ('fields', 'message'),
    [
        ({'candidates': 2}, 'need something that scores'),
        ({'candidates': 0}, 'at least one'),
        ({'candidates': 2, 'score': lambda *_: None}, 'something imagined'),
    ],
)
def test_a_choice_without_a_reason_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Choice(**fields)


def test_scores_must_be_one_a_candidate():
    choice = Choice(candidates=2, imagine=lambda rows: rows, score=lambda rows, _: rows)
    with pytest.raises(ValueError, match='2 candidates have scores'):
        choice.choose(torch.zeros(2, 3, 4))
