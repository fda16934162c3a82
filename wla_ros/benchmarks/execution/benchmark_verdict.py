# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The claims of the benchmark, computed from its cells. Pure.

The best strategy is chosen by the same data that judge it; with 200 episodes a cell and a handful
of strategies that flatters it by less than the intervals.
"""

import math
from dataclasses import dataclass

from wla_ros.benchmarks.execution.benchmark_table import LATEST
from wla_ros.benchmarks.execution.benchmark_table import SYNC
from wla_ros.benchmarks.execution.benchmark_table import BenchmarkTable
from wla_ros.benchmarks.execution.benchmark_table import asynchronous
from wla_ros.benchmarks.execution.benchmark_table import is_peer
from wla_ros.benchmarks.execution.cell_summary import CellSummary
from wla_ros.benchmarks.execution.cell_summary import success_against
from wla_ros.benchmarks.execution.cell_summary import task_time_against
from wla_ros.benchmarks.execution.command_check import QUANTITIES
from wla_ros.benchmarks.execution.paired_statistics import UNKNOWN
from wla_ros.benchmarks.execution.paired_statistics import Estimate

MAX_LONGER = 0.05  # of the task time, against the same strategy without delay
MAX_LOST = 0.01  # of success, against sync at the same delay


@dataclass(frozen=True, slots=True, kw_only=True)
class DelayVerdict:
    """How one strategy of this package stands at one delay."""

    policy: str
    task: str
    strategy: str
    delay_ms: int
    longer: Estimate  # task time relative to the same strategy without delay
    longer_moving: Estimate  # the same from the first motion on
    against_sync: Estimate  # difference in success
    time_against_sync: Estimate  # task time relative to sync at this delay
    latest_against_sync: Estimate  # difference in success of `latest`: what naive costs
    latest_longer_than_best: Estimate  # task time of `latest` relative to this strategy
    sync_longer: Estimate  # what sync pays for the delay

    @property
    def holds(self) -> bool:
        """Whether both bounds hold for the estimates themselves; the intervals say how surely."""
        return self.longer.value <= MAX_LONGER and self.against_sync.value >= -MAX_LOST


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitVerdict:
    """Violations over all commands of all episodes of a group of strategies."""

    commands: int
    violations: dict[str, int]
    episodes: int

    @property
    def holds(self) -> bool:
        """Whether there were none, in at least one command."""
        return self.commands > 0 and not sum(self.violations.values())


def best_asynchronous(
    table: BenchmarkTable, policy: str, task: str, delay_ms: int
) -> CellSummary | None:
    """Return the cell with the most successes, of equals the quickest, None without any."""
    at = next((item for item in table.sweep(policy, task) if item.delay_ms == delay_ms), None)
    if at is None:
        return None
    cells = [
        cell
        for name in asynchronous(table.strategies(policy, task))
        if (cell := table.find(policy, task, name, at)) is not None
    ]
    return min(
        cells,
        key=lambda cell: (-round(cell.success.rate, 9), cell.counted_s.value),
        default=None,
    )


def delay_verdict(
    table: BenchmarkTable, policy: str, task: str, delay_ms: int, strategy: str | None = None
) -> DelayVerdict | None:
    """Return the verdict on `strategy`, else on the best; None if its cell is missing."""
    best = best_asynchronous(table, policy, task, delay_ms)
    if best is None:
        return None
    at = best.cell.conditions
    cell = best if strategy is None else table.find(policy, task, strategy, at)
    none = table.undelayed(policy, task)
    if cell is None:
        return None
    undelayed = None if none is None else table.find(policy, task, cell.cell.strategy, none)
    sync = table.find(policy, task, SYNC, at)
    sync_undelayed = None if none is None else table.find(policy, task, SYNC, none)
    latest = table.find(policy, task, LATEST, at)
    return DelayVerdict(
        policy=policy,
        task=task,
        strategy=cell.cell.strategy,
        delay_ms=delay_ms,
        longer=UNKNOWN if undelayed is None else task_time_against(cell, undelayed),
        longer_moving=UNKNOWN
        if undelayed is None
        else task_time_against(cell, undelayed, moving=True),
        against_sync=UNKNOWN if sync is None else success_against(cell, sync),
        time_against_sync=UNKNOWN if sync is None else task_time_against(cell, sync),
        latest_against_sync=UNKNOWN
        if sync is None or latest is None
        else success_against(latest, sync),
        latest_longer_than_best=UNKNOWN if latest is None else task_time_against(latest, cell),
        sync_longer=UNKNOWN
        if sync is None or sync_undelayed is None
        else task_time_against(sync, sync_undelayed),
    )


def limit_verdict(table: BenchmarkTable, *, peers: bool) -> LimitVerdict:
    """Return the violations of this package's strategies, or of the peers behind the limits."""
    cells = [item for cell, item in table.cells.items() if is_peer(cell.strategy) == peers]
    return LimitVerdict(
        commands=sum(item.commands for item in cells),
        violations={name: sum(item.violations[name] for item in cells) for name in QUANTITIES},
        episodes=sum(item.success.episodes for item in cells),
    )


def percent(estimate: Estimate, *, points: bool = False) -> str:
    """Return for example '+1.2 % (-0.4..+2.9)'."""
    if not math.isfinite(estimate.value):
        return '-'
    value, low, high = (100.0 * item for item in (estimate.value, estimate.low, estimate.high))
    return f'{value:+.1f} {"points" if points else "%"} ({low:+.1f}..{high:+.1f})'
