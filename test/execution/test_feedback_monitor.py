# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""What counts as feedback, and when it is trusted."""

from dataclasses import replace

import numpy as np
import pytest
from execution.arms import LAYOUT
from execution.arms import LIMITS
from execution.arms import MS
from execution.arms import REST
from execution.arms import sample

from wla_ros.base import reasons
from wla_ros.base.types import JointSample
from wla_ros.execution.config import ExecutorConfig
from wla_ros.execution.config import FeedbackConfig
from wla_ros.execution.feedback import FeedbackMonitor
from wla_ros.robots.piper.arm_status import ArmHealth

T0 = 10**9
GOOD = sample('left', REST, T0)


def monitor(**values: float) -> FeedbackMonitor:
    feedback = FeedbackConfig(**values)  # type: ignore[arg-type]  # fields of several types
    return FeedbackMonitor(ExecutorConfig(feedback=feedback), LAYOUT, LIMITS)


def told(judge: FeedbackMonitor, now_ns: int) -> str:
    """Return why the joints are not trusted at `now_ns`, where nothing is commanded yet."""
    judge.update(now_ns, None, demands=False, latched=False)
    problem = judge.problem(now_ns)
    return '' if problem is None else problem.detail


def with_column(column: int, value: float) -> JointSample:
    position = np.array(GOOD.position)
    position[column] = value
    return replace(GOOD, position=position)


@pytest.mark.parametrize(
    ('item', 'reason'),
    [
        (replace(GOOD, arm='middle'), reasons.UNKNOWN_ARM),
        (replace(GOOD, position=np.zeros(6)), reasons.WRONG_WIDTH),
        (with_column(0, np.nan), reasons.NOT_FINITE),
        (with_column(0, 57.0), reasons.IMPLAUSIBLE),
        (with_column(1, -0.4), reasons.BEYOND_LIMITS),
        (with_column(6, 0.12), reasons.BEYOND_LIMITS),
        (with_column(6, 30.0), reasons.IMPLAUSIBLE),
        (
            replace(GOOD, position=np.zeros(7), velocity=np.zeros(7), effort=np.zeros(7)),
            reasons.ALL_ZERO,
        ),
        (replace(GOOD, stamp_ns=T0 + 51 * MS), reasons.FUTURE_STAMP),
    ],
)
def test_what_is_no_feedback_is_refused_and_not_used(item: JointSample, reason: str) -> None:
    judge = monitor()
    refusal = judge.accept(item)
    assert refusal is not None
    assert refusal.reason == reason
    assert 'no joint feedback of left' in told(judge, T0)


def test_an_arm_resting_slightly_outside_its_limits_is_feedback() -> None:
    assert monitor().accept(with_column(1, -0.02)) is None


def test_older_feedback_never_replaces_newer() -> None:
    judge = monitor()
    assert judge.accept(GOOD) is None
    for stamp_ns, reason in (
        (T0, reasons.DUPLICATE_STAMP),
        (T0 - 1, reasons.OUT_OF_ORDER),
    ):
        refusal = judge.accept(replace(with_column(0, 0.5), stamp_ns=stamp_ns))
        assert refusal is not None
        assert refusal.reason == reason
    assert judge.position[0] == REST[0]


def test_feedback_is_trusted_after_it_was_fresh_for_the_recovery_time() -> None:
    judge = monitor(max_age_s=0.1, recovery_s=0.2)
    for k in range(60):
        now_ns = T0 + 5 * MS * k
        for arm in LAYOUT.arms:
            judge.accept(sample(arm, REST, now_ns))
        assert (told(judge, now_ns) == '') == (k >= 40)


def test_one_silent_arm_is_enough_for_distrust_and_is_named() -> None:
    judge = monitor(max_age_s=0.1, recovery_s=0.0)
    for k in range(60):
        now_ns = T0 + 5 * MS * k
        judge.accept(sample('left', REST, now_ns))
        if k < 10:
            judge.accept(sample('right', REST, now_ns))
        problem = told(judge, now_ns)
        assert (problem == '') == (now_ns - (T0 + 45 * MS) <= 100 * MS)
    assert 'right is' in problem
    assert 'left' not in problem


def condition(arm: str, reason: str = '', receive_ns: int = T0) -> ArmHealth:
    return ArmHealth(arm=arm, ok=not reason, reason=reason, receive_ns=receive_ns)


def test_a_faulty_or_silent_status_is_a_fault_of_its_arm() -> None:
    judge = monitor(max_condition_age_s=0.5)
    assert judge.faulty_arms(T0) == {}
    judge.accept_condition(condition('left'))
    judge.accept_condition(condition('right', 'collision'))
    assert judge.faulty_arms(T0) == {'right': 'collision'}
    faults = judge.faulty_arms(T0 + 501 * MS)
    assert '501 ms' in faults['left']
    refusal = judge.accept_condition(condition('middle'))
    assert refusal is not None


def test_a_required_status_that_never_came_is_missing() -> None:
    assert monitor().missing_conditions() == ()
    judge = FeedbackMonitor(ExecutorConfig(), LAYOUT, LIMITS, reporting=LAYOUT.arms)
    judge.accept_condition(condition('left'))
    assert judge.missing_conditions() == ('right',)
