"""The state of the executor node as diagnostics: execution, control loop, chunks."""

from collections.abc import Iterator

from wla_ros.control.executor_snapshot import ExecutorSnapshot
from wla_ros.control.executor_snapshot import ExecutorState
from wla_ros.core.clock_offset import OffsetEstimate
from wla_ros.core.types import Mode
from wla_ros.ros.clock_monitor import ClockMonitor
from wla_ros.ros.diagnostics import ERROR
from wla_ros.ros.diagnostics import OK
from wla_ros.ros.diagnostics import WARN
from wla_ros.ros.diagnostics import ComponentState


def executor_components(
    snapshot: ExecutorSnapshot,
    *,
    active: bool,
    ticks_skipped: int,
    commands_sent: int,
    commands_thinned: int,
    commands_failed: int,
    feedback_undecodable: int,
    loop_problem: str,  # ticks that do not do what they should
    loop_warning: str,
    loop_errors: int,
    mode_problem: str,
    clock: ClockMonitor,
) -> Iterator[ComponentState]:
    """Yield the components; times in ms."""
    counts, rows, seams = snapshot.counts, snapshot.rows, snapshot.seams
    level, message = OK, f'{snapshot.mode.mode.name}, {snapshot.state.name}'
    silent = snapshot.state in (ExecutorState.NOT_READY, ExecutorState.FAILED)
    if active and (silent or snapshot.mode.mode == Mode.ESTOP):
        level = ERROR
    elif snapshot.mode.mode == Mode.AUTONOMY and snapshot.state != ExecutorState.TRACKING:
        level = WARN
    if snapshot.reason:
        message += f': {snapshot.detail or snapshot.reason}'
    if mode_problem:
        level, message = ERROR, f'{message}; {mode_problem}'
    yield ComponentState(
        name='execution',
        level=level,
        message=message if active else f'inactive; {mode_problem}'.removesuffix('; '),
        values={
            'mode_reason': snapshot.mode.reason,
            'starvations': counts.starvations,
            'limit_hits': counts.limit_hits,
            'stops_forced': counts.stops_forced,
            'planner_failures': counts.planner_failures,
            'max_deviation_rad': snapshot.max_deviation_rad,
            'feedback_refused': counts.feedback_refused,
            'feedback_repeated': counts.feedback_repeated,
            'feedback_undecodable': feedback_undecodable,
            'seam_position_step_max_rad': seams.max_position_rad,
            'seam_velocity_step_max_rad_s': seams.max_velocity_rad_s,
            'seam_acceleration_step_max_rad_s2': seams.max_acceleration_rad_s2,
            'bridged_position_step_max_rad': seams.max_bridged_position_rad,
            'bridged_velocity_step_max_rad_s': seams.max_bridged_velocity_rad_s,
            'bridged_acceleration_step_max_rad_s2': seams.max_bridged_acceleration_rad_s2,
            'bridges': seams.bridges,
            'bridges_steep': counts.bridges_steep,
            'bridge_max_ms': seams.max_bridge_s * 1e3,
        },
    )
    yield ComponentState(
        name='control loop',
        level=ERROR if loop_problem else WARN if loop_warning else OK,
        message=loop_problem
        or loop_warning
        or f'p99 {snapshot.tick_lateness_p99_s * 1e3:.2f} ms late',
        values={
            'lateness_p50_ms': snapshot.tick_lateness_p50_s * 1e3,
            'lateness_p99_ms': snapshot.tick_lateness_p99_s * 1e3,
            'ticks': counts.ticks,
            'ticks_late': counts.ticks_late,
            'ticks_skipped': ticks_skipped,
            'ticks_not_ready': counts.ticks_not_ready,
            'ticks_failed': counts.ticks_failed + commands_failed,
            'errors': loop_errors,  # also of those whose command was sent before
            'commands_published': commands_sent,
            'commands_thinned': commands_thinned,
            'stalls': counts.stalls,
            'command_velocity_max_rad_s': snapshot.worst_rates.velocity_rad_s,
            'command_acceleration_max_rad_s2': snapshot.worst_rates.acceleration_rad_s2,
            'command_jerk_max_rad_s3': snapshot.worst_rates.jerk_rad_s3,
        },
    )
    yield ComponentState(
        name='chunks',
        message=snapshot.last_rejection or 'none rejected',
        values={
            'received': counts.chunks_received,
            'accepted': counts.chunks_accepted,
            'rejected': counts.chunks_rejected,
            'missed': counts.chunks_missed,
            'forecasts_short': counts.forecasts_short,
            'rows_received': rows.received,
            'rows_executed': rows.executed,
            'rows_late': rows.late,
            'rows_superseded': rows.superseded,
            'rows_flushed': rows.flushed,
            'rows_queued': rows.queued,
            'horizon_left_ms': snapshot.horizon_left_s * 1e3,
            **{f'rejected_{reason}': count for reason, count in snapshot.rejections},
        },
    )
    estimate = clock.estimate
    known = {} if estimate is None else _offset(estimate)
    yield ComponentState(
        name='clocks',
        level=WARN if clock.problem else OK,
        message=clock.problem or ('no exchange yet' if estimate is None else 'agree'),
        values={**known, 'chunks_beyond_bound': clock.exceeded},
    )


def _offset(estimate: OffsetEstimate) -> dict[str, object]:
    return {
        'offset_ms': estimate.offset_ns / 1e6,
        'uncertainty_ms': estimate.uncertainty_ns / 1e6,
    }
