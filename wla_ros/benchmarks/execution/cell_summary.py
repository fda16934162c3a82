# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""All episodes of one cell as the numbers of a table. Pure."""

from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from wla_ros.base.types import FloatArray
from wla_ros.benchmarks.execution.benchmark_cell import BenchmarkCell
from wla_ros.benchmarks.execution.benchmark_cell import cell_of
from wla_ros.benchmarks.execution.command_check import QUANTITIES
from wla_ros.benchmarks.execution.episode_outcome import DISTRIBUTIONS
from wla_ros.benchmarks.execution.episode_outcome import BinnedValues
from wla_ros.benchmarks.execution.episode_outcome import EpisodeOutcome
from wla_ros.benchmarks.execution.episode_outcome import added
from wla_ros.benchmarks.execution.paired_statistics import Estimate
from wla_ros.benchmarks.execution.paired_statistics import mean_estimate
from wla_ros.benchmarks.execution.paired_statistics import relative_difference
from wla_ros.benchmarks.execution.paired_statistics import success_difference
from wla_ros.episodes.summary import SuccessRate


@dataclass(frozen=True, slots=True, kw_only=True)
class CellSummary:
    """One cell."""

    cell: BenchmarkCell
    outcomes: Mapping[int, EpisodeOutcome]  # by seed
    success: SuccessRate
    task_s: Estimate  # of the successful
    counted_s: Estimate  # failures count as the time limit
    jerk_rms_rad_s3: float
    starvations: int
    starved_s: float
    splices: int
    chunks_refused: int
    commands: int
    violations: Mapping[str, int]
    distributions: Mapping[str, BinnedValues]
    cpu_s: float  # mean of an episode

    @property
    def violated(self) -> int:
        """Violations of any limit."""
        return sum(self.violations.values())

    def largest(self, name: str) -> float:
        """Return the largest value of a distribution."""
        return self.distributions[name].quantile(1.0)

    def p99(self, name: str) -> float:
        """Return the 99th percentile of a distribution."""
        return self.distributions[name].quantile(0.99)

    def p50(self, name: str) -> float:
        """Return the median of a distribution."""
        return self.distributions[name].quantile(0.5)


def summarise_cell(key: str, outcomes: Mapping[int, EpisodeOutcome]) -> CellSummary:
    """Return the summary of one cell. Raises ValueError without episodes."""
    if not outcomes:
        raise ValueError(f'no episode of {key}')
    items = list(outcomes.values())
    times = [item.task_s for item in items if item.success and item.task_s is not None]
    squares = [item.jerk_rms_rad_s3**2 for item in items]
    return CellSummary(
        cell=cell_of(key),
        outcomes=outcomes,
        success=SuccessRate(successes=sum(item.success for item in items), episodes=len(items)),
        task_s=mean_estimate(np.array(times)),
        counted_s=mean_estimate(np.array([item.counted_s for item in items])),
        jerk_rms_rad_s3=float(
            np.sqrt(np.average(squares, weights=[max(item.commands, 1) for item in items]))
        ),
        starvations=sum(item.starvations for item in items),
        starved_s=sum(item.starved_s for item in items),
        splices=sum(item.splices for item in items),
        chunks_refused=sum(item.chunks_refused for item in items),
        commands=sum(item.commands for item in items),
        violations={
            name: sum(item.violations.get(name, 0) for item in items) for name in QUANTITIES
        },
        distributions={
            name: added(item.distributions[name] for item in items if name in item.distributions)
            for name in DISTRIBUTIONS
        },
        cpu_s=sum(item.cpu_s for item in items) / len(items),
    )


def success_against(cell: CellSummary, reference: CellSummary) -> Estimate:
    """Return the difference in success of `cell` and `reference` over their common seeds."""
    seeds = _common(cell, reference)
    return success_difference(_successes(cell, seeds), _successes(reference, seeds))


def task_time_against(
    cell: CellSummary, reference: CellSummary, *, moving: bool = False
) -> Estimate:
    """
    Return how much longer the task took, relative, over seeds at which both succeeded.

    `moving` leaves out the wait for the first chunk on both sides.
    """
    seeds = [
        seed
        for seed in _common(cell, reference)
        if _solved_s(cell.outcomes[seed]) and _solved_s(reference.outcomes[seed])
    ]
    times = [
        [item.moving_s if moving else item.counted_s for item in map(outcomes.get, seeds) if item]
        for outcomes in (cell.outcomes, reference.outcomes)
    ]
    return relative_difference(np.array(times[0]), np.array(times[1]))


def _common(first: CellSummary, second: CellSummary) -> list[int]:
    return sorted(first.outcomes.keys() & second.outcomes.keys())


def _successes(cell: CellSummary, seeds: Iterable[int]) -> FloatArray:
    return np.array([float(cell.outcomes[seed].success) for seed in seeds])


def _solved_s(outcome: EpisodeOutcome) -> bool:
    return outcome.success and outcome.task_s is not None
