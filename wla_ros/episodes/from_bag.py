# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Episodes of a recorded run: a bag and the time windows of its episodes to records."""

import itertools
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

import numpy as np

from wla_ros.bags.reading import BagError
from wla_ros.bags.reading import BagReader
from wla_ros.bags.reading import action_chunk
from wla_ros.bags.reading import image_pixels
from wla_ros.bags.reading import joint_state_fields
from wla_ros.bags.reading import time_ns
from wla_ros.base.types import ActionChunk
from wla_ros.base.types import FloatArray
from wla_ros.base.types import Mode
from wla_ros.base.types import Refusal
from wla_ros.episodes.record import ArmTrack
from wla_ros.episodes.record import Change
from wla_ros.episodes.record import ChunkArrival
from wla_ros.episodes.record import CommandTrack
from wla_ros.episodes.record import CounterValue
from wla_ros.episodes.record import EpisodeRecord
from wla_ros.episodes.record import Interval
from wla_ros.episodes.record import ObjectTrack
from wla_ros.episodes.record import Picture
from wla_ros.episodes.record import SpliceRecord
from wla_ros.episodes.record import seam_steps
from wla_ros.episodes.record import splice_record
from wla_ros.robots.decoding import decode_feedback
from wla_ros.robots.profile import ArmProfile
from wla_ros.robots.profile import DriverProfile

# Reason of ExecutorStatus while the schedule is exhausted.
STARVATION = 'starvation'
_STATES = ('tracking', 'decelerating', 'holding', 'not ready')


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeWindow:
    """What is known of an episode besides its messages."""

    start_ns: int
    end_ns: int
    seed: int
    task: str
    instruction: str
    success: bool
    judgement: str
    end_reason: str
    end_message: str = ''  # what the task server said about it
    task_ns: int | None = None
    finished_ns: int | None = None
    counters: tuple[CounterValue, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTopics:
    """Names of the topics of a run, relative to its namespace."""

    chunks: str = 'action_chunk'
    commands: str = 'limited_command'
    executor_status: str = 'executor_status'
    policy_status: str = 'policy_status'
    splices: str = 'splices'
    objects: str = 'sim/objects'
    pictures: Mapping[str, str] = field(default_factory=dict)  # camera -> topic
    namespace: str = ''

    def absolute(self, topic: str) -> str:
        """Return the topic as it stands in a bag."""
        return topic if topic.startswith('/') else f'{self.namespace}/{topic}'


@dataclass(slots=True, eq=False)
class _Draft:
    """The parts of one episode while the bag is read."""

    window: EpisodeWindow
    columns: tuple[str, ...] = ()  # of the commands
    commands: list[tuple[int, FloatArray, FloatArray]] = field(default_factory=list)
    arms: dict[str, list[tuple[int, FloatArray, FloatArray]]] = field(default_factory=dict)
    chunks: list[tuple[int, ActionChunk]] = field(default_factory=list)
    splices: list[Any] = field(default_factory=list)  # Splice messages
    changes: list[Change] = field(default_factory=list)
    last_value: dict[str, tuple[str, str]] = field(default_factory=dict)
    object_names: tuple[str, ...] = ()
    objects: list[tuple[int, FloatArray]] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)

    def change(self, stamp_ns: int, kind: str, value: str, reason: str = '') -> None:
        """Note a change if there is one."""
        if self.last_value.get(kind) != (value, reason):
            self.last_value[kind] = (value, reason)
            self.changes.append(Change(stamp_ns=stamp_ns, kind=kind, value=value, reason=reason))


def episodes_of_bag(
    path: Path,
    windows: Sequence[EpisodeWindow],
    profile: DriverProfile,
    topics: RunTopics,
    *,
    picture_period_ns: int = 0,
    configuration: Mapping[str, str] | None = None,
    versions: Mapping[str, str] | None = None,
) -> tuple[EpisodeRecord, ...]:
    """
    Return one record per window, in their order.

    Pictures are decoded at most once per camera and `picture_period_ns`; 0 decodes none. Raises
    BagError for a bag that is damaged or holds none of the topics.
    """
    drafts = [_Draft(window) for window in windows]
    with BagReader(path) as bag:
        recorded = {topic.name for topic in bag.topics}
        handlers = {
            name: handler
            for name, handler in _handlers(profile, topics, picture_period_ns).items()
            if name in recorded
        }
        bag.require_version(tuple(handlers))
        for item in bag.messages(tuple(handlers)):
            for draft in drafts:
                if draft.window.start_ns <= item.log_ns <= draft.window.end_ns:
                    handlers[item.topic](draft, item.log_ns, item.message)
    return tuple(_record(draft, configuration or {}, versions or {}) for draft in drafts)


Handler = Callable[[_Draft, int, Any], None]


def _handlers(
    profile: DriverProfile, topics: RunTopics, picture_period_ns: int
) -> dict[str, Handler]:
    handlers: dict[str, Handler] = {
        topics.absolute(topics.chunks): _take_chunk,
        topics.absolute(topics.commands): _take_command,
        topics.absolute(topics.executor_status): _take_executor_status,
        topics.absolute(topics.policy_status): _take_policy_status,
        topics.absolute(topics.splices): _take_splice,
        topics.absolute(topics.objects): _take_objects,
    }
    for name in profile.arms:
        arm = profile.arm(name)
        handlers[topics.absolute(arm.channels.feedback_topic)] = _feedback_handler(arm)
    if picture_period_ns:
        for camera, topic in topics.pictures.items():
            handlers[topics.absolute(topic)] = _picture_handler(camera, picture_period_ns)
    return handlers


def _take_chunk(draft: _Draft, log_ns: int, message: Any) -> None:
    draft.chunks.append((log_ns, action_chunk(message)))
    draft.change(log_ns, 'subtask', message.subtask)


def _take_splice(draft: _Draft, log_ns: int, message: Any) -> None:
    del log_ns
    draft.splices.append(message)


def _take_command(draft: _Draft, log_ns: int, message: Any) -> None:
    del log_ns
    draft.columns, position, velocity, _ = joint_state_fields(message)
    draft.commands.append((time_ns(message.header.stamp), position, velocity))


def _take_executor_status(draft: _Draft, log_ns: int, message: Any) -> None:
    draft.change(log_ns, 'mode', Mode(int(message.mode)).name)
    draft.change(log_ns, 'state', _STATES[int(message.state)], message.reason)


def _take_policy_status(draft: _Draft, log_ns: int, message: Any) -> None:
    draft.change(log_ns, 'refusal', message.refusal, message.refusal_detail)


def _take_objects(draft: _Draft, log_ns: int, message: Any) -> None:
    del log_ns
    if not message.markers:
        return
    draft.object_names = tuple(str(marker.ns) for marker in message.markers)
    rows = [
        [getattr(marker.pose.position, axis) for axis in 'xyz']
        + [getattr(marker.pose.orientation, axis) for axis in 'xyzw']
        for marker in message.markers
    ]
    draft.objects.append(
        (time_ns(message.markers[0].header.stamp), np.array(rows, dtype=np.float64))
    )


def _feedback_handler(arm: ArmProfile) -> Handler:
    def take(draft: _Draft, log_ns: int, message: Any) -> None:
        del log_ns
        names, *fields = joint_state_fields(message)
        decoded = decode_feedback(arm, names, *(values.tolist() for values in fields))
        # What the live node refused at its admission is no measurement here either.
        if not isinstance(decoded, Refusal):
            sample = (time_ns(message.header.stamp), decoded.position, decoded.velocity)
            draft.arms.setdefault(arm.name, []).append(sample)

    return take


def _picture_handler(camera: str, period_ns: int) -> Handler:
    def take(draft: _Draft, log_ns: int, message: Any) -> None:
        del log_ns
        stamp_ns = time_ns(message.header.stamp)
        taken = [picture.stamp_ns for picture in draft.pictures if picture.camera == camera]
        if not taken or stamp_ns - taken[-1] >= period_ns:
            caption = draft.last_value.get('subtask', ('', ''))[0]
            try:
                pixels = image_pixels(message)
            except BagError as error:  # the next one may do: one damaged image ends no reading
                draft.change(stamp_ns, f'pictures of {camera}', 'not readable', str(error))
                return
            draft.pictures.append(
                Picture(stamp_ns=stamp_ns, camera=camera, pixels=pixels, caption=caption)
            )

    return take


def _record(
    draft: _Draft, configuration: Mapping[str, str], versions: Mapping[str, str]
) -> EpisodeRecord:
    window = draft.window
    _require_rising('the commands', [stamp for stamp, _, _ in draft.commands])
    for arm, samples in draft.arms.items():
        _require_rising(f'the joints of {arm}', [stamp for stamp, _, _ in samples])
    chunks = [chunk for _, chunk in draft.chunks]
    return EpisodeRecord(
        source='live',
        task=window.task,
        instruction=window.instruction,
        policy=chunks[-1].provenance.policy if chunks else '',
        seed=window.seed,
        start_ns=window.start_ns,
        end_ns=window.end_ns,
        success=window.success,
        judgement=window.judgement,
        end_reason=window.end_reason,
        end_message=window.end_message,
        task_ns=window.task_ns,
        finished_ns=window.finished_ns,
        wall_s=(window.end_ns - window.start_ns) / 1e9,
        columns=draft.columns or (chunks[-1].columns if chunks else ()),
        commands=_command_track(draft.commands),
        arms=tuple(
            ArmTrack(
                arm=arm,
                stamps_ns=np.array([stamp for stamp, _, _ in samples], dtype=np.int64),
                position=np.stack([position for _, position, _ in samples]),
                velocity=np.stack([velocity for _, _, velocity in samples]),
            )
            for arm, samples in draft.arms.items()
        ),
        chunks=_arrivals(draft),
        splices=_splices(draft),
        changes=tuple(draft.changes),
        starvations=_starvations(draft),
        objects=ObjectTrack(
            names=draft.object_names,
            stamps_ns=np.array([stamp for stamp, _ in draft.objects], dtype=np.int64),
            poses=np.stack([poses for _, poses in draft.objects]),
        )
        if draft.objects
        else None,
        pictures=tuple(draft.pictures),
        counters=window.counters,
        configuration=configuration,
        versions=versions,
    )


def _require_rising(what: str, stamps_ns: Sequence[int]) -> None:
    """Raise BagError for stamps that go back: figures over them would show no real motion."""
    for before_ns, after_ns in itertools.pairwise(stamps_ns):
        if after_ns < before_ns:
            raise BagError(
                f'stamps of {what} go back from {before_ns / 1e9:.3f} s to {after_ns / 1e9:.3f} s '
                'within an episode: the clock was set back'
            )


def _command_track(
    commands: list[tuple[int, FloatArray, FloatArray]],
) -> CommandTrack | None:
    """Return the commands; accelerations are differences of velocities: JointState has none."""
    if len(commands) < 2:
        return None
    stamps = np.array([stamp for stamp, _, _ in commands], dtype=np.int64)
    velocity = np.stack([row for _, _, row in commands])
    return CommandTrack(
        stamps_ns=stamps,
        position=np.stack([row for _, row, _ in commands]),
        velocity=velocity,
        acceleration=np.gradient(velocity, (stamps - stamps[0]) / 1e9, axis=0),
    )


def _arrivals(draft: _Draft) -> tuple[ChunkArrival, ...]:
    """
    Return the chunks with the steps at which each took over from the one before.

    When a chunk arrived and what step it made, the executor's report says; only where that was not
    recorded stands the time at which the recorder received the chunk, and a step between rows.
    """
    reports = {(int(item.epoch), int(item.sequence)): item for item in draft.splices}
    arrivals: list[ChunkArrival] = []
    previous: ActionChunk | None = None
    for log_ns, chunk in draft.chunks:
        report = reports.get((chunk.epoch, chunk.sequence))
        if report is None:
            arrival_ns = log_ns
            position_step, velocity_step = seam_steps(previous, chunk, arrival_ns)
        else:
            arrival_ns = time_ns(report.header.stamp)
            position_step = float(report.position_step_rad)
            velocity_step = float(report.velocity_step_rad_s)
        total_ns = sum(item.duration_ns for item in chunk.timings)
        arrivals.append(
            ChunkArrival(
                stamp_ns=chunk.stamp_ns,
                completed_ns=min(arrival_ns, chunk.stamp_ns + total_ns)
                if chunk.timings
                else arrival_ns,
                arrival_ns=arrival_ns,
                dt_ns=chunk.dt_ns,
                epoch=chunk.epoch,
                sequence=chunk.sequence,
                rows=chunk.rows,
                subtask=chunk.provenance.subtask,
                seam_position_step_rad=position_step,
                seam_velocity_step_rad_s=velocity_step,
                timings=chunk.timings,
            )
        )
        previous = chunk
    return tuple(arrivals)


def _splices(draft: _Draft) -> tuple[SpliceRecord, ...]:
    """Return the splices of chunks that were recorded."""
    chunks = {(chunk.epoch, chunk.sequence): chunk for _, chunk in draft.chunks}
    return tuple(
        splice_record(
            chunks[int(item.epoch), int(item.sequence)], item, delay_ns=time_ns(item.delay)
        )
        for item in draft.splices
        if (int(item.epoch), int(item.sequence)) in chunks
    )


def _starvations(draft: _Draft) -> tuple[Interval, ...]:
    """Return the spans in which the executor said that its schedule was exhausted."""
    states = [change for change in draft.changes if change.kind == 'state']
    if not states:
        return ()
    ends = [change.stamp_ns for change in states[1:]] + [draft.window.end_ns]
    return tuple(
        Interval(start_ns=change.stamp_ns, end_ns=end, reason=change.reason)
        for change, end in zip(states, ends, strict=True)
        if change.reason == STARVATION
    )
