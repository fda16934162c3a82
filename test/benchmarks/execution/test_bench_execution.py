# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The benchmark runs, resumes, repeats itself exactly and says what it refuses."""

import dataclasses
import json

import pytest

pytest.importorskip('rclpy')

from wla_ros.base.config import ConfigurationError
from wla_ros.benchmarks.execution import bench_execution
from wla_ros.benchmarks.execution.benchmark_table import plain_name
from wla_ros.benchmarks.execution.execution_episode import EpisodeParts
from wla_ros.benchmarks.execution.execution_episode import run_outcome
from wla_ros.benchmarks.execution.execution_episode import task_options
from wla_ros.benchmarks.execution.execution_grids import FULL
from wla_ros.benchmarks.execution.execution_grids import QUICK
from wla_ros.benchmarks.execution.outcome_file import OutcomeFile
from wla_ros.benchmarks.peers.catalogue import PEERS
from wla_ros.cli.main import main
from wla_ros.inference.strategy import STRATEGIES

PARTS = EpisodeParts()


def cell(strategy, delay_ms=200):
    return f'noisy_expert/pass_post/{strategy}/{delay_ms}ms+20ms,10%'


@pytest.mark.parametrize('strategy', ['prefix', 'lerobot rtc'])
def test_the_same_seed_gives_the_same_outcome(strategy):
    first, second = (
        dataclasses.replace(run_outcome(PARTS, cell(strategy), 7), cpu_s=0.0) for _ in range(2)
    )
    assert first == second
    assert first.splices > 0
    assert first.commands > 100


@pytest.mark.parametrize('strategy', [*STRATEGIES, *PEERS])
def test_every_strategy_runs_and_keeps_the_limits(strategy):
    outcome = run_outcome(PARTS, cell(strategy), 3)
    assert not sum(outcome.violations.values()), outcome.worst_ratio
    assert outcome.splices > 0
    # No strategy knows of an observation before its delay has passed.
    assert outcome.distributions['delay_s'].quantile(0.0) >= 0.2
    assert outcome.distributions['reaction_s'].quantile(0.0) >= 0.2


def test_the_quick_grid_runs_and_resumes_where_it_was(tmp_path, capsys):
    arguments = [
        'bench-execution',
        '--quick',
        '--output',
        str(tmp_path / 'results'),
        '--jobs',
        '1',
    ]
    pattern = ['--only', '*/latest/*', '*/openpi broker/*']
    assert main([*arguments, '--episodes', '1', *pattern]) == 0
    first = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert first['episodes'] == 4
    assert first['violations'] == dict.fromkeys(first['violations'], 0)
    assert (tmp_path / 'results' / 'success.png').exists()
    before = OutcomeFile(tmp_path / 'results' / 'episodes.jsonl').read().outcomes
    assert main([*arguments, '--episodes', '2', *pattern, '--resume']) == 0
    after = OutcomeFile(tmp_path / 'results' / 'episodes.jsonl').read().outcomes
    assert {key: sorted(episodes) for key, episodes in after.items()} == {
        key: [0, 1] for key in before
    }
    assert all(after[key][0] == before[key][0] for key in before)
    assert main(arguments) == 2
    assert '--resume' in capsys.readouterr().err


def test_processes_give_what_one_process_gives():
    episodes = [(cell('latest'), seed) for seed in range(2)]
    alone = {item.seed: item for item in bench_execution.run_all(PARTS, episodes, jobs=1)}
    together = {item.seed: item for item in bench_execution.run_all(PARTS, episodes, jobs=2)}
    for seed, outcome in alone.items():
        assert dataclasses.replace(outcome, cpu_s=0.0) == dataclasses.replace(
            together[seed], cpu_s=0.0
        )


def test_a_page_takes_the_results(tmp_path):
    folder = tmp_path / 'results'
    arguments = ['bench-execution', '--quick', '--output', str(folder), '--jobs', '1']
    assert main([*arguments, '--episodes', '1', '--only', '*/latest/*']) == 0
    page = tmp_path / 'page.md'
    names = ('run', 'verdict', 'delays', 'trouble', 'motion', 'pairs')
    page.write_text(
        ''.join(f'<!-- results: {name} -->\n<!-- end of {name} -->\n' for name in names),
        encoding='utf-8',
    )
    assert main([*arguments, '--report-only', '--page', str(page)]) == 0
    assert '`latest`' in page.read_text(encoding='utf-8')
    assert (tmp_path / 'page_success.png').exists()


def test_cells_are_listed_without_running(capsys):
    assert main(['bench-execution', '--list', '--only', 'flow/*/sync/*']) == 0
    assert all('/sync/' in line for line in capsys.readouterr().out.splitlines())
    assert main(['bench-execution', '--list', '--only', 'nothing']) == 2


@pytest.mark.parametrize('grid', [FULL, QUICK])
def test_every_cell_of_the_grids_can_be_built(grid):
    for where in grid.cells:
        task_options(where.task)
        assert plain_name(where.strategy) in {*STRATEGIES, *PEERS}


def test_a_task_without_a_number_refuses_one():
    assert task_options('dispose_trash@0.5').turntable.speed_rad_s == 0.5
    assert task_options('pass_post@5').post.passes == 5
    for wrong in ('pass_post@0.03', 'pass_post@2.5'):
        with pytest.raises(ConfigurationError, match='whole number'):
            task_options(wrong)
    with pytest.raises(ConfigurationError, match='stack_cup'):
        task_options('stack_cup@2')
