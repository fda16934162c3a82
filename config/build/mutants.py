# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
How many one-line changes of the pure rooms do their own tests notice?

cosmic-ray says what can be changed in a line; a seeded sample of lines is taken over all rooms,
each with one of its changes. The tests of the room judge it in a copy of the repository, and the
tests of the package that say what holds in every room. Results are appended to build/mutants as
they come, so that a run that was stopped goes on.
"""

import argparse
import difflib
import json
import os
import random
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / 'build' / 'mutants'
ROOMS = ('observation', 'inference', 'execution')
REQUIREMENT = 'cosmic-ray==8.7.0'
# What holds in every room, asked first since it takes a second: values that cannot change, and
# the ranges and defaults that docs/parameters.md tells.
_EVERYWHERE = (
    'test/test_dataclasses.py',
    'test/test_value_equality.py::test_no_generated_equality_reaches_an_array[{room}]',
    'test/test_readme.py::test_every_parameter_stands_in_its_page',
)
# Times as long as the unchanged tests: a change may make a loop endless.
_PATIENCE = 4.0
# Left out because tests cannot fail to notice them or nobody can: `X | None` is mostly a type,
# a dataclass without its decorator is none, and `==` against `is` of enums makes no difference.
_LEFT_OUT = ('BitOr', 'RemoveDecorator', 'Eq_Is')


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One change of one line; `path` within the repository."""

    path: str
    line: int
    operator: str
    occurrence: int

    @property
    def room(self) -> str:
        """The room whose tests have to notice it."""
        return Path(self.path).parts[1]


def candidates(rooms: Sequence[str]) -> Iterator[Mutant]:
    """Every change that cosmic-ray knows in the rooms."""
    from cosmic_ray.ast import ast_nodes
    from cosmic_ray.ast import get_ast
    from cosmic_ray.plugins import get_operator
    from cosmic_ray.plugins import operator_names

    names = [
        name
        for name in operator_names()
        if not any(part in name for part in _LEFT_OUT) and not get_operator(name).arguments()
    ]
    for room in rooms:
        for path in sorted((REPOSITORY / 'wla_ros' / room).rglob('*.py')):
            tree = get_ast(path.read_text(encoding='utf-8'))
            for name in names:
                operator = get_operator(name)()
                places = (
                    start
                    for node in ast_nodes(tree)
                    for start, _ in operator.mutation_positions(node)
                )
                for occurrence, (line, _) in enumerate(places):
                    yield Mutant(
                        path=str(path.relative_to(REPOSITORY)),
                        line=line,
                        operator=name,
                        occurrence=occurrence,
                    )


def sample(rooms: Sequence[str], count: int, seed: int) -> list[Mutant]:
    """Return one change in each of `count` lines."""
    lines: dict[tuple[str, int], list[Mutant]] = {}
    for mutant in candidates(rooms):
        lines.setdefault((mutant.path, mutant.line), []).append(mutant)
    draw = random.Random(seed)
    return [draw.choice(lines[place]) for place in draw.sample(sorted(lines), count)]


def run_tests(room: str, copy: Path, timeout_s: float | None) -> tuple[int, str]:
    """Return pytest's exit code on `copy` (124 after `timeout_s`) and the end of its output."""
    search = os.pathsep.join([str(copy), os.environ.get('PYTHONPATH', '')])
    # Not `python -m pytest`, which looks for modules in the working directory first.
    command = [str(REPOSITORY / '.venv/bin/pytest'), '-x', '-q', '-p', 'no:cacheprovider']
    command += [*(name.format(room=room) for name in _EVERYWHERE), f'test/{room}']
    try:
        done = subprocess.run(
            command,
            cwd=copy,
            env={**os.environ, 'PYTHONPATH': search},
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )
    except subprocess.TimeoutExpired:
        return 124, 'longer than the time it was given'
    return done.returncode, '\n'.join(done.stdout.splitlines()[-3:])


def judge(mutant: Mutant, copy: Path, timeout_s: float) -> dict[str, object]:
    """Return what the tests of the room say about `mutant`; `copy` is as before afterwards."""
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator

    path = copy / mutant.path
    before = path.read_text(encoding='utf-8')
    after = mutate_code(before, get_operator(mutant.operator)(), mutant.occurrence)
    path.write_text(after, encoding='utf-8')
    try:
        code, text = run_tests(mutant.room, copy, timeout_s)
    finally:
        path.write_text(before, encoding='utf-8')
    change = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm='', n=0)
    return {
        **asdict(mutant),
        'noticed': code != 0,
        'by': text,
        'change': [line for line in change if line[:1] in '+-' and line[:3] not in ('+++', '---')],
    }


def measure(rooms: Sequence[str], count: int, seed: int) -> int:
    """Judge the sample; return the number of mutants that nobody noticed."""
    commit = subprocess.check_output(
        ['git', 'rev-parse', '--short', 'HEAD'], cwd=REPOSITORY, text=True
    ).strip()
    record = FOLDER / f'{commit}-{"-".join(rooms)}-{seed}.jsonl'
    copy = record.with_suffix('')
    shutil.rmtree(copy, ignore_errors=True)
    files = subprocess.check_output(['git', 'ls-files', '-z'], cwd=REPOSITORY, text=True)
    for name in filter(None, files.split('\0')):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(REPOSITORY / name, copy / name)
    known = {}
    if record.exists():
        rows = [json.loads(line) for line in record.read_text(encoding='utf-8').splitlines()]
        known = {(row['path'], row['line'], row['operator'], row['occurrence']) for row in rows}
    timeouts = {room: _unchanged_s(room, copy) * _PATIENCE + 10.0 for room in rooms}
    mutants = sample(rooms, count, seed)
    for i, mutant in enumerate(mutants):
        if (mutant.path, mutant.line, mutant.operator, mutant.occurrence) in known:
            continue
        row = judge(mutant, copy, timeouts[mutant.room])
        with record.open('a', encoding='utf-8') as file:
            file.write(json.dumps(row) + '\n')
        state = 'noticed' if row['noticed'] else 'NOT NOTICED'
        print(f'{i + 1}/{count} {state}: {mutant.path}:{mutant.line} {row["change"]}', flush=True)
    rows = [json.loads(line) for line in record.read_text(encoding='utf-8').splitlines()]
    unseen = [row for row in rows if not row['noticed']]
    for row in unseen:
        print(f'not noticed: {row["path"]}:{row["line"]} {row["operator"]} {row["change"]}')
    print(json.dumps({'mutants': len(rows), 'noticed': len(rows) - len(unseen), 'seed': seed}))
    return len(unseen)


def _unchanged_s(room: str, copy: Path) -> float:
    """Return how long the tests of `room` take; they must pass, and must run on the copy."""
    import time

    start_s = time.monotonic()
    code, text = run_tests(room, copy, None)
    took_s = time.monotonic() - start_s
    if code:
        raise SystemExit(f'the tests of {room} fail without any change:\n{text}')
    broken = copy / 'wla_ros' / room / '__init__.py'
    before = broken.read_text(encoding='utf-8')
    broken.write_text('raise ImportError("this is the copy")\n', encoding='utf-8')
    code, _ = run_tests(room, copy, None)
    broken.write_text(before, encoding='utf-8')
    if not code:
        raise SystemExit(f'the tests of {room} do not run on {copy}')
    return took_s


def main() -> int:
    """Run this file in an environment that has cosmic-ray."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument('--count', type=int, default=100)
    parser.add_argument('--rooms', nargs='+', choices=ROOMS, default=ROOMS)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--at-least', type=float, default=0.92, help='share that must be noticed')
    arguments = parser.parse_args()
    python = FOLDER / 'venv' / 'bin' / 'python'
    if Path(sys.prefix) != FOLDER / 'venv':
        if not python.exists():
            venv.create(FOLDER / 'venv', with_pip=True)
        subprocess.run([python, '-m', 'pip', 'install', '--quiet', REQUIREMENT], check=True)
        return subprocess.run([python, *sys.argv]).returncode
    unseen = measure(arguments.rooms, arguments.count, arguments.seed)
    return int(unseen > arguments.count * (1.0 - arguments.at_least))


if __name__ == '__main__':
    raise SystemExit(main())
