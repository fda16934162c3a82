"""
Look at WLA checkpoints, or make random ones in the published layout.

inspect prints architecture, sizes, parameters per part, action space, statistics and problems; it
reads no weights. create writes random weights that load and run like real ones.
"""

import argparse
import sys
from pathlib import Path

from wla_ros.cli.checkpoint_report import report

SIZES = ('nano', 'tiny', 'full')  # keys of policy.wla.random_sizes.SIZES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the commands of `wla_ros checkpoint`."""
    commands = parser.add_subparsers(dest='command', required=True, metavar='inspect|create')
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
    create = commands.add_parser('create', help='write a random checkpoint')
    create.add_argument(
        '--size',
        choices=SIZES,
        default='nano',
        help='nano runs on two CPU cores, tiny is for tests, full has 2.5 billion parameters',
    )
    create.add_argument('--seed', type=int, default=0, help='the same seed gives the same bytes')
    create.add_argument('out', type=Path, help='folder to make')


def run(arguments: argparse.Namespace) -> int:
    """Run one command; 1 if the inspected checkpoint has problems."""
    return _inspect(arguments) if arguments.command == 'inspect' else _create(arguments)


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
        from tqdm import tqdm

        self._tqdm = tqdm(desc=title, unit='B', unit_scale=True, disable=None, leave=False)

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
