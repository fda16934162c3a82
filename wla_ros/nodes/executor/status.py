# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The state of the executor node as status message and diagnostics."""

from collections.abc import Iterator
from collections.abc import Mapping

from wla_ros.base.memory import POLICY
from wla_ros.base.memory import RememberedSubtask
from wla_ros.base.memory import SubtaskMemory as Memory
from wla_ros.base.publisher_gaps import PublisherGaps
from wla_ros.base.types import Mode
from wla_ros.execution.report import ExecutorSnapshot
from wla_ros.execution.report import ExecutorState
from wla_ros.inference.snapshot import SessionSnapshot
from wla_ros.inference.snapshot import StreamHealth
from wla_ros.msg import ExecutorStatus
from wla_ros.msg import PolicyStatus
from wla_ros.msg import StreamStatus
from wla_ros.msg import Subtask
from wla_ros.msg import SubtaskMemory
from wla_ros.nodes.diagnostics import ERROR
from wla_ros.nodes.diagnostics import OK
from wla_ros.nodes.diagnostics import WARN
from wla_ros.nodes.diagnostics import ComponentState
from wla_ros.nodes.messages import time_message
from wla_ros.nodes.messages import timing_messages


def executor_components(
    snapshot: ExecutorSnapshot,
    *,
    active: bool,
    ticks_skipped: int,
    commands_sent: int,
    commands_decimated: int,
    commands_failed: int,
    feedback_undecodable: int,
    loop_problem: str,  # ticks that do not do what they should
    loop_warning: str,
    loop_errors: int,
    mode_problem: str,
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
            'commands_decimated': commands_decimated,
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


# Snapshots of the session, the executor and the subtasks as messages: pure functions, field by
# field.


def policy_status_message(
    snapshot: SessionSnapshot,
    gaps: Mapping[str, PublisherGaps],
    *,
    warm: bool,
    session: int,
    stamp: int,
) -> PolicyStatus:
    """
    Return the state of the session; `gaps` are what was missed by stream.

    `warm` says that the policy is past its opening, `session` names the chunks of this node.
    """
    plan = snapshot.plan
    message = PolicyStatus(
        policy=snapshot.policy,
        ready=snapshot.ready and warm,
        refusal=snapshot.refusal,
        refusal_detail=snapshot.refusal_detail,
        epoch=snapshot.epoch,
        instruction=snapshot.instruction,
        observations=snapshot.observations,
        inferences=snapshot.inferences,
        inference_errors=snapshot.inference_errors,
        inferences_running=int(snapshot.running),
        chunks_published=snapshot.chunks_published,
        results_discarded=snapshot.results_discarded,
        inference_rate_hz=snapshot.inference_rate_hz,
        streams=[_stream_message(stream, gaps.get(stream.stream)) for stream in snapshot.streams],
        latency_p50=timing_messages(snapshot.latency_p50),
        latency_p95=timing_messages(snapshot.latency_p95),
        latency_p99=timing_messages(snapshot.latency_p99),
        strategy=plan.strategy,
        forecast_s=plan.forecast_s,
        forecast_rows=plan.forecast_rows,
        delays_measured=plan.delays_measured,
        plan_age_s=plan.plan_age_s,
        plans_received=plan.plans_received,
        plans_refused=plan.plans_refused,
        unconditioned=plan.unconditioned,
        conditioned=plan.conditioned,
        cold_starts=plan.cold_starts,
        forecast_exceeded=plan.forecast_exceeded,
        prefix_clamped=plan.prefix_clamped,
        session=session,
    )
    message.header.stamp = time_message(stamp)
    return message


def executor_status_message(
    snapshot: ExecutorSnapshot,
    *,
    strategy: str,
    commands_sent: int,
    commands_decimated: int,
    commands_failed: int,
) -> ExecutorStatus:
    """
    Return the state of the executor.

    Of its commands `commands_sent` were sent, `commands_decimated` were not, and with
    `commands_failed` sending ended with an error.
    """
    counts, rows, seams = snapshot.counts, snapshot.rows, snapshot.seams
    rates = snapshot.worst_rates
    message = ExecutorStatus(
        state=int(snapshot.state),
        mode=int(snapshot.mode.mode),
        reason=snapshot.reason,
        epoch=snapshot.epoch,
        sequence=snapshot.sequence,
        rows_queued=rows.queued,
        horizon_left_s=snapshot.horizon_left_s,
        chunks_received=counts.chunks_received,
        chunks_accepted=counts.chunks_accepted,
        chunks_rejected=counts.chunks_rejected,
        last_rejection=snapshot.last_rejection,
        rejection_reasons=[reason for reason, _ in snapshot.rejections],
        rejection_counts=[count for _, count in snapshot.rejections],
        rows_received=rows.received,
        rows_executed=rows.executed,
        rows_late=rows.late,
        rows_superseded=rows.superseded,
        rows_flushed=rows.flushed,
        ticks=counts.ticks,
        ticks_late=counts.ticks_late,
        ticks_not_ready=counts.ticks_not_ready,
        ticks_failed=counts.ticks_failed + commands_failed,
        commands_published=commands_sent,
        commands_decimated=commands_decimated,
        starvations=counts.starvations,
        limit_hits=counts.limit_hits,
        tick_lateness_p50_s=snapshot.tick_lateness_p50_s,
        tick_lateness_p99_s=snapshot.tick_lateness_p99_s,
        max_deviation_rad=snapshot.max_deviation_rad,
        seam_position_step_rad=seams.last_position_rad,
        seam_velocity_step_rad_s=seams.last_velocity_rad_s,
        seam_acceleration_step_rad_s2=seams.last_acceleration_rad_s2,
        chunks_missed=counts.chunks_missed,
        forecasts_short=counts.forecasts_short,
        bridges_steep=counts.bridges_steep,
        strategy=strategy,
        session=snapshot.session,
        command_velocity_max_rad_s=rates.velocity_rad_s,
        command_acceleration_max_rad_s2=rates.acceleration_rad_s2,
        command_jerk_max_rad_s3=rates.jerk_rad_s3,
    )
    message.header.stamp = time_message(snapshot.stamp_ns)
    return message


def subtask_message(subtask: RememberedSubtask | None) -> Subtask:
    """Return a subtask; id 0 if there is none."""
    if subtask is None:
        return Subtask(source=POLICY)
    return Subtask(
        id=subtask.number,
        text=subtask.text,
        started=time_message(subtask.started_ns),
        ended=time_message(subtask.ended_ns),
        source=subtask.source,
        late=subtask.late,
    )


def memory_message(memory: Memory) -> SubtaskMemory:
    """Return what has been done and what is being done."""
    message = SubtaskMemory(
        instruction=memory.instruction,
        revision=memory.revision,
        completed=[subtask_message(subtask) for subtask in memory.completed],
        current=subtask_message(memory.current),
        upcoming=list(memory.upcoming),
    )
    message.header.stamp = time_message(memory.stamp_ns)
    return message


def _stream_message(health: StreamHealth, gaps: PublisherGaps | None) -> StreamStatus:
    return StreamStatus(
        stream=health.stream,
        rate_hz=health.rate_hz,
        age_s=health.age_s,
        received=health.received,
        used=health.used,
        superseded=health.superseded,
        refused=health.refused,
        waiting=health.waiting,
        missed=_or_unknown(None if gaps is None else gaps.missed),
        unheard=_or_unknown(None if gaps is None else gaps.unheard),
        problem=health.problem,
    )


def _or_unknown(count: int | None) -> int:
    return -1 if count is None else count
