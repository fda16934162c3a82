"""
What the executor reports about itself at one instant; the fields of ExecutorStatus.msg and a few
more.
"""

import enum
from dataclasses import dataclass

from wla_ros.control.control_modes import ModeEntry
from wla_ros.control.emission_rates import WorstRates
from wla_ros.control.row_ledger import RowCounts
from wla_ros.control.seam_metrics import SeamSummary


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

    chunks_received: int = 0
    chunks_accepted: int = 0
    chunks_rejected: int = 0
    ticks: int = 0
    ticks_late: int = 0
    ticks_not_ready: int = 0
    ticks_failed: int = 0  # ended with an error instead of a command
    commands_published: int = 0
    starvations: int = 0
    limit_hits: int = 0
    stalls: int = 0  # pauses between ticks after which the command started again from rest
    stops_forced: int = 0  # ticks in which a column took its stop to stay inside the bounds
    planner_failures: int = 0
    feedback_refused: int = 0
    feedback_repeated: int = 0  # with the stamp of the sample before
    chunks_missed: int = 0  # gaps in the sequence: dropped inferences, lost or overtaken messages
    forecasts_short: int = 0  # chunks that came after their committed rows had ended
    bridges_steep: int = 0  # splices whose step no bridge spreads within the configured shares


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
