# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""`wla_ros checkpoint`: inspect, measure and create WLA checkpoints."""

from __future__ import annotations

import argparse
import dataclasses
import json
import platform
import sys
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

import numpy as np
import torch

from wla_ros.base.arguments import count
from wla_ros.base.arguments import whole_number
from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem
from wla_ros.base.timing import LatencyStatistics
from wla_ros.base.types import ImageFrame
from wla_ros.base.types import Observation
from wla_ros.base.types import PolicyRequest
from wla_ros.base.types import StageTiming
from wla_ros.base.whole_file import write_whole
from wla_ros.cli import configuration
from wla_ros.cli.main import check_file
from wla_ros.composition.policy import PolicyNodeConfiguration
from wla_ros.policies.wla.policy import WlaPolicy
from wla_ros.policies.wla.settings import WlaSettings

# How long a checkpoint takes on this machine, stage by stage: the baseline of faster modes.
#
# Runs the policy itself, as the policy node does, on images of noise. Every variant is measured in
# rounds with the others, so that a machine that slows down slows all of them.

TOTAL = 'total'
_INSTRUCTION = 'Stack the orange cup on the blue cup.'
_HEIGHT, _WIDTH = 480, 640
# Inside the limits of the arm and of the statistics of the published data.
_HOME_RAD = (0.0, 0.4754, -0.603, 0.0, 0.7384, 0.0, 0.035)
_NEVER_HZ = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One way of running the checkpoint."""

    steps: int  # of the sampler
    tokens: int  # text generated with every inference; 0: an older text serves

    @property
    def name(self) -> str:
        """Return for example '10 steps, 12 tokens'."""
        return f'{self.steps} steps, {self.tokens} tokens'

    def applied(self, settings: WlaSettings) -> WlaSettings:
        """Return `settings` for this variant."""
        language = dataclasses.replace(
            settings.language,
            rate_hz=0.0 if self.tokens else _NEVER_HZ,
            max_tokens=self.tokens or 1,
            budget_s=60.0,
        )
        return dataclasses.replace(
            settings,
            steps=self.steps,
            guidance_weight=min(settings.guidance_weight, self.steps),
            language=language,
        )


def measure(
    policy: WlaPolicy,
    variants: tuple[Variant, ...],
    *,
    repeats: int,
    warm_up: int,
    progress: Callable[[], None],
) -> dict[Variant, LatencyStatistics]:
    """Return the latencies [ns] of every variant; `progress` is called after each inference."""
    policies = {item: policy.with_settings(item.applied(policy.settings)) for item in variants}
    statistics = {item: LatencyStatistics() for item in variants}
    generator = np.random.default_rng(0)
    for one in policies.values():
        one.reset(seed=0)
    for index in range(warm_up + repeats):
        observation = _observation(policy, generator, index)
        for variant, one in policies.items():
            result = one.infer(observation, PolicyRequest(instruction=_INSTRUCTION))
            if index >= warm_up:
                whole = StageTiming(
                    stage=TOTAL, duration_ns=sum(item.duration_ns for item in result.timings)
                )
                statistics[variant].add((*result.timings, whole))
            progress()
    return statistics


def latency_table(results: Mapping[Variant, LatencyStatistics]) -> str:
    """Return p50 and p99 of every stage in ms as lines of text."""
    lines = []
    for variant, statistics in results.items():
        p50, p99 = statistics.percentiles(50.0, 99.0)
        stages = '   '.join(
            f'{a.stage} {a.duration_ns / 1e6:.1f}, {b.duration_ns / 1e6:.1f}'
            for a, b in zip(p50, p99, strict=True)
        )
        lines.append(f'{variant.name:<22} p50, p99 [ms]: {stages}')
    return '\n'.join(lines)


def document(
    policy: WlaPolicy, results: Mapping[Variant, LatencyStatistics], *, repeats: int
) -> str:
    """Return the results as one line of JSON, times in ms."""
    device = policy.network.device
    figures: dict[str, Any] = {
        'benchmark': 'checkpoint',
        'version': policy.spec.version,
        'device': _device_name(device),
        'dtype': str(policy.network.dtype).removeprefix('torch.'),
        'threads': torch.get_num_threads() if device.type == 'cpu' else None,
        'images': len(policy.spec.cameras) + sum(map(len, policy.spec.history_ns.values())),
        'repeats': repeats,
        'variants': {},
    }
    for variant, statistics in results.items():
        p50, p99 = statistics.percentiles(50.0, 99.0)
        figures['variants'][variant.name] = {
            a.stage: {
                'p50_ms': round(a.duration_ns / 1e6, 3),
                'p99_ms': round(b.duration_ns / 1e6, 3),
            }
            for a, b in zip(p50, p99, strict=True)
        }
    if device.type == 'cuda':
        figures['memory_gib'] = round(torch.cuda.max_memory_allocated(device) / 2**30, 2)
    return json.dumps(figures)


def _device_name(device: torch.device) -> str:
    if device.type == 'cuda':
        return torch.cuda.get_device_name(device)
    return platform.machine()


def _observation(policy: WlaPolicy, generator: np.random.Generator, index: int) -> Observation:
    """Return an observation of noise, 1/30 s after the one before."""
    stamp_ns = (index + 1) * policy.spec.dt_ns

    def frame(camera: str, stamp_ns: int) -> ImageFrame:
        pixels = generator.integers(0, 256, (_HEIGHT, _WIDTH, 3), dtype=np.uint8)
        return ImageFrame(stream=camera, stamp_ns=stamp_ns, receive_ns=stamp_ns, pixels=pixels)

    joints = np.resize(np.array(_HOME_RAD), len(policy.joint_columns))
    return Observation(
        stamp_ns=stamp_ns,
        epoch=0,
        images={camera: frame(camera, stamp_ns) for camera in policy.spec.cameras},
        history={
            camera: tuple(frame(camera, stamp_ns - offset_ns) for offset_ns in offsets_ns)
            for camera, offsets_ns in policy.spec.history_ns.items()
        },
        joint_position=joints,
        joint_velocity=np.zeros_like(joints),
        objects=None,
        samples=(),
        synchronised_ns=stamp_ns,
    )


# Prints an inspected checkpoint. Knows the inspection's values, opens no file.

if TYPE_CHECKING:  # importing it at run time would load torch
    from wla_ros.policies.wla.checkpoint.inspect import Inspection
    from wla_ros.policies.wla.model.config import WLAConfig

# Action columns of the published checkpoints; other widths are shown without a guess.
_COLUMNS = {
    7: 'one arm: six joints and gripper, or LIBERO deltas',
    8: 'one arm: position, quaternion, gripper',
    14: 'two arms: six joints and gripper each',
    16: 'two arms: position, quaternion, gripper each',
}


def report(inspection: Inspection) -> str:
    """Return the whole report."""
    sections = [_files(inspection)]
    if inspection.config is not None:
        sections += [
            _architecture(inspection.config),
            _parts(inspection),
            _actions(inspection.config),
            _statistics(inspection),
        ]
    sections.append(_problems(inspection))
    return '\n\n'.join(sections) + '\n'


def _files(inspection: Inspection) -> str:
    files = inspection.files
    rows = [
        ('config', files.config),
        ('backbone config', files.backbone_config),
        ('weights', files.weights[0] if files.weights else None),
        ('tokenizer', files.tokenizer),
        ('statistics', files.statistics),
    ]
    return _table('Files', [(name, str(path) if path else 'missing') for name, path in rows])


def _architecture(config: WLAConfig) -> str:
    vision, text, expert = config.vision, config.text, config.expert
    history = f'yes, {config.history_obs_step} steps old' if config.use_history_obs else 'no'
    begin = ', first frame of the episode' if config.use_begin_frame_context else ''
    return _table(
        'Architecture',
        [
            (
                'vision tower',
                f'{vision.depth} blocks of {vision.hidden_size}, {vision.num_heads} heads, '
                f'patch {vision.patch_size}, deepstack {list(vision.deepstack_visual_indexes)}',
            ),
            (
                'text decoder',
                f'{text.num_hidden_layers} layers of {text.hidden_size}, '
                f'{text.num_attention_heads}/{text.num_key_value_heads} heads of {text.head_dim}, '
                f'vocabulary {text.vocab_size}',
            ),
            (
                'Action Expert',
                f'{expert.num_layers} blocks of {expert.input_embedding_dim}, '
                f'{expert.num_attention_heads} heads, {expert.norm_type}',
            ),
            ('meta-queries', f'{config.num_metaqueries}'),
            (
                'images',
                f'head {config.primary_image_size} px, others {config.auxiliary_image_size} px, '
                f'history {history}{begin}',
            ),
            ('training mode', config.training_mode),
            (
                'needed for actions',
                f'{config.last_layer_read + 1} of {text.num_hidden_layers} decoder layers',
            ),
        ],
    )


def _parts(inspection: Inspection) -> str:
    rows = [
        (
            summary.part.title,
            f'{summary.parameters:>15,} parameters {summary.size / 1e6:10,.1f} MB  '
            f'{"/".join(summary.dtypes)}' + ('' if summary.part.acts else '  (stays on disk)'),
        )
        for summary in inspection.parts
    ]
    acting = sum(summary.parameters for summary in inspection.parts if summary.part.acts)
    return _table('Parts', [*rows, ('loaded', f'{acting:>15,} parameters')])


def _actions(config: WLAConfig) -> str:
    expert = config.expert
    meaning = _COLUMNS.get(expert.action_dim, '')
    return _table(
        'Action space',
        [
            ('action columns', f'{expert.action_dim}' + (f'  ({meaning})' if meaning else '')),
            ('state columns', f'{expert.state_dim}'),
            ('rows of a chunk', f'{expert.chunk_size}'),
            ('Euler steps', f'{expert.num_inference_timesteps}'),
        ],
    )


def _statistics(inspection: Inspection) -> str:
    rows = [
        (summary.key, f'{summary.columns} columns: {", ".join(summary.kinds)}')
        for summary in inspection.statistics
    ]
    return _table('Statistics', rows or [('none', '')])


def _problems(inspection: Inspection) -> str:
    if not inspection.problems:
        return 'No problems found. Values of the weights were not read.'
    lines = ''.join(f'\n  - {problem}' for problem in inspection.problems)
    count = len(inspection.problems)
    return f'{count} problem{"s" if count != 1 else ""}:{lines}'


def _table(title: str, rows: list[tuple[str, str]]) -> str:
    width = max(len(name) for name, _ in rows)
    lines = [f'  {name:<{width}}  {value}'.rstrip() for name, value in rows]
    return '\n'.join([title, *lines])


TAKES_PARAMETERS = True
SIZES = ('nano', 'tiny', 'full')  # keys of policy.wla.random_sizes.SIZES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the commands of `wla_ros checkpoint`."""
    commands = parser.add_subparsers(
        dest='command', required=True, metavar='inspect|measure|create'
    )
    inspect = commands.add_parser('inspect', help='print what a checkpoint is and what it lacks')
    _add_place(inspect)
    inspect.add_argument(
        '--backbone', type=Path, help='folder of the backbone, for its config and tokenizer'
    )
    inspect.add_argument('--tokenizer', type=Path, help='tokenizer.json to take instead')
    inspect.add_argument('--statistics', type=Path, help='norm_stats.json to take instead')
    inspect.add_argument(
        '--hash', action='store_true', help='read all weights and print their hash'
    )
    _add_measure(commands)
    create = commands.add_parser('create', help='write a random checkpoint')
    create.add_argument(
        '--size',
        choices=SIZES,
        default='nano',
        help='nano runs on two CPU cores, tiny is for tests, full has 2.5 billion parameters',
    )
    create.add_argument('--seed', type=int, default=0, help='the same seed gives the same bytes')
    create.add_argument('out', type=Path, help='folder to make')


def _add_place(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'path',
        nargs='?',
        type=Path,
        help='folder of a checkpoint, or its file of weights, in place of policy.wla.checkpoint',
    )
    configuration.add_arguments(parser)


def _configured(arguments: argparse.Namespace, **given: Any) -> PolicyNodeConfiguration:
    """Return the configuration of the policy `wla`: of the file, then of the options."""
    short = {'checkpoint': arguments.path, **given}
    values = {
        f'policy.wla.{name}': str(value) if isinstance(value, Path) else value
        for name, value in short.items()
        if value is not None
    }
    return configuration.read_run(
        arguments.params, {'policy.name': 'wla', **values, **arguments.parameters}
    ).policy


def _add_measure(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    measure = commands.add_parser('measure', help='latency of every stage on this machine')
    _add_place(measure)
    measure.add_argument('--device', help='policy.wla.device: auto, cpu, cuda or cuda:1')
    measure.add_argument('--dtype', help='policy.wla.dtype: auto, float32, bfloat16 or mixed')
    measure.add_argument(
        '--threads', type=whole_number(0), help='policy.wla.threads: on a CPU; 0: its choice'
    )
    measure.add_argument('--steps', type=count, nargs='+', default=[10, 32], help='of the sampler')
    measure.add_argument(
        '--tokens',
        type=whole_number(0),
        nargs='+',
        default=[0, 12],
        help='of text with every inference',
    )
    measure.add_argument('--repeats', type=count, default=100, help='inferences per variant')
    measure.add_argument(
        '--warm-up', type=whole_number(0), default=5, help='inferences that do not count'
    )
    measure.add_argument('--output', type=Path, help='also write the JSON document to this file')


def run(arguments: argparse.Namespace) -> int:
    """Run one command; 1 if the inspected checkpoint has problems."""
    commands = {'inspect': _inspect, 'measure': _measure, 'create': _create}
    return commands[arguments.command](arguments)


def _measure(arguments: argparse.Namespace) -> int:
    from wla_ros.base.progress import progress_bar
    from wla_ros.policies.registry import make_as_trained
    from wla_ros.robots.robot import require_robot

    check_file(arguments.output, '--output')
    chosen = {name: getattr(arguments, name) for name in ('device', 'dtype', 'threads')}
    run = _configured(arguments, **chosen)
    robot = require_robot(run.robot, source=arguments.params)
    with _Bar('loading') as progress:
        policy = make_as_trained(run.policy, robot, tuple(run.cameras), progress=progress)
    if not isinstance(policy, WlaPolicy):
        raise TypeError(f'{policy!r} is registered as wla')
    variants = tuple(
        dict.fromkeys(
            Variant(steps=steps, tokens=tokens)
            for steps in arguments.steps
            for tokens in (arguments.tokens if policy.speaks else [0])
        )
    )
    total = len(variants) * (arguments.warm_up + arguments.repeats)
    with progress_bar('measuring', total=total, unit='chunks', leave=False) as bar:
        results = measure(
            policy,
            variants,
            repeats=arguments.repeats,
            warm_up=arguments.warm_up,
            progress=bar.update,
        )
    text = document(policy, results, repeats=arguments.repeats)
    sys.stdout.write(f'{latency_table(results)}\n{text}\n')
    if arguments.output is not None:
        write_whole(arguments.output, text + '\n')
    return 0


def _inspect(arguments: argparse.Namespace) -> int:
    from wla_ros.policies.wla.checkpoint.inspect import inspect_checkpoint
    from wla_ros.policies.wla.checkpoint.load import find_checkpoint_files
    from wla_ros.policies.wla.checkpoint.load import hash_checkpoint

    settings = _configured(arguments, backbone=arguments.backbone).policy.settings['wla']
    if not settings.checkpoint:
        problem = Problem(where='path', what='is missing', remedy='or give policy.wla.checkpoint')
        raise ConfigurationError('checkpoint inspect', (problem,))
    statistics = arguments.statistics or settings.statistics.file
    files = find_checkpoint_files(
        Path(settings.checkpoint).expanduser(),
        backbone=Path(settings.backbone).expanduser() if settings.backbone else None,
        tokenizer=arguments.tokenizer,
        statistics=Path(statistics).expanduser() if statistics else None,
    )
    inspection = inspect_checkpoint(files)
    sys.stdout.write(report(inspection))
    if arguments.hash and inspection.config is not None:
        with _Bar('hashing') as progress:
            digest = hash_checkpoint(files, progress)
        sys.stdout.write(f'\nweights sha256  {digest}\n')
    return 1 if inspection.problems else 0


def _create(arguments: argparse.Namespace) -> int:
    from wla_ros.policies.wla.checkpoint.create import SIZES as RANDOM_SIZES
    from wla_ros.policies.wla.checkpoint.create import create_checkpoint

    with _Bar('writing') as progress:
        create_checkpoint(
            arguments.out,
            RANDOM_SIZES[arguments.size],
            seed=arguments.seed,
            progress=progress,
        )
    sys.stdout.write(f'{arguments.out}\n')
    return 0


class _Bar:
    """A progress bar in bytes, as the callback (done, total); shown when there is progress."""

    def __init__(self, title: str) -> None:
        """Show nothing yet."""
        self._title = title
        self._bar: Any = None

    def __enter__(self) -> _Bar:
        """Return the callback."""
        return self

    def __exit__(self, *_: object) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()

    def __call__(self, done: int, total: int) -> None:
        """Show `done` of `total` bytes."""
        if self._bar is None:
            from wla_ros.base.progress import progress_bar

            self._bar = progress_bar(
                self._title, total=total, unit='B', unit_scale=True, leave=False
            )
        self._bar.total = total
        self._bar.update(done - self._bar.n)
