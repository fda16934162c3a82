# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Numbers of one episode, computed from its record only, and whether its counters add up."""

from collections import Counter
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wla_ros.base.joints import ARM_WIDTH
from wla_ros.base.types import FloatArray
from wla_ros.episodes.counters import Equation
from wla_ros.episodes.counters import equations
from wla_ros.episodes.loss import LinkLoss
from wla_ros.episodes.loss import link_losses
from wla_ros.episodes.record import ArmTrack
from wla_ros.episodes.record import CommandTrack
from wla_ros.episodes.record import EpisodeRecord
from wla_ros.inference.pacing import delay_rows

# Longest delay of an arm behind its command that is looked for; servos lag 20 to 40 ms.
_MAX_LAG_S = 0.15
_LAG_STEP_S = 0.005
_JERK_STEP_S = 0.01
_GRIPPER = ARM_WIDTH - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSummary:
    """Distribution of the time one stage took."""

    stage: str
    count: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingSummary:
    """How one arm followed its commands, joints only."""

    arm: str
    rms_rad: float  # at equal stamps
    max_rad: float
    lag_s: float  # the delay at which measured and commanded fit best
    rms_at_lag_rad: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EpisodeMetrics:
    """The row of one episode in tables and JSON."""

    source: str
    seed: int
    success: bool
    judgement: str
    end_reason: str
    end_message: str
    task_s: float | None
    finished_s: float | None
    duration_s: float
    wall_s: float
    chunks: int
    chunks_refused: int | None  # by the executor; a live run counts them over all its episodes
    chunk_rate_hz: float | None
    stage_durations_ms: Mapping[str, FloatArray]  # [chunks] per stage
    seam_position_max_rad: float | None
    seam_position_p99_rad: float | None
    seam_velocity_max_rad_s: float | None
    # Steps of the curve that is executed, bridges included: at most the limits
    bridged_position_max_rad: float | None
    bridged_velocity_max_rad_s: float | None
    bridged_acceleration_max_rad_s2: float | None
    delays_ms: FloatArray  # [splices] from observation to splice
    delay_rows: Mapping[int, int]  # rows due before the splice -> how often
    starvations: int
    starved_s: float
    velocity_max_rad_s: float | None
    jerk_rms_rad_s3: float | None
    jerk_max_rad_s3: float | None
    limit_hits: int | None
    tracking: tuple[TrackingSummary, ...]
    equations: tuple[Equation, ...]
    losses: tuple[LinkLoss, ...]  # between processes

    @property
    def conserved(self) -> bool:
        """No equation is violated."""
        return all(equation.verdict != 'violated' for equation in self.equations)


def measure(record: EpisodeRecord) -> EpisodeMetrics:
    """Return the metrics of `record`."""
    accepted = [chunk for chunk in record.chunks if not chunk.refusal]
    seams = np.array([chunk.seam_position_step_rad for chunk in accepted])
    seam_speeds = np.array([chunk.seam_velocity_step_rad_s for chunk in accepted])
    commands = record.commands
    jerks = _jerks(commands)
    counted = {(item.owner, item.name): item.value for item in record.counters}
    return EpisodeMetrics(
        source=record.source,
        seed=record.seed,
        success=record.success,
        judgement=record.judgement,
        end_reason=record.end_reason,
        end_message=record.end_message,
        task_s=record.task_s,
        finished_s=record.finished_s,
        duration_s=record.duration_s,
        wall_s=record.wall_s,
        chunks=len(accepted),
        chunks_refused=counted.get(
            ('executor', 'chunks_rejected'),
            None if record.source == 'live' else len(record.chunks) - len(accepted),
        ),
        chunk_rate_hz=len(accepted) / record.duration_s if record.duration_s > 0.0 else None,
        stage_durations_ms=stage_durations_ms((record,)),
        seam_position_max_rad=_percentile(seams, 100.0),
        seam_position_p99_rad=_percentile(seams, 99.0),
        seam_velocity_max_rad_s=_percentile(seam_speeds, 100.0),
        bridged_position_max_rad=_worst(record, 'bridged_position_step_rad'),
        bridged_velocity_max_rad_s=_worst(record, 'bridged_velocity_step_rad_s'),
        bridged_acceleration_max_rad_s2=_worst(record, 'bridged_acceleration_step_rad_s2'),
        delays_ms=np.array([1e3 * splice.delay_s for splice in record.splices]),
        delay_rows=_delay_rows(record),
        starvations=len(record.starvations),
        starved_s=sum(item.end_ns - item.start_ns for item in record.starvations) / 1e9,
        velocity_max_rad_s=None if commands is None else _largest(_joints(commands.velocity)),
        jerk_rms_rad_s3=None if jerks is None else float(np.sqrt(np.mean(jerks**2))),
        jerk_max_rad_s3=None if jerks is None else _largest(jerks),
        limit_hits=counted.get(('executor', 'limit_hits')),
        tracking=_tracking(record),
        equations=equations(record.counters),
        losses=link_losses(record.counters),
    )


def stage_durations_ms(records: Sequence[EpisodeRecord]) -> dict[str, FloatArray]:
    """
    Return the durations [count] of every stage [ms] in order of first appearance.

    Besides the stages that chunks carry: 'chunk_to_executor', publication to reception, and
    'exposure_to_executor', observation stamp to reception.
    """
    durations: dict[str, list[float]] = {}
    for record in records:
        for chunk in record.chunks:
            for timing in chunk.timings:
                durations.setdefault(timing.stage, []).append(timing.duration_ns / 1e6)
            for stage, start_ns in (
                ('chunk_to_executor', chunk.completed_ns),
                ('exposure_to_executor', chunk.stamp_ns),
            ):
                durations.setdefault(stage, []).append((chunk.arrival_ns - start_ns) / 1e6)
    return {stage: np.array(values) for stage, values in durations.items()}


def stage_summaries(durations_ms: Mapping[str, FloatArray]) -> tuple[StageSummary, ...]:
    """Return the percentiles of every stage."""
    return tuple(
        StageSummary(
            stage=stage,
            count=values.size,
            p50_ms=float(np.percentile(values, 50)),
            p95_ms=float(np.percentile(values, 95)),
            p99_ms=float(np.percentile(values, 99)),
            max_ms=float(values.max()),
        )
        for stage, values in durations_ms.items()
        if values.size
    )


def joined_durations_ms(metrics: Iterable[EpisodeMetrics]) -> dict[str, FloatArray]:
    """Return the durations of every stage over several episodes."""
    joined: dict[str, list[FloatArray]] = {}
    for item in metrics:
        for stage, values in item.stage_durations_ms.items():
            joined.setdefault(stage, []).append(values)
    return {stage: np.concatenate(parts) for stage, parts in joined.items()}


def _worst(record: EpisodeRecord, name: str) -> float | None:
    return max((getattr(splice, name) for splice in record.splices), default=None)


def _delay_rows(record: EpisodeRecord) -> dict[int, int]:
    """Return how often how many rows were due before the splice."""
    if not record.chunks:
        return {}
    dt_ns = record.chunks[0].dt_ns
    rows = Counter(
        delay_rows(splice.splice_ns - splice.stamp_ns, dt_ns, 0) for splice in record.splices
    )
    return dict(sorted(rows.items()))


def _joints(rows: FloatArray) -> FloatArray:
    """Return the columns of `rows` [n, D] that are joint angles."""
    keep = [i for i in range(rows.shape[1]) if i % ARM_WIDTH != _GRIPPER]
    joints: FloatArray = rows[:, keep]
    return joints


def _largest(rows: FloatArray) -> float | None:
    return float(np.abs(rows).max()) if rows.size else None


def _percentile(values: FloatArray, percent: float) -> float | None:
    return float(np.percentile(values, percent)) if values.size else None


def _jerks(commands: CommandTrack | None) -> FloatArray | None:
    """
    Return the jerk [n, joints] of the commanded velocity, None without commands.

    Second differences over steps of 10 ms, which is how often a recorder gets commands: the same
    quantity for a recording and for virtual time, where more is known.
    """
    if commands is None or commands.stamps_ns.size < 2:
        return None
    times_s = (commands.stamps_ns - commands.stamps_ns[0]) / 1e9
    grid_s = np.arange(0.0, times_s[-1], _JERK_STEP_S)
    velocity = np.stack(
        [np.interp(grid_s, times_s, column) for column in _joints(commands.velocity).T], axis=1
    )
    jerks: FloatArray = np.diff(velocity, n=2, axis=0) / _JERK_STEP_S**2
    return jerks if jerks.size else None


def _tracking(record: EpisodeRecord) -> tuple[TrackingSummary, ...]:
    commands = record.commands
    if commands is None or commands.stamps_ns.size < 2:
        return ()
    return tuple(
        _track(arm, columns, commands)
        for arm in record.arms
        if arm.stamps_ns.size and (columns := record.columns_of(arm.arm)) is not None
    )


def _track(arm: ArmTrack, place: slice, commands: CommandTrack) -> TrackingSummary:
    """Compare measured with commanded joints where both exist."""
    start = int(commands.stamps_ns[0])
    grid_s = (commands.stamps_ns - start) / 1e9
    times_s = (arm.stamps_ns - start) / 1e9
    inside = (times_s >= grid_s[0] + _MAX_LAG_S) & (times_s <= grid_s[-1])
    if not inside.any():
        inside = np.ones_like(inside)
    times_s, measured = times_s[inside], arm.position[inside, :_GRIPPER]
    columns = commands.position[:, place.start : place.start + _GRIPPER]

    def error(lag_s: float) -> FloatArray:
        wanted = [np.interp(times_s - lag_s, grid_s, column) for column in columns.T]
        difference: FloatArray = measured - np.stack(wanted, axis=1)
        return difference

    lags = np.arange(0.0, _MAX_LAG_S, _LAG_STEP_S)
    rms = np.array([np.sqrt(np.mean(error(lag) ** 2)) for lag in lags])
    best = int(rms.argmin())
    return TrackingSummary(
        arm=arm.arm,
        rms_rad=float(rms[0]),
        max_rad=float(np.abs(error(0.0)).max()),
        lag_s=float(lags[best]),
        rms_at_lag_rad=float(rms[best]),
    )
