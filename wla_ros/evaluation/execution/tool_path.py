"""Where a tool went in one episode, seen from above; for pictures. Pure."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wla_ros.core.types import FloatArray
from wla_ros.core.whole_file import write_whole
from wla_ros.evaluation.episode_record import EpisodeRecord
from wla_ros.robots.piper.kinematics import PiperKinematics

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
