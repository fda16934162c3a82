# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""All cells of a run, found by what they are, and the order of strategies. Pure."""

from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass

from wla_ros.benchmarks.execution.benchmark_cell import BenchmarkCell
from wla_ros.benchmarks.execution.benchmark_cell import Conditions
from wla_ros.benchmarks.execution.cell_summary import CellSummary
from wla_ros.benchmarks.execution.cell_summary import summarise_cell
from wla_ros.benchmarks.execution.episode_outcome import EpisodeOutcome
from wla_ros.benchmarks.peers.catalogue import PEERS
from wla_ros.inference.strategy import STRATEGIES

SYNC = 'sync'
LATEST = 'latest'
FAST = 'fast'  # behind the name of a strategy: a new inference as soon as the last one ended


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkTable:
    """Summaries by cell."""

    cells: Mapping[BenchmarkCell, CellSummary]

    def find(
        self, policy: str, task: str, strategy: str, conditions: Conditions
    ) -> CellSummary | None:
        """Return one cell, None if it was not run."""
        cell = BenchmarkCell(policy=policy, task=task, strategy=strategy, conditions=conditions)
        return self.cells.get(cell)

    @property
    def scenes(self) -> tuple[tuple[str, str], ...]:
        """Policy and task of every cell, each pair once, in order of first appearance."""
        return tuple(dict.fromkeys((cell.policy, cell.task) for cell in self.cells))

    def strategies(self, policy: str, task: str) -> tuple[str, ...]:
        """Return the strategies run there: this package's first, each group in its own order."""
        run = {cell.strategy for cell in self.cells if (cell.policy, cell.task) == (policy, task)}
        order = [variant for name in STRATEGIES for variant in (name, f'{name} {FAST}')]
        return tuple(name for name in (*order, *PEERS) if name in run)

    def sweep(self, policy: str, task: str) -> tuple[Conditions, ...]:
        """
        Return the conditions of the sweep over delays: of each delay those with the fewest drops
        and the least jitter.
        """
        by_delay: dict[int, Conditions] = {}
        for at in self._conditions(policy, task):
            known = by_delay.get(at.delay_ms)
            if known is None or _trouble(at) < _trouble(known):
                by_delay[at.delay_ms] = at
        return tuple(by_delay[delay] for delay in sorted(by_delay))

    def troubled(self, policy: str, task: str) -> tuple[Conditions, ...]:
        """Return the other conditions: more jitter, drops."""
        sweep = set(self.sweep(policy, task))
        return tuple(sorted(self._conditions(policy, task) - sweep, key=_trouble))

    def undelayed(self, policy: str, task: str) -> Conditions | None:
        """Return the conditions without injected delay, None if they were not run."""
        sweep = self.sweep(policy, task)
        return sweep[0] if sweep and sweep[0].delay_ms == 0 else None

    def _conditions(self, policy: str, task: str) -> set[Conditions]:
        return {
            cell.conditions for cell in self.cells if (cell.policy, cell.task) == (policy, task)
        }


def table_of(outcomes: Mapping[str, Mapping[int, EpisodeOutcome]]) -> BenchmarkTable:
    """Return the table of the outcomes by key of the cell and seed."""
    summaries = [summarise_cell(key, episodes) for key, episodes in outcomes.items() if episodes]
    return BenchmarkTable(cells={item.cell: item for item in summaries})


def is_peer(strategy: str) -> bool:
    """Whether the strategy is another program's."""
    return strategy in PEERS


def plain_name(strategy: str) -> str:
    """Return the name of the strategy without what it says about when to infer."""
    return strategy.removesuffix(f' {FAST}')


def asynchronous(strategies: Iterable[str]) -> tuple[str, ...]:
    """Return those of this package that do not wait."""
    return tuple(
        name for name in strategies if not is_peer(name) and not STRATEGIES[plain_name(name)].waits
    )


def _trouble(at: Conditions) -> tuple[int, int]:
    return at.drop_percent, at.jitter_ms
