# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""What the executor tells of itself: splices, steps between plans, a snapshot of its state."""

import enum
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wla_ros.base.counters import Count
from wla_ros.base.counters import counter_names
from wla_ros.base.counters import counters
from wla_ros.base.curve import CurveSample
from wla_ros.execution.emission_rates import WorstRates
from wla_ros.execution.schedule import RowCounts
from wla_ros.execution.supervision import ModeEntry

# What a splice did: the fields of Splice.msg.


@dataclass(frozen=True, slots=True, kw_only=True)
class SpliceReport:
    """
    How one chunk joined the plan.

    Steps are the largest over the arm joints, each column at the time it changes over. A chunk
    that follows on nothing has stepped from the command in force.
    """

    stamp_ns: int  # when the chunk was spliced, executor's clock
    strategy: str
    epoch: int
    sequence: int
    delay_ns: int  # from the observation to the splice, the least action latency included
    rows_late: int  # rows of the chunk due before the splice
    rows_kept: int  # rows of the old plan executed before the first new one
    # From the old plan to the new one
    position_step_rad: float
    velocity_step_rad_s: float
    acceleration_step_rad_s2: float
    bridge_s: float  # longest bridge of a column, 0: no step
    # The same of the curve that is executed, bridge included
    bridged_position_step_rad: float
    bridged_velocity_step_rad_s: float
    bridged_acceleration_step_rad_s2: float
    followed: bool  # there was a plan before
    steep: bool  # no bridge within the bound kept the configured shares of the limits
    short: bool  # the committed rows ended before the chunk was here


@dataclass(frozen=True, slots=True, kw_only=True)
class SpliceSteps:
    """Steps from one curve to another at the same time, largest over some joints."""

    position_rad: float = 0.0
    velocity_rad_s: float = 0.0
    acceleration_rad_s2: float = 0.0


def steps_between(
    before: CurveSample, after: CurveSample, joints: NDArray[np.intp]
) -> SpliceSteps | None:
    """Return the steps over `joints` that both samples cover, None if there is none."""
    covered = joints[~(before.outside | after.outside)[joints]]
    if not len(covered):
        return None
    step = np.abs(after.values - before.values)[:, covered].max(axis=1)
    return SpliceSteps(
        position_rad=float(step[0]),
        velocity_rad_s=float(step[1]),
        acceleration_rad_s2=float(step[2]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SeamSummary:
    """All splices that followed on a plan so far; a step is the largest over the arm joints."""

    count: int = 0
    last_position_rad: float = 0.0
    last_velocity_rad_s: float = 0.0
    last_acceleration_rad_s2: float = 0.0
    max_position_rad: float = 0.0
    max_velocity_rad_s: float = 0.0
    max_acceleration_rad_s2: float = 0.0
    # Of the executed curve, bridge included
    max_bridged_position_rad: float = 0.0
    max_bridged_velocity_rad_s: float = 0.0
    max_bridged_acceleration_rad_s2: float = 0.0
    bridges: int = 0  # splices that needed a bridge
    max_bridge_s: float = 0.0


class SeamMetrics:
    """Collects the steps of all splices."""

    def __init__(self) -> None:
        """Start with no splice."""
        self._count = self._bridges = 0
        self._last = self._most = self._bridged = SpliceSteps()
        self._longest_s = 0.0

    def add(self, step: SpliceSteps, bridged: SpliceSteps, bridge_s: float) -> None:
        """Record the switch from one plan to another."""
        self._count += 1
        self._last = step
        self._most = _larger(self._most, step)
        self._bridged = _larger(self._bridged, bridged)
        self._bridges += bridge_s > 0.0
        self._longest_s = max(self._longest_s, bridge_s)

    def summary(self) -> SeamSummary:
        """Return everything recorded so far."""
        return SeamSummary(
            count=self._count,
            last_position_rad=self._last.position_rad,
            last_velocity_rad_s=self._last.velocity_rad_s,
            last_acceleration_rad_s2=self._last.acceleration_rad_s2,
            max_position_rad=self._most.position_rad,
            max_velocity_rad_s=self._most.velocity_rad_s,
            max_acceleration_rad_s2=self._most.acceleration_rad_s2,
            max_bridged_position_rad=self._bridged.position_rad,
            max_bridged_velocity_rad_s=self._bridged.velocity_rad_s,
            max_bridged_acceleration_rad_s2=self._bridged.acceleration_rad_s2,
            bridges=self._bridges,
            max_bridge_s=self._longest_s,
        )


def _larger(one: SpliceSteps, other: SpliceSteps) -> SpliceSteps:
    return SpliceSteps(
        position_rad=max(one.position_rad, other.position_rad),
        velocity_rad_s=max(one.velocity_rad_s, other.velocity_rad_s),
        acceleration_rad_s2=max(one.acceleration_rad_s2, other.acceleration_rad_s2),
    )


# What the executor reports about itself at one instant; the fields of ExecutorStatus.msg and a few
# more.


class ExecutorState(enum.IntEnum):
    """What the command stream does; values as in ExecutorStatus.msg."""

    TRACKING = 0
    DECELERATING = 1
    HOLDING = 2
    NOT_READY = 3
    FAILED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorCounts:
    """Totals since construction."""

    chunks_received: Count = 0
    chunks_accepted: Count = 0
    chunks_rejected: Count = 0
    ticks: Count = 0
    ticks_late: Count = 0
    ticks_not_ready: Count = 0
    ticks_failed: Count = 0  # ended with an error instead of a command
    commands_published: Count = 0
    commands_decimated: Count = 0  # left out; counted by who sends them, 0 here
    starvations: Count = 0
    limit_hits: Count = 0
    stalls: Count = 0  # pauses between ticks after which the command started again from rest
    stops_forced: Count = 0  # ticks in which a column took its stop to stay inside the bounds
    planner_failures: Count = 0
    feedback_refused: Count = 0
    feedback_repeated: Count = 0  # with the stamp of the sample before
    chunks_missed: Count = (
        0  # gaps in the sequence: dropped inferences, lost or overtaken messages
    )
    forecasts_short: Count = 0  # chunks that came after their committed rows had ended
    bridges_steep: Count = 0  # splices whose step no bridge spreads within the configured shares


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorSnapshot:
    """State of the executor."""

    stamp_ns: int
    state: ExecutorState
    mode: ModeEntry
    reason: str  # why it holds or decelerates, empty while tracking
    detail: str  # the same as a sentence
    epoch: int
    sequence: int
    horizon_left_s: float
    last_rejection: str  # '<reason>: <sentence>'
    rows: RowCounts
    counts: ExecutorCounts
    rejections: tuple[tuple[str, int], ...]  # how often each reason rejected a chunk
    tick_lateness_p50_s: float
    tick_lateness_p99_s: float
    max_deviation_rad: float
    seams: SeamSummary
    session: int  # whose chunks AUTONOMY executes, 0 while any may begin
    worst_rates: WorstRates  # of the emitted commands, by their stamps

    @property
    def counters(self) -> dict[str, int]:
        """All counters by name, those of rows as rows_...; see EXECUTOR_COUNTERS."""
        rows = {f'{_ROWS}{name}': value for name, value in counters(self.rows).items()}
        return {**counters(self.counts), **rows}


_ROWS = 'rows_'
EXECUTOR_COUNTERS = (
    *counter_names(ExecutorCounts),
    *(f'{_ROWS}{name}' for name in counter_names(RowCounts)),
)
