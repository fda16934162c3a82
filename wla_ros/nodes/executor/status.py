# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The state of the executor node as status message and diagnostics."""

from collections.abc import Iterator

from wla_ros.base.types import Mode
from wla_ros.execution.report import ExecutorSnapshot
from wla_ros.execution.report import ExecutorState
from wla_ros.msg import ExecutorStatus
from wla_ros.nodes.diagnostics import ERROR
from wla_ros.nodes.diagnostics import OK
from wla_ros.nodes.diagnostics import WARN
from wla_ros.nodes.diagnostics import ComponentState
from wla_ros.nodes.messages import field_values
from wla_ros.nodes.messages import fill
from wla_ros.nodes.messages import time_message


def executor_components(
    snapshot: ExecutorSnapshot,
    *,
    active: bool,
    ticks_skipped: int,
    feedback_undecodable: int,
    loop_problem: str,  # ticks that do not do what they should
    loop_warning: str,
    loop_errors: int,
    mode_problem: str,
) -> Iterator[ComponentState]:
    """
    Yield the components; times in ms.

    Every counter is in one of them: by the beginning of its name, else with the execution.
    """
    counts, seams = dict(snapshot.counters), snapshot.seams
    chunks = _taken(counts, ('chunks_', 'rows_'))
    ticks = _taken(counts, ('ticks', 'commands_'))
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
            **counts,
            'max_deviation_rad': snapshot.max_deviation_rad,
            'feedback_undecodable': feedback_undecodable,
            'seam_position_step_max_rad': seams.max_position_rad,
            'seam_velocity_step_max_rad_s': seams.max_velocity_rad_s,
            'seam_acceleration_step_max_rad_s2': seams.max_acceleration_rad_s2,
            'bridged_position_step_max_rad': seams.max_bridged_position_rad,
            'bridged_velocity_step_max_rad_s': seams.max_bridged_velocity_rad_s,
            'bridged_acceleration_step_max_rad_s2': seams.max_bridged_acceleration_rad_s2,
            'bridges': seams.bridges,
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
            **ticks,
            'ticks_skipped': ticks_skipped,
            'errors': loop_errors,  # also of those whose command was sent before
            'command_velocity_max_rad_s': snapshot.worst_rates.velocity_rad_s,
            'command_acceleration_max_rad_s2': snapshot.worst_rates.acceleration_rad_s2,
            'command_jerk_max_rad_s3': snapshot.worst_rates.jerk_rad_s3,
        },
    )
    yield ComponentState(
        name='chunks',
        message=snapshot.last_rejection or 'none rejected',
        values={
            **chunks,
            'horizon_left_ms': snapshot.horizon_left_s * 1e3,
            **{f'rejected_{reason}': count for reason, count in snapshot.rejections},
        },
    )


def _taken(counts: dict[str, int], beginnings: tuple[str, ...]) -> dict[str, int]:
    """Take the counters out of `counts` whose names begin so, and return them."""
    return {name: counts.pop(name) for name in tuple(counts) if name.startswith(beginnings)}


def executor_status_message(snapshot: ExecutorSnapshot, *, strategy: str) -> ExecutorStatus:
    """Return the state of the executor."""
    seams, rates = snapshot.seams, snapshot.worst_rates
    message = ExecutorStatus(
        mode=int(snapshot.mode.mode),
        rejection_reasons=[reason for reason, _ in snapshot.rejections],
        rejection_counts=[count for _, count in snapshot.rejections],
        seam_position_step_rad=seams.last_position_rad,
        seam_velocity_step_rad_s=seams.last_velocity_rad_s,
        seam_acceleration_step_rad_s2=seams.last_acceleration_rad_s2,
        command_velocity_max_rad_s=rates.velocity_rad_s,
        command_acceleration_max_rad_s2=rates.acceleration_rad_s2,
        command_jerk_max_rad_s3=rates.jerk_rad_s3,
    )
    message.header.stamp = time_message(snapshot.stamp_ns)
    values = {**field_values(snapshot), **snapshot.counters, 'strategy': strategy}
    values.pop('mode')
    return fill(message, values)
