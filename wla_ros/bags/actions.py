# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The actions in a recording: rows of joints in time, from chunks, commands or joint states."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wla_ros.bags.reading import CHUNK_TYPE
from wla_ros.bags.reading import JOINT_STATE_TYPE
from wla_ros.bags.reading import BagError
from wla_ros.bags.reading import BagReader
from wla_ros.bags.reading import BagTopic
from wla_ros.bags.reading import action_chunk
from wla_ros.bags.reading import joint_state_fields
from wla_ros.bags.reading import time_ns
from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem
from wla_ros.base.joints import ARM_COLUMNS
from wla_ros.base.joints import JointLayout
from wla_ros.base.types import ActionChunk
from wla_ros.base.types import FloatArray
from wla_ros.base.types import Refusal
from wla_ros.base.types import Representation
from wla_ros.robots.decoding import DecodedFeedback
from wla_ros.robots.decoding import decode_command
from wla_ros.robots.decoding import decode_feedback
from wla_ros.robots.profile import FLOAT_ARRAY
from wla_ros.robots.profile import JOINT_TRAJECTORY
from wla_ros.robots.profile import ArmProfile
from wla_ros.robots.profile import DriverProfile

# A recorded trajectory of joint set-points: the value between a bag reader and the replay policy.
#
# Owns the checks that make a recording safe to interpolate. Must not know bags, topics or drivers.


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RecordedActions:
    """
    Joint set-points over time, in recording order.

    `source` names the recording in messages to people. Raises ConfigurationError listing every
    defect: wrong shapes, fewer than two rows, stamps that do not rise, values that are not finite.
    """

    source: str
    stamps_ns: NDArray[np.int64]  # [n] strictly rising
    positions: FloatArray  # [n, D] joints [rad], gripper widths [m]
    columns: tuple[str, ...]  # D, as in joint_layout

    def __post_init__(self) -> None:
        """Refuse recordings that cannot be interpolated."""
        problems = tuple(self._problems())
        if problems:
            raise ConfigurationError(self.source, problems)

    @property
    def duration_ns(self) -> int:
        """Time from the first to the last row."""
        return int(self.stamps_ns[-1] - self.stamps_ns[0])

    def sample(self, elapsed_ns: NDArray[np.int64]) -> FloatArray:
        """Return positions [k, D] at times [k] after the first row: linear, held outside."""
        times = np.clip(elapsed_ns, 0, self.duration_ns).astype(np.float64)
        grid = (self.stamps_ns - self.stamps_ns[0]).astype(np.float64)
        return np.stack([np.interp(times, grid, column) for column in self.positions.T], axis=1)

    def _problems(self) -> list[Problem]:
        n = self.stamps_ns.size
        if self.stamps_ns.ndim != 1 or self.positions.shape != (n, len(self.columns)):
            return [
                Problem(
                    where='shape',
                    what=f'{self.stamps_ns.shape} stamps and {self.positions.shape} positions '
                    f'for {len(self.columns)} columns',
                    remedy='stamps are [n], positions [n, number of columns]',
                )
            ]
        problems = []
        if n < 2:
            problems.append(
                Problem(where='rows', what=f'{n} rows', remedy='a trajectory needs at least two')
            )
        falls = np.flatnonzero(np.diff(self.stamps_ns) <= 0)
        if falls.size:
            problems.append(
                Problem(
                    where=f'row {int(falls[0]) + 1}',
                    what='stamp does not rise: it goes from '
                    f'{self.stamps_ns[falls[0]] / 1e9:.3f} s to '
                    f'{self.stamps_ns[falls[0] + 1] / 1e9:.3f} s ({falls.size} such rows)',
                    remedy='two takes in one recording: cut it where the clock was set back or '
                    'the bag began anew',
                )
            )
        bad = np.argwhere(~np.isfinite(self.positions))
        if bad.size:
            row, column = (int(i) for i in bad[0])
            problems.append(
                Problem(
                    where=f'row {row}, {self.columns[column]}',
                    what=f'{self.positions[row, column]!r} is not finite ({len(bad)} such values)',
                    remedy='record again, or cut these rows out',
                )
            )
        return problems


# Due times [ns] and joint positions [D] as they were recorded.
_Rows = list[tuple[int, FloatArray]]
_TWO_TAKES = (
    'two takes in one recording, of a clock that was set back or a bag played in a loop; cut it '
    'there'
)


def read_actions(bag: Path, layout: JointLayout, *, topic: str = '') -> RecordedActions:
    """
    Return the joint trajectory in `bag`.

    `topic` holds ActionChunk messages or joint states with the layout's column names; empty: the
    only chunk topic, else the only topic of joint states that has all columns. Raises BagError
    naming what there is.
    """
    with BagReader(bag) as reader:
        chosen = _choose(reader, topic, layout)
        if chosen.type_name == CHUNK_TYPE:
            reader.require_version([chosen.name])
            return chunk_actions(
                [action_chunk(item.message) for item in reader.messages([chosen.name])],
                layout,
                source=_name(reader, bag),
            )
        if chosen.type_name != JOINT_STATE_TYPE:
            raise BagError(
                f'{bag}: {chosen.name} is {chosen.type_name}; actions are read from {CHUNK_TYPE} '
                f'and {JOINT_STATE_TYPE}, commands of other types with the driver profile'
            )
        rows: _Rows = []
        for item in reader.messages([chosen.name]):
            names, position, _, _ = joint_state_fields(item.message)
            places = {name: i for i, name in enumerate(names)}
            if all(column in places for column in layout.columns):
                picked = position[[places[column] for column in layout.columns]]
                rows.append((time_ns(item.message.header.stamp) or item.log_ns, picked))
        return _trajectory(rows, layout, source=f'{_name(reader, bag)} {chosen.name}')


def chunk_actions(
    chunks: Sequence[ActionChunk], layout: JointLayout, *, source: str
) -> RecordedActions:
    """
    Return one trajectory: from every chunk the rows up to the first row of the next chunk.

    That is what an executor with no latency would have executed. Rows of the first epoch only: a
    later epoch starts from where something else has moved the arms. `chunks` come in the order
    they were recorded in. Raises BagError for end-effector chunks, and where order or observation
    times of the first epoch's chunks go back: the clock was set back, or a bag played in a loop.
    """
    joint_chunks = [
        chunk for chunk in chunks if chunk.representation == Representation.JOINT_POSITION
    ]
    if not joint_chunks:
        raise BagError(f'{source}: no joint chunks among {len(chunks)} chunks')
    used = [chunk for chunk in joint_chunks if chunk.epoch == joint_chunks[0].epoch]
    for before, after in itertools.pairwise(used):
        if after.sequence <= before.sequence or after.stamp_ns < before.stamp_ns:
            raise BagError(
                f'{source}: after chunk {before.epoch}/{before.sequence} of '
                f'{before.stamp_ns / 1e9:.3f} s came chunk {after.epoch}/{after.sequence} of '
                f'{after.stamp_ns / 1e9:.3f} s: {_TWO_TAKES}'
            )
    rows: _Rows = []
    for chunk, following in zip(used, [*used[1:], None], strict=True):
        if set(chunk.columns) != set(layout.columns):
            raise BagError(
                f'{source}: chunk has columns {chunk.columns}, not those of {layout.arms}'
            )
        order = [chunk.columns.index(column) for column in layout.columns]
        for i, row in enumerate(chunk.rows):
            if following is None or chunk.due_ns(i) < following.due_ns(0):
                rows.append((chunk.due_ns(i), row[order]))
    return _trajectory(rows, layout, source=source)


def command_actions(bag: Path, profile: DriverProfile) -> RecordedActions:
    """
    Return the trajectory of the joint commands that were sent to the drivers of `profile`.

    Commands of the arms are put together at the stamps of the first arm, each arm at its newest
    command. Raises BagError for missing topics, for commands that cannot be decoded and for stamps
    that go back.
    """
    arms = [profile.arm(name) for name in profile.arms]
    topics = {_absolute(arm.channels.command_topic): arm for arm in arms}
    newest: dict[str, FloatArray] = {}
    stamps: dict[str, int] = {}
    rows: _Rows = []
    with BagReader(bag) as reader:
        types = {topic.name: topic.type_name for topic in reader.topics}
        present = list(types)
        found = {name: topics[_absolute(name)] for name in present if _absolute(name) in topics}
        if len(found) != len(arms):
            raise BagError(f'{bag}: command topics {sorted(topics)} are not all among {present}')
        for item in reader.messages(list(found)):
            arm = found[item.topic]
            # Commands without a stamp are due when they come: the receiver starts them at once.
            header = getattr(item.message, 'header', None)
            stamp_ns = (0 if header is None else time_ns(header.stamp)) or item.log_ns
            if stamp_ns < stamps.get(arm.name, 0):
                raise BagError(
                    f'{bag}: after the command of {arm.name} of {stamps[arm.name] / 1e9:.3f} s '
                    f'came one of {stamp_ns / 1e9:.3f} s: {_TWO_TAKES}'
                )
            stamps[arm.name] = stamp_ns
            newest[arm.name] = _command(arm, item.message, types[item.topic], str(bag))
            if arm is arms[0] and len(newest) == len(arms):
                rows.append((item.log_ns, np.concatenate([newest[other.name] for other in arms])))
        return _trajectory(rows, profile.layout, source=f'{_name(reader, bag)} commands')


def _command(arm: ArmProfile, message: Any, type_name: str, source: str) -> FloatArray:
    """Return [7]; a JointState names joints and scales as feedback of the same driver does."""
    decoded: DecodedFeedback | FloatArray | Refusal
    if type_name == JOINT_STATE_TYPE:
        names, position, _, _ = joint_state_fields(message)
        decoded = decode_feedback(arm, names, position.tolist())
    elif type_name == JOINT_TRAJECTORY:
        if len(message.points) != 1:
            raise BagError(
                f'{source}: command of {arm.name}: a trajectory of {len(message.points)} points; '
                'those of an executor have one'
            )
        positions = message.points[0].positions
        decoded = decode_command(arm, message.joint_names, positions.tolist())
    elif type_name == FLOAT_ARRAY:
        decoded = decode_command(arm, (), message.data.tolist())
    else:
        raise BagError(
            f'{source}: commands of {arm.name} are {type_name}; joints can be read from '
            f'{JOINT_STATE_TYPE}, {JOINT_TRAJECTORY} and {FLOAT_ARRAY}'
        )
    if isinstance(decoded, Refusal):
        raise BagError(f'{source}: command of {arm.name}: {decoded.reason}: {decoded.detail}')
    return decoded.position if isinstance(decoded, DecodedFeedback) else decoded


def _choose(reader: BagReader, topic: str, layout: JointLayout) -> BagTopic:
    known = {item.name: item for item in reader.topics}
    if topic:
        if topic in known:
            return known[topic]
        raise BagError(f'the bag has no topic {topic!r}; it has {sorted(known)}')
    chunks = [item for item in known.values() if item.type_name == CHUNK_TYPE and item.count]
    if len(chunks) == 1:
        return chunks[0]
    states = [item for item in known.values() if item.type_name == JOINT_STATE_TYPE and item.count]
    fitting = [item for item in states if _has_columns(reader, item.name, layout)]
    if not chunks and len(fitting) == 1:
        return fitting[0]
    names = sorted(item.name for item in (*chunks, *fitting))
    raise BagError(
        f'the bag has {len(names)} topics with actions {names} and {sorted(known)} in all; '
        'name the topic'
    )


def _has_columns(reader: BagReader, topic: str, layout: JointLayout) -> bool:
    first = next(iter(reader.messages([topic])), None)
    return first is not None and set(layout.columns) <= set(first.message.name)


def _trajectory(rows: _Rows, layout: JointLayout, *, source: str) -> RecordedActions:
    """Return the rows in the order they were recorded in; of equal stamps the last counts."""
    # Not put in order of time: rows that go back are those of another take.
    kept = [
        row
        for row, following in zip(rows, [*rows[1:], None], strict=True)
        if following is None or following[0] != row[0]
    ]
    width = len(ARM_COLUMNS) * len(layout.arms)
    return RecordedActions(
        source=source,
        stamps_ns=np.array([stamp for stamp, _ in kept], dtype=np.int64),
        positions=np.stack([row for _, row in kept]) if kept else np.empty((0, width)),
        columns=layout.columns,
    )


def _name(reader: BagReader, bag: Path) -> str:
    """Return the bag for people, with where it was cut off if it was."""
    return f'{bag} ({reader.damage})' if reader.damage else str(bag)


def _absolute(name: str) -> str:
    return name if name.startswith('/') else f'/{name}'
