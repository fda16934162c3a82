"""
The `wla_ros` command: one sub-command per module of this folder.

A module offers `add_arguments(parser)` and `run(arguments) -> exit code`. It is imported only when
its command is called, so that `wla_ros --help` is quick and `wla_ros evaluate` needs no ROS.
"""

import argparse
import difflib
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from wla_ros.core.errors import WlaError
from wla_ros.ros.missing_package import missing_package
from wla_ros.ros.starter_watch import termination_signals

# Name, module, one line for the overview.
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
    ('checkpoint', 'look at WLA checkpoints, or make a random one'),
    ('parameters', 'print every parameter with type, unit, range and default'),
)


def module_of(command: str) -> str:
    """Return the module of a sub-command."""
    return f'wla_ros.cli.{command.replace("-", "_")}'


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
    return int(module.run(command_parser.parse_args(rest)))


def _end(number: int, frame: FrameType | None) -> None:
    """Leave as by Ctrl-C, so that the nodes a command has started are stopped with it."""
    del frame
    raise SystemExit(128 + number)


if __name__ == '__main__':
    sys.exit(main())
