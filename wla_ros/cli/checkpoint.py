"""
Look at WLA checkpoints, measure them, or make random ones in the published layout.

inspect prints architecture, sizes, parameters per part, action space, statistics and problems; it
reads no weights. measure runs it on images of noise and prints the latency of every stage, one
JSON line last. create writes random weights that load and run like real ones.
"""

import argparse
import sys
from pathlib import Path

from wla_ros.cli.argument_check import count
from wla_ros.cli.argument_check import whole_number
from wla_ros.cli.checkpoint_report import report
from wla_ros.cli.output_place import check_file
from wla_ros.core.whole_file import write_whole

_ARMS = ('left', 'right')
SIZES = ('nano', 'tiny', 'full')  # keys of policy.wla.random_sizes.SIZES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the commands of `wla_ros checkpoint`."""
    commands = parser.add_subparsers(
        dest='command', required=True, metavar='inspect|measure|create'
    )
    inspect = commands.add_parser('inspect', help='print what a checkpoint is and what it lacks')
    inspect.add_argument('path', type=Path, help='folder of a checkpoint, or its file of weights')
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


def _add_measure(commands: 'argparse._SubParsersAction[argparse.ArgumentParser]') -> None:
    measure = commands.add_parser('measure', help='latency of every stage on this machine')
    measure.add_argument('path', type=Path, help='folder of a checkpoint, or its file of weights')
    measure.add_argument('--device', default='auto', help='auto, cpu, cuda or cuda:1')
    measure.add_argument('--dtype', default='auto', help='auto, float32, bfloat16 or mixed')
    measure.add_argument(
        '--threads', type=whole_number(0), default=0, help='of torch on a CPU; 0: its choice'
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
    from wla_ros.cli import checkpoint_measurement as measurement
    from wla_ros.cli.progress import progress_bar
    from wla_ros.core.configuration import load_configuration
    from wla_ros.core.joint_layout import JointLayout
    from wla_ros.policy.wla.wla_loading import load_wla_policy
    from wla_ros.policy.wla.wla_settings import WlaSettings

    check_file(arguments.output, '--output')
    chosen = {name: getattr(arguments, name) for name in ('device', 'dtype', 'threads')}
    values = {**chosen, 'checkpoint': str(arguments.path)}
    settings = load_configuration(WlaSettings, values, source='command line')
    with _Bar('loading') as progress:
        policy = load_wla_policy(settings, JointLayout(_ARMS), {}, progress=progress)
    variants = tuple(
        dict.fromkeys(
            measurement.Variant(steps=steps, tokens=tokens)
            for steps in arguments.steps
            for tokens in (arguments.tokens if policy.speaks else [0])
        )
    )
    total = len(variants) * (arguments.warm_up + arguments.repeats)
    with progress_bar('measuring', total=total, unit='chunks', leave=False) as bar:
        results = measurement.measure(
            policy,
            variants,
            repeats=arguments.repeats,
            warm_up=arguments.warm_up,
            progress=bar.update,
        )
    text = measurement.document(policy, results, repeats=arguments.repeats)
    sys.stdout.write(f'{measurement.table(results)}\n{text}\n')
    if arguments.output is not None:
        write_whole(arguments.output, text + '\n')
    return 0


def _inspect(arguments: argparse.Namespace) -> int:
    from wla_ros.policy.wla.checkpoint import hash_checkpoint
    from wla_ros.policy.wla.checkpoint_files import find_checkpoint_files
    from wla_ros.policy.wla.checkpoint_inspection import inspect_checkpoint

    files = find_checkpoint_files(
        arguments.path,
        backbone=arguments.backbone,
        tokenizer=arguments.tokenizer,
        statistics=arguments.statistics,
    )
    inspection = inspect_checkpoint(files)
    sys.stdout.write(report(inspection))
    if arguments.hash and inspection.config is not None:
        with _Bar('hashing') as progress:
            digest = hash_checkpoint(files, progress)
        sys.stdout.write(f'\nweights sha256  {digest}\n')
    return 1 if inspection.problems else 0


def _create(arguments: argparse.Namespace) -> int:
    from wla_ros.policy.wla.checkpoint_creation import create_checkpoint
    from wla_ros.policy.wla.random_sizes import SIZES as RANDOM_SIZES

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
    """A progress bar in bytes, as the callback (done, total)."""

    def __init__(self, title: str) -> None:
        """Show nothing yet."""
        from wla_ros.cli.progress import progress_bar

        self._tqdm = progress_bar(title, total=None, unit='B', unit_scale=True, leave=False)

    def __enter__(self) -> '_Bar':
        """Return the callback."""
        return self

    def __exit__(self, *_: object) -> None:
        """Take the bar away."""
        self._tqdm.close()

    def __call__(self, done: int, total: int) -> None:
        """Show `done` of `total` bytes."""
        self._tqdm.total = total
        self._tqdm.update(done - self._tqdm.n)
