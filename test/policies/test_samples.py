# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Samples of a demonstration: the question as on the robot, and its answer."""

import numpy as np
import pytest
from demonstrations import COLUMNS
from demonstrations import DT_NS
from demonstrations import STEPS
from demonstrations import demonstration

from wla_ros.base.types import PolicySpec
from wla_ros.base.types import PrefixUse
from wla_ros.base.types import Representation
from wla_ros.policies.samples import Draw
from wla_ros.policies.samples import make_sample


def spec(**changes):
    values = {
        'name': 'wla',
        'version': '1',
        'representation': Representation.JOINT_POSITION,
        'columns': COLUMNS,
        'horizon': 6,
        'dt_ns': DT_NS,
        'cameras': ('head', 'wrist'),
        'history_ns': {'head': (3 * DT_NS,)},
    }
    return PolicySpec(**{**values, **changes})


def first(rows):
    return [int(value) for value in np.asarray(rows)[:, 0]]


def brightness(frame):
    return int(frame.pixels[0, 0, 0])


def test_a_plain_sample_has_everything_of_its_step():
    sample = make_sample(demonstration(), spec(), Draw(step=7, spoke=5, later_ns=4 * DT_NS))
    seen = sample.observation
    assert {name: brightness(frame) for name, frame in seen.images.items()} == {
        'head': 7,
        'wrist': 7,
    }
    assert [brightness(frame) for frame in seen.history['head']] == [4]
    assert seen.joint_position[0] == 107.0
    assert first(sample.rows) == [207, 208, 209, 210, 211, 212]
    assert sample.subtask == 'Lift. Press again.'
    assert sample.request.memory.window == ('Press once.', 'Lift.', 'Press again.')
    assert sample.request.prefix is None
    assert brightness(sample.later['head']) == 11
    assert sample.observation.objects is None
    assert make_sample(demonstration(), spec(needs_objects=True), Draw(step=7)).observation.objects


def test_a_rolled_state_is_later_than_the_images_and_its_answer_begins_there():
    sample = make_sample(demonstration(), spec(), Draw(step=3, row_offset=4))
    assert brightness(sample.observation.images['head']) == 3
    assert sample.observation.joint_position[0] == 107.0
    assert first(sample.rows) == [207, 208, 209, 210, 211, 212]
    assert sample.request.row_offset == 4
    assert sample.subtask == 'Lift. Press again.'


def test_a_prefix_is_what_was_executed_and_what_follows_is_what_was_wanted_behind_it():
    plans = 1000.0 + np.arange(STEPS)[:, None, None] + np.zeros((STEPS, 8, 2))
    sample = make_sample(demonstration(plans=plans), spec(), Draw(step=3, prefix=2))
    assert first(sample.rows) == [203, 204, 1005, 1005, 1005, 1005]
    assert first(sample.request.prefix.rows) == [203, 204]
    assert sample.request.prefix.committed == 2
    assert sample.request.prefix.use is PrefixUse.CLEAN


def test_rows_behind_the_end_are_not_made_up():
    assert first(make_sample(demonstration(), spec(), Draw(step=17)).rows) == [217, 218, 219]


def test_at_the_start_there_is_no_history_or_the_first_frame():
    history = {
        omit: make_sample(
            demonstration(), spec(), Draw(step=1, omit_history=omit)
        ).observation.history['head']
        for omit in (False, True)
    }
    assert [brightness(frame) for frame in history[False]] == [0]
    assert history[True] == ()


def test_everything_that_does_not_fit_the_policy_is_named():
    taught = np.ones(STEPS, bool)
    taught[5] = False
    wrong = spec(cameras=('head', 'left_wrist'), dt_ns=1)
    with pytest.raises(ValueError, match='seed 7: its steps are') as error:
        make_sample(demonstration(taught=taught), wrong, Draw(step=5, prefix=6, spoke=6))
    assert 'no camera left_wrist (it has head, wrist)' in str(error.value)
    assert 'fills the horizon' in str(error.value)
    assert 'spoken last at step 6' in str(error.value)
    with pytest.raises(ValueError, match='nothing is taught at step 5'):
        make_sample(demonstration(taught=taught), spec(), Draw(step=3, prefix=2))
    with pytest.raises(ValueError, match='steps 18 to 20 are not within 20'):
        make_sample(demonstration(), spec(), Draw(step=18, row_offset=2))
