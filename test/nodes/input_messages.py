# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""What a policy hears, right and wrong: messages of cameras, joints, objects and executor."""

from collections.abc import Callable
from typing import Any

import numpy as np
from inference.session_feed import CAMERAS
from inference.session_feed import FRAME_NS
from inference.session_feed import LAYOUT
from inference.session_feed import START_NS
from inference.session_feed import object_poses
from inference.session_feed import picture
from sensor_msgs.msg import JointState

from wla_ros.base.joints import ARM_COLUMNS
from wla_ros.base.timing import NS_PER_MS
from wla_ros.base.timing import NS_PER_S
from wla_ros.base.types import ExecutionPlan
from wla_ros.base.types import SpliceDelay
from wla_ros.inference.plan import PLAN_STREAM
from wla_ros.nodes.images import image_message
from wla_ros.nodes.messages import time_message
from wla_ros.nodes.plan_messages import plan_message
from wla_ros.nodes.sim.node import object_markers

WRONG_SPLICE = 'a splice of 15 minutes'
OBJECTS = 'objects'
JOINTS = tuple(f'joint_states_{arm}' for arm in LAYOUT.arms)
WRONG_STAMPS_NS = {
    'five seconds ago': -5 * NS_PER_S,
    'two seconds ago': -2 * NS_PER_S,
    'half a second ago': -NS_PER_S // 2,
    'a minute ago': -60 * NS_PER_S,
    'zero': None,
    'in a moment': 40 * NS_PER_MS,
    'in five seconds': 5 * NS_PER_S,
    'in ten years': 10 * 365 * 86400 * NS_PER_S,
}


def true_position(time_ns: int) -> Any:
    """Where both arms are [7]: slow motion, never bit-identical."""
    seconds = (time_ns - START_NS) * 1e-9
    return np.array([0.1 + 0.2 * seconds] * 6 + [0.02 + 0.001 * seconds])


def joint_message(stamp_ns: int) -> JointState:
    message = JointState(name=list(ARM_COLUMNS), position=true_position(stamp_ns).tolist())
    message.velocity, message.effort = [0.2] * 6, [0.5] * 7
    message.header.stamp = time_message(stamp_ns)
    return message


class Messages:
    """Makes the messages of an episode; `published` says epoch and sequence of the last chunk."""

    def __init__(
        self, strategy: str, *, resting: bool, published: Callable[[], tuple[int, int]]
    ) -> None:
        self.name, self.resting, self.published = strategy, resting, published

    # Right messages

    def right(self, stream: str, stamp_ns: int) -> Any:
        if stream in CAMERAS:
            return image_message(picture(stamp_ns), stamp_ns=stamp_ns, frame_id='')
        if stream in JOINTS:
            return joint_message(stamp_ns)
        if stream == OBJECTS:
            return object_markers(object_poses(stamp_ns), stamp=stamp_ns)
        return self._plan(stamp_ns)

    def _plan(self, stamp_ns: int, **fields: Any) -> Any:
        start_ns = stamp_ns - 100 * NS_PER_MS
        due_ns = np.arange(start_ns, start_ns + 20 * FRAME_NS, FRAME_NS, dtype=np.int64)
        due_ns = due_ns[:0] if self.resting else due_ns
        epoch, sequence = self.published()
        values: dict[str, Any] = {
            'stamp_ns': stamp_ns,
            'strategy': self.name,
            'epoch': epoch,
            'sequence': max(0, sequence),
            'due_ns': due_ns,
            'rows': np.tile(0.1, (len(due_ns), LAYOUT.width)),
            'accepting': True,
            'resting': self.resting,
            'tracking_error': np.zeros(LAYOUT.width),
            'splice': SpliceDelay(epoch=epoch, sequence=max(0, sequence), delay_ns=80 * NS_PER_MS)
            if sequence >= 0
            else None,
        }
        return plan_message(ExecutionPlan(**{**values, **fields}), LAYOUT.columns)

    # Wrong messages

    def wrong(self, stream: str) -> dict[str, Callable[[int], Any]]:
        """Return single wrong messages of `stream` by name, made for a time."""
        wrong: dict[str, Callable[[int], Any]] = {
            f'stamped {name}': (
                lambda now_ns, shift_ns=shift_ns: self.restamped(
                    stream, now_ns, 0 if shift_ns is None else now_ns + shift_ns
                )
            )
            for name, shift_ns in WRONG_STAMPS_NS.items()
        }
        if stream in CAMERAS:
            wrong |= self._wrong_images(stream)
        elif stream in JOINTS:
            wrong |= self._wrong_joints(stream)
        elif stream == OBJECTS:
            wrong |= self._wrong_objects()
        else:
            wrong |= self._wrong_plans()
        return wrong

    def restamped(self, stream: str, now_ns: int, stamp_ns: int) -> Any:
        message = self.right(stream, now_ns)
        if stream == OBJECTS:
            for marker in message.markers:
                marker.header.stamp = time_message(stamp_ns)
        else:
            message.header.stamp = time_message(stamp_ns)
        if stream == PLAN_STREAM and not 0 <= stamp_ns - now_ns < NS_PER_S:
            message.resting = True  # what is refused must not start an inference either
        return message

    def _changed(self, stream: str, change: Callable[[Any], None]) -> Callable[[int], Any]:
        def make(now_ns: int) -> Any:
            message = self.right(stream, now_ns)
            change(message)
            return message

        return make

    def _wrong_images(self, stream: str) -> dict[str, Callable[[int], Any]]:
        def sized(height: int, width: int, step: int, count: int) -> Callable[[Any], None]:
            def change(message: Any) -> None:
                message.height, message.width, message.step = height, width, step
                message.data = bytes(count)

            return change

        def encoded(encoding: str) -> Callable[[Any], None]:
            return lambda message: setattr(message, 'encoding', encoding)

        return {
            'no pixels': self._changed(stream, sized(0, 0, 0, 0)),
            'half the data': self._changed(stream, sized(8, 8, 24, 96)),
            'no data': self._changed(stream, sized(8, 8, 24, 0)),
            'short rows': self._changed(stream, sized(8, 8, 3, 24)),
            'huge': self._changed(stream, sized(2**31, 2**31, 24, 24)),
            **{
                f'encoding {name!r}': self._changed(stream, encoded(name))
                for name in ('', '16UC1', '32FC1', 'mono8', 'rgb16', 'jpeg', 'ä' * 300)
            },
        }

    def _wrong_joints(self, stream: str) -> dict[str, Callable[[int], Any]]:
        def shifted(by: float) -> Callable[[Any], None]:
            def change(message: Any) -> None:
                message.position = [value + by for value in message.position[:6]] + [0.02]

            return change

        def fields(**values: Any) -> Callable[[Any], None]:
            def change(message: Any) -> None:
                for name, value in values.items():
                    setattr(message, name, value)

            return change

        changes = {
            'one radian off': shifted(1.0),
            '1.9 rad off': shifted(-1.9),
            'degrees': shifted(57.0),
            'infinite': shifted(float('inf')),
            'not a number': shifted(float('nan')),
            'all zero': fields(position=[0.0] * 7, velocity=[0.0] * 6, effort=[0.0] * 7),
            'zero position': fields(position=[0.0] * 7),
            'no names': fields(name=[]),
            'no position': fields(position=[]),
            'three joints': fields(name=list(ARM_COLUMNS)[:3], position=[0.1] * 3),
            'names twice': fields(name=['joint1'] * 7),
            'other names': fields(name=['wheel'] * 7),
            'velocity of one': fields(velocity=[0.1]),
            'a wide gripper': fields(position=[0.1] * 6 + [40.0]),
        }
        return {name: self._changed(stream, change) for name, change in changes.items()}

    def _wrong_objects(self) -> dict[str, Callable[[int], Any]]:
        def moved(value: float) -> Callable[[Any], None]:
            return lambda message: setattr(message.markers[0].pose.position, 'x', value)

        return {
            'no markers': self._changed(OBJECTS, lambda message: message.markers.clear()),
            'not a number': self._changed(OBJECTS, moved(float('nan'))),
            'infinite': self._changed(OBJECTS, moved(float('inf'))),
        }

    def _wrong_plans(self) -> dict[str, Callable[[int], Any]]:
        wide, two = LAYOUT.width, np.array([START_NS, START_NS], dtype=np.int64)
        late = SpliceDelay(epoch=0, sequence=0, delay_ns=900 * NS_PER_S)
        fields: dict[str, dict[str, Any]] = {
            'another strategy': {'strategy': 'crossfade'},
            'no strategy': {'strategy': ''},
            'nonsense strategy': {'strategy': 'a+b+c'},
            'rows of another robot': {'due_ns': two[:1], 'rows': np.zeros((1, 3))},
            'rows without a number': {'due_ns': two[:1], 'rows': np.full((1, wide), np.nan)},
            'equal due times': {'due_ns': two, 'rows': np.zeros((2, wide))},
            'short tracking error': {'tracking_error': np.zeros(3)},
            'infinite tracking error': {'tracking_error': np.full(wide, np.inf)},
        }
        made: dict[str, Callable[[int], Any]] = {
            name: (lambda now_ns, values=values: self._plan(now_ns, **{'resting': True, **values}))
            for name, values in fields.items()
        }

        def with_late_splice(now_ns: int) -> Any:
            epoch, sequence = self.published()
            splice = SpliceDelay(epoch=epoch, sequence=max(0, sequence), delay_ns=late.delay_ns)
            return self._plan(now_ns, splice=splice)

        def with_columns(now_ns: int) -> Any:
            message = self._plan(now_ns, resting=True)
            message.columns = list(message.columns)[::-1]
            return message

        return made | {WRONG_SPLICE: with_late_splice, 'other columns': with_columns}
