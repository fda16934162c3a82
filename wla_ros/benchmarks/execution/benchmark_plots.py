# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The figures of the benchmark as PNG bytes. Drawn with Agg: no display, no global state of pyplot.

A strategy has one colour and one marker in every figure (palette of Okabe and Ito, told apart by
colour-blind readers); names stand beside the lines instead of in legends.
"""

import io
import math
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from wla_ros.benchmarks.execution.benchmark_table import FAST
from wla_ros.benchmarks.execution.benchmark_table import SYNC
from wla_ros.benchmarks.execution.benchmark_table import BenchmarkTable
from wla_ros.benchmarks.execution.benchmark_table import is_peer
from wla_ros.benchmarks.execution.benchmark_table import plain_name
from wla_ros.benchmarks.execution.cell_summary import CellSummary
from wla_ros.benchmarks.execution.episode_outcome import added

_INK, _FAINT, _GRID = '#24292f', '#6e7781', '#e6e9ed'
_DPI = 140
_STYLES: Mapping[str, tuple[str, str]] = {
    'sync': ('#000000', 'o'),
    'latest': ('#D55E00', 's'),
    'crossfade': ('#E69F00', '^'),
    'ensemble': ('#CC79A7', 'v'),
    'rtc': ('#56B4E9', 'D'),
    'prefix': ('#0072B2', 'P'),
    'rollforward': ('#009E73', 'X'),
    'grounded': ('#8C6D1F', '<'),
    'prefix+rollforward': ('#5B3A9B', '*'),
    'prefix+grounded': ('#7A7A7A', '>'),
    'lerobot weighted_average': ('#D55E00', 's'),
    'lerobot latest_only': ('#E69F00', '^'),
    'lerobot average': ('#CC79A7', 'v'),
    'lerobot conservative': ('#56B4E9', 'D'),
    'lerobot rtc': ('#0072B2', 'P'),
    'openpi broker': ('#009E73', 'X'),
}
_DOTS = (0, (1.5, 1.5))
# The value of a cell with its interval, all three drawn as they are.
_Value = Callable[[CellSummary], tuple[float, float, float]]


def success_figure(table: BenchmarkTable) -> bytes:
    """Return success over delay with Wilson intervals: a row per scene, peers on the right."""

    def value(cell: CellSummary) -> tuple[float, float, float]:
        low, high = cell.success.interval
        return 100.0 * cell.success.rate, 100.0 * low, 100.0 * high

    return _sweep_figure(table, value, 'success [%]', bottom=-3.0, top=103.0)


def time_figure(table: BenchmarkTable) -> bytes:
    """Return the time until solved over delay; episodes that fail count with the time limit."""

    def value(cell: CellSummary) -> tuple[float, float, float]:
        return cell.counted_s.value, cell.counted_s.low, cell.counted_s.high

    return _sweep_figure(table, value, 'time until solved [s], failures at the limit')


def seam_figure(table: BenchmarkTable, policy: str, delay_ms: int) -> bytes:
    """Return p99 of seam steps before and after the bridge, and the jerk, at one delay."""
    scenes = [scene for scene in table.scenes if scene[0] == policy]
    cells = _cells_at(table, scenes, delay_ms)
    names = list(cells)
    figure = Figure(figsize=(11.0, 1.3 + 0.34 * len(names)))
    panels = (
        ('position step [rad]', 'position_step_rad'),
        ('velocity step [rad/s]', 'velocity_step_rad_s'),
        ('acceleration step [rad/s²]', 'acceleration_step_rad_s2'),
        ('jerk, rms [rad/s³]', ''),
    )
    places = np.arange(len(names))[::-1]
    for column, (title, name) in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), column + 1)
        for place, strategy in zip(places, names, strict=True):
            colour = _STYLES[plain_name(strategy)][0]
            # Every strategy reaches the limit now and then: the mean square tells them apart.
            after = _joined(cells[strategy], f'bridged_{name}') if name else _jerk(cells[strategy])
            if name:
                before = _joined(cells[strategy], name)
                axes.plot([after, before], [place, place], color=colour, lw=1.5, alpha=0.6)
                axes.plot(before, place, 'o', mec=colour, mfc='white', ms=7, mew=1.6)
            axes.plot(after, place, 'o', color=colour, ms=7)
        if name:
            axes.set_xscale('symlog', linthresh=1e-3)
        else:
            axes.set_xlim(left=0.0)
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_ylim(-0.7, len(names) - 0.3)
        axes.set_yticks(places, names if column == 0 else [''] * len(names))
        _style(axes)
        axes.set_title(title, fontsize=10, color=_INK, loc='left')
    figure.text(
        0.5,
        0.012,
        f'p99 over all splices at {delay_ms} ms, policy {policy}: '
        'hollow = step between the plans, filled = after the bridge; jerk of all commands',
        ha='center',
        fontsize=8.5,
        color=_FAINT,
    )
    figure.tight_layout(rect=(0.0, 0.045, 1.0, 1.0))
    return _png(figure)


def trouble_figure(table: BenchmarkTable, policy: str) -> bytes:
    """Return success at one delay without trouble, with jitter, with drops, with both."""
    scenes = [scene for scene in table.scenes if scene[0] == policy]
    figure = Figure(figsize=(11.0, 0.9 + 0.3 * 14))
    for column, (_, task) in enumerate(scenes):
        axes = figure.add_subplot(1, len(scenes), column + 1)
        troubled = table.troubled(policy, task)
        if not troubled:
            continue
        delay_ms = troubled[0].delay_ms
        base = next(at for at in table.sweep(policy, task) if at.delay_ms == delay_ms)
        shown = (base, *troubled)
        names = [
            name
            for name in table.strategies(policy, task)
            if table.find(policy, task, name, troubled[0]) is not None
        ]
        places = np.arange(len(names))[::-1]
        for index, at in enumerate(shown):
            offset = 0.28 - 0.56 * index / max(1, len(shown) - 1)
            shade = ('#000000', '#0072B2', '#E69F00', '#D55E00')[index % 4]
            for place, name in zip(places, names, strict=True):
                cell = table.find(policy, task, name, at)
                if cell is None:
                    continue
                low, high = cell.success.interval
                axes.plot([100 * low, 100 * high], [place + offset] * 2, color=shade, lw=1.3)
                axes.plot(100 * cell.success.rate, place + offset, 'o', color=shade, ms=4.5)
            axes.plot([], [], 'o-', color=shade, ms=4.5, label=str(at))
        axes.set_yticks(places, names)
        axes.set_xlim(-3, 103)
        _style(axes)
        axes.set_xlabel('success [%]', fontsize=9, color=_INK)
        axes.set_title(f'{policy}, {task}', fontsize=10, color=_INK, loc='left')
        if column == 0:
            handles, labels = axes.get_legend_handles_labels()
            figure.legend(handles, labels, loc='lower center', ncol=4, frameon=False, fontsize=8.5)
    figure.tight_layout(rect=(0.0, 0.06, 1.0, 1.0))
    return _png(figure)


def _sweep_figure(
    table: BenchmarkTable,
    value: _Value,
    label: str,
    *,
    bottom: float | None = None,
    top: float | None = None,
) -> bytes:
    scenes = table.scenes
    figure = Figure(figsize=(11.0, 3.3 * len(scenes)))
    for row, (policy, task) in enumerate(scenes):
        sweep = table.sweep(policy, task)
        names = table.strategies(policy, task)
        groups = (
            [name for name in names if not is_peer(name)],
            [SYNC, *(name for name in names if is_peer(name))],
        )
        pair = []
        for column, group in enumerate(groups):
            axes = figure.add_subplot(len(scenes), 2, 2 * row + column + 1)
            ends: list[tuple[float, str, str]] = []
            pair.append((axes, ends))
            for index, name in enumerate(group):
                cells = [table.find(policy, task, name, at) for at in sweep]
                points = [
                    (at.delay_ms, *value(cell))
                    for at, cell in zip(sweep, cells, strict=True)
                    if cell is not None and math.isfinite(value(cell)[0])
                ]
                if not points:
                    continue
                colour, marker = _STYLES[plain_name(name)]
                if column == 1 and name == SYNC:
                    colour = _FAINT
                shift = 3.0 * (index - len(group) / 2.0)  # intervals must not hide each other
                delay, middle, low, high = np.array(points).T
                axes.vlines(delay + shift, low, high, color=colour, lw=1.0, alpha=0.7)
                axes.plot(
                    delay + shift,
                    middle,
                    color=colour,
                    marker=marker,
                    ms=5,
                    lw=1.6,
                    ls='--' if column == 1 and name == SYNC else _DOTS if FAST in name else '-',
                )
                ends.append((float(middle[-1]), name, colour))
            axes.set_ylim(bottom, top)
            _style(axes, grid='both')
            title = 'this package' if column == 0 else 'peers behind the same limits'
            axes.set_title(f'{policy}, {task}: {title}', fontsize=10, color=_INK, loc='left')
            axes.set_xticks([at.delay_ms for at in sweep])
            if sweep:
                span = max(sweep[-1].delay_ms - sweep[0].delay_ms, 1)
                axes.set_xlim(sweep[0].delay_ms - 0.06 * span, sweep[-1].delay_ms + 0.42 * span)
            if row == len(scenes) - 1:
                axes.set_xlabel('injected delay of the policy [ms]', fontsize=9, color=_INK)
            if column == 0:
                axes.set_ylabel(label, fontsize=9, color=_INK)
        low = min(axes.get_ylim()[0] for axes, _ in pair)
        high = max(axes.get_ylim()[1] for axes, _ in pair)
        for axes, ends in pair:
            axes.set_ylim(low, high)
            _label_ends(axes, ends, sweep[-1].delay_ms)
    figure.tight_layout(h_pad=1.6, w_pad=1.4)
    return _png(figure)


def _label_ends(axes: Axes, ends: Sequence[tuple[float, str, str]], last: float) -> None:
    """Write the names beside the last points, pushed apart where they would overlap."""
    low, high = axes.get_ylim()
    apart = 0.068 * (high - low)
    ordered = sorted(ends)
    places = [value for value, _, _ in ordered]
    for _ in range(400):
        moved = False
        for i in range(len(places) - 1):
            overlap = apart - (places[i + 1] - places[i])
            if overlap > 1e-6:
                places[i] -= overlap / 2.0
                places[i + 1] += overlap / 2.0
                moved = True
        floor, ceiling = low + 0.5 * apart, high - 0.5 * apart
        if places and places[0] < floor:
            places[0], moved = floor, True
        if places and places[-1] > ceiling:
            places[-1], moved = ceiling, True
        if not moved:
            break
    left, right = axes.get_xlim()
    margin = 0.05 * (right - left)
    for place, (value, name, colour) in zip(places, ordered, strict=True):
        axes.plot([last + 0.5 * margin, last + 1.3 * margin], [value, place], color=colour, lw=0.7)
        axes.text(
            last + 1.4 * margin,
            place,
            name.removeprefix('lerobot ') if name != 'lerobot rtc' else name,
            color=colour,
            fontsize=8.5,
            va='center',
            clip_on=False,
        )


def _cells_at(
    table: BenchmarkTable, scenes: Sequence[tuple[str, str]], delay_ms: int
) -> dict[str, list[CellSummary]]:
    found: dict[str, list[CellSummary]] = {}
    for policy, task in scenes:
        at = next((at for at in table.sweep(policy, task) if at.delay_ms == delay_ms), None)
        for name in table.strategies(policy, task) if at is not None else ():
            cell = None if at is None else table.find(policy, task, name, at)
            if cell is not None and cell.splices:
                found.setdefault(name, []).append(cell)
    return found


def _joined(cells: Sequence[CellSummary], name: str) -> float:
    return added(cell.distributions[name] for cell in cells).quantile(0.99)


def _jerk(cells: Sequence[CellSummary]) -> float:
    """Return the root mean square over all commands of `cells`."""
    squares = [cell.jerk_rms_rad_s3**2 for cell in cells]
    return float(np.sqrt(np.average(squares, weights=[max(1, cell.commands) for cell in cells])))


def _style(axes: Axes, grid: Literal['x', 'both'] = 'x') -> None:
    for side in ('top', 'right', 'left'):
        axes.spines[side].set_visible(False)
    axes.spines['bottom'].set_color(_GRID)
    axes.grid(visible=True, axis=grid, color=_GRID, lw=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=_INK, labelsize=8.5, length=0)


def _png(figure: Figure) -> bytes:
    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format='png', dpi=_DPI, facecolor='white')
    return buffer.getvalue()
