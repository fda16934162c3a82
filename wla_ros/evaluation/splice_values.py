"""
How a chunk joined the plan, from what the executor reports about it.

Owns the mapping of fields. Topics and the executor itself are not known here.
"""

from typing import Any

from wla_ros.core.execution_strategy import Join
from wla_ros.core.execution_strategy import strategy_named
from wla_ros.core.timing import row_due_ns
from wla_ros.core.timing import seconds_to_ns
from wla_ros.core.types import ActionChunk
from wla_ros.evaluation.episode_record import SpliceRecord


def splice_record(chunk: ActionChunk, report: Any) -> SpliceRecord:
    """
    Return the splice of `chunk`, with the time at which its first row takes over.

    `report` has the fields of Splice.msg: a recorded message, or the executor's own report.
    """
    splice_ns = chunk.stamp_ns + seconds_to_ns(report.delay_s)
    effect_ns = splice_ns
    if strategy_named(report.strategy).join is not Join.ARRIVAL:
        first_new = chunk.row_offset + max(int(report.rows_late), chunk.committed_prefix)
        effect_ns = max(splice_ns, row_due_ns(chunk.stamp_ns, chunk.dt_ns, first_new))
    return SpliceRecord(
        stamp_ns=chunk.stamp_ns,
        splice_ns=splice_ns,
        effect_ns=effect_ns,
        position_step_rad=float(report.position_step_rad),
        velocity_step_rad_s=float(report.velocity_step_rad_s),
        acceleration_step_rad_s2=float(report.acceleration_step_rad_s2),
        bridged_position_step_rad=float(report.bridged_position_step_rad),
        bridged_velocity_step_rad_s=float(report.bridged_velocity_step_rad_s),
        bridged_acceleration_step_rad_s2=float(report.bridged_acceleration_step_rad_s2),
    )
