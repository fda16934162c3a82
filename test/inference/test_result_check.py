# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from inference.session_feed import HORIZON
from inference.session_feed import LAYOUT
from inference.session_feed import policy_spec

from wla_ros.base.types import CommittedPrefix
from wla_ros.base.types import PolicyResult
from wla_ros.base.types import PrefixUse
from wla_ros.base.types import Representation
from wla_ros.inference.result import check_result

POSE_SPEC = policy_spec(
    representation=Representation.END_EFFECTOR_POSE, columns=LAYOUT.pose_columns
)


def pose_rows():
    rows = np.zeros((HORIZON, 16))
    rows[:, [6, 14]] = 1.0
    return rows


@pytest.mark.parametrize('dtype', [np.float16, np.float32, np.float64, np.int64])
def test_rows_of_any_number_type_pass(dtype):
    rows = np.zeros((HORIZON, 14), dtype=dtype)
    assert check_result(policy_spec(), PolicyResult(rows=rows)) is None


@pytest.mark.parametrize('dtype', [object, complex, bool, 'U1'])
def test_rows_that_are_no_numbers_are_refused(dtype):
    rows = np.zeros((HORIZON, 14), dtype=dtype)
    assert 'expected numbers' in check_result(policy_spec(), PolicyResult(rows=rows)).detail


def test_unit_quaternions_pass_with_rounding():
    rows = pose_rows()
    rows[:, 3:7] = np.array([0.5, 0.5, 0.5, 0.5004])
    assert check_result(POSE_SPEC, PolicyResult(rows=rows)) is None


def test_a_quaternion_off_unit_length_is_refused_with_its_row():
    rows = pose_rows()
    rows[2, 11:15] = 0.0
    refusal = check_result(POSE_SPEC, PolicyResult(rows=rows))
    assert refusal.reason == 'bad_result'
    assert 'row 2' in refusal.detail


def problems(rows, prefix=None, spec=None, **fields):
    refusal = check_result(spec or policy_spec(), PolicyResult(rows=rows, **fields), prefix)
    return '' if refusal is None else refusal.detail


def given(count):
    """Return a prefix of which `count` rows are committed."""
    rows, weights = np.zeros((HORIZON, LAYOUT.width)), np.zeros(HORIZON)
    weights[:count] = 1.0
    return CommittedPrefix(rows=rows, weights=weights, use=PrefixUse.GUIDED)


@pytest.mark.parametrize(
    ('kept', 'count', 'fine'),
    [(0, 0, True), (2, 2, True), (1, 2, True), (3, 2, False), (-1, 2, False), (1, 0, False)],
)
def test_a_policy_keeps_to_none_or_some_of_the_rows_it_was_given(kept, count, fine):
    found = problems(np.zeros((HORIZON, 14)), given(count), committed_prefix=kept)
    told = f'committed_prefix {kept} lies outside [0, {count}]: {count} rows were given'
    assert found == ('' if fine else f'fake: {told}')


def test_everything_wrong_with_rows_is_told_at_once():
    found = problems(np.full((HORIZON - 1, 15), np.nan), committed_prefix=1)
    for part in (
        'committed_prefix 1',
        '3 rows, the horizon is 4',
        '15 columns, the specification names 14',
        '45 numbers are not finite, first row 0 of left/joint1',
    ):
        assert part in found
    assert 'committed_prefix 1' in problems(np.zeros(3), committed_prefix=1)
    assert '[3], expected [4, 14]' in problems(np.zeros(3))
    assert 'committed_prefix 1' in problems(np.zeros((4, 14), dtype=bool), committed_prefix=1)


@pytest.mark.parametrize(
    ('row', 'column', 'name'),
    [(2, 13, 'right/gripper'), (1, 14, 'column 14'), (0, 15, 'column 15')],
)
def test_the_first_number_that_is_not_finite_is_named_by_row_and_column(row, column, name):
    rows = np.zeros((HORIZON, 16))
    rows[row, column] = np.inf
    assert f'1 numbers are not finite, first row {row} of {name}' in problems(rows)


@pytest.mark.parametrize(('error', 'fine'), [(0.00099, True), (0.00101, False), (-0.00101, False)])
@pytest.mark.parametrize('first', [3, 11])
def test_a_quaternion_may_be_off_unit_length_by_a_thousandth(error, fine, first):
    rows = pose_rows()
    rows[3, first : first + 4] = 0.0
    rows[3, first + 1] = 1.0 + error
    found = problems(rows, spec=POSE_SPEC)
    assert found == '' if fine else 'row 3 is off unit length by 0.00101, bound 0.001' in found


def test_quaternions_are_looked_at_in_rows_of_the_right_shape_alone():
    assert 'quaternion' not in problems(np.zeros((HORIZON, 15)), spec=POSE_SPEC)
    assert 'quaternion' not in problems(np.zeros((HORIZON, 14)))
