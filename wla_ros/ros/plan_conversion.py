"""
Plan and splices of the executor to messages and back: pure functions.

The times that chunks carry for the offset between two clocks belong here: they follow the plan to
the policy's host and back.
"""

import math

import numpy as np
from numpy.typing import NDArray

from wla_ros.control.splice_report import SpliceReport
from wla_ros.core import refusal_reasons
from wla_ros.core.clock_offset import TwoWayTimes
from wla_ros.core.execution_plan import ExecutionPlan
from wla_ros.core.execution_plan import SpliceDelay
from wla_ros.core.timing import ns_to_seconds
from wla_ros.core.timing import seconds_to_ns
from wla_ros.core.types import Refusal
from wla_ros.msg import ActionChunk as ActionChunkMessage
from wla_ros.msg import ExecutionPlan as ExecutionPlanMessage
from wla_ros.msg import Splice as SpliceMessage
from wla_ros.ros.conversions import double_array
from wla_ros.ros.conversions import long_array
from wla_ros.ros.conversions import stamp_ns
from wla_ros.ros.conversions import time_message


def plan_message(plan: ExecutionPlan, columns: tuple[str, ...]) -> ExecutionPlanMessage:
    """Return a plan as a message; `columns` are the names of the joint columns."""
    message = ExecutionPlanMessage(
        strategy=plan.strategy,
        epoch=plan.epoch,
        sequence=plan.sequence,
        columns=list(columns),
        row_count=len(plan.due_ns),
        due_ns=long_array(plan.due_ns),
        rows=double_array(plan.rows),
        accepting=plan.accepting,
        resting=plan.resting,
        tracking_error=double_array(plan.tracking_error),
    )
    message.header.stamp = time_message(plan.stamp_ns)
    if plan.splice is not None:
        message.splice_known = True
        message.splice_epoch = plan.splice.epoch
        message.splice_sequence = plan.splice.sequence
        message.splice_delay_s = ns_to_seconds(plan.splice.delay_ns)
    return message


def plan_value(message: ExecutionPlanMessage, columns: tuple[str, ...]) -> ExecutionPlan | Refusal:
    """
    Return a message as a plan of the joint `columns`, or a refusal if it is of others.

    Values are not judged here: the session decides on strategy, order and finiteness.
    """
    if tuple(message.columns) != columns:
        return Refusal(
            reason=refusal_reasons.BAD_PLAN,
            detail=f'the executor moves {", ".join(message.columns) or "nothing"}, the policy '
            f'{", ".join(columns)}: give both nodes the same robot section',
        )
    count, width = int(message.row_count), len(columns)
    if len(message.due_ns) != count or len(message.rows) != count * width:
        return Refusal(
            reason=refusal_reasons.BAD_PLAN,
            detail=f'{len(message.due_ns)} due times and {len(message.rows)} values are not '
            f'{count} rows of {width} columns',
        )
    if message.splice_known and not math.isfinite(message.splice_delay_s):
        return Refusal(
            reason=refusal_reasons.BAD_PLAN,
            detail=f'execution_plan: the delay of the newest splice is {message.splice_delay_s} s',
        )
    splice = SpliceDelay(
        epoch=int(message.splice_epoch),
        sequence=int(message.splice_sequence),
        delay_ns=seconds_to_ns(message.splice_delay_s) if message.splice_known else 0,
    )
    return ExecutionPlan(
        stamp_ns=stamp_ns(message.header.stamp),
        strategy=message.strategy,
        epoch=int(message.epoch),
        sequence=int(message.sequence),
        due_ns=_times(message),
        rows=np.array(message.rows, dtype=np.float64).reshape(count, width),
        accepting=bool(message.accepting),
        resting=bool(message.resting),
        tracking_error=np.array(message.tracking_error, dtype=np.float64),
        splice=splice if message.splice_known else None,
    )


def splice_message(report: SpliceReport) -> SpliceMessage:
    """Return how a chunk joined the plan."""
    message = SpliceMessage(
        strategy=report.strategy,
        followed=report.followed,
        forecast_short=report.short,
        steep=report.steep,
        epoch=report.epoch,
        sequence=report.sequence,
        delay_s=report.delay_s,
        rows_late=report.rows_late,
        rows_kept=report.rows_kept,
        position_step_rad=report.position_step_rad,
        velocity_step_rad_s=report.velocity_step_rad_s,
        acceleration_step_rad_s2=report.acceleration_step_rad_s2,
        bridge_s=report.bridge_s,
        bridged_position_step_rad=report.bridged_position_step_rad,
        bridged_velocity_step_rad_s=report.bridged_velocity_step_rad_s,
        bridged_acceleration_step_rad_s2=report.bridged_acceleration_step_rad_s2,
    )
    message.header.stamp = time_message(report.stamp_ns)
    return message


def stamp_exchange(
    message: ActionChunkMessage, plan_times_ns: tuple[int, int], published_ns: int
) -> None:
    """Write into a chunk when the newest plan was sent and heard, and when the chunk is sent."""
    sent_ns, heard_ns = plan_times_ns
    message.plan_stamp = time_message(sent_ns)
    message.plan_received = time_message(heard_ns)
    message.published = time_message(published_ns)


def exchange_value(message: ActionChunkMessage, received_ns: int) -> TwoWayTimes:
    """Return the times of a chunk that came at `received_ns`."""
    return TwoWayTimes(
        plan_stamp_ns=stamp_ns(message.plan_stamp),
        plan_received_ns=stamp_ns(message.plan_received),
        published_ns=stamp_ns(message.published),
        received_ns=received_ns,
    )


def _times(message: ExecutionPlanMessage) -> NDArray[np.int64]:
    return np.array(message.due_ns, dtype=np.int64)
