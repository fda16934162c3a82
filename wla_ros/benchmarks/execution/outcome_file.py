# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The result file: a first line that says what was run, then one line per episode as it ends.

Append-only, so a run may be stopped at any time; a half-written last line is ignored. An episode
that stands in the file twice counts as the later line says.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem
from wla_ros.benchmarks.execution.episode_outcome import EpisodeOutcome
from wla_ros.benchmarks.execution.episode_outcome import outcome_from
from wla_ros.benchmarks.execution.episode_outcome import outcome_line

_HEADER = 'execution benchmark'


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkResults:
    """What a file holds."""

    described: Mapping[str, Any] = field(default_factory=dict)  # of the run: settings, versions
    outcomes: Mapping[str, Mapping[int, EpisodeOutcome]] = field(default_factory=dict)

    def has(self, cell: str, seed: int) -> bool:
        """Whether the episode was run."""
        return seed in self.outcomes.get(cell, {})


class OutcomeFile:
    """One process writes it."""

    def __init__(self, path: Path) -> None:
        """Name the file; nothing is opened yet."""
        self.path = path

    def begin(self, described: Mapping[str, Any]) -> None:
        """Write a new file. Raises ConfigurationError if it exists: results are never lost."""
        try:
            with self.path.open('x', encoding='utf-8') as file:
                file.write(json.dumps({'file': _HEADER, **described}) + '\n')
        except FileExistsError:
            raise ConfigurationError(
                str(self.path),
                (
                    Problem(
                        where='output',
                        what='there are results already',
                        remedy='go on with --resume, or choose another folder',
                    ),
                ),
            ) from None

    def append(self, outcome: EpisodeOutcome) -> None:
        """
        Add one episode; it is on the disk when this returns.

        Raises OSError naming the file, which then ends where it did: half a line would spoil the
        next one.
        """
        line = memoryview(f'{outcome_line(outcome)}\n'.encode())
        with self.path.open('ab', buffering=0) as file:
            end = file.tell()
            try:
                while line:
                    line = line[file.write(line) :]
                os.fsync(file.fileno())
            except OSError as error:
                file.truncate(end)
                raise OSError(error.errno, error.strerror, str(self.path)) from error

    def read(self) -> BenchmarkResults:
        """
        Return everything in the file; a torn last line is cut off it.

        Raises ConfigurationError naming the line that is no outcome.
        """
        text = self.path.read_text(encoding='utf-8')
        whole = text.rfind('\n') + 1
        if whole < len(text):
            with self.path.open('r+', encoding='utf-8') as file:
                file.truncate(len(text[:whole].encode('utf-8')))
        lines = text[:whole].splitlines()
        outcomes: dict[str, dict[int, EpisodeOutcome]] = {}
        described: dict[str, Any] = {}
        for number, line in enumerate(lines, start=1):
            try:
                if number == 1:
                    described = json.loads(line)
                    if described.pop('file', '') != _HEADER:
                        raise ValueError('no header of an execution benchmark')
                    continue
                outcome = outcome_from(line)
            except ValueError as error:
                problem = Problem(
                    where=f'line {number}', what=str(error), remedy='remove the line'
                )
                raise ConfigurationError(str(self.path), (problem,)) from error
            outcomes.setdefault(outcome.cell, {})[outcome.seed] = outcome
        return BenchmarkResults(described=described, outcomes=outcomes)
