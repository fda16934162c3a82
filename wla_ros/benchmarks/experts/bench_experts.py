# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Run the experts that label any state from disturbed starts and say how often they succeed.

Without the pipeline: what an expert says is done at once and exactly, so that a failure is the
expert's. The same seeds give the same episodes. Prints a line per task and every failure, then
one JSON line. Exit code 1 if a task falls below --min-success.

Examples:
  wla_ros bench-experts --episodes 200
  wla_ros bench-experts --tasks stack_cup --pushes --jobs 2
"""

import argparse
import functools
import json
import sys
from collections.abc import Iterable
from pathlib import Path

from wla_ros.base import registry
from wla_ros.base.progress import progress_bar
from wla_ros.base.whole_file import write_whole
from wla_ros.cli.main import check_file
from wla_ros.episodes.run import results_of
from wla_ros.episodes.summary import SuccessRate
from wla_ros.sim.expert.direct_run import EpisodeOutcome
from wla_ros.sim.expert.direct_run import run_direct_episode
from wla_ros.sim.expert.disturbed_start import Pushes
from wla_ros.sim.expert.disturbed_start import disturbed_rows
from wla_ros.sim.expert.feedback_experts import make_demonstrator
from wla_ros.sim.scene import TwoArmScene
from wla_ros.sim.tasks.task import make_task


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `wla_ros bench-experts`."""
    tasks = registry.names(registry.DEMONSTRATORS)
    parser.add_argument('--tasks', nargs='+', choices=tasks, default=list(tasks))
    parser.add_argument('--episodes', type=int, default=200, help='a task')
    parser.add_argument('--seed', type=int, default=10_000, help='of the first episode')
    parser.add_argument('--pushes', action='store_true', help='push the arms on their way as well')
    parser.add_argument('--latency-ms', type=float, default=0.0, help='from observation to rows')
    parser.add_argument('--jobs', type=int, default=1, help='processes')
    parser.add_argument('--min-success', type=float, default=0.0, help='share of every task')
    parser.add_argument('--output', type=Path, help='also write the JSON document to this file')


def run(arguments: argparse.Namespace) -> int:
    """Run the episodes of every task and print the results."""
    check_file(arguments.output, '--output')
    seeds = range(arguments.seed, arguments.seed + arguments.episodes)
    document = {}
    for task in arguments.tasks:
        work = functools.partial(
            disturbed_episode,
            task,
            pushed=arguments.pushes,
            latency_ns=round(arguments.latency_ms * 1e6),
        )
        found = results_of(work, seeds, jobs=arguments.jobs)
        outcomes = []
        with progress_bar(task, total=len(seeds), unit='episode') as bar:
            for outcome in found:
                outcomes.append(outcome)
                bar.update()
        document[task] = _told(task, outcomes)
    text = json.dumps({'pushes': arguments.pushes, 'tasks': document})
    print(text)
    if arguments.output is not None:
        write_whole(arguments.output, text)
    return int(any(item['success'] < arguments.min_success for item in document.values()))


def disturbed_episode(task: str, seed: int, *, pushed: bool, latency_ns: int) -> EpisodeOutcome:
    """Run the episode of `seed` from its disturbed start."""
    return run_direct_episode(
        seed,
        task=task,
        scene=_scene(task),
        expert=make_demonstrator(task),
        start=disturbed_rows(seed),
        pushes=Pushes(seed) if pushed else None,
        latency_ns=latency_ns,
        time_limit_s=25.0,
        committed=True,
    )


@functools.lru_cache(maxsize=4)
def _scene(task: str) -> TwoArmScene:
    return TwoArmScene(make_task(task))


def _told(task: str, outcomes: Iterable[EpisodeOutcome]) -> dict[str, float]:
    outcomes = sorted(outcomes, key=lambda outcome: outcome.seed)
    rate = SuccessRate(
        successes=sum(outcome.success for outcome in outcomes), episodes=len(outcomes)
    )
    low, high = rate.interval
    mean_s = sum(outcome.duration_s for outcome in outcomes) / max(len(outcomes), 1)
    print(f'{task}: {rate}, {mean_s:.1f} s an episode')
    for outcome in outcomes:
        if not outcome.success:
            print(f'  seed {outcome.seed}, {outcome.duration_s:.1f} s: {outcome.judgement}')
    sys.stdout.flush()
    return {
        'success': rate.successes / max(rate.episodes, 1),
        'successes': rate.successes,
        'episodes': rate.episodes,
        'low': low,
        'high': high,
        'mean_s': mean_s,
    }
