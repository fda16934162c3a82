# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Statistics files, normalisation formulas and padding."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from wla_ros.base.config import ConfigurationError
from wla_ros.policies.wla.statistics import FIELDS
from wla_ros.policies.wla.statistics import ColumnStatistics
from wla_ros.policies.wla.statistics import Normaliser
from wla_ros.policies.wla.statistics import NormStatistics
from wla_ros.policies.wla.statistics import pad
from wla_ros.policies.wla.statistics import read_statistics
from wla_ros.policies.wla.statistics import unpad
from wla_ros.policies.wla.statistics import write_statistics

VALUES = st.floats(-10.0, 10.0, width=32)


@st.composite
def statistics(draw):
    kind = draw(st.sampled_from(sorted(FIELDS)))
    first = draw(arrays(np.float64, 3, elements=VALUES))
    above = draw(arrays(np.float64, 3, elements=st.floats(0.0, 5.0, width=32)))
    second = above if kind == 'mean_std' else first + above
    return ColumnStatistics(kind=kind, first=first, second=second)


def bounds(low, high):
    return ColumnStatistics(kind='min_max', first=np.array(low), second=np.array(high))


def test_min_max_has_the_published_epsilon_in_the_denominator():
    normaliser = Normaliser.of(bounds([-1.0], [3.0]))
    assert normaliser.normalise(np.array([3.0]))[0] == 2 * 4.0 / (4.0 + 1e-6) - 1
    assert normaliser.restore(np.array([1.0]))[0] == pytest.approx(3.0 + 1e-6, abs=1e-12)
    assert normaliser.normalise(np.array([-1.0]))[0] == -1.0


def test_values_outside_the_bounds_are_not_clipped():
    assert Normaliser.of(bounds([0.0], [1.0])).normalise(np.array([2.0]))[0] > 2.9


@pytest.mark.parametrize(
    ('kind', 'limit'), [('min_max', 1.0), ('quantile', 1.5), ('mean_std', 3.0)]
)
def test_clipping_keeps_what_the_data_hold_whatever_the_kind(kind, limit):
    statistics = ColumnStatistics(kind=kind, first=np.zeros(2), second=np.ones(2))
    clipped = Normaliser.of(statistics).clip(np.array([[-9.0, 0.3, 9.0]]))
    assert clipped.tolist() == [[-limit, 0.3, limit]]


def test_mean_and_deviation():
    given_ = ColumnStatistics(kind='mean_std', first=np.array([2.0]), second=np.array([0.5]))
    assert Normaliser.of(given_).normalise(np.array([3.0]))[0] == 1.0 / (0.5 + 1e-6)


def test_a_constant_column_is_the_lower_bound_whatever_the_model_says():
    restored = Normaliser.of(bounds([0.7], [0.7])).restore(np.array([[-3.0], [5.0]]))
    np.testing.assert_allclose(restored, 0.7, atol=1e-5)


def test_a_constant_column_without_epsilon_restores_but_does_not_normalise():
    normaliser = Normaliser.of(bounds([0.7], [0.7]), epsilon=0.0)
    assert normaliser.restore(np.array([5.0]))[0] == 0.7
    with pytest.raises(ValueError, match='constant column'):
        normaliser.normalise(np.array([0.7]))


@settings(max_examples=200, deadline=None)
@given(statistics(), arrays(np.float64, (4, 3), elements=VALUES))
def test_restoring_undoes_normalising(given_, values):
    normaliser = Normaliser.of(given_)
    normalised = normaliser.normalise(values)
    # Rounding is relative to the largest number in between: 1e6 ranges for constant columns.
    np.testing.assert_allclose(normaliser.restore(normalised), values, atol=1e-9)


@settings(max_examples=100, deadline=None)
@given(statistics(), arrays(np.float64, 3, elements=VALUES))
def test_padding_and_unpadding_change_nothing(given_, values):
    normalised = Normaliser.of(given_).normalise(values)
    padded = pad(normalised, 8)
    assert padded.shape == (8,)
    assert not padded[3:].any()
    np.testing.assert_array_equal(unpad(padded, 3), normalised)


def test_widths_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match='do not fit'):
        pad(np.zeros(5), 4)
    with pytest.raises(ValueError, match='are needed'):
        unpad(np.zeros((2, 3)), 4)
    with pytest.raises(ValueError, match='expected 1 columns'):
        Normaliser.of(bounds([0.0], [1.0])).restore(np.zeros((2, 3)))


def written(tmp_path, content):
    path = tmp_path / 'norm_stats.json'
    path.write_text(json.dumps(content))
    return path


def sets(**changes):
    low, high = [0.0, 1.0], [2.0, 3.0]
    section = {'min': low, 'max': high}
    return {'cups': {'action': section, 'observation.state': section} | changes}


def test_the_published_layout_is_read(tmp_path):
    path = written(tmp_path, sets())
    read = read_statistics(path, key='', kind='min_max', width=2)
    assert read.key == 'cups'
    assert read.action.first.tolist() == [0.0, 1.0]
    assert read.state.second.tolist() == [2.0, 3.0]


@settings(max_examples=25, deadline=None)
@given(given_=statistics())
def test_what_is_written_is_read(tmp_path_factory, given_):
    whole = NormStatistics(key='k', state=given_, action=given_)
    path = written(tmp_path_factory.mktemp('stats'), write_statistics(whole))
    read = read_statistics(path, key='k', kind=given_.kind, width=3)
    np.testing.assert_array_equal(read.state.first, given_.first)
    np.testing.assert_array_equal(read.action.second, given_.second)


def problems(path, **arguments):
    with pytest.raises(ConfigurationError) as caught:
        read_statistics(path, **({'key': '', 'kind': 'min_max', 'width': 2} | arguments))
    return str(caught.value)


def test_everything_wrong_with_a_file_is_listed_at_once(tmp_path):
    path = written(
        tmp_path,
        sets(
            **{
                'action': {'min': [0.0, 5.0], 'max': [1.0, float('nan')]},
                'observation.state': {'min': [0.0, 5.0, 0.0], 'max': [1.0, 2.0]},
            }
        ),
    )
    message = problems(path)
    assert 'cups.action.max[1]: nan is not finite' in message
    assert 'cups.observation.state.min: must be a list of 2 numbers, is 3 entries' in message


def test_bounds_the_wrong_way_round_are_refused(tmp_path):
    path = written(tmp_path, sets(action={'min': [0.0, 5.0], 'max': [1.0, 2.0]}))
    assert 'cups.action.min[1]: is 5, above max = 2' in problems(path)


def test_a_missing_kind_of_statistics_is_named(tmp_path):
    message = problems(written(tmp_path, sets()), kind='quantile')
    assert 'cups.action.q01: is missing' in message
    assert 'cups.observation.state.q99: is missing' in message


def test_an_unknown_key_lists_the_known_ones(tmp_path):
    path = written(tmp_path, sets() | {'plates': sets()['cups']})
    assert 'known: cups, plates' in problems(path, key='cup')
    assert 'holds 2 sets' in problems(path)


def test_a_missing_file_is_one_clear_error(tmp_path):
    assert 'cannot be read' in problems(tmp_path / 'none.json')
