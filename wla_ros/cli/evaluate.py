# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Run episodes in virtual time, faster than real time, and say how many succeeded.

The parts are those of the nodes; delays and losses of the transport are modelled and seeded: the
same seed gives the same episode. Prints a table, then one JSON line. Exit code 1 if fewer than
--min-success succeed or a counter does not add up.

Examples:
  wla_ros evaluate --episodes 100 --report out/
  wla_ros evaluate --delay-ms 150 --jitter-ms 50 --drop 0.1
  wla_ros evaluate --strategy sync --delay-ms 200
"""

import argparse
import dataclasses
import json
import os
import time
from pathlib import Path

from wla_ros.base.arguments import count
from wla_ros.base.arguments import number
from wla_ros.base.arguments import share
from wla_ros.base.arguments import whole_number
from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem
from wla_ros.base.progress import progress_bar
from wla_ros.base.timing import NS_PER_MS
from wla_ros.base.timing import NS_PER_S
from wla_ros.cli.main import installed_versions
from wla_ros.cli.main import make_folder
from wla_ros.cli.main import result_text
from wla_ros.episodes.links import EpisodeSettings
from wla_ros.episodes.links import LinkModel
from wla_ros.episodes.report import write_report
from wla_ros.episodes.run import POLICIES
from wla_ros.episodes.run import RENDER_SIZES
from wla_ros.episodes.run import EpisodeResult
from wla_ros.episodes.run import EvaluationChoices
from wla_ros.episodes.run import run_episodes
from wla_ros.episodes.summary import summarise
from wla_ros.episodes.summary import summary_values
from wla_ros.inference.strategy import AUTO
from wla_ros.inference.strategy import CADENCES
from wla_ros.inference.strategy import MASKS
from wla_ros.inference.strategy import STRATEGIES
from wla_ros.inference.strategy import StrategyConfig

_MILLISECONDS = number(0.0, 60_000.0)
_RENDERING = {'off': 'not rendered (fresh pixels of no scene)'}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    defaults = EpisodeSettings()
    image = defaults.image_link
    parser.add_argument('--policy', choices=POLICIES, default='expert')
    parser.add_argument('--task', default='stack_cup', help='task of the simulated rig')
    parser.add_argument('--bag', default='', help='recording for --policy replay')
    parser.add_argument('--driver-profile', default='piper_ros', help='a file of config/drivers')
    parser.add_argument('--episodes', type=count, default=10)
    parser.add_argument(
        '--seed', type=whole_number(0), default=0, help='of the first episode; the others follow'
    )
    parser.add_argument(
        '--latency-ms',
        '--delay-ms',
        type=_MILLISECONDS,
        default=defaults.inference_latency_ns / NS_PER_MS,
        help='of the policy, from observation to result',
    )
    parser.add_argument(
        '--jitter-ms',
        type=_MILLISECONDS,
        default=defaults.inference_jitter_ns / NS_PER_MS,
        help='added, uniform',
    )
    parser.add_argument(
        '--drop', type=share, default=0.0, metavar='P', help='share of results lost, 0..1'
    )
    _add_strategy_arguments(parser)
    parser.add_argument('--image-delay-ms', type=_MILLISECONDS, default=image.delay_ns / NS_PER_MS)
    parser.add_argument(
        '--image-jitter-ms', type=_MILLISECONDS, default=image.jitter_ns / NS_PER_MS
    )
    for name in ('images', 'feedback', 'chunks', 'commands'):
        parser.add_argument(
            f'--drop-{name}',
            type=share,
            default=0.0,
            metavar='P',
            help='share lost on the way, 0..1',
        )
    parser.add_argument(
        '--scatter-chunks-ms',
        type=_MILLISECONDS,
        default=0.0,
        help='delay of chunks on the way, uniform from 0; they may overtake each other',
    )
    parser.add_argument(
        '--cameras',
        default='head,left_wrist,right_wrist',
        help='cameras the policy waits for, separated by commas; empty: none',
    )
    parser.add_argument(
        '--render',
        choices=('off', *RENDER_SIZES),
        default='off',
        help='off: fresh pixels of no scene, for policies that do not look; '
        + ', '.join(f'{name}: {width}x{height}' for name, (width, height) in RENDER_SIZES.items()),
    )
    parser.add_argument(
        '--direct', action='store_true', help='also run the expert without the pipeline'
    )
    parser.add_argument(
        '--time-limit-s', type=number(0.1, 3600.0), default=defaults.time_limit_ns / NS_PER_S
    )
    parser.add_argument('--report', type=Path, help='folder for report.html and summary.json')
    parser.add_argument(
        '--no-pictures', action='store_true', help='report without pictures (needs EGL)'
    )
    parser.add_argument(
        '--jobs', type=count, default=os.cpu_count() or 1, help='parallel processes'
    )
    parser.add_argument('--min-success', type=share, default=0.0, help='share of episodes, 0..1')


def _add_strategy_arguments(parser: argparse.ArgumentParser) -> None:
    defaults = StrategyConfig()
    parser.add_argument(
        '--strategy', default=defaults.name, help=f'one of {AUTO}, {", ".join(STRATEGIES)}'
    )
    parser.add_argument('--infer', choices=CADENCES, default=defaults.infer, help='when')
    parser.add_argument(
        '--rows',
        type=whole_number(0),
        default=defaults.rows,
        help='between inferences, 0: half the horizon',
    )
    parser.add_argument('--mask', choices=MASKS, default=defaults.mask, help='of rtc')


def run(arguments: argparse.Namespace) -> int:
    """Run the episodes; return 0, or 1 below --min-success or with sums that do not add up."""
    began = time.perf_counter()
    choices = _choices(arguments)
    if arguments.report is not None:
        make_folder(arguments.report, '--report')
    seeds = range(arguments.seed, arguments.seed + arguments.episodes)
    keep = frozenset(seeds[:1]) if arguments.report else frozenset()
    results = _collect(choices, seeds, arguments.jobs, keep, direct=False)
    direct = []
    if arguments.direct:
        direct = _collect(choices, seeds, arguments.jobs, frozenset(), direct=True)
    metrics = [item.metrics for item in (*results, *direct)]
    summaries = summarise(metrics)
    main = summaries[0]
    wall_s = time.perf_counter() - began
    print(result_text(summaries))
    print(
        f'images {_RENDERING.get(choices.render, choices.render)}, '
        f'{arguments.jobs} processes, {wall_s:.1f} s'
    )
    values = {
        'policy': choices.policy,
        'strategy': choices.settings.strategy.name,
        'task': choices.task,
        'seed': arguments.seed,
        'render': choices.render,
        'wall_s': wall_s,
        'sources': [summary_values(item) for item in summaries],
    }
    if arguments.report:
        task = choices.task.replace('_', ' ').capitalize()
        records = [item.record for item in results if item.record is not None]
        page = write_report(
            arguments.report,
            title=f'{task}: {choices.policy} in virtual time',
            metrics=metrics,
            # The first episode, and the first failures: each adds about a megabyte.
            records=records[:4],
            versions=installed_versions(),
        ).page
        print(f'report: {page}')
        values['report'] = str(page)
    print(json.dumps(values))
    enough = main.success.rate >= arguments.min_success
    return 0 if enough and not main.violated else 1


def _collect(
    choices: EvaluationChoices, seeds: range, jobs: int, keep: frozenset[int], *, direct: bool
) -> list[EpisodeResult]:
    results = []
    title = 'direct' if direct else 'virtual'
    episodes = run_episodes(choices, seeds, jobs=min(jobs, len(seeds)), keep=keep, direct=direct)
    with progress_bar(title, total=len(seeds), unit='episodes') as progress:
        successes = 0
        for result in episodes:
            results.append(result)
            successes += result.metrics.success
            progress.set_postfix_str(f'{successes}/{len(results)} succeeded')
            progress.update()
    return sorted(results, key=lambda item: item.metrics.seed)


def _choices(arguments: argparse.Namespace) -> EvaluationChoices:
    defaults = EpisodeSettings()
    settings = dataclasses.replace(
        defaults,
        inference_latency_ns=round(arguments.latency_ms * NS_PER_MS),
        inference_jitter_ns=round(arguments.jitter_ms * NS_PER_MS),
        time_limit_ns=round(arguments.time_limit_s * NS_PER_S),
        image_link=LinkModel(
            delay_ns=round(arguments.image_delay_ms * NS_PER_MS),
            jitter_ns=round(arguments.image_jitter_ms * NS_PER_MS),
            drop_probability=arguments.drop_images,
        ),
        joint_link=_lossy(defaults.joint_link, arguments.drop_feedback),
        inference_drop_probability=arguments.drop,
        strategy=_strategy(arguments),
        chunk_link=_chunk_link(arguments, defaults.chunk_link),
        command_link=_lossy(defaults.command_link, arguments.drop_commands),
    )
    return EvaluationChoices(
        policy=arguments.policy,
        task=arguments.task,
        replay_bag=arguments.bag,
        driver_profile=arguments.driver_profile,
        render=arguments.render,
        cameras=tuple(name for name in arguments.cameras.split(',') if name),
        pictures=arguments.report is not None and not arguments.no_pictures,
        settings=settings,
    )


def _strategy(arguments: argparse.Namespace) -> StrategyConfig:
    """Return the strategy; it expects what is modelled at its worst until it has measured."""
    delays_ms = (
        arguments.latency_ms,
        arguments.jitter_ms,
        arguments.image_delay_ms,
        arguments.image_jitter_ms,
        arguments.scatter_chunks_ms,
    )
    try:
        return StrategyConfig(
            name=arguments.strategy,
            infer=arguments.infer,
            rows=arguments.rows,
            mask=arguments.mask,
            expected_delay_s=sum(delays_ms) / 1000.0,
        )
    except ValueError as error:
        problem = Problem(where='strategy', what=str(error))
        raise ConfigurationError('evaluate', (problem,)) from error


def _chunk_link(arguments: argparse.Namespace, link: LinkModel) -> LinkModel:
    link = _lossy(link, arguments.drop_chunks)
    scatter_ns = round(arguments.scatter_chunks_ms * NS_PER_MS)
    return (
        dataclasses.replace(link, jitter_ns=scatter_ns, keeps_order=False) if scatter_ns else link
    )


def _lossy(link: LinkModel, share: float) -> LinkModel:
    return dataclasses.replace(link, drop_probability=share)
