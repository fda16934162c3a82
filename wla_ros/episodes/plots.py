# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The figures of the report, as PNG bytes. Drawn with Agg: no display, no global state of pyplot.

Colours mean the same in every figure: grey is planned, blue commanded, orange measured.
"""

import io
import textwrap
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from wla_ros.base.joints import ARM_COLUMNS
from wla_ros.base.joints import ARM_WIDTH
from wla_ros.base.types import FloatArray
from wla_ros.episodes.record import EpisodeRecord
from wla_ros.episodes.record import Interval
from wla_ros.episodes.record import StampArray

PLANNED, COMMANDED, MEASURED = '#9aa5b1', '#1f6feb', '#e8590c'
BAD = '#d6336c'
_INK, _GRID = '#24292f', '#e6e9ed'
_BANDS = ('#dbeafe', '#dcfce7', '#fef3c7', '#fae8ff', '#e0f2fe', '#ffe4e6', '#ecfccb', '#ede9fe')
_STATE_COLOURS = {
    'tracking': '#bbf7d0',
    'decelerating': '#fed7aa',
    'holding': '#e5e7eb',
    'not ready': '#fecaca',
    'autonomy': '#bfdbfe',
    'hold': '#e5e7eb',
    'homing': '#ddd6fe',
    'estop': '#fecaca',
}
_DPI = 160


def joint_figure(record: EpisodeRecord, arm: str) -> bytes:
    """Return planned rows, commands and measurements of the seven columns of `arm` over time."""
    figure = Figure(figsize=(12.4, 7.6))
    place = record.columns_of(arm)
    start = 0 if place is None else place.start
    measured = next((track for track in record.arms if track.arm == arm), None)
    for i, column in enumerate(ARM_COLUMNS):
        axes = figure.add_subplot(4, 2, i + 1)
        gripper = i == ARM_WIDTH - 1
        scale = 1e3 if gripper else 1.0
        lines = [
            np.column_stack(
                (_chunk_times(record, index), scale * record.chunks[index].rows[:, start + i])
            )
            for index in range(len(record.chunks))
            if record.chunks[index].rows.shape[1] > start + i
        ]
        axes.add_collection(
            LineCollection(lines, colors=PLANNED, linewidths=0.5, alpha=0.5, label='planned rows')
        )
        if record.commands is not None:
            times = _seconds(record, record.commands.stamps_ns)
            axes.plot(
                times,
                scale * record.commands.position[:, start + i],
                color=COMMANDED,
                lw=1.5,
                label='commanded',
            )
        if measured is not None:
            times = _seconds(record, measured.stamps_ns)
            axes.plot(
                times,
                scale * measured.position[:, i],
                color=MEASURED,
                lw=1.0,
                ls='--',
                label='measured',
            )
        _shade(axes, record)
        axes.autoscale_view()
        _style(axes, f'{column} [{"mm" if gripper else "rad"}]', bottom=i >= 5)
        axes.set_xlim(0.0, record.duration_s)
        _room(axes, 2.0 if gripper else 0.02)
    legend = figure.add_subplot(4, 2, 8)
    legend.axis('off')
    handles, labels = figure.axes[0].get_legend_handles_labels()
    legend.legend(handles, labels, loc='center left', frameon=False, fontsize=10)
    return _png(figure)


def velocity_figure(record: EpisodeRecord) -> bytes:
    """Return the commanded joint velocities of every arm over time."""
    commands = record.commands
    figure = Figure(figsize=(12.4, 2.3 * max(1, len(record.arms))))
    for index, track in enumerate(record.arms):
        axes = figure.add_subplot(len(record.arms), 1, index + 1)
        columns = record.columns_of(track.arm)
        if commands is not None and columns is not None:
            times = _seconds(record, commands.stamps_ns)
            for i in range(ARM_WIDTH - 1):
                axes.plot(
                    times,
                    commands.velocity[:, columns.start + i],
                    lw=1.1,
                    label=ARM_COLUMNS[i],
                )
        _shade(axes, record)
        axes.set_xlim(0.0, record.duration_s)
        _room(axes, 0.05)
        _style(axes, f'{track.arm} arm, commanded [rad/s]', bottom=index == len(record.arms) - 1)
        if index == 0:
            axes.legend(loc='upper right', frameon=False, fontsize=8, ncol=6)
    return _png(figure)


def error_figure(record: EpisodeRecord) -> bytes:
    """Return measured less commanded joint angles of every arm at equal stamps [mrad]."""
    commands = record.commands
    figure = Figure(figsize=(12.4, 2.3 * max(1, len(record.arms))))
    for index, track in enumerate(record.arms):
        axes = figure.add_subplot(len(record.arms), 1, index + 1)
        columns = record.columns_of(track.arm)
        if commands is not None and columns is not None and track.stamps_ns.size:
            times = _seconds(record, track.stamps_ns)
            grid = _seconds(record, commands.stamps_ns)
            for i in range(ARM_WIDTH - 1):
                wanted = np.interp(times, grid, commands.position[:, columns.start + i])
                error = 1e3 * (track.position[:, i] - wanted)
                axes.plot(times, error, lw=1.0, label=ARM_COLUMNS[i])
        _shade(axes, record)
        axes.set_xlim(0.0, record.duration_s)
        _room(axes, 0.5)
        _style(axes, f'{track.arm} arm [mrad]', bottom=index == len(record.arms) - 1)
        if index == 0:
            axes.legend(loc='upper right', frameon=False, fontsize=8, ncol=6)
    return _png(figure)


def latency_figure(durations_ms: Mapping[str, FloatArray]) -> bytes:
    """Return a histogram per stage with p50 and p99 marked."""
    stages = [(stage, values) for stage, values in durations_ms.items() if values.size]
    columns = 3
    rows = max(1, -(-len(stages) // columns))
    figure = Figure(figsize=(12.4, 2.1 * rows))
    for i, (stage, values) in enumerate(stages):
        axes = figure.add_subplot(rows, columns, i + 1)
        low, high = float(values.min()), float(np.percentile(values, 99.7))
        if not high > low:
            low, high = low - 0.5, low + 0.5
        axes.hist(
            np.clip(values, low, high), bins=40, range=(low, high), color=COMMANDED, alpha=0.75
        )
        middle, tail = (float(np.percentile(values, percent)) for percent in (50, 99))
        axes.axvline(middle, color=_INK, lw=1.2)
        axes.axvline(tail, color=_INK, lw=1.2, ls=':')
        title = f'{stage.replace("_", " ")} [ms]   p50 {middle:.1f}   p99 {tail:.1f}'
        _style(axes, title, bottom=False)
        axes.set_yticks([])
        axes.tick_params(labelbottom=True)
    return _png(figure)


def timeline_figure(record: EpisodeRecord) -> bytes:
    """Return modes, states, subtasks, starvation and chunk arrivals as bands over time."""
    figure = Figure(figsize=(12.4, 3.4))
    axes = figure.add_subplot(1, 1, 1)
    rows = ('mode', 'executor', 'subtask', 'starvation', 'chunks')
    height = 0.78
    for place, kind in ((0, 'mode'), (1, 'state'), (2, 'subtask')):
        colours: dict[str, str] = {}
        for value, interval in record.intervals_of(kind):
            if not value:
                continue
            colour = _STATE_COLOURS.get(value)
            if colour is None:
                colour = colours.setdefault(value, _BANDS[len(colours) % len(_BANDS)])
            _band(axes, record, place, interval, colour, height, text=value)
    for interval in record.starvations:
        _band(axes, record, 3, interval, BAD, height, text='')
    for refused, colour in ((False, COMMANDED), (True, BAD)):
        arrivals = [
            (chunk.arrival_ns - record.start_ns) / 1e9
            for chunk in record.chunks
            if bool(chunk.refusal) is refused
        ]
        axes.vlines(arrivals, 4 - height / 2, 4 + height / 2, color=colour, lw=0.6)
    axes.set_yticks(range(len(rows)), rows)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(0.0, max(record.duration_s, 1e-3))
    axes.tick_params(axis='y', length=0)
    axes.set_xlabel('time [s]')
    for side in ('top', 'right', 'left'):
        axes.spines[side].set_visible(False)
    axes.grid(axis='x', color=_GRID, lw=0.6)
    axes.set_axisbelow(True)
    return _png(figure)


def _band(
    axes: Axes,
    record: EpisodeRecord,
    place: int,
    interval: Interval,
    colour: str,
    height: float,
    *,
    text: str,
) -> None:
    start = max(0.0, (interval.start_ns - record.start_ns) / 1e9)
    end = (interval.end_ns - record.start_ns) / 1e9
    if end <= start:
        return
    axes.barh(
        place, end - start, left=start, height=height, color=colour, edgecolor='white', lw=0.8
    )
    # About 11 characters of this size fit into a tenth of the width of the figure.
    room = int((end - start) / max(record.duration_s, 1e-3) * 135)
    if room >= 4:
        # A policy may write anything; what no font can draw stands as a question mark.
        shown = ''.join(item if ' ' <= item <= '~' else '?' for item in text).replace('$', r'\$')
        lines = textwrap.wrap(shown, room, max_lines=3, placeholder='…', break_long_words=False)
        label = '\n'.join(lines)
        axes.text(
            (start + end) / 2,
            place,
            label,
            ha='center',
            va='center',
            fontsize=7,
            linespacing=1.05,
            color=_INK,
        )


def _shade(axes: Axes, record: EpisodeRecord) -> None:
    for interval in record.starvations:
        axes.axvspan(
            (interval.start_ns - record.start_ns) / 1e9,
            (interval.end_ns - record.start_ns) / 1e9,
            color=BAD,
            alpha=0.15,
            lw=0,
        )


def _style(axes: Axes, title: str, *, bottom: bool) -> None:
    axes.set_title(title, fontsize=9, loc='left', color=_INK)
    axes.grid(color=_GRID, lw=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8, colors='#57606a', labelbottom=bottom)
    for side in ('top', 'right'):
        axes.spines[side].set_visible(False)
    for side in ('left', 'bottom'):
        axes.spines[side].set_color('#c9d1d9')
    if bottom:
        axes.set_xlabel('time [s]', fontsize=8)


def _room(axes: Axes, least: float) -> None:
    """Keep a still joint from being magnified to its noise."""
    low, high = axes.get_ylim()
    if high - low < 2 * least:
        middle = (low + high) / 2
        axes.set_ylim(middle - least, middle + least)


def _chunk_times(record: EpisodeRecord, index: int) -> FloatArray:
    chunk = record.chunks[index]
    due = chunk.stamp_ns + np.arange(chunk.rows.shape[0], dtype=np.int64) * chunk.dt_ns
    return _seconds(record, due)


def _seconds(record: EpisodeRecord, stamps_ns: StampArray) -> FloatArray:
    seconds: FloatArray = (stamps_ns - record.start_ns) / 1e9
    return seconds


def _png(figure: Figure) -> bytes:
    figure.tight_layout()
    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format='png', dpi=_DPI, facecolor='white')
    return buffer.getvalue()
