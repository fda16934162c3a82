# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Plans and splices: there and back is the same, or a named refusal."""

import dataclasses

import numpy as np
import pytest

pytest.importorskip('rclpy')

from wla_ros.base.types import ExecutionPlan  # noqa: E402
from wla_ros.base.types import Refusal  # noqa: E402
from wla_ros.base.types import SpliceDelay  # noqa: E402
from wla_ros.execution.report import SpliceReport  # noqa: E402 - not without rclpy
from wla_ros.nodes.messages import duration_ns  # noqa: E402
from wla_ros.nodes.messages import stamp_ns  # noqa: E402
from wla_ros.nodes.plan_messages import plan_message  # noqa: E402
from wla_ros.nodes.plan_messages import plan_value  # noqa: E402
from wla_ros.nodes.plan_messages import splice_message  # noqa: E402

COLUMNS = ('left/joint1', 'left/gripper')
PLAN = ExecutionPlan(
    stamp_ns=1_700_000_000_123_456_789,
    strategy='prefix+rollforward',
    epoch=1_700_000_000,
    sequence=2**40,
    due_ns=np.array([1_700_000_000_100_000_000, 1_700_000_000_133_333_333], dtype=np.int64),
    rows=np.arange(4.0).reshape(2, 2),
    accepting=True,
    resting=False,
    tracking_error=np.array([0.01, -0.002]),
    splice=SpliceDelay(epoch=3, sequence=2**40 - 1, delay_ns=123_456_789),
)
EMPTY = dataclasses.replace(
    PLAN,
    due_ns=np.zeros(0, dtype=np.int64),
    rows=np.zeros((0, 2)),
    accepting=False,
    resting=True,
    splice=None,
)


@pytest.mark.parametrize('plan', [PLAN, EMPTY])
def test_a_plan_survives(plan: ExecutionPlan) -> None:
    back = plan_value(plan_message(plan, COLUMNS), COLUMNS)
    assert isinstance(back, ExecutionPlan)
    for name in ExecutionPlan.__slots__:
        there, here = getattr(plan, name), getattr(back, name)
        if isinstance(there, np.ndarray):
            assert here.shape == there.shape
            assert here.dtype == there.dtype
            assert np.array_equal(here, there)
        else:
            assert here == there, name


def test_a_plan_of_other_joints_is_refused_by_name() -> None:
    refusal = plan_value(plan_message(PLAN, COLUMNS), ('arm/joint1', 'arm/gripper'))
    assert isinstance(refusal, Refusal)
    assert refusal.reason == 'bad_plan'
    assert 'left/joint1' in refusal.detail
    assert 'arm/joint1' in refusal.detail


def test_a_plan_whose_sizes_contradict_each_other_is_refused() -> None:
    message = plan_message(PLAN, COLUMNS)
    message.rows = [0.0] * 3
    refusal = plan_value(message, COLUMNS)
    assert isinstance(refusal, Refusal)
    assert '2 due times and 3 values' in refusal.detail


def test_every_field_of_a_splice_is_in_its_message() -> None:
    values = {
        field.name: number + 1 for number, field in enumerate(dataclasses.fields(SpliceReport))
    }
    flags = {'followed': True, 'steep': True, 'short': True}
    report = SpliceReport(**{**values, **flags, 'stamp_ns': 5_000_000_007, 'strategy': 'rtc'})
    message = splice_message(report)
    assert stamp_ns(message.header.stamp) == 5_000_000_007
    renamed = {'stamp_ns': None, 'short': 'forecast_short'}
    for field in dataclasses.fields(SpliceReport):
        name = renamed.get(field.name, field.name)
        if name in ('delay_ns', 'bridge_s'):
            duration = duration_ns(getattr(message, name.rpartition('_')[0]))
            assert duration == values[name] * (10**9 if name == 'bridge_s' else 1)
        elif name is not None:
            assert getattr(message, name) == getattr(report, field.name), name
    shown = set(message.get_fields_and_field_types()) - {'header'}
    assert len(shown) == len(values) - 1


def test_a_splice_that_is_not_known_means_nothing() -> None:
    message = plan_message(PLAN, COLUMNS)
    message.splice_known = False
    plan = plan_value(message, COLUMNS)
    assert isinstance(plan, ExecutionPlan)
    assert plan.splice is None
