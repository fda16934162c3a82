# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The results as Markdown, written between the marks of a page that people wrote. Pure.

A page has lines `<!-- results: NAME -->` and `<!-- end of NAME -->`; what stands between them is
replaced, everything else stays.
"""

import math
import re
from collections.abc import Mapping
from collections.abc import Sequence

from wla_ros.benchmarks.execution.benchmark_cell import Conditions
from wla_ros.benchmarks.execution.benchmark_table import SYNC
from wla_ros.benchmarks.execution.benchmark_table import BenchmarkTable
from wla_ros.benchmarks.execution.benchmark_verdict import MAX_LONGER
from wla_ros.benchmarks.execution.benchmark_verdict import MAX_LOST
from wla_ros.benchmarks.execution.benchmark_verdict import DelayVerdict
from wla_ros.benchmarks.execution.benchmark_verdict import delay_verdict
from wla_ros.benchmarks.execution.benchmark_verdict import limit_verdict
from wla_ros.benchmarks.execution.benchmark_verdict import percent
from wla_ros.benchmarks.execution.cell_summary import CellSummary
from wla_ros.benchmarks.execution.cell_summary import success_against
from wla_ros.benchmarks.execution.cell_summary import task_time_against
from wla_ros.benchmarks.execution.command_check import QUANTITIES
from wla_ros.benchmarks.execution.paired_statistics import Estimate


def with_sections(page: str, sections: Mapping[str, str]) -> str:
    """
    Return `page` with the marked sections replaced.

    Raises ValueError naming the sections that have no marks in the page.
    """
    missing = []
    for name, text in sections.items():
        begin, end = f'<!-- results: {name} -->', f'<!-- end of {name} -->'
        pattern = re.compile(f'{re.escape(begin)}.*?{re.escape(end)}', re.DOTALL)
        replacement = f'{begin}\n{text.strip()}\n{end}'
        page, found = pattern.subn(replacement.replace('\\', r'\\'), page)
        if not found:
            missing.append(name)
    if missing:
        raise ValueError(f'the page has no marks for {", ".join(missing)}')
    return page


def verdict_section(table: BenchmarkTable, delays_ms: Sequence[int] = (100, 200, 300, 400)) -> str:
    """Return the claims with their numbers."""
    lines = []
    for policy, task in table.scenes:
        verdicts = [
            verdict
            for delay_ms in delays_ms
            if (verdict := delay_verdict(table, policy, task, delay_ms)) is not None
        ]
        if verdicts:
            lines += [f'Policy `{policy}`, task `{task}`:', '', *_verdict_table(verdicts), '']
    for name, peers in (('strategies of this package', False), ('peers, same last stage', True)):
        limits = limit_verdict(table, peers=peers)
        if limits.commands:
            counts = ', '.join(f'{limits.violations[item]} of {item}' for item in QUANTITIES)
            lines.append(
                f'- {name}: {sum(limits.violations.values())} violations of configured limits '
                f'({counts}) in {limits.commands:,} commands of {limits.episodes:,} episodes.'
            )
    return '\n'.join(lines)


def sweep_section(table: BenchmarkTable, policy: str, task: str) -> str:
    """Return success and time of every strategy over the delays."""
    sweep = table.sweep(policy, task)
    header = ['strategy', *(str(at) for at in sweep)]
    lines = [_row(header), _row(['---', *('---:' for _ in sweep)])]
    for name in table.strategies(policy, task):
        cells = [table.find(policy, task, name, at) for at in sweep]
        lines.append(_row([f'`{name}`', *(_success_and_time(cell) for cell in cells)]))
    return '\n'.join(lines)


def trouble_section(table: BenchmarkTable, policy: str, task: str) -> str:
    """Return the same with more jitter and with drops; empty if that was not run."""
    troubled = table.troubled(policy, task)
    if not troubled:
        return ''
    lines = [
        _row(['strategy', *(str(at) for at in troubled)]),
        _row(['---', *('---:' for _ in troubled)]),
    ]
    for name in table.strategies(policy, task):
        cells = [table.find(policy, task, name, at) for at in troubled]
        if any(cells):
            lines.append(_row([f'`{name}`', *(_success_and_time(cell) for cell in cells)]))
    return '\n'.join(lines)


def motion_section(table: BenchmarkTable, policy: str, task: str, delay_ms: int) -> str:
    """Return seams, jerk, starvations, delays and reaction at one delay."""
    at = _conditions(table, policy, task, delay_ms)
    if at is None:
        return ''
    header = (
        'strategy',
        'splices',
        'step before bridge p99: rad, rad/s, rad/s²',
        'after: rad, rad/s, rad/s²',
        'jerk rms, p99 [rad/s³]',
        'starved',
        'delay p50, p99 [ms]',
        'reaction p50, p99 [ms]',
        'violations',
    )
    lines = [_row(header), _row(['---', *('---:' for _ in header[1:])])]
    steps = ('position_step_rad', 'velocity_step_rad_s', 'acceleration_step_rad_s2')
    for name in table.strategies(policy, task):
        cell = table.find(policy, task, name, at)
        if cell is None:
            continue
        lines.append(
            _row(
                (
                    f'`{name}`',
                    f'{cell.splices:,}',
                    ', '.join(_short(cell.p99(step)) for step in steps),
                    ', '.join(_short(cell.p99(f'bridged_{step}')) for step in steps),
                    f'{_short(cell.jerk_rms_rad_s3)}, {_short(cell.p99("jerk_rad_s3"))}',
                    f'{cell.starvations}',
                    f'{_ms(cell.p50("delay_s"))}, {_ms(cell.p99("delay_s"))}',
                    f'{_ms(cell.p50("reaction_s"))}, {_ms(cell.p99("reaction_s"))}',
                    f'{cell.violated}',
                )
            )
        )
    return '\n'.join(lines)


def pairs_section(table: BenchmarkTable, policy: str, task: str, delay_ms: int) -> str:
    """Return every strategy against itself without delay and against sync at this delay."""
    at = _conditions(table, policy, task, delay_ms)
    none = table.undelayed(policy, task)
    if at is None or none is None:
        return ''
    header = (
        'strategy',
        'task time against no delay',
        'the same from the first motion on',
        'task time against sync',
        'success against no delay',
        'success against sync',
    )
    lines = [_row(header), _row(['---', *('---:' for _ in header[1:])])]
    sync = table.find(policy, task, SYNC, at)
    for name in table.strategies(policy, task):
        cell = table.find(policy, task, name, at)
        undelayed = table.find(policy, task, name, none)
        if cell is None:
            continue
        lines.append(
            _row(
                (
                    f'`{name}`',
                    '-' if undelayed is None else percent(task_time_against(cell, undelayed)),
                    '-'
                    if undelayed is None
                    else percent(task_time_against(cell, undelayed, moving=True)),
                    '-' if sync is None else percent(task_time_against(cell, sync)),
                    '-'
                    if undelayed is None
                    else percent(success_against(cell, undelayed), points=True),
                    '-' if sync is None else percent(success_against(cell, sync), points=True),
                )
            )
        )
    return '\n'.join(lines)


def terminal_table(table: BenchmarkTable) -> str:
    """Return success and time of every strategy over the delays for a terminal."""
    lines: list[str] = []
    for policy, task in table.scenes:
        sweep = (*table.sweep(policy, task), *table.troubled(policy, task))
        lines.append(f'{policy}, {task}: success % and time until solved s, failures at the limit')
        lines.append(f'{"":<26}' + ''.join(f'{_brief(at):>15}' for at in sweep))
        for name in table.strategies(policy, task):
            row = f'{name:<26}'
            for at in sweep:
                cell = table.find(policy, task, name, at)
                text = '-'
                if cell is not None:
                    text = f'{100 * cell.success.rate:.1f} {cell.counted_s.value:.2f}'
                row += f'{text:>15}'
            lines.append(row)
        cells = [cell for cell in table.cells.values() if _scene(cell) == (policy, task)]
        core_s = sum(cell.cpu_s * cell.success.episodes for cell in cells)
        episodes = sum(cell.success.episodes for cell in cells)
        lines += [f'{core_s / episodes:.2f} core-seconds an episode, {core_s:.0f} in all', '']
    return '\n'.join(lines)


def summary_values(table: BenchmarkTable) -> dict[str, object]:
    """Return the verdicts and the totals as values for one line of JSON; NaN never appears."""
    verdicts = [
        verdict
        for policy, task in table.scenes
        for at in table.sweep(policy, task)
        if at.delay_ms and (verdict := delay_verdict(table, policy, task, at.delay_ms)) is not None
    ]
    ours, peers = limit_verdict(table, peers=False), limit_verdict(table, peers=True)
    return {
        'cells': len(table.cells),
        'episodes': ours.episodes + peers.episodes,
        'commands': ours.commands + peers.commands,
        'core_s': round(sum(c.cpu_s * c.success.episodes for c in table.cells.values()), 1),
        'violations': ours.violations,
        'violations_peers': peers.violations,
        'best': [
            {
                'policy': item.policy,
                'task': item.task,
                'delay_ms': item.delay_ms,
                'strategy': item.strategy,
                'task_time_against_no_delay': _triple(item.longer),
                'from_first_motion_on': _triple(item.longer_moving),
                'success_against_sync': _triple(item.against_sync),
                'holds': item.holds,
            }
            for item in verdicts
        ],
    }


def _triple(estimate: Estimate) -> list[float | None]:
    items = (estimate.value, estimate.low, estimate.high)
    return [round(item, 5) if math.isfinite(item) else None for item in items]


def _verdict_table(verdicts: Sequence[DelayVerdict]) -> list[str]:
    header = (
        'delay',
        'best asynchronous',
        f'its task time against no delay (bound +{100 * MAX_LONGER:.0f} %)',
        'the same from the first motion on',
        f'its success against sync (bound -{100 * MAX_LOST:.0f} point)',
        'its task time against sync',
        'sync: task time against no delay',
        'latest: success against sync',
        'latest: task time against the best',
        'both bounds',
    )
    lines = [_row(header), _row(['---:', '---', *('---:' for _ in header[2:-1]), '---'])]
    lines += [
        _row(
            (
                f'{item.delay_ms} ms',
                f'`{item.strategy}`',
                percent(item.longer),
                percent(item.longer_moving),
                percent(item.against_sync, points=True),
                percent(item.time_against_sync),
                percent(item.sync_longer),
                percent(item.latest_against_sync, points=True),
                percent(item.latest_longer_than_best),
                'hold' if item.holds else '**do not hold**',
            )
        )
        for item in verdicts
    ]
    return lines


def _scene(summary: CellSummary) -> tuple[str, str]:
    return summary.cell.policy, summary.cell.task


def _conditions(table: BenchmarkTable, policy: str, task: str, delay_ms: int) -> Conditions | None:
    sweep = table.sweep(policy, task)
    return next((at for at in sweep if at.delay_ms == delay_ms), None)


def _success_and_time(cell: CellSummary | None) -> str:
    if cell is None:
        return '-'
    low, high = cell.success.interval
    share = f'{100 * cell.success.rate:.1f} % ({100 * low:.0f}..{100 * high:.0f})'
    if not cell.task_s.known:
        return f'{share}, -'
    half = (cell.task_s.high - cell.task_s.low) / 2.0
    return f'{share}, {cell.task_s.value:.2f} ± {half:.2f} s'


def _brief(at: Conditions) -> str:
    text = f'{at.delay_ms}+{at.jitter_ms}ms'
    return f'{text},{at.drop_percent}%' if at.drop_percent else text


def _short(value: float) -> str:
    if not math.isfinite(value):
        return '-'
    return '0' if value == 0.0 else f'{value:.2g}' if value < 100 else f'{value:.0f}'


def _ms(value: float) -> str:
    return '-' if not math.isfinite(value) else f'{1e3 * value:.0f}'


def _row(cells: Sequence[str]) -> str:
    return f'| {" | ".join(cells)} |'
