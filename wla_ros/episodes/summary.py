# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Many episodes of one source to the numbers of a table and of a JSON line."""

import math
from collections import Counter
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wla_ros.base.types import FloatArray
from wla_ros.episodes.counters import Equation
from wla_ros.episodes.counters import Term
from wla_ros.episodes.loss import LinkLoss
from wla_ros.episodes.metrics import EpisodeMetrics
from wla_ros.episodes.metrics import StageSummary
from wla_ros.episodes.metrics import joined_durations_ms
from wla_ros.episodes.metrics import stage_summaries

# How sure a success rate is, from how few episodes.

# Two-sided 95 % quantile of the normal distribution.
_Z95 = 1.959963984540054


@dataclass(frozen=True, slots=True, kw_only=True)
class SuccessRate:
    """Successes of a number of independent episodes with the Wilson 95 % score interval."""

    successes: int
    episodes: int

    def __post_init__(self) -> None:
        """Refuse impossible counts."""
        if not 0 <= self.successes <= self.episodes:
            raise ValueError(f'{self.successes} successes of {self.episodes} episodes')

    @property
    def rate(self) -> float:
        """Return the share of successes, NaN without episodes."""
        return self.successes / self.episodes if self.episodes else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Return (low, high) of Wilson (1927); (0, 1) without episodes."""
        n = self.episodes
        if not n:
            return 0.0, 1.0
        share, z2 = self.successes / n, _Z95 * _Z95
        centre = (share + z2 / (2 * n)) / (1 + z2 / n)
        half = _Z95 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
        # At 0 and n successes the exact ends are 0 and 1; rounding must not say otherwise.
        low = 0.0 if self.successes == 0 else centre - half
        high = 1.0 if self.successes == n else centre + half
        return low, high

    def __str__(self) -> str:
        """Return for example '98/100 (98 %, 93..99 %)'."""
        low, high = self.interval
        share = f'{100 * self.rate:.0f} %, {100 * low:.0f}..{100 * high:.0f} %'
        return f'{self.successes}/{self.episodes} ({share})'


# An arm that is nearer to its commands than this stood still; its lag is that of nothing.
_MOVED_RAD = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedEpisode:
    """Why an episode failed: what ended it, in whose words, and what was missing then."""

    seed: int
    end_reason: str
    end_message: str
    judgement: str

    @property
    def cause(self) -> str:
        """Reason and message."""
        return f'{self.end_reason}: {self.end_message}' if self.end_message else self.end_reason


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SourceSummary:
    """All episodes of one source ('direct', 'virtual', 'live')."""

    source: str
    success: SuccessRate
    task_mean_s: float | None  # until solved, of the successful
    task_max_s: float | None
    finished_mean_s: float | None  # until the policy was done, of the successful
    wall_s: float  # computing time, summed over processes
    stages: tuple[StageSummary, ...]
    seam_position_max_rad: float | None
    seam_velocity_max_rad_s: float | None
    bridged_position_max_rad: float | None  # of the executed curve, bridges included
    bridged_velocity_max_rad_s: float | None
    bridged_acceleration_max_rad_s2: float | None
    delays_ms: FloatArray  # [splices] from observation to splice
    delay_rows: Mapping[int, int]  # rows due before the splice -> how often
    starvations: int
    starved_s: float
    chunks: int
    chunks_refused: int
    limit_hits: int
    jerk_rms_rad_s3: float | None
    tracking_rms_rad: float | None  # at equal stamps: what an arm lags is in it
    tracking_lag_s: float | None  # largest
    tracking_rms_at_lag_rad: float | None  # how well it followed, later
    equations: tuple[Equation, ...]  # summed over episodes
    losses: tuple[LinkLoss, ...]  # summed over episodes
    failures: tuple[FailedEpisode, ...]

    @property
    def violated(self) -> tuple[Equation, ...]:
        """The sums that do not add up."""
        return tuple(item for item in self.equations if item.verdict == 'violated')

    @property
    def unknown(self) -> tuple[Equation, ...]:
        """The sums that lack a counter."""
        return tuple(item for item in self.equations if item.verdict == 'unknown')

    @property
    def excessive(self) -> tuple[LinkLoss, ...]:
        """The links that lost more than they may."""
        return tuple(item for item in self.losses if item.excessive)


def summarise(metrics: Sequence[EpisodeMetrics]) -> tuple[SourceSummary, ...]:
    """Return one summary per source, in order of first appearance."""
    by_source: dict[str, list[EpisodeMetrics]] = {}
    for item in metrics:
        by_source.setdefault(item.source, []).append(item)
    return tuple(_summary(source, items) for source, items in by_source.items())


def _summary(source: str, items: list[EpisodeMetrics]) -> SourceSummary:
    times = [item.task_s for item in items if item.success and item.task_s is not None]
    ends = [item.finished_s for item in items if item.success and item.finished_s is not None]
    tracking = [arm for item in items for arm in item.tracking]
    return SourceSummary(
        source=source,
        success=SuccessRate(successes=sum(item.success for item in items), episodes=len(items)),
        task_mean_s=float(np.mean(times)) if times else None,
        task_max_s=max(times, default=None),
        finished_mean_s=float(np.mean(ends)) if ends else None,
        wall_s=sum(item.wall_s for item in items),
        stages=stage_summaries(joined_durations_ms(items)),
        seam_position_max_rad=_max(item.seam_position_max_rad for item in items),
        seam_velocity_max_rad_s=_max(item.seam_velocity_max_rad_s for item in items),
        bridged_position_max_rad=_max(item.bridged_position_max_rad for item in items),
        bridged_velocity_max_rad_s=_max(item.bridged_velocity_max_rad_s for item in items),
        bridged_acceleration_max_rad_s2=_max(
            item.bridged_acceleration_max_rad_s2 for item in items
        ),
        delays_ms=np.concatenate([item.delays_ms for item in items]),
        delay_rows=dict(
            sorted(sum((Counter(item.delay_rows) for item in items), Counter()).items())
        ),
        starvations=sum(item.starvations for item in items),
        starved_s=sum(item.starved_s for item in items),
        chunks=sum(item.chunks for item in items),
        chunks_refused=sum(item.chunks_refused or 0 for item in items),
        limit_hits=sum(item.limit_hits or 0 for item in items),
        jerk_rms_rad_s3=_root_mean_square(item.jerk_rms_rad_s3 for item in items),
        tracking_rms_rad=_root_mean_square(arm.rms_rad for arm in tracking),
        tracking_lag_s=_max(arm.lag_s for arm in tracking if arm.rms_rad > _MOVED_RAD),
        tracking_rms_at_lag_rad=_root_mean_square(arm.rms_at_lag_rad for arm in tracking),
        equations=summed(items),
        losses=_summed_losses(items),
        failures=tuple(
            FailedEpisode(
                seed=item.seed,
                end_reason=item.end_reason,
                end_message=item.end_message,
                judgement=item.judgement,
            )
            for item in items
            if not item.success
        ),
    )


def summed(metrics: Iterable[EpisodeMetrics]) -> tuple[Equation, ...]:
    """
    Return every equation with its terms summed over the episodes.

    A difference in one episode must not cancel that of another: an equation violated anywhere
    keeps the terms of that episode only, and its subject says so.
    """
    totals: dict[str, Equation] = {}
    for item in metrics:
        for equation in item.equations:
            key = f'{equation.subject} {equation.left.name}'
            known = totals.get(key)
            if equation.verdict == 'violated':
                totals[key] = Equation(
                    subject=f'{equation.subject} (seed {item.seed})',
                    left=equation.left,
                    right=equation.right,
                )
            elif known is None or known.verdict != 'violated':
                totals[key] = equation if known is None else _added(known, equation)
    return tuple(totals.values())


def _summed_losses(metrics: Iterable[EpisodeMetrics]) -> tuple[LinkLoss, ...]:
    totals: dict[str, LinkLoss] = {}
    for loss in (loss for item in metrics for loss in item.losses):
        known = totals.get(loss.link, LinkLoss(link=loss.link, sent=0, lost=0))
        totals[loss.link] = LinkLoss(
            link=loss.link, sent=known.sent + loss.sent, lost=known.lost + loss.lost
        )
    return tuple(totals.values())


def summary_values(summary: SourceSummary) -> dict[str, Any]:
    """Return `summary` as values for JSON; NaN never appears."""
    low, high = summary.success.interval
    return {
        'source': summary.source,
        'episodes': summary.success.episodes,
        'successes': summary.success.successes,
        'success_rate': _finite(summary.success.rate),
        'success_interval_95': [low, high],
        'task_mean_s': summary.task_mean_s,
        'task_max_s': summary.task_max_s,
        'finished_mean_s': summary.finished_mean_s,
        'wall_s': summary.wall_s,
        'latency_ms': {
            item.stage: {
                'count': item.count,
                'p50': item.p50_ms,
                'p95': item.p95_ms,
                'p99': item.p99_ms,
                'max': item.max_ms,
            }
            for item in summary.stages
        },
        'seam_position_max_rad': summary.seam_position_max_rad,
        'seam_velocity_max_rad_s': summary.seam_velocity_max_rad_s,
        'bridged_position_max_rad': summary.bridged_position_max_rad,
        'bridged_velocity_max_rad_s': summary.bridged_velocity_max_rad_s,
        'bridged_acceleration_max_rad_s2': summary.bridged_acceleration_max_rad_s2,
        'splice_delay_ms': _percentiles(summary.delays_ms),
        'splice_delay_rows': {str(rows): count for rows, count in summary.delay_rows.items()},
        'starvations': summary.starvations,
        'starved_s': summary.starved_s,
        'chunks': summary.chunks,
        'chunks_refused': summary.chunks_refused,
        'limit_hits': summary.limit_hits,
        'jerk_rms_rad_s3': summary.jerk_rms_rad_s3,
        'tracking_rms_rad': summary.tracking_rms_rad,
        'tracking_lag_s': summary.tracking_lag_s,
        'tracking_rms_at_lag_rad': summary.tracking_rms_at_lag_rad,
        'sums': {
            'ok': sum(item.verdict == 'ok' for item in summary.equations),
            'violated': [item.subject for item in summary.violated],
            'unknown': [item.subject for item in summary.unknown],
        },
        'lost': {
            item.link: {'sent': item.sent, 'lost': item.lost, 'excessive': item.excessive}
            for item in summary.losses
        },
        'failures': [
            {
                'seed': item.seed,
                'end_reason': item.end_reason,
                'message': item.end_message,
                'judgement': item.judgement,
            }
            for item in summary.failures
        ],
    }


def _percentiles(values: FloatArray) -> dict[str, float] | None:
    if not values.size:
        return None
    return {
        'count': values.size,
        'p50': float(np.percentile(values, 50)),
        'p99': float(np.percentile(values, 99)),
        'max': float(values.max()),
    }


def _added(first: Equation, second: Equation) -> Equation:
    values = {term.name: term.value for term in second.right}
    return Equation(
        subject=first.subject,
        left=Term(name=first.left.name, value=_sum(first.left.value, second.left.value)),
        right=tuple(
            Term(name=term.name, value=_sum(term.value, values.get(term.name)))
            for term in first.right
        ),
    )


def _sum(first: int | None, second: int | None) -> int | None:
    return None if first is None or second is None else first + second


def _max(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _root_mean_square(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.sqrt(np.mean(np.square(known)))) if known else None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
