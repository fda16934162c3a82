# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Everything that happened in one episode, and how it is collected."""

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wla_ros.base.joints import ARM_COLUMNS
from wla_ros.base.joints import ARM_WIDTH
from wla_ros.base.timing import row_due_ns
from wla_ros.base.types import ActionChunk
from wla_ros.base.types import FloatArray
from wla_ros.base.types import ImageArray
from wla_ros.base.types import Join
from wla_ros.base.types import JointCommand
from wla_ros.base.types import JointSample
from wla_ros.base.types import ObjectPoses
from wla_ros.base.types import Representation
from wla_ros.base.types import StageTiming
from wla_ros.inference.strategy import strategy_named

# The step between two plans at the moment one takes over from the other.


def seam_steps(old: ActionChunk | None, new: ActionChunk, switch_ns: int) -> tuple[float, float]:
    """
    Return the largest step in position [rad] and velocity [rad/s] of an arm joint at `switch_ns`.

    Zero where there is nothing to compare: no old chunk, another epoch, end-effector rows, or a
    switch at which one of the plans has no rows.
    """
    if (
        old is None
        or old.epoch != new.epoch
        or new.representation != Representation.JOINT_POSITION
    ):
        return 0.0, 0.0
    before, after = _state(old, switch_ns), _state(new, switch_ns)
    if before is None or after is None:
        return 0.0, 0.0
    joints = [i for i in range(new.rows.shape[1]) if i % ARM_WIDTH != ARM_WIDTH - 1]
    steps = [float(np.abs((b - a)[joints]).max()) for a, b in zip(before, after, strict=True)]
    return steps[0], steps[1]


def _state(chunk: ActionChunk, time_ns: int) -> tuple[FloatArray, FloatArray] | None:
    """
    Return position and velocity of the polygon through the rows at `time_ns`, None outside of
    them.
    """
    place = (time_ns - chunk.stamp_ns) / chunk.dt_ns
    row = int(np.floor(place))
    if row < 0 or row + 1 >= chunk.rows.shape[0]:
        return None
    step = chunk.rows[row + 1] - chunk.rows[row]
    return chunk.rows[row] + (place - row) * step, step / (chunk.dt_ns / 1e9)


# Everything a report says about one episode, as plain arrays.
#
# Filled by the virtual-time loop, by the direct loop, or from ROS topics of a live run; metrics
# and reports never learn which. Axis letters: n ticks, m feedback samples of one arm, H rows of a
# chunk, D joint columns, k objects. Stamps are ns of the episode's clock. A part that was not
# recorded is empty, never made up.

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
class CounterValue:
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
    counters: tuple[CounterValue, ...] = ()
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


def counters_of(owner: str, values: Mapping[str, int]) -> tuple[CounterValue, ...]:
    """Return counters by name as those of `owner`."""
    return tuple(
        CounterValue(owner=owner, name=name, value=value) for name, value in values.items()
    )


class EpisodeRecorder:
    """
    Append-only; one thread calls all methods.

    The live demo feeds it from subscriptions, the virtual episode from its events.
    """

    def __init__(self, *, arms: tuple[str, ...], columns: tuple[str, ...]) -> None:
        """Start empty; `arms` in the order of the joint layout."""
        self._columns = columns
        self._commands: list[JointCommand] = []
        self._samples: dict[str, list[JointSample]] = {arm: [] for arm in arms}
        self._objects: list[ObjectPoses] = []
        self._chunks: list[ChunkArrival] = []
        self._splices: list[SpliceRecord] = []
        self._changes: list[Change] = []
        self._newest: dict[str, tuple[str, str]] = {}
        self._starvations: list[Interval] = []
        self._starved_since: tuple[int, str] | None = None
        self._starvation_count = 0
        self._pictures: list[Picture] = []

    def command(self, command: JointCommand) -> None:
        """Add one command of the executor."""
        self._commands.append(command)

    def feedback(self, sample: JointSample) -> None:
        """Add one measurement of one arm."""
        self._samples[sample.arm].append(sample)

    def objects(self, poses: ObjectPoses) -> None:
        """Add the poses of the objects."""
        self._objects.append(poses)

    def picture(self, picture: Picture) -> None:
        """Add a picture for the film strip."""
        self._pictures.append(picture)

    def chunk(
        self,
        chunk: ActionChunk,
        *,
        completed_ns: int,
        arrival_ns: int,
        refusal: str = '',
        seam_position_step_rad: float = 0.0,
        seam_velocity_step_rad_s: float = 0.0,
    ) -> None:
        """Add one chunk at its arrival; the seam is that of its splice."""
        self._chunks.append(
            ChunkArrival(
                stamp_ns=chunk.stamp_ns,
                completed_ns=completed_ns,
                arrival_ns=arrival_ns,
                dt_ns=chunk.dt_ns,
                epoch=chunk.epoch,
                sequence=chunk.sequence,
                rows=chunk.rows,
                refusal=refusal,
                subtask=chunk.provenance.subtask,
                seam_position_step_rad=seam_position_step_rad,
                seam_velocity_step_rad_s=seam_velocity_step_rad_s,
                timings=chunk.timings,
            )
        )
        self.change('subtask', chunk.provenance.subtask, arrival_ns)

    def splice(self, splice: SpliceRecord) -> None:
        """Add how an accepted chunk joined the plan."""
        self._splices.append(splice)

    def change(self, kind: str, value: str, stamp_ns: int, *, reason: str = '') -> None:
        """Note that `kind` has `value` now; nothing is added while it stays the same."""
        if self._newest.get(kind) != (value, reason):
            self._newest[kind] = (value, reason)
            self._changes.append(Change(stamp_ns=stamp_ns, kind=kind, value=value, reason=reason))

    def starvation(self, count: int, stamp_ns: int, *, tracking: bool, reason: str = '') -> None:
        """
        Note the executor's number of starvations and whether it follows the schedule.

        An interval begins when the number rises and ends when the executor tracks again.
        """
        if self._starved_since is not None and tracking:
            start_ns, why = self._starved_since
            self._starvations.append(Interval(start_ns=start_ns, end_ns=stamp_ns, reason=why))
            self._starved_since = None
        if count > self._starvation_count and self._starved_since is None:
            if tracking:
                # Over before it was seen: shorter than the sampling.
                self._starvations.append(Interval(start_ns=stamp_ns, end_ns=stamp_ns))
            else:
                self._starved_since = (stamp_ns, reason)
        self._starvation_count = count

    def record(
        self,
        *,
        source: str,
        task: str,
        instruction: str,
        policy: str,
        seed: int,
        start_ns: int,
        end_ns: int,
        success: bool,
        judgement: str,
        end_reason: str,
        task_ns: int | None,
        finished_ns: int | None = None,
        wall_s: float = 0.0,
        counters: tuple[CounterValue, ...] = (),
        configuration: Mapping[str, str] | None = None,
        versions: Mapping[str, str] | None = None,
    ) -> EpisodeRecord:
        """Return everything collected so far with the outcome of the episode."""
        starvations = list(self._starvations)
        if self._starved_since is not None:
            since_ns, why = self._starved_since
            starvations.append(Interval(start_ns=since_ns, end_ns=end_ns, reason=why))
        return EpisodeRecord(
            source=source,
            task=task,
            instruction=instruction,
            policy=policy,
            seed=seed,
            start_ns=start_ns,
            end_ns=end_ns,
            success=success,
            judgement=judgement,
            end_reason=end_reason,
            task_ns=task_ns,
            finished_ns=finished_ns,
            wall_s=wall_s,
            columns=self._columns,
            commands=self._command_track(),
            arms=tuple(_arm_track(arm, samples) for arm, samples in self._samples.items()),
            chunks=tuple(self._chunks),
            splices=tuple(self._splices),
            changes=tuple(self._changes),
            starvations=tuple(starvations),
            objects=self._object_track(),
            pictures=tuple(self._pictures),
            counters=counters,
            configuration=configuration or {},
            versions=versions or {},
        )

    def _command_track(self) -> CommandTrack | None:
        if not self._commands:
            return None
        return CommandTrack(
            stamps_ns=np.array([item.stamp_ns for item in self._commands], dtype=np.int64),
            position=np.stack([item.position for item in self._commands]),
            velocity=np.stack([item.velocity for item in self._commands]),
            acceleration=np.stack([item.acceleration for item in self._commands]),
            reseeded=np.array([self._reseeded(item) for item in self._commands]),
        )

    def _reseeded(self, command: JointCommand) -> list[bool]:
        """Return which columns were set to measured joints; a gripper never is."""
        return [
            column.split('/')[0] in command.reseeded_arms and not column.endswith('/gripper')
            for column in self._columns
        ]

    def _object_track(self) -> ObjectTrack | None:
        if not self._objects:
            return None
        names = self._objects[0].names
        same = [item for item in self._objects if item.names == names]
        return ObjectTrack(
            names=names,
            stamps_ns=np.array([item.stamp_ns for item in same], dtype=np.int64),
            poses=np.stack([item.poses for item in same]),
        )


def _arm_track(arm: str, samples: list[JointSample]) -> ArmTrack:
    empty: FloatArray = np.empty((0, 7))
    return ArmTrack(
        arm=arm,
        stamps_ns=np.array([item.stamp_ns for item in samples], dtype=np.int64),
        position=np.stack([item.position for item in samples]) if samples else empty,
        velocity=np.stack([item.velocity for item in samples]) if samples else empty,
    )


# How a chunk joined the plan, from what the executor reports about it.
#
# Owns the mapping of fields. Topics and the executor itself are not known here.


def splice_record(chunk: ActionChunk, report: Any, *, delay_ns: int) -> SpliceRecord:
    """
    Return the splice of `chunk`, with the time at which its first row takes over.

    `report` has the steps of Splice.msg: a recorded message, or the executor's own report.
    """
    splice_ns = chunk.stamp_ns + delay_ns
    effect_ns = splice_ns
    if strategy_named(report.strategy).join is not Join.ARRIVAL:
        first_new = chunk.row_offset + max(int(report.rows_late), chunk.committed_prefix)
        effect_ns = max(splice_ns, row_due_ns(chunk.stamp_ns, chunk.dt_ns, first_new))
    return SpliceRecord(
        stamp_ns=chunk.stamp_ns,
        splice_ns=splice_ns,
        effect_ns=effect_ns,
        position_step_rad=float(report.position_step_rad),
        velocity_step_rad_s=float(report.velocity_step_rad_s),
        acceleration_step_rad_s2=float(report.acceleration_step_rad_s2),
        bridged_position_step_rad=float(report.bridged_position_step_rad),
        bridged_velocity_step_rad_s=float(report.bridged_velocity_step_rad_s),
        bridged_acceleration_step_rad_s2=float(report.bridged_acceleration_step_rad_s2),
    )
