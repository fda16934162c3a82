# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""A loop fails until it has gone well for a while."""

from wla_ros.base.failure_record import RECOVERY_NS
from wla_ros.base.failure_record import FailureRecord


def test_failures_are_counted_and_forgiven_by_time_not_by_one_good_turn():
    record = FailureRecord('ticks')
    assert record.problem(0) == ''
    record.note(KeyError('a'), 10)
    record.note(ValueError('b'), 20)
    assert record.problem(20 + RECOVERY_NS) == '2 ticks failed, the last with ValueError: b'
    assert record.problem(21 + RECOVERY_NS) == ''
    assert record.count == 2
