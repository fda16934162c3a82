# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The command `wla_ros`: its subcommands, and what they share."""

import argparse
import difflib
import importlib
import importlib.metadata
import os
import platform
import signal
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import numpy as np

from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem
from wla_ros.base.config import WlaError
from wla_ros.base.missing_package import missing_package
from wla_ros.episodes.summary import SourceSummary
from wla_ros.nodes.starter_watch import termination_signals

# Places where a command puts its results: asked for before it works, so that no result is lost.
#
# Every function raises ConfigurationError that names the option.


def make_folder(folder: Path, option: str, *, new: bool = False) -> None:
    """Make `folder` if need be; it can be written to, and did not exist if it is to be `new`."""
    try:
        folder.mkdir(parents=True, exist_ok=not new)
        what = '' if os.access(folder, os.W_OK) else 'is not writable'
    except FileExistsError:
        what = 'exists already' if new else 'is no folder'
    except OSError as error:
        what = f'cannot be made: {error.strerror}'
    if what:
        raise _refused(option, f'{folder} {what}', 'name another folder')


def check_file(path: Path | None, option: str) -> None:
    """Judge whether the file at `path` can be written; no path, no problem."""
    if path is None:
        return
    folder = path.absolute().parent
    if path.is_dir():
        raise _refused(option, f'{path} is a folder', 'name a file')
    if not folder.is_dir():
        raise _refused(option, f'there is no folder {folder}', 'make it first')
    if not os.access(path if path.exists() else folder, os.W_OK):
        raise _refused(option, f'{path} is not writable', 'name another file')


def _refused(option: str, what: str, remedy: str) -> ConfigurationError:
    problem = Problem(where=option, what=what, remedy=remedy)
    return ConfigurationError('arguments', (problem,))


# Results of episodes as a table for a terminal.

_COLUMNS = '{:<9}{:>9}{:>16}{:>12}{:>12}{:>14}{:>14}{:>15}{:>9}{:>9}'
_HEADER = (
    'source', 'success', '95 % interval', 'solved s', 'finished s',
    'chunk p50 ms', 'chunk p99 ms', 'splice p99 ms', 'starved', 'sums ok',
)  # fmt: skip


def result_text(summaries: Sequence[SourceSummary]) -> str:
    """
    Return the table, every failed episode, and what the first source lost.

    That are its sums that are off and its losses between processes.
    """
    failures = [
        f'  {item.source} seed {failure.seed} failed, {failure.cause}; {failure.judgement}'
        for item in summaries
        for failure in item.failures
    ]
    violations = [
        f'  sum violated: {equation.subject} {equation.left.name} by {equation.difference}'
        for equation in summaries[0].violated
    ]
    losses = [
        f'  lost between processes: {loss}'
        + (f', more than {100 * loss.bound:g} %' if loss.excessive else '')
        for loss in summaries[0].losses
        if loss.lost
    ]
    if summaries[0].losses and not losses:
        losses = ['  lost between processes: nothing']
    return '\n'.join([result_table(summaries), *failures, *violations, *losses])


def result_table(summaries: Sequence[SourceSummary]) -> str:
    """Return one line per source: success, times, delays from exposure to chunk and splice."""
    lines = [_COLUMNS.format(*_HEADER)]
    for item in summaries:
        low, high = item.success.interval
        chunk = next((stage for stage in item.stages if stage.stage == 'exposure_to_chunk'), None)
        sums = sum(equation.verdict == 'ok' for equation in item.equations)
        lines.append(
            _COLUMNS.format(
                item.source,
                f'{item.success.successes}/{item.success.episodes}',
                f'{100 * low:.1f}..{100 * high:.1f} %',
                _text(item.task_mean_s),
                _text(item.finished_mean_s),
                _text(None if chunk is None else chunk.p50_ms),
                _text(None if chunk is None else chunk.p99_ms),
                _text(float(np.percentile(item.delays_ms, 99)) if item.delays_ms.size else None),
                item.starvations if item.equations else '-',
                f'{sums}/{len(item.equations)}' if item.equations else '-',
            )
        )
    return '\n'.join(lines)


def _text(value: float | None) -> str:
    return '-' if value is None else f'{value:.2f}'


# Versions of what a result depends on, for reports.

_VERSIONED = ('numpy', 'mujoco', 'ruckig', 'torch', 'matplotlib', 'rosbags')


def installed_versions() -> dict[str, str]:
    """Return name and version of Python, machine, ROS and the libraries that are installed."""
    versions = {
        'python': platform.python_version(),
        'machine': f'{platform.platform()}, {os.cpu_count()} cores',
        'ROS domain': os.environ.get('ROS_DOMAIN_ID', '0'),
    }
    for name in _VERSIONED:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


# Name and one line for the overview.
COMMANDS = (
    (
        'demo',
        'run the simulated rig with a policy through the real nodes and write a report',
    ),
    ('up', 'start the nodes of a parameter file without ros2 launch'),
    ('doctor', 'check what is installed, connected, fresh and plausible'),
    ('calibrate', 'measure latencies of cameras, arms and grippers and write them to a file'),
    ('evaluate', 'run episodes in virtual time, faster than real time'),
    ('bench', 'measure latency, tick lateness and CPU of the running graph'),
    ('bench-stop', 'measure how long an emergency stop takes while the executor is flooded'),
    ('bench-execution', 'compare execution strategies over delays, thousands of episodes'),
    ('bench-experts', 'how often the experts that label any state succeed from disturbed starts'),
    ('checkpoint', 'look at WLA checkpoints, or make a random one'),
    ('parameters', 'print every parameter with type, unit, range and default'),
)


_BENCHMARKS = {
    'bench': 'graph.bench',
    'bench-stop': 'graph.bench_stop',
    'bench-execution': 'execution.bench_execution',
    'bench-experts': 'experts.bench_experts',
}


def module_of(command: str) -> str:
    """Return the module of a sub-command."""
    if command in _BENCHMARKS:
        return f'wla_ros.benchmarks.{_BENCHMARKS[command]}'
    return f'wla_ros.cli.{command}'


def overview(given: Sequence[str]) -> str:
    """Return the list of commands, after a complaint if `given` names none of them."""
    complaint = ''
    if given and given[0] not in {'-h', '--help'}:
        near = difflib.get_close_matches(given[0], [name for name, _ in COMMANDS], n=1)
        hint = f', did you mean {near[0]!r}?' if near else ''
        complaint = f'wla_ros: unknown command {given[0]!r}{hint}\n\n'
    lines = ''.join(f'  {name:<16} {summary}\n' for name, summary in COMMANDS)
    usage = 'usage: wla_ros COMMAND ...   (wla_ros COMMAND --help for its options)'
    return f'{complaint}{usage}\n\n{lines}'


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run one sub-command; returns its exit code.

    User errors and missing packages print one message and give 2.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    commands = dict(COMMANDS)
    if not given or given[0] not in commands:
        wanted_help = bool(given) and given[0] in {'-h', '--help'}
        (sys.stdout if wanted_help else sys.stderr).write(overview(given))
        return 0 if wanted_help else 2
    name, rest = given[0], given[1:]
    try:
        return _run(name, rest)
    except ImportError as error:
        said = missing_package(error)
        if said is None:
            raise
        sys.stderr.write(f'wla_ros {name}: {said}\n')
        return 2
    except WlaError as error:
        sys.stderr.write(f'wla_ros {name}: {error}\n')
        return 2
    except KeyboardInterrupt:
        sys.stderr.write(f'\nwla_ros {name}: stopped\n')
        return 128 + signal.SIGINT
    except BrokenPipeError:
        # The reader of a pipe has seen enough (`| head`); nothing is left to be flushed at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        if error.filename is None:
            raise  # nobody could tell what to do about it
        sys.stderr.write(f'wla_ros {name}: {error.filename}: {error.strerror}\n')
        return 2


def _run(name: str, rest: Sequence[str]) -> int:
    module = importlib.import_module(module_of(name))
    command_parser = argparse.ArgumentParser(
        prog=f'wla_ros {name}',
        description=module.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.add_arguments(command_parser)
    for kind in termination_signals():
        signal.signal(kind, _end)
    if not getattr(module, 'TAKES_PARAMETERS', False):
        return int(module.run(command_parser.parse_args(rest)))
    from wla_ros.cli.configuration import split_parameters

    options, parameters = split_parameters(rest)
    return int(module.run(command_parser.parse_args(options, Namespace(parameters=parameters))))


def _end(number: int, frame: FrameType | None) -> None:
    """Leave as by Ctrl-C, so that the nodes a command has started are stopped with it."""
    del frame
    raise SystemExit(128 + number)


if __name__ == '__main__':
    sys.exit(main())
