# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Arm status: what forbids motion, in words, for every code of the firmware."""

import pytest

from wla_ros.robots.piper.arm_status import ARM_STATUSES
from wla_ros.robots.piper.arm_status import decode_arm_status


def decode(**fields):
    return decode_arm_status(arm='left', **{'ctrl_mode': 1, 'arm_status': 0, **fields})


def test_normal_under_can_control_is_ok_and_enabled():
    condition = decode()
    assert condition.ok
    assert condition.enabled
    assert condition.reason == 'normal'
    assert not condition.emergency_stop
    assert not condition.collision
    assert not condition.teach


def test_standby_is_ok_but_not_enabled():
    condition = decode(ctrl_mode=0)
    assert (condition.ok, condition.enabled, condition.reason) == (True, False, 'standby')


@pytest.mark.parametrize('code', sorted(set(ARM_STATUSES) - {0}))
def test_every_status_but_normal_forbids_motion_and_says_why(code):
    condition = decode(arm_status=code)
    assert not condition.ok
    assert condition.reason == ARM_STATUSES[code][0]
    assert ARM_STATUSES[code][1] in condition.text
    assert condition.emergency_stop == (code == 1)
    assert condition.collision == (code == 7)


@pytest.mark.parametrize(
    ('fields', 'reason'),
    [
        ({'arm_status': 255}, 'unknown_status'),
        ({'ctrl_mode': 255}, 'foreign_control'),
        ({'ctrl_mode': 2}, 'teach'),
        ({'teach_status': 1}, 'teach'),
        ({'ctrl_mode': 3}, 'foreign_control'),
        ({'ctrl_mode': 6}, 'leader'),
        ({'ctrl_mode': 7}, 'foreign_control'),
        ({'err_code': 0b000100}, 'joint_communication'),
        ({'communication_error': (False,) * 5 + (True,)}, 'joint_communication'),
    ],
)
def test_whatever_takes_the_arm_away_forbids_motion(fields, reason):
    condition = decode(**fields)
    assert not condition.ok
    assert condition.reason == reason


def test_high_byte_of_err_code_is_limits_and_low_byte_communication():
    condition = decode(err_code=(0b100001 << 8) | 0b000010)
    assert condition.limit_joints == (1, 6)
    assert condition.silent_joints == (2,)
    assert 'no communication with joint 2' in condition.text


def test_flags_and_err_code_add_up():
    condition = decode(err_code=1 << 8, angle_limit=(False, True, False, False, False, False))
    assert condition.limit_joints == (1, 2)


def test_arm_that_rests_at_its_bounds_may_move():
    condition = decode(angle_limit=(False, True, True, False, False, False))
    assert condition.ok
    assert 'joint 2 and 3 at its limit' in condition.text


def test_motion_status_says_whether_the_target_is_reached():
    assert decode(motion_status=1).moving
    assert not decode(motion_status=0).moving


def test_ended_teaching_is_over():
    assert decode(teach_status=2).ok
    assert decode(teach_status=6).ok
