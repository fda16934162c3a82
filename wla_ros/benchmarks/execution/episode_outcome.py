# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
What the benchmark keeps of one episode: numbers only, one line of JSON.

Distributions are binned, so that a file of ten thousand episodes stays small. Pure.
"""

import json
import math
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any

import numpy as np

from wla_ros.base.joints import JointLayout
from wla_ros.base.joints import JointLimits
from wla_ros.base.types import FloatArray
from wla_ros.benchmarks.execution.command_check import check_commands
from wla_ros.benchmarks.execution.reaction_time import reaction_times_s
from wla_ros.episodes.record import EpisodeRecord

# Many values kept as counts of bins, so that distributions of many episodes can be added up.
#
# A quantile is the upper edge of its bin: it never understates. Pure.

# Forty bins per decade: an edge overstates a value by at most 6 %.
_PER_DECADE = 40
_SMALLEST = 1e-9  # less is zero: rounding of float64 in radians and metres


@dataclass(frozen=True, slots=True)
class BinnedValues:
    """Counts of values >= 0 in logarithmic bins; bin None of the mapping is zero."""

    counts: Mapping[int | None, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Number of values."""
        return sum(self.counts.values())

    def quantile(self, share: float) -> float:
        """Return the upper edge of the bin of the value at `share` in 0..1, NaN without values."""
        wanted = max(1, math.ceil(share * self.total))
        seen = 0
        for edge in sorted(self.counts, key=lambda item: -math.inf if item is None else item):
            seen += self.counts[edge]
            if seen >= wanted:
                return 0.0 if edge is None else 10.0 ** (edge / _PER_DECADE)
        return math.nan

    def as_text(self) -> str:
        """Return for example 'z:12 -80:3 -79:1', for files."""
        return ' '.join(
            f'{"z" if edge is None else edge}:{count}' for edge, count in self.counts.items()
        )


def binned(values: FloatArray | Iterable[float]) -> BinnedValues:
    """Return the bins of `values`. Raises ValueError if one is negative or not finite."""
    array = np.fromiter(values, dtype=np.float64) if not isinstance(values, np.ndarray) else values
    if array.size and not (np.isfinite(array).all() and (array >= 0.0).all()):
        raise ValueError('values must be finite and not negative')
    positive = array[array > _SMALLEST]
    edges, counts = np.unique(
        np.ceil(np.log10(positive) * _PER_DECADE - 1e-9).astype(np.int64), return_counts=True
    )
    result: dict[int | None, int] = dict(zip(edges.tolist(), counts.tolist(), strict=True))
    zeros = array.size - positive.size
    return BinnedValues({None: zeros, **result} if zeros else result)


def added(parts: Iterable[BinnedValues]) -> BinnedValues:
    """Return all values of `parts` together."""
    counts: dict[int | None, int] = {}
    for part in parts:
        for edge, count in part.counts.items():
            counts[edge] = counts.get(edge, 0) + count
    return BinnedValues(counts)


def parsed(text: str) -> BinnedValues:
    """Return what `as_text` wrote. Raises ValueError for anything else."""
    counts: dict[int | None, int] = {}
    for part in text.split():
        edge, _, count = part.partition(':')
        counts[None if edge == 'z' else int(edge)] = int(count)
    return BinnedValues(counts)


DISTRIBUTIONS = (
    'position_step_rad',
    'velocity_step_rad_s',
    'acceleration_step_rad_s2',
    'bridged_position_step_rad',
    'bridged_velocity_step_rad_s',
    'bridged_acceleration_step_rad_s2',
    'delay_s',
    'reaction_s',
    'jerk_rad_s3',
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeOutcome:
    """One episode of one cell."""

    cell: str  # key
    seed: int
    success: bool
    end_reason: str
    judgement: str
    task_s: float | None  # until the task stayed solved
    waited_s: float  # until the rows of the first chunk took over: every strategy pays it once
    duration_s: float
    limit_s: float  # time an unsolved episode is counted with
    splices: int
    chunks_refused: int
    starvations: int
    starved_s: float
    commands: int
    reseeds: int  # commands at which an arm was set to its measured joints, at rest
    violations: Mapping[str, int]  # per quantity of command_check
    worst_ratio: Mapping[str, float]
    jerk_rms_rad_s3: float
    distributions: Mapping[str, BinnedValues] = field(default_factory=dict)  # of DISTRIBUTIONS
    refusals: Mapping[str, int] = field(default_factory=dict)  # chunks by reason
    cpu_s: float = 0.0

    @property
    def counted_s(self) -> float:
        """Time until solved, the limit if that never happened."""
        return self.task_s if self.success and self.task_s is not None else self.limit_s

    @property
    def moving_s(self) -> float:
        """The same without the wait for the first chunk."""
        return self.counted_s - self.waited_s


def outcome_of(
    record: EpisodeRecord,
    *,
    cell: str,
    limits: JointLimits,
    layout: JointLayout,
    limit_s: float,
    cpu_s: float,
) -> EpisodeOutcome:
    """Return what the benchmark keeps of `record`."""
    commands = record.commands
    stamps = np.empty(0, dtype=np.int64) if commands is None else commands.stamps_ns
    position = np.empty((0, layout.width)) if commands is None else commands.position
    reseeded = None if commands is None else commands.reseeded
    check = check_commands(
        stamps,
        position,
        limits,
        joint_columns=layout.joint_indices,
        reseeded=reseeded,
    )
    splices = record.splices
    values = {
        name: np.array([getattr(splice, name) for splice in splices]) for name in DISTRIBUTIONS[:7]
    }
    values['reaction_s'] = reaction_times_s(
        np.array([splice.stamp_ns for splice in splices], dtype=np.int64),
        np.array([splice.effect_ns for splice in splices], dtype=np.int64),
        record.start_ns,
        record.start_ns + (record.task_ns or record.end_ns - record.start_ns),
    )
    values['jerk_rad_s3'] = check.jerk
    refusals: dict[str, int] = {}
    for chunk in record.chunks:
        if chunk.refusal:
            refusals[chunk.refusal] = refusals.get(chunk.refusal, 0) + 1
    return EpisodeOutcome(
        cell=cell,
        seed=record.seed,
        success=record.success,
        end_reason=record.end_reason,
        judgement=record.judgement,
        task_s=record.task_s,
        waited_s=(splices[0].effect_ns - record.start_ns) / 1e9 if splices else 0.0,
        duration_s=record.duration_s,
        limit_s=limit_s,
        splices=len(splices),
        chunks_refused=sum(refusals.values()),
        starvations=len(record.starvations),
        starved_s=sum(span.end_ns - span.start_ns for span in record.starvations) / 1e9,
        commands=check.commands,
        reseeds=0 if reseeded is None else int(reseeded.any(axis=1).sum()),
        violations=dict(check.violations),
        worst_ratio=dict(check.worst_ratio),
        jerk_rms_rad_s3=float(np.sqrt(np.mean(check.jerk**2))) if check.jerk.size else 0.0,
        distributions={name: binned(np.abs(items)) for name, items in values.items()},
        refusals=refusals,
        cpu_s=cpu_s,
    )


def outcome_line(outcome: EpisodeOutcome) -> str:
    """Return `outcome` as one line of JSON without its end."""
    values = {name: getattr(outcome, name) for name in EpisodeOutcome.__slots__}
    for name in ('waited_s', 'duration_s', 'starved_s', 'jerk_rms_rad_s3', 'cpu_s'):
        values[name] = round(values[name], 6)
    values['worst_ratio'] = {key: round(v, 9) for key, v in outcome.worst_ratio.items()}
    values['distributions'] = {key: v.as_text() for key, v in outcome.distributions.items()}
    return json.dumps(values, separators=(',', ':'))


def outcome_from(line: str) -> EpisodeOutcome:
    """Return the outcome that `outcome_line` wrote. Raises ValueError for anything else."""
    values: dict[str, Any] = json.loads(line)
    try:
        values['distributions'] = {
            key: parsed(text) for key, text in values['distributions'].items()
        }
        return EpisodeOutcome(**values)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f'no outcome of an episode: {error}') from error
