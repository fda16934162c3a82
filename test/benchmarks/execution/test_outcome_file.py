# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Results survive stopping, resuming and re-running."""

import errno
import io
import os

import pytest
from benchmarks.execution.outcomes import cell
from benchmarks.execution.outcomes import outcome

from wla_ros.base.config import ConfigurationError
from wla_ros.benchmarks.execution.episode_outcome import added
from wla_ros.benchmarks.execution.episode_outcome import binned
from wla_ros.benchmarks.execution.episode_outcome import outcome_from
from wla_ros.benchmarks.execution.episode_outcome import outcome_line
from wla_ros.benchmarks.execution.episode_outcome import parsed
from wla_ros.benchmarks.execution.outcome_file import OutcomeFile


def test_an_outcome_survives_its_line():
    original = outcome(cell())
    assert outcome_from(outcome_line(original)) == original


def test_episodes_are_found_after_a_torn_last_line(tmp_path):
    file = OutcomeFile(tmp_path / 'episodes.jsonl')
    file.begin({'episodes': 2})
    file.append(outcome(cell(), 0))
    file.append(outcome(cell(), 1))
    text = file.path.read_text(encoding='utf-8')
    file.path.write_text(text[:-20], encoding='utf-8')
    results = file.read()
    assert results.described == {'episodes': 2}
    assert results.has(cell().key, 0)
    assert not results.has(cell().key, 1)
    file.append(outcome(cell(), 1))
    assert file.read().has(cell().key, 1)


def test_the_later_line_of_an_episode_counts(tmp_path):
    file = OutcomeFile(tmp_path / 'episodes.jsonl')
    file.begin({})
    file.append(outcome(cell(), 0, success=False))
    file.append(outcome(cell(), 0, success=True))
    assert file.read().outcomes[cell().key][0].success


def test_results_are_never_overwritten(tmp_path):
    file = OutcomeFile(tmp_path / 'episodes.jsonl')
    file.begin({})
    with pytest.raises(ConfigurationError, match='--resume'):
        file.begin({})


def test_a_line_that_is_no_outcome_is_named(tmp_path):
    file = OutcomeFile(tmp_path / 'episodes.jsonl')
    file.begin({})
    with file.path.open('a', encoding='utf-8') as lines:
        lines.write('{"cell": "?"}\n')
    with pytest.raises(ConfigurationError, match='line 2'):
        file.read()


def test_a_file_of_something_else_is_refused(tmp_path):
    path = tmp_path / 'episodes.jsonl'
    path.write_text('{"benchmark": "graph"}\n', encoding='utf-8')
    with pytest.raises(ConfigurationError, match='line 1'):
        OutcomeFile(path).read()


def test_binned_values_add_up_and_never_understate():
    first, second = binned([0.0, 0.011, 0.5]), binned([3.0, 1e-12])
    both = added((first, second))
    assert both.total == 5
    assert parsed(both.as_text()) == both
    assert both.quantile(0.4) == 0.0
    assert 3.0 <= both.quantile(1.0) <= 3.0 * 1.06
    assert 0.011 <= both.quantile(0.6) <= 0.011 * 1.06


def test_binned_values_must_be_finite_and_not_negative():
    for wrong in (-1.0, float('nan'), float('inf')):
        with pytest.raises(ValueError, match='finite'):
            binned([wrong])


def test_a_disk_that_is_full_in_the_middle_of_a_line_spoils_no_other(tmp_path, monkeypatch):
    file = OutcomeFile(tmp_path / 'episodes.jsonl')
    file.begin({})
    file.append(outcome(cell(), 0))
    opened = type(file.path).open

    class Half(io.FileIO):
        def write(self, data):
            if len(data) < 100:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return super().write(data[:50])

    monkeypatch.setattr(type(file.path), 'open', lambda self, mode, buffering: Half(self, mode[0]))
    with pytest.raises(OSError, match='No space left') as caught:
        file.append(outcome(cell(), 1))
    assert caught.value.filename == str(file.path)
    monkeypatch.setattr(type(file.path), 'open', opened)
    file.append(outcome(cell(), 2))
    results = file.read()
    assert [results.has(cell().key, seed) for seed in range(3)] == [True, False, True]
