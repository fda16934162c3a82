# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The verdict says what the episodes say."""

import json

import pytest
from benchmarks.execution.outcomes import cell
from benchmarks.execution.outcomes import episodes

from wla_ros.benchmarks.execution import benchmark_plots
from wla_ros.benchmarks.execution.benchmark_cell import Conditions
from wla_ros.benchmarks.execution.benchmark_cell import cell_of
from wla_ros.benchmarks.execution.benchmark_grid import BenchmarkGrid
from wla_ros.benchmarks.execution.benchmark_grid import Scene
from wla_ros.benchmarks.execution.benchmark_grid import matching
from wla_ros.benchmarks.execution.benchmark_page import motion_section
from wla_ros.benchmarks.execution.benchmark_page import pairs_section
from wla_ros.benchmarks.execution.benchmark_page import summary_values
from wla_ros.benchmarks.execution.benchmark_page import sweep_section
from wla_ros.benchmarks.execution.benchmark_page import terminal_table
from wla_ros.benchmarks.execution.benchmark_page import trouble_section
from wla_ros.benchmarks.execution.benchmark_page import verdict_section
from wla_ros.benchmarks.execution.benchmark_page import with_sections
from wla_ros.benchmarks.execution.benchmark_table import table_of
from wla_ros.benchmarks.execution.benchmark_verdict import best_asynchronous
from wla_ros.benchmarks.execution.benchmark_verdict import delay_verdict
from wla_ros.benchmarks.execution.benchmark_verdict import limit_verdict


@pytest.fixture
def table():
    outcomes = {}
    for strategy, delay_ms, successes, task_s in (
        ('sync', 0, 100, 5.0),
        ('sync', 200, 99, 7.0),
        ('latest', 0, 100, 4.0),
        ('latest', 200, 60, 4.4),
        ('prefix', 0, 100, 4.0),
        ('prefix', 200, 99, 4.1),
        ('lerobot rtc', 0, 90, 4.0),
        ('lerobot rtc', 200, 40, 4.2),
    ):
        outcomes |= episodes(cell(strategy, delay_ms), successes=successes, of=100, task_s=task_s)
    for strategy in ('sync', 'latest', 'prefix'):
        where = cell(strategy, 200, jitter_ms=100, drop=10)
        outcomes |= episodes(where, successes=50, of=100)
    return table_of(outcomes)


def test_the_best_is_the_most_successful_that_does_not_wait_and_is_no_peer(table):
    assert best_asynchronous(table, 'flow', 'pass_post', 200).cell.strategy == 'prefix'


def test_both_bounds_are_judged(table):
    verdict = delay_verdict(table, 'flow', 'pass_post', 200)
    assert verdict.longer.value == pytest.approx(0.1 / 4.2, rel=1e-2)
    assert verdict.against_sync.value == 0.0
    assert verdict.latest_against_sync.value == pytest.approx(-0.39)
    assert verdict.sync_longer.value == pytest.approx(2.0 / 5.2, rel=1e-2)
    assert verdict.holds
    assert not delay_verdict(table, 'flow', 'pass_post', 200, 'latest').holds


def test_a_delay_that_was_not_run_has_no_verdict(table):
    assert delay_verdict(table, 'flow', 'pass_post', 300) is None
    assert delay_verdict(table, 'flow', 'stack_cup', 200) is None


def test_violations_are_counted_apart_for_peers():
    outcomes = episodes(cell('latest'), successes=5, of=5)
    outcomes |= episodes(cell('openpi broker'), successes=5, of=5, violations=1)
    both = table_of(outcomes)
    assert limit_verdict(both, peers=False).holds
    assert limit_verdict(both, peers=True).violations['jerk'] == 5
    assert not limit_verdict(table_of({}), peers=False).holds


def test_the_page_keeps_what_people_wrote(table):
    page = 'Method.\n<!-- results: verdict -->\nold\n<!-- end of verdict -->\nMore.\n'
    written = with_sections(page, {'verdict': verdict_section(table)})
    assert written.startswith('Method.\n')
    assert written.endswith('More.\n')
    assert '\nold\n' not in written
    assert '`prefix`' in written
    assert with_sections(written, {'verdict': verdict_section(table)}) == written
    with pytest.raises(ValueError, match='sweep'):
        with_sections(page, {'sweep': ''})


def test_every_strategy_has_a_row_in_every_section(table):
    for section in (
        sweep_section(table, 'flow', 'pass_post'),
        motion_section(table, 'flow', 'pass_post', 200),
        pairs_section(table, 'flow', 'pass_post', 200),
        terminal_table(table),
    ):
        assert all(name in section for name in ('sync', 'latest', 'prefix', 'lerobot rtc'))
    assert 'lerobot' not in trouble_section(table, 'flow', 'pass_post')


def test_the_summary_is_json(table):
    values = json.loads(json.dumps(summary_values(table), allow_nan=False))
    assert values['best'][0]['strategy'] == 'prefix'
    assert values['episodes'] == 1100


def test_the_sweep_takes_the_least_troubled_conditions(table):
    assert [str(at) for at in table.sweep('flow', 'pass_post')] == [
        '0 ms + 0..20 ms',
        '200 ms + 0..20 ms',
    ]
    assert [str(at) for at in table.troubled('flow', 'pass_post')] == [
        '200 ms + 0..100 ms, 10 % lost'
    ]


@pytest.mark.parametrize(
    'draw',
    [
        benchmark_plots.success_figure,
        benchmark_plots.time_figure,
        lambda table: benchmark_plots.seam_figure(table, 'flow', 200),
        lambda table: benchmark_plots.trouble_figure(table, 'flow'),
    ],
)
def test_figures_are_pictures(table, draw):
    assert draw(table).startswith(b'\x89PNG')


GRID = BenchmarkGrid(
    scenes=(
        Scene(
            policy='expert',
            task='dispose_trash',
            strategies=('sync', 'latest'),
            conditions=(
                Conditions(delay_ms=0, jitter_ms=0),
                Conditions(delay_ms=200, jitter_ms=50, drop_percent=5),
            ),
        ),
        Scene(
            policy='expert',
            task='dispose_trash',
            strategies=('sync',),
            conditions=(Conditions(delay_ms=0, jitter_ms=0),),
        ),
    ),
    episodes=15,
    first_seed=3,
)


def test_a_cell_is_found_by_its_key():
    assert [cell_of(item.key) for item in GRID.cells] == list(GRID.cells)
    with pytest.raises(ValueError, match='no key'):
        cell_of('expert/dispose_trash')


def test_all_cells_run_the_same_seeds_a_block_at_a_time():
    order = list(GRID.episodes_in_order(GRID.cells))
    assert len(order) == len(set(order)) == 60
    assert {seed for _, seed in order[:40]} == set(range(3, 13))
    assert {seed for at, seed in order if at == GRID.cells[0]} == set(range(3, 18))


def test_cells_are_chosen_by_pattern():
    assert matching(GRID.cells, ()) == GRID.cells
    assert len(matching(GRID.cells, ('*/sync/*',))) == 2
    assert not matching(GRID.cells, ('flow/*',))
