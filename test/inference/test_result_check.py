# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from inference.session_feed import HORIZON
from inference.session_feed import LAYOUT
from inference.session_feed import policy_spec

from wla_ros.base.types import PolicyResult
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
