"""
Everything a report says about one episode, as plain arrays.

Filled by the virtual-time loop, by the direct loop, or from ROS topics of a live run; metrics and
reports never learn which. Axis letters: n ticks, m feedback samples of one arm, H rows of a chunk,
D joint columns, k objects. Stamps are ns of the episode's clock. A part that was not recorded is
empty, never made up.
"""

from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wla_ros.core.joint_layout import ARM_COLUMNS
from wla_ros.core.joint_layout import ARM_WIDTH
from wla_ros.core.types import FloatArray
from wla_ros.core.types import ImageArray
from wla_ros.core.types import StageTiming

StampArray = NDArray[np.int64]


def no_stamps() -> StampArray:
    """Return an empty array of stamps."""
    return np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CommandTrack:
    """What the executor commanded, one row per tick with a command."""

    stamps_ns: StampArray  # [n]
    position: FloatArray  # [n, D]
    velocity: FloatArray  # [n, D]
    acceleration: FloatArray  # [n, D]
    # [n, D] set to the measured joints of a released arm, at rest: no motion from the command
    # before. None: not recorded
    reseeded: NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ArmTrack:
    """What one arm measured."""

    arm: str
    stamps_ns: StampArray  # [m]
    position: FloatArray  # [m, 7]
    velocity: FloatArray  # [m, 7]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ObjectTrack:
    """Poses of the objects in the world frame."""

    names: tuple[str, ...]  # k
    stamps_ns: StampArray  # [m]
    poses: FloatArray  # [m, k, 7]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChunkArrival:
    """One chunk as it reached the executor."""

    stamp_ns: int  # observation stamp
    completed_ns: int  # the policy node published it
    arrival_ns: int  # the executor received it
    dt_ns: int
    epoch: int
    sequence: int
    rows: FloatArray  # [H, D]
    refusal: str = ''  # why the executor refused it, empty if it was accepted
    subtask: str = ''
    seam_position_step_rad: float = 0.0
    seam_velocity_step_rad_s: float = 0.0
    timings: tuple[StageTiming, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SpliceRecord:
    """How one chunk joined the plan; steps are the largest over the arm joints."""

    stamp_ns: int  # observation stamp of the chunk
    splice_ns: int  # the executor joined it
    effect_ns: int  # its first row takes over from the old plan, at the splice or later
    # From the old plan to the new one, where the new one takes over
    position_step_rad: float = 0.0
    velocity_step_rad_s: float = 0.0
    acceleration_step_rad_s2: float = 0.0
    # The same of the curve that is executed, bridge included
    bridged_position_step_rad: float = 0.0
    bridged_velocity_step_rad_s: float = 0.0
    bridged_acceleration_step_rad_s2: float = 0.0

    @property
    def delay_s(self) -> float:
        """From observation to splice [s]."""
        return (self.splice_ns - self.stamp_ns) / 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Something took a new value at `stamp_ns`: mode, state, subtask, refusal ..."""

    stamp_ns: int
    kind: str
    value: str
    reason: str = ''


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A closed span of time."""

    start_ns: int
    end_ns: int
    reason: str = ''


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Picture:
    """One image for the film strip."""

    stamp_ns: int
    camera: str
    pixels: ImageArray  # [h, w, 3] RGB
    caption: str = ''


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """A named count of one part of the pipeline, at the end of the episode."""

    owner: str  # 'executor', 'policy', 'stream head', 'transport chunks' ...
    name: str  # as in the status messages
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeRecord:
    """One episode of one policy."""

    source: str  # 'virtual' | 'direct' | 'live'
    task: str
    instruction: str
    policy: str
    seed: int
    start_ns: int
    end_ns: int
    success: bool
    judgement: str  # what is missing, or 'success'
    end_reason: str  # 'finished' | 'solved' | 'failed' | 'time_limit' | 'fault' ...
    end_message: str = ''  # the words of whoever ended it, '' if it said nothing
    task_ns: int | None = None  # from the start until the task stayed solved, None if it did not
    finished_ns: int | None = None  # from the start until the policy was done, None if it was not
    wall_s: float = 0.0  # computing time of the episode
    columns: tuple[str, ...] = ()  # D
    commands: CommandTrack | None = None
    arms: tuple[ArmTrack, ...] = ()
    chunks: tuple[ChunkArrival, ...] = ()
    splices: tuple[SpliceRecord, ...] = ()
    changes: tuple[Change, ...] = ()
    starvations: tuple[Interval, ...] = ()
    objects: ObjectTrack | None = None
    pictures: tuple[Picture, ...] = ()
    counters: tuple[Counter, ...] = ()
    configuration: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def duration_s(self) -> float:
        """Length of the episode [s]."""
        return (self.end_ns - self.start_ns) / 1e9

    @property
    def task_s(self) -> float | None:
        """Time until the task stayed solved [s], None if it did not."""
        return None if self.task_ns is None else self.task_ns / 1e9

    @property
    def finished_s(self) -> float | None:
        """Time until the policy was done [s]; the end of a finished episode if not recorded."""
        if self.finished_ns is not None:
            return self.finished_ns / 1e9
        return self.duration_s if self.end_reason == 'finished' else None

    def columns_of(self, arm: str) -> slice | None:
        """
        Return the columns of `arm` in commands and rows, None if it has none.

        By name: the order in which the arms were heard says nothing.
        """
        first = f'{arm}/{ARM_COLUMNS[0]}'
        if first not in self.columns:
            return None
        start = self.columns.index(first)
        return slice(start, start + ARM_WIDTH)

    def changes_of(self, kind: str) -> tuple[Change, ...]:
        """Return the changes of one kind in order of time."""
        return tuple(change for change in self.changes if change.kind == kind)

    def intervals_of(self, kind: str) -> tuple[tuple[str, Interval], ...]:
        """Return (value, interval) for each span during which `kind` had one value."""
        changes = self.changes_of(kind)
        ends = [change.stamp_ns for change in changes[1:]] + [self.end_ns]
        return tuple(
            (change.value, Interval(start_ns=change.stamp_ns, end_ns=end, reason=change.reason))
            for change, end in zip(changes, ends, strict=True)
        )


def counters_of(owner: str, snapshot: Any, names: Iterable[str]) -> tuple[Counter, ...]:
    """Return the integer fields `names` of a status message or snapshot as counters of `owner`."""
    return tuple(
        Counter(owner=owner, name=name, value=int(getattr(snapshot, name))) for name in names
    )
