# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Which cells are run, with which seeds, in which order. Pure."""

import fnmatch
from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass

from wla_ros.benchmarks.execution.benchmark_cell import BenchmarkCell
from wla_ros.benchmarks.execution.benchmark_cell import Conditions

# Seeds that all cells run before the next ones: a run that is stopped has every cell.
_BLOCK = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A policy at a task with every one of some strategies under every one of some conditions."""

    policy: str
    task: str
    strategies: tuple[str, ...]
    conditions: tuple[Conditions, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkGrid:
    """Scenes, the same seeds everywhere; a cell of two scenes is run once."""

    scenes: tuple[Scene, ...]
    episodes: int = 200
    first_seed: int = 0

    @property
    def cells(self) -> tuple[BenchmarkCell, ...]:
        """All cells."""
        cells = [
            BenchmarkCell(
                policy=scene.policy, task=scene.task, strategy=strategy, conditions=conditions
            )
            for scene in self.scenes
            for strategy in scene.strategies
            for conditions in scene.conditions
        ]
        return tuple(dict.fromkeys(cells))

    @property
    def seeds(self) -> range:
        """The seeds of every cell."""
        return range(self.first_seed, self.first_seed + self.episodes)

    def episodes_in_order(
        self, cells: Iterable[BenchmarkCell]
    ) -> Iterator[tuple[BenchmarkCell, int]]:
        """Yield (cell, seed): a block of seeds in all `cells`, then the next block."""
        chosen = tuple(cells)
        for start in range(0, self.episodes, _BLOCK):
            for cell in chosen:
                for seed in self.seeds[start : start + _BLOCK]:
                    yield cell, seed


def matching(cells: Iterable[BenchmarkCell], patterns: Iterable[str]) -> tuple[BenchmarkCell, ...]:
    """Return the cells whose key matches a shell pattern; all of them without patterns."""
    wanted = tuple(patterns)
    return tuple(
        cell
        for cell in cells
        if not wanted or any(fnmatch.fnmatchcase(cell.key, pattern) for pattern in wanted)
    )
