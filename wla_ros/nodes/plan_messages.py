# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Plans and splices of the executor to messages and back: pure functions."""

import numpy as np

from wla_ros.base import reasons
from wla_ros.base.types import ExecutionPlan
from wla_ros.base.types import Refusal
from wla_ros.base.types import SpliceDelay
from wla_ros.execution.report import SpliceReport
from wla_ros.msg import ExecutionPlan as ExecutionPlanMessage
from wla_ros.msg import Splice as SpliceMessage
from wla_ros.nodes.messages import double_array
from wla_ros.nodes.messages import duration_message
from wla_ros.nodes.messages import duration_ns
from wla_ros.nodes.messages import field_values
from wla_ros.nodes.messages import fill
from wla_ros.nodes.messages import stamp_ns
from wla_ros.nodes.messages import time_message


def plan_message(plan: ExecutionPlan, columns: tuple[str, ...]) -> ExecutionPlanMessage:
    """Return a plan as a message; `columns` are the names of the joint columns."""
    message = ExecutionPlanMessage(
        columns=list(columns),
        due=[duration_message(due_ns - plan.stamp_ns) for due_ns in plan.due_ns.tolist()],
        rows=double_array(plan.rows),
        tracking_error=double_array(plan.tracking_error),
    )
    message.header.stamp = time_message(plan.stamp_ns)
    if plan.splice is not None:
        message.splice_known = True
        message.splice_epoch = plan.splice.epoch
        message.splice_sequence = plan.splice.sequence
        message.splice_delay = duration_message(plan.splice.delay_ns)
    return fill(message, field_values(plan))


def plan_value(message: ExecutionPlanMessage, columns: tuple[str, ...]) -> ExecutionPlan | Refusal:
    """
    Return a message as a plan of the joint `columns`, or a refusal if it is of others.

    Values are not judged here: the session decides on strategy, order and finiteness.
    """
    if tuple(message.columns) != columns:
        return Refusal(
            reason=reasons.BAD_PLAN,
            detail=f'the executor moves {", ".join(message.columns) or "nothing"}, the policy '
            f'{", ".join(columns)}: give both nodes the same robot section',
        )
    count, width = len(message.due), len(columns)
    if len(message.rows) != count * width:
        return Refusal(
            reason=reasons.BAD_PLAN,
            detail=f'{count} due times and {len(message.rows)} values are not rows of {width} '
            'columns',
        )
    splice = SpliceDelay(
        epoch=int(message.splice_epoch),
        sequence=int(message.splice_sequence),
        delay_ns=duration_ns(message.splice_delay),
    )
    stamp = stamp_ns(message.header.stamp)
    return ExecutionPlan(
        stamp_ns=stamp,
        strategy=message.strategy,
        epoch=int(message.epoch),
        sequence=int(message.sequence),
        due_ns=np.array([stamp + duration_ns(due) for due in message.due], dtype=np.int64),
        rows=np.array(message.rows, dtype=np.float64).reshape(count, width),
        accepting=bool(message.accepting),
        resting=bool(message.resting),
        tracking_error=np.array(message.tracking_error, dtype=np.float64),
        splice=splice if message.splice_known else None,
    )


def splice_message(report: SpliceReport) -> SpliceMessage:
    """Return how a chunk joined the plan."""
    message = SpliceMessage(forecast_short=report.short)
    message.header.stamp = time_message(report.stamp_ns)
    return fill(message, field_values(report))
