# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Tool paths around a post, strategy beside strategy, as PNG bytes. Drawn with Agg."""

import io
import itertools
import json
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from wla_ros.base.types import FloatArray
from wla_ros.base.whole_file import write_whole
from wla_ros.episodes.record import EpisodeRecord
from wla_ros.robots.piper.kinematics import PiperKinematics

# Where a tool went in one episode, seen from above; for pictures. Pure.

_PERIOD_NS = 25_000_000  # between two points of a picture


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolPath:
    """One episode of one strategy in the plane of the table [m]."""

    strategy: str
    delay_ms: int
    seed: int
    success: bool
    points: tuple[tuple[float, float], ...]  # of the tool
    objects: dict[str, tuple[tuple[float, float], ...]]  # where each object was


def tool_path(
    record: EpisodeRecord, *, arm: str, kinematics: PiperKinematics, strategy: str, delay_ms: int
) -> ToolPath:
    """Return the measured way of the tool of `arm`, every 25 ms from the start of the episode."""
    track = next(item for item in record.arms if item.arm == arm)
    times_ns = np.arange(record.start_ns, record.end_ns, _PERIOD_NS)
    index = np.searchsorted(track.stamps_ns, times_ns).clip(max=len(track.stamps_ns) - 1)
    points = [kinematics.pose(joints)[:2, 3] for joints in track.position[index, :6]]
    objects = {}
    if record.objects is not None:
        seen = np.searchsorted(record.objects.stamps_ns, times_ns)
        seen = seen.clip(max=len(record.objects.stamps_ns) - 1)
        for column, name in enumerate(record.objects.names):
            objects[name] = _rounded(record.objects.poses[seen, column, :2])
    return ToolPath(
        strategy=strategy,
        delay_ms=delay_ms,
        seed=record.seed,
        success=record.success,
        points=_rounded(np.array(points)),
        objects=objects,
    )


def write_paths(path: Path, paths: Sequence[ToolPath]) -> None:
    """Write `paths` as JSON."""
    write_whole(path, json.dumps([asdict(item) for item in paths]) + '\n')


def read_paths(path: Path) -> tuple[ToolPath, ...]:
    """Return what `write_paths` wrote."""
    return tuple(
        ToolPath(
            **{
                **values,
                'points': _pairs(values['points']),
                'objects': {name: _pairs(points) for name, points in values['objects'].items()},
            }
        )
        for values in json.loads(path.read_text(encoding='utf-8'))
    )


def _rounded(points: FloatArray) -> tuple[tuple[float, float], ...]:
    return _pairs(np.round(points, 4).tolist())


def _pairs(points: Sequence[Sequence[float]]) -> tuple[tuple[float, float], ...]:
    return tuple((point[0], point[1]) for point in points)


_INK, _FAINT = '#24292f', '#6e7781'
_LEFT, _RIGHT, _FAILED = '#0072B2', '#009E73', '#D55E00'
_DPI = 140
# A goal that moves this far within one step of a path is another one.
_OTHER_GOAL_M = 0.10


def path_figure(paths: Sequence[ToolPath], *, post: str, post_radius_m: float, goal: str) -> bytes:
    """Return one panel per strategy; paths are drawn with the post in the middle."""
    strategies = list(dict.fromkeys(path.strategy for path in paths))
    figure = Figure(figsize=(max(3.5 * len(strategies), 9.0), 5.2))
    for column, strategy in enumerate(strategies):
        axes = figure.add_subplot(1, len(strategies), column + 1)
        shown = [path for path in paths if path.strategy == strategy]
        for path in sorted(shown, key=lambda item: not item.success):
            # The table seen from behind the robot: left is left, away is up.
            middle = np.array(path.objects[post][0])
            away, left = (np.array(path.points) - middle).T * 100.0
            goals = np.array(path.objects[goal])
            ways = _passes(goals)
            for way in ways:
                side = left[way][np.argmin(np.abs(away[way]))]
                failed = not path.success and way is ways[-1]
                colour = _FAILED if failed else _LEFT if side > 0.0 else _RIGHT
                axes.plot(-left[way], away[way], color=colour, lw=1.0, alpha=0.75)
                last = 100.0 * (goals[way][-1] - middle)
                axes.plot(-last[1], last[0], '.', color=_FAINT, ms=3, alpha=0.6)
            if not path.success:
                axes.plot(-left[-1], away[-1], 'x', color=_FAILED, ms=6, mew=1.6)
        axes.add_patch(Circle((0.0, 0.0), 100.0 * post_radius_m, color=_INK, zorder=5))
        solved = sum(path.success for path in shown)
        delay_ms = shown[0].delay_ms
        axes.set_title(
            f'{strategy}, {delay_ms} ms\n{solved} of {len(shown)} arrive',
            fontsize=10,
            color=_INK,
        )
        axes.set_aspect('equal')
        axes.set_xlim(-15.0, 15.0)
        axes.set_ylim(-17.0, 21.0)
        axes.tick_params(colors=_FAINT, labelsize=8, length=0)
        for side_name in ('top', 'right', 'left', 'bottom'):
            axes.spines[side_name].set_visible(False)
        axes.grid(visible=True, color='#eef0f2', lw=0.8)
        axes.set_axisbelow(True)
        if column == 0:
            axes.set_ylabel('away from the robot [cm]', fontsize=8.5, color=_FAINT)
        else:
            axes.set_yticklabels([])
    words = (
        ('past the left side', _LEFT),
        ('past the right side', _RIGHT),
        ('touched the post (x) or missed the goal', _FAILED),
        ('dots: goals at last', _FAINT),
    )
    for index, (text, colour) in enumerate(words):
        figure.text(
            (0.05, 0.20, 0.36, 0.70)[index], 0.02, text, color=colour, fontsize=9, weight='bold'
        )
    figure.tight_layout(rect=(0.0, 0.065, 1.0, 0.98))
    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format='png', dpi=_DPI, facecolor='white')
    return buffer.getvalue()


def _passes(goals: FloatArray) -> list[slice]:
    """Return the parts of a path on the way to one goal each, from where it was [n, 2] [m]."""
    moved = np.hypot(*np.diff(goals, axis=0).T)
    edges = [0, *(np.flatnonzero(moved > _OTHER_GOAL_M) + 1).tolist(), len(goals)]
    return [slice(*pair) for pair in itertools.pairwise(edges)]
