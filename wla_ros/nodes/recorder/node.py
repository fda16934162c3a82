# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Records topics to a bag that is read while it is written. Lifecycle."""

import itertools
import os
import threading
from collections import Counter
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from rclpy.qos import DurabilityPolicy
from rclpy.qos import QoSProfile
from rclpy.qos import ReliabilityPolicy
from rosbags.interfaces import Qos
from sensor_msgs.msg import Image

from wla_ros.bags.writing import BagWriter
from wla_ros.bags.writing import BagWritingError
from wla_ros.bags.writing import offered_qos
from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem
from wla_ros.base.config import WlaError
from wla_ros.base.config import parameter
from wla_ros.base.timing import period_ns
from wla_ros.nodes import qos
from wla_ros.nodes.diagnostics import ERROR
from wla_ros.nodes.diagnostics import OK
from wla_ros.nodes.diagnostics import WARN
from wla_ros.nodes.diagnostics import ComponentState
from wla_ros.nodes.diagnostics import DiagnosticsPublisher
from wla_ros.nodes.lifecycle import LifecycleNodeBase
from wla_ros.nodes.lifecycle import run_node
from wla_ros.nodes.messages import resolve_type
from wla_ros.nodes.messages import stamp_ns
from wla_ros.nodes.recorder.jpeg_thread import JpegThread
from wla_ros.nodes.recorder.jpeg_thread import WaitingImage

# The parameters of the recorder node.


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedImage:
    """One camera to record as JPEG, on '<topic>/compressed' as image_transport names it."""

    topic: str = parameter('topic of raw sensor_msgs/Image')
    rate_hz: float = parameter(
        'most images per second that are written',
        unit='Hz',
        minimum=0.1,
        maximum=120.0,
        default=10.0,
    )
    quality: int = parameter('JPEG quality', minimum=10, maximum=100, default=80)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderNodeConfiguration:
    """The recorder node."""

    autostart: bool = parameter('configure and activate without a lifecycle manager', default=True)
    folder: str = parameter('the bags are made in here; empty: ~/wla_ros_bags')
    name: str = parameter(
        'folder of the bag, with _2 ... if it exists; empty: date and time', default=''
    )
    topics: tuple[str, ...] = parameter('topics to record as they are, of any type', default=())
    images: Mapping[str, RecordedImage] = parameter(
        'cameras to record as JPEG', default_factory=dict
    )
    commit_period_s: float = parameter(
        'how often the bag is put on the disk: what a killed recorder loses',
        unit='s',
        minimum=0.1,
        maximum=60.0,
        default=1.0,
    )
    min_free_mib: int = parameter(
        'with less space on the disk nothing is recorded until there is more',
        unit='MiB',
        minimum=16,
        maximum=1_000_000,
        default=500,
    )
    discovery_period_s: float = parameter(
        'how often topics that nobody published yet are looked for',
        unit='s',
        minimum=0.05,
        maximum=60.0,
        default=0.5,
    )


def bag_folder(folder: str) -> Path:
    """Return where bags are made if the parameter `folder` is this."""
    return Path(folder or '~/wla_ros_bags').expanduser()


_NICENESS = 10
_COMPRESSED_TYPE = 'sensor_msgs/msg/CompressedImage'
# Many small messages may arrive while another callback decodes.
_DEPTH = 200


class RecorderNode(LifecycleNodeBase[RecorderNodeConfiguration]):
    """See the module docstring."""

    def __init__(self) -> None:
        """Read the configuration. Raises ConfigurationError with all problems."""
        super().__init__('recorder_node', RecorderNodeConfiguration)

    # Lifecycle

    def _setup(self) -> None:
        self._writer: BagWriter | None = None
        self._path: Path | None = None
        self._begin_counting()
        self._diagnostics = DiagnosticsPublisher(self)
        self.every(1.0, self._publish_diagnostics)

    def _start(self) -> None:
        config = self.configuration
        parent = bag_folder(config.folder)
        name = config.name or datetime.now().strftime('%Y-%m-%d_%H-%M-%S')
        self._begin_counting()
        self._path, self._writer = new_bag(parent, name, config.min_free_mib * 2**20)
        self._missing = set(config.topics)
        self._profiles: dict[str, QoSProfile] = {}
        self._types: dict[str, str] = {}
        self._recordings: dict[str, Any] = {}
        self._next_image_ns: dict[str, int] = {}
        self._jpeg = JpegThread(self._write, self._lose)
        self._stopping = threading.Event()
        self._disk = threading.Thread(
            target=self._commit_often, args=(self._writer,), name='disk', daemon=True
        )
        self._disk.start()
        for image in config.images.values():
            self._record_image(image)
        self._find_topics()
        self._finder = self.every(config.discovery_period_s, self._find_topics)
        self.get_logger().info(f'recording to {self._path}')

    def _stop(self) -> None:
        for subscription in getattr(self, '_recordings', {}).values():
            self.destroy_subscription(subscription)
        self._recordings = {}
        finder = getattr(self, '_finder', None)
        if finder is not None:
            finder.cancel()
        jpeg = getattr(self, '_jpeg', None)
        if jpeg is not None:
            jpeg.stop()
        disk = getattr(self, '_disk', None)
        if disk is not None:
            self._stopping.set()
            disk.join()
        writer = self._writer
        if writer is None:
            return
        lost = self._lost
        unheard = ', '.join(self._unheard) or 'none'
        writer.note({'lost': lost or 'nothing', 'never_heard': unheard})
        try:
            writer.close()
        except WlaError as error:
            self._failure = str(error)
            self.get_logger().error(str(error))
        self._writer = None
        written = sum(writer.written.values())
        text = f'{written} messages on the disk in {self._path}; '
        text += f'lost: {lost or "nothing"}; never heard: {unheard}'
        if lost or self._failure:
            self.failed = True
            self.get_logger().error(text)
        elif self._unheard:
            self.get_logger().warning(text)
        else:
            self.get_logger().info(text)

    def _begin_counting(self) -> None:
        self._counts: dict[str, Counter[str]] = {}
        self._why: dict[str, str] = {}  # topic -> the first reason of a loss
        self._refused: dict[str, str] = {}  # topic -> why nothing or not all is recorded
        self._failure = ''

    @property
    def _lost(self) -> str:
        """What was published or received and is not in the bag, '' for nothing."""
        lost = {
            topic: f'{count["failed"]} of {count["received"]}: {self._why.get(topic, "")}'
            for topic, count in self._counts.items()
            if count['failed']
        }
        parts = sorted({**lost, **self._refused}.items())
        return ', '.join(f'{topic} ({what})' for topic, what in parts)

    @property
    def _unheard(self) -> tuple[str, ...]:
        """Wanted topics without a message."""
        silent = (topic for topic, count in self._counts.items() if not count['received'])
        missing = map(self.resolve_topic_name, getattr(self, '_missing', ()))
        return tuple(sorted((*missing, *silent)))

    # Subscriptions

    def _find_topics(self) -> None:
        """
        Subscribe to wanted topics that somebody publishes by now; follow publishers that changed.

        A topic that is only listened to says nothing yet: neither whether it is latched nor
        whether it is reliable.
        """
        if not self.active:
            return
        for wanted in sorted(self._missing):
            topic = self.resolve_topic_name(wanted)
            publishers = self.get_publishers_info_by_topic(topic)
            if not publishers:
                continue
            self._missing.discard(wanted)
            try:
                profile = _matching_qos(publishers)
                self._declare(topic, publishers[0].topic_type, profile)
                self._subscribe(topic, publishers[0].topic_type, profile)
            except WlaError as error:
                self._counts.pop(topic, None)
                self._refused[topic] = f'not recorded: {error}'
                self.get_logger().error(f'{topic} is not recorded: {error}')
        for topic, profile in self._profiles.items():
            publishers = self.get_publishers_info_by_topic(topic)
            self._tell_other_types(topic, {info.topic_type for info in publishers})
            publishers = [info for info in publishers if info.topic_type == self._types[topic]]
            matching = _matching_qos(publishers)
            if publishers and _policies(matching) != _policies(profile):
                self.get_logger().info(f'{topic}: its publishers changed their quality of service')
                self.destroy_subscription(self._recordings.pop(topic))
                if self._writer is not None:
                    self._writer.change_qos(topic, (_offered(matching),))
                self._subscribe(topic, self._types[topic], matching)

    def _tell_other_types(self, topic: str, types: set[str]) -> None:
        """Say once that somebody publishes `topic` in a type that is not recorded."""
        others = ', '.join(sorted(types - {self._types[topic]}))
        if others and topic not in self._refused:
            why = f'also published as {others}: only {self._types[topic]} is recorded'
            self._refused[topic] = why
            self.get_logger().error(f'{topic} is {why}')

    def _subscribe(self, topic: str, type_name: str, profile: QoSProfile) -> None:
        kind = resolve_type((type_name,), where=f'recording of {topic}')
        self._profiles = {**self._profiles, topic: profile}
        self._types[topic] = type_name
        self._recordings[topic] = self.create_subscription(
            kind, topic, partial(self._take, topic), profile, raw=True
        )

    def _record_image(self, image: RecordedImage) -> None:
        topic = f'{self.resolve_topic_name(image.topic)}/compressed'
        self._declare(topic, _COMPRESSED_TYPE, qos.SENSOR_OUTPUT)
        self._recordings[topic] = self.create_subscription(
            Image, image.topic, partial(self._take_image, topic, image), qos.IMAGE_INPUT
        )

    def _declare(self, topic: str, type_name: str, profile: QoSProfile) -> None:
        # All names at once: the encoder's thread counts while diagnostics read.
        self._counts[topic] = Counter(received=0, taken=0, left_out=0, failed=0)
        if self._writer is not None:
            self._writer.add_topic(topic, type_name, qos=(_offered(profile),))

    # Messages: the spinning thread

    def _take(self, topic: str, serialized: bytes) -> None:
        self._counts[topic]['received'] += 1
        self._write(topic, self.now_ns(), serialized)

    def _take_image(self, topic: str, image: RecordedImage, message: Image) -> None:
        count = self._counts[topic]
        count['received'] += 1
        stamp = stamp_ns(message.header.stamp)
        period = period_ns(image.rate_hz)
        due_ns = self._next_image_ns.get(topic, stamp)
        # A stamp within half a camera period (at 30 Hz) of the due time is the image meant.
        if due_ns - stamp > period // 6 and due_ns - stamp < 2 * period:
            count['left_out'] += 1
            return
        self._next_image_ns[topic] = max(due_ns, stamp - period) + period
        waiting = WaitingImage(
            topic=topic, message=message, receive_ns=self.now_ns(), quality=image.quality
        )
        if not self._jpeg.offer(waiting):
            self._lose(topic, 'images come faster than they can be encoded')

    # Any thread

    def _write(self, topic: str, receive_ns: int, serialized: bytes) -> None:
        writer = self._writer
        if writer is None:
            self._lose(topic, 'the bag is closed')
            return
        try:
            writer.write(topic, receive_ns, serialized)
            self._counts[topic]['taken'] += 1
        except WlaError as error:
            self._lose(topic, str(error))

    def _lose(self, topic: str, why: str) -> None:
        """Count a message that is not recorded; the first of a topic is told at once."""
        self._counts[topic]['failed'] += 1
        if topic not in self._why:
            self._why[topic] = why
            self.get_logger().warning(f'{topic}: a message is lost: {why}')

    def _commit_often(self, writer: BagWriter) -> None:
        """Run the disk's thread: a slow disk holds up no callback."""
        while not self._stopping.wait(self.configuration.commit_period_s):
            try:
                writer.commit()
                self._failure = ''
            except WlaError as error:
                if not self._failure:
                    self.get_logger().error(str(error))
                self._failure = str(error)

    def _publish_diagnostics(self) -> None:
        writer = self._writer
        written = {} if writer is None else writer.written
        totals: Counter[str] = Counter(written=sum(written.values()))
        for count in self._counts.values():
            totals.update(count)
        values: dict[str, object] = dict(totals)
        values['folder'] = self._path
        values['topics'] = len(self._counts)
        values['never_heard'] = ', '.join(self._unheard)
        bag = ComponentState(
            name='bag',
            level=ERROR if self._failure else OK,
            message=self._failure or ('recording' if self.active else 'not recording'),
            values=values,
        )
        topics = []
        for topic, count in self._counts.items():
            message, level = 'recorded', OK
            if topic in self._refused:
                message, level = self._refused[topic], ERROR
            elif count['failed']:
                message, level = f'{count["failed"]} messages lost: {self._why[topic]}', ERROR
            elif not count['received']:
                message, level = 'no message so far', WARN
            values = {**count, 'written': written.get(topic, 0)}
            topics.append(
                ComponentState(name=f'topic {topic}', level=level, message=message, values=values)
            )
        topics += [
            ComponentState(name=f'topic {topic}', level=ERROR, message=why)
            for topic, why in self._refused.items()
            if topic not in self._counts
        ]
        self._diagnostics.publish(bag, *topics)


def _matching_qos(publishers: Sequence[Any]) -> QoSProfile:
    """Return a profile that connects to all `publishers`, endpoint infos of rclpy."""
    profiles = [info.qos_profile for info in publishers]
    latched = all(item.durability == DurabilityPolicy.TRANSIENT_LOCAL for item in profiles)
    reliable = all(item.reliability == ReliabilityPolicy.RELIABLE for item in profiles)
    return QoSProfile(
        depth=_DEPTH,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


def _offered(profile: QoSProfile) -> Qos:
    """Return what publishers offer that `profile` matches, for the bag."""
    return offered_qos(
        reliable=profile.reliability == ReliabilityPolicy.RELIABLE,
        transient_local=profile.durability == DurabilityPolicy.TRANSIENT_LOCAL,
    )


def _policies(profile: QoSProfile) -> tuple[object, object]:
    return profile.reliability, profile.durability


def new_bag(parent: Path, name: str, min_free_bytes: int) -> tuple[Path, BagWriter]:
    """
    Return a new bag in `parent` under `name`, or the first of name_2, name_3 ... that is free.

    Makes `parent`. Raises ConfigurationError if that cannot be done, BagWritingError if a bag
    cannot be made in it.
    """
    names = itertools.chain((name,), (f'{name}_{number}' for number in itertools.count(2)))
    try:
        parent.mkdir(parents=True, exist_ok=True)
        while True:
            path = next(parent / free for free in names if not os.path.lexists(parent / free))
            try:
                return path, BagWriter(path, min_free_bytes=min_free_bytes)
            except BagWritingError as error:
                if not isinstance(error.__cause__, FileExistsError):
                    raise
                # Another recorder was faster.
    except OSError as error:
        problem = Problem(
            where='folder',
            what=f'bags cannot be made in {parent}: {error.strerror}',
            remedy='name a folder that can be written to',
        )
        raise ConfigurationError('recorder_node', (problem,)) from error


def main() -> int:
    """Run the node; returns the exit code."""
    # What is written may wait, what moves may not; threads made from here on inherit it.
    os.nice(_NICENESS)
    return run_node(RecorderNode)


if __name__ == '__main__':
    raise SystemExit(main())
