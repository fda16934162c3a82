# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Run episodes in virtual time, faster than real time, and say how many succeeded.

The parts are those of the nodes, made of the parameter file of the nodes. Delays and losses of the
transport are modelled and seeded: the same seed gives the same episode. Prints a table, then one
JSON line. Exit code 1 if fewer than --min-success succeed or a counter does not add up.

Examples:
  wla_ros evaluate --episodes 100 --report out/
  wla_ros evaluate --delay-ms 150 --jitter-ms 50 --drop 0.1
  wla_ros evaluate --strategy sync --delay-ms 200
  wla_ros evaluate --policy wla --policy.wla.checkpoint nano/ --params my_robot.yaml
"""

import argparse
import dataclasses
import json
import os
import time
from pathlib import Path
from typing import Any

from wla_ros.base.arguments import count
from wla_ros.base.arguments import number
from wla_ros.base.arguments import share
from wla_ros.base.arguments import whole_number
from wla_ros.base.progress import progress_bar
from wla_ros.base.timing import NS_PER_MS
from wla_ros.base.timing import NS_PER_S
from wla_ros.cli import configuration
from wla_ros.cli.main import installed_versions
from wla_ros.cli.main import make_folder
from wla_ros.cli.main import result_text
from wla_ros.composition.policy import CameraInput
from wla_ros.composition.run import RunConfiguration
from wla_ros.episodes.links import EpisodeSettings
from wla_ros.episodes.links import LinkModel
from wla_ros.episodes.report import write_report
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
from wla_ros.policies.registry import policy_entry

TAKES_PARAMETERS = True
_MILLISECONDS = number(0.0, 60_000.0)
_RENDERING = {'off': 'not rendered (fresh pixels of no scene)'}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    defaults = EpisodeSettings()
    image = defaults.image_link
    configuration.add_arguments(parser)
    parser.add_argument('--policy', help='a registered policy, in place of policy.name')
    parser.add_argument('--task', help='of the simulated rig, and of an expert: rig.task')
    parser.add_argument('--bag', help='recording for --policy replay: policy.replay.bag')
    parser.add_argument('--driver-profile', help='robot.driver_profile of both nodes')
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
        help='cameras the policy waits for, separated by commas; empty: none; otherwise those '
        'of the file',
    )
    parser.add_argument(
        '--render',
        choices=('auto', 'off', *RENDER_SIZES),
        default='auto',
        help='auto: full for policies that look, otherwise off: fresh pixels of no scene; '
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
    parser.add_argument(
        '--strategy', help=f'strategy.name: one of {AUTO}, {", ".join(STRATEGIES)}'
    )
    parser.add_argument('--infer', choices=CADENCES, help='strategy.infer: when')
    parser.add_argument(
        '--rows',
        type=whole_number(0),
        help='strategy.rows: between inferences, 0: half the horizon',
    )
    parser.add_argument('--mask', choices=MASKS, help='strategy.mask: of rtc')


def run(arguments: argparse.Namespace) -> int:
    """Run the episodes; return 0, or 1 below --min-success or with sums that do not add up."""
    began = time.perf_counter()
    choices = _choices(arguments)
    policy = choices.run.policy.policy.name
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
        'policy': policy,
        'strategy': choices.run.policy.strategy.name,
        'task': choices.run.rig.task,
        'seed': arguments.seed,
        'render': choices.render,
        'wall_s': wall_s,
        'sources': [summary_values(item) for item in summaries],
    }
    if arguments.report:
        task = choices.run.rig.task.replace('_', ' ').capitalize()
        records = [item.record for item in results if item.record is not None]
        page = write_report(
            arguments.report,
            title=f'{task}: {policy} in virtual time',
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
        chunk_link=_chunk_link(arguments, defaults.chunk_link),
        command_link=_lossy(defaults.command_link, arguments.drop_commands),
    )
    run = configuration.read_run(arguments.params, _parameters(arguments))
    run = _with_cameras(_with_task(run, arguments), arguments.cameras)
    render = arguments.render
    if render == 'auto':
        render = 'full' if policy_entry(run.policy.policy.name).looks else 'off'
    return EvaluationChoices(
        run=run,
        render=render,
        pictures=arguments.report is not None and not arguments.no_pictures,
        settings=settings,
    )


def _parameters(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return what options say of parameters; the strategy expects the worst that is modelled."""
    delays_ms = (
        arguments.latency_ms,
        arguments.jitter_ms,
        arguments.image_delay_ms,
        arguments.image_jitter_ms,
        arguments.scatter_chunks_ms,
    )
    short = {
        'policy.name': arguments.policy,
        'policy.replay.bag': arguments.bag,
        'robot.driver_profile': arguments.driver_profile,
        'rig.task': arguments.task,
        'strategy.name': arguments.strategy,
        'strategy.infer': arguments.infer,
        'strategy.rows': arguments.rows,
        'strategy.mask': arguments.mask,
        'strategy.expected_delay_s': sum(delays_ms) / 1000.0,
    }
    given = {name: value for name, value in short.items() if value is not None}
    return {**given, **arguments.parameters}


def _with_task(run: RunConfiguration, arguments: argparse.Namespace) -> RunConfiguration:
    """Let an expert do the task of the rig, unless an option gives it another."""
    section = run.policy.policy
    settings = section.settings[section.name]
    if not hasattr(settings, 'task') or f'policy.{section.name}.task' in arguments.parameters:
        return run
    own = dataclasses.replace(settings, task=run.rig.task)
    section = dataclasses.replace(section, settings={**section.settings, section.name: own})
    return dataclasses.replace(run, policy=dataclasses.replace(run.policy, policy=section))


def _with_cameras(run: RunConfiguration, names: str | None) -> RunConfiguration:
    """Let the policy wait for the cameras of that list only, with the bounds of the file."""
    if names is None:
        return run
    chosen = tuple(name for name in names.split(',') if name)
    given, bounds = run.policy.cameras, run.policy.synchronisation
    cameras = {name: given.get(name, CameraInput(topic='')) for name in chosen}
    anchor = bounds.anchor_camera if bounds.anchor_camera in chosen else ''
    kept = {name: item for name, item in bounds.cameras.items() if name in chosen}
    bounds = dataclasses.replace(bounds, anchor_camera=anchor, cameras=kept)
    policy = dataclasses.replace(run.policy, cameras=cameras, synchronisation=bounds)
    return dataclasses.replace(run, policy=policy)


def _chunk_link(arguments: argparse.Namespace, link: LinkModel) -> LinkModel:
    link = _lossy(link, arguments.drop_chunks)
    scatter_ns = round(arguments.scatter_chunks_ms * NS_PER_MS)
    return (
        dataclasses.replace(link, jitter_ns=scatter_ns, keeps_order=False) if scatter_ns else link
    )


def _lossy(link: LinkModel, share: float) -> LinkModel:
    return dataclasses.replace(link, drop_probability=share)
