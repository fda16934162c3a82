# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Watch two simulated Pipers do a task, driven through the real nodes, and read the report.

The simulated rig speaks as the piper_ros driver does; cameras and joint states go in over ROS 2,
action chunks and joint commands come out. The run is recorded (MCAP, for `ros2 bag` and Foxglove).
The same episodes are then run in virtual time through the same synchroniser, schedule and limiter,
and by the expert without any pipeline: the report shows what the pipeline costs. The last line is
one JSON document.
"""

import argparse
import json
import os
import time
from datetime import datetime
from pathlib import Path

from wla_ros.base.arguments import count
from wla_ros.base.arguments import number
from wla_ros.base.arguments import share
from wla_ros.base.arguments import whole_number
from wla_ros.base.progress import StageLine
from wla_ros.base.progress import progress_bar
from wla_ros.base.timing import NS_PER_S
from wla_ros.cli.configuration import read_run
from wla_ros.cli.live_run import PICTURE_CAMERA
from wla_ros.cli.live_run import LiveOutcome
from wla_ros.cli.live_run import LiveProgress
from wla_ros.cli.live_run import LiveSettings
from wla_ros.cli.live_run import failed_nodes
from wla_ros.cli.live_run import run_live
from wla_ros.cli.main import installed_versions
from wla_ros.cli.main import make_folder
from wla_ros.cli.main import result_text
from wla_ros.episodes.from_bag import RunTopics
from wla_ros.episodes.from_bag import episodes_of_bag
from wla_ros.episodes.links import EpisodeSettings
from wla_ros.episodes.machine_pace import MachinePace
from wla_ros.episodes.metrics import EpisodeMetrics
from wla_ros.episodes.metrics import measure
from wla_ros.episodes.record import EpisodeRecord
from wla_ros.episodes.report import write_report
from wla_ros.episodes.run import EvaluationChoices
from wla_ros.episodes.run import run_episodes
from wla_ros.episodes.summary import summarise
from wla_ros.episodes.summary import summary_values
from wla_ros.nodes.parameter_file import resolve_parameter_file
from wla_ros.nodes.parameter_file import robot_of

_INSTRUCTION = 'Stack one cup on the other.'
_PICTURE_PERIOD_NS = NS_PER_S // 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `wla_ros demo`."""
    parser.add_argument('--episodes', type=count, default=3)
    parser.add_argument(
        '--seed', type=whole_number(0), default=0, help='of the first episode; the others follow'
    )
    parser.add_argument('--policy', default='expert', help='policy of the registry')
    parser.add_argument('--instruction', default=_INSTRUCTION)
    parser.add_argument('--parameters', default='bimanual', help='parameter file of the nodes')
    parser.add_argument(
        '--set', action='append', default=[], metavar='NODE:NAME=VALUE', dest='overrides',
        help='override one parameter, for example sim_node:rig.faults.seed=1; repeatable',
    )  # fmt: skip
    parser.add_argument(
        '--time-limit-s', type=number(0.1, 3600.0), default=40.0, help='per episode'
    )
    parser.add_argument(
        '--output', type=Path, help='folder of the report (demo_output/<date and time>)'
    )
    parser.add_argument(
        '--no-comparison', action='store_true', help='leave out virtual time and direct expert'
    )
    parser.add_argument(
        '--min-success', type=share, default=0.5, help='exit code 1 below this share of episodes'
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the demo; returns 0 if it succeeded, nodes ended well and next to nothing was lost."""
    began = time.perf_counter()
    output = arguments.output or Path('demo_output') / datetime.now().strftime('%Y-%m-%d_%H-%M-%S')
    parameters = resolve_parameter_file(arguments.parameters)
    make_folder(output, '--output', new=True)
    seeds = range(arguments.seed, arguments.seed + arguments.episodes)
    settings = LiveSettings(
        parameters=parameters,
        policy=arguments.policy,
        instruction=arguments.instruction,
        seeds=tuple(seeds),
        time_limit_s=arguments.time_limit_s,
        folder=output.resolve(),
        overrides=tuple(arguments.overrides),
    )
    print(
        f'{arguments.episodes} episodes of {arguments.policy} through the nodes; '
        f'logs in {output}/log'
    )
    outcome = _run_live(settings)
    records = _records(outcome, settings)
    metrics = [measure(record) for record in records]
    if arguments.policy == 'expert' and not arguments.no_comparison:
        metrics += _comparison(settings, arguments.time_limit_s)
    pace = _pace(outcome, metrics)
    report = write_report(
        output,
        title=f'{arguments.policy.capitalize()} on the simulated rig, through the nodes',
        metrics=metrics,
        records=records[:3],
        versions=installed_versions(),
        pace=pace,
    )
    return _conclude(arguments, outcome, metrics, pace, report.page, time.perf_counter() - began)


def _run_live(settings: LiveSettings) -> LiveOutcome:
    """Run with a line of progress that follows subtask, rate and latency."""
    with StageLine() as line:

        def show(progress: LiveProgress) -> None:
            stage = f'episode {progress.episode}/{progress.episodes}  {progress.stage:<9}'
            details = ''
            if progress.stage == 'running':
                details = f'{progress.elapsed_s:5.1f} s  {progress.rate_hz:4.1f} chunks/s  '
                details += f'{1e3 * progress.latency_s:3.0f} ms  {progress.subtask}'
            line.show(stage, details)

        return run_live(settings, show)


def _pace(outcome: LiveOutcome, metrics: list[EpisodeMetrics]) -> MachinePace:
    """Return how the machine kept up."""
    live = next((item for item in summarise(metrics) if item.source == 'live'), None)
    stages = () if live is None else live.stages
    late = [item.p99_ms / 1e3 for item in stages if item.stage == 'exposure_to_chunk']
    return MachinePace(
        real_time_factor=outcome.real_time_factor,
        tick_lateness_p99_s=outcome.tick_lateness_p99_s,
        exposure_to_chunk_p99_s=late[0] if late else None,
        load_average=outcome.load_average,
        cores=os.cpu_count() or 1,
    )


def _records(outcome: LiveOutcome, settings: LiveSettings) -> tuple[EpisodeRecord, ...]:
    """Read the episodes back from the recording, as for a run on a robot."""
    if outcome.bag is None:
        return ()
    print(f'reading {outcome.bag}')
    return episodes_of_bag(
        outcome.bag,
        outcome.windows,
        robot_of(settings.parameters).profile,
        RunTopics(pictures={PICTURE_CAMERA: f'camera/{PICTURE_CAMERA}/image_raw/compressed'}),
        picture_period_ns=_PICTURE_PERIOD_NS,
        configuration={
            'parameters': str(settings.parameters.name),
            'overrides': ', '.join(settings.overrides) or 'none',
            'executor tick lateness p99': f'{1e3 * outcome.tick_lateness_p99_s:.2f} ms',
            'real-time factor': f'{outcome.real_time_factor:.2f}',
        },
        versions=installed_versions(),
    )


def _comparison(settings: LiveSettings, time_limit_s: float) -> list[EpisodeMetrics]:
    """Run the same episodes in virtual time, and by the expert without a pipeline."""
    seeds = range(settings.seeds[0], settings.seeds[-1] + 1)
    choices = EvaluationChoices(
        run=read_run(str(settings.parameters), {'policy.name': settings.policy}),
        settings=EpisodeSettings(time_limit_ns=round(time_limit_s * NS_PER_S)),
    )
    results = []
    for direct in (False, True):
        title = 'expert without pipeline' if direct else 'virtual time'
        episodes = run_episodes(choices, seeds, jobs=1, keep=frozenset(), direct=direct)
        with progress_bar(title, total=len(seeds), unit='episodes') as bar:
            for item in episodes:
                results.append(item.metrics)
                bar.update()
    return results


def _conclude(
    arguments: argparse.Namespace,
    outcome: LiveOutcome,
    metrics: list[EpisodeMetrics],
    pace: MachinePace,
    page: Path,
    wall_s: float,
) -> int:
    """Print the summary and return the exit code."""
    summaries = summarise(metrics)
    live = summaries[0]
    print(result_text(summaries))
    print(pace.sentence)
    for name in failed_nodes(outcome.exit_codes):
        print(f'  ended badly: {name}')
    print(f'report: {page}\nrecording: {outcome.bag}   (ros2 bag info, Foxglove)')
    print(
        json.dumps(
            {
                'demo': arguments.policy,
                'wall_s': round(wall_s, 1),
                'exit_codes': dict(outcome.exit_codes),
                'machine': pace.values(),
                'sources': [summary_values(item) for item in summaries],
            }
        )
    )
    enough = live.success.rate >= arguments.min_success
    complete = not live.violated and not live.excessive
    return 0 if enough and complete and not failed_nodes(outcome.exit_codes) else 1
