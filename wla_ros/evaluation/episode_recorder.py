"""Collects what happens during an episode and turns it into an `EpisodeRecord`."""

from collections.abc import Mapping

import numpy as np

from wla_ros.core.types import ActionChunk
from wla_ros.core.types import FloatArray
from wla_ros.core.types import JointCommand
from wla_ros.core.types import JointSample
from wla_ros.core.types import ObjectPoses
from wla_ros.evaluation.episode_record import ArmTrack
from wla_ros.evaluation.episode_record import Change
from wla_ros.evaluation.episode_record import ChunkArrival
from wla_ros.evaluation.episode_record import CommandTrack
from wla_ros.evaluation.episode_record import Counter
from wla_ros.evaluation.episode_record import EpisodeRecord
from wla_ros.evaluation.episode_record import Interval
from wla_ros.evaluation.episode_record import ObjectTrack
from wla_ros.evaluation.episode_record import Picture
from wla_ros.evaluation.episode_record import SpliceRecord


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
        counters: tuple[Counter, ...] = (),
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
