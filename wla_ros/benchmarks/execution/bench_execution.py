# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Decide which execution strategy is best: thousands of seeded episodes in virtual time.

Every strategy of this package and the ways other programs execute chunks run the same tasks with
the same seeds, at injected delays of 0 to 400 ms, with jitter and lost inferences. Results are
appended to OUTPUT/episodes.jsonl as episodes end; --resume goes on after a stop. The first run
trains the flow policy of the benchmark (minutes on a CPU), which is kept in OUTPUT.

Prints tables, then one JSON line. Exit code 1 if a configured limit was violated.

Examples:
  wla_ros bench-execution --quick
  wla_ros bench-execution --output results/ --episodes 200
  wla_ros bench-execution --output results/ --resume --only 'flow/*/prefix/*' --again
  wla_ros bench-execution --output results/ --report-only --page docs/execution_benchmark.md
"""

import argparse
import dataclasses
import functools
import json
import os
import time
from collections.abc import Iterable
from collections.abc import Iterator
from pathlib import Path

from wla_ros.base.arguments import count
from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem
from wla_ros.base.progress import progress_bar
from wla_ros.benchmarks.execution.benchmark_cell import BenchmarkCell
from wla_ros.benchmarks.execution.benchmark_grid import BenchmarkGrid
from wla_ros.benchmarks.execution.benchmark_grid import matching
from wla_ros.benchmarks.execution.benchmark_page import summary_values
from wla_ros.benchmarks.execution.benchmark_page import terminal_table
from wla_ros.benchmarks.execution.benchmark_table import table_of
from wla_ros.benchmarks.execution.benchmark_verdict import limit_verdict
from wla_ros.benchmarks.execution.episode_outcome import EpisodeOutcome
from wla_ros.benchmarks.execution.execution_episode import EpisodeParts
from wla_ros.benchmarks.execution.execution_episode import run_outcome
from wla_ros.benchmarks.execution.execution_episode import task_options
from wla_ros.benchmarks.execution.execution_grids import FULL
from wla_ros.benchmarks.execution.execution_grids import QUICK
from wla_ros.benchmarks.execution.execution_report import record_paths
from wla_ros.benchmarks.execution.execution_report import write_page
from wla_ros.benchmarks.execution.execution_report import write_report
from wla_ros.benchmarks.execution.flow_weights import FlowChoices
from wla_ros.benchmarks.execution.flow_weights import flow_weights
from wla_ros.benchmarks.execution.outcome_file import BenchmarkResults
from wla_ros.benchmarks.execution.outcome_file import OutcomeFile
from wla_ros.benchmarks.execution.task_variant import task_variant
from wla_ros.benchmarks.post.pass_post import PassPost
from wla_ros.benchmarks.post.post_demonstrations import PostDemonstrationConfig
from wla_ros.cli.main import installed_versions
from wla_ros.episodes.run import results_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        '--output',
        type=Path,
        default=Path('runs/execution_benchmark'),
        help='folder of the results',
    )
    parser.add_argument('--quick', action='store_true', help='a grid of seconds, for tests')
    parser.add_argument('--episodes', type=count, help='per cell; default: that of the grid')
    parser.add_argument('--seed', type=int, default=0, help='of the first episode of every cell')
    parser.add_argument(
        '--only',
        nargs='+',
        default=[],
        metavar='PATTERN',
        help="cells by key, for example 'flow/pass_post/rtc/*'",
    )
    parser.add_argument('--resume', action='store_true', help='go on with the results there are')
    parser.add_argument(
        '--again', action='store_true', help='run episodes that stand in the results once more'
    )
    parser.add_argument('--jobs', type=count, default=os.cpu_count() or 1, help='processes')
    parser.add_argument('--list', action='store_true', help='print the cells and end')
    parser.add_argument('--report-only', action='store_true', help='run nothing')
    parser.add_argument(
        '--paths', action='store_true', help='also draw ways around the post, a minute'
    )
    parser.add_argument(
        '--page',
        type=Path,
        help='a page whose marked sections take the results; figures are put beside it',
    )


def run(arguments: argparse.Namespace) -> int:
    """Run what is missing, write the report; return 1 if a limit was violated, else 0."""
    began = time.perf_counter()
    grid = _grid(arguments)
    cells = matching(grid.cells, arguments.only)
    if not cells:
        raise _refused('only', 'no cell matches', 'wla_ros bench-execution --list')
    if arguments.list:
        print('\n'.join(cell.key for cell in cells))
        return 0
    file = OutcomeFile(arguments.output / 'episodes.jsonl')
    results = _results(arguments, file, grid)
    parts = EpisodeParts()
    if not arguments.report_only or arguments.paths:
        parts = EpisodeParts(weights=_weights(arguments.output, cells, quick=arguments.quick))
    if not arguments.report_only:
        results = _run_missing(arguments, file, grid, cells, results, parts)
    table = table_of(results.outcomes)
    if not table.cells:
        raise _refused('output', 'there are no results', 'run without --report-only')
    print(terminal_table(table))
    if arguments.paths:
        record_paths(arguments.output, table, parts)
    written = write_report(arguments.output, table)
    if arguments.page is not None:
        written += write_page(arguments.page, arguments.output, table, results.described)
    values = {
        'benchmark': 'execution',
        'grid': 'quick' if arguments.quick else 'full',
        **summary_values(table),
        'wall_s': round(time.perf_counter() - began, 1),
        'written': [str(path) for path in written],
    }
    print(json.dumps(values))
    return 0 if limit_verdict(table, peers=False).holds else 1


def _grid(arguments: argparse.Namespace) -> BenchmarkGrid:
    grid = QUICK if arguments.quick else FULL
    return dataclasses.replace(
        grid, episodes=arguments.episodes or grid.episodes, first_seed=arguments.seed
    )


def _results(
    arguments: argparse.Namespace, file: OutcomeFile, grid: BenchmarkGrid
) -> BenchmarkResults:
    """Return the results to go on with; a new file unless the options say otherwise."""
    if arguments.resume or arguments.report_only:
        if not file.path.exists():
            raise _refused('output', f'there is no {file.path}', 'run without --resume')
        return file.read()
    arguments.output.mkdir(parents=True, exist_ok=True)
    described = {
        'episodes': grid.episodes,
        'first_seed': grid.first_seed,
        'versions': dict(installed_versions()),
    }
    file.begin(described)
    return BenchmarkResults(described=described)


def _weights(folder: Path, cells: Iterable[BenchmarkCell], *, quick: bool) -> dict[str, Path]:
    """Return the weights of `flow` by task variant, after training those that are missing."""
    weights = {}
    for name in sorted({cell.task for cell in cells if cell.policy == 'flow'}):
        task = task_variant(name).task
        if task != PassPost.name:
            raise _refused('policy', f'nothing demonstrates {task} to flow', 'policy expert')
        choices = FlowChoices(options=task_options(name).post)
        if quick:
            choices = dataclasses.replace(
                choices, steps=20, demonstrations=PostDemonstrationConfig(episodes=20)
            )
        weights[name] = flow_weights(folder / 'weights', choices)
    return weights


def _run_missing(
    arguments: argparse.Namespace,
    file: OutcomeFile,
    grid: BenchmarkGrid,
    cells: Iterable[BenchmarkCell],
    results: BenchmarkResults,
    parts: EpisodeParts,
) -> BenchmarkResults:
    missing = [
        (cell.key, seed)
        for cell, seed in grid.episodes_in_order(cells)
        if arguments.again or not results.has(cell.key, seed)
    ]
    successes = done = 0
    with progress_bar(
        'benchmark', total=len(missing), unit='episodes', smoothing=0.02
    ) as progress:
        for outcome in run_all(parts, missing, jobs=arguments.jobs):
            file.append(outcome)
            done += 1
            successes += outcome.success
            progress.set_postfix_str(f'{100 * successes / done:.0f} % succeeded')
            progress.update()
    return file.read()


def run_all(
    parts: EpisodeParts, episodes: Iterable[tuple[str, int]], *, jobs: int
) -> Iterator[EpisodeOutcome]:
    """Return the outcomes of all (key of a cell, seed) as they come."""
    return results_of(functools.partial(_outcome, parts), episodes, jobs=jobs)


def _outcome(parts: EpisodeParts, episode: tuple[str, int]) -> EpisodeOutcome:
    return run_outcome(parts, *episode)


def _refused(where: str, what: str, remedy: str) -> ConfigurationError:
    return ConfigurationError('bench-execution', (Problem(where=where, what=what, remedy=remedy),))
