"""
The recorder node: topics of the graph into an MCAP bag that `ros2 bag` reads. Lifecycle: active is
recording.

Messages are written as they came, serialized; images as JPEG at a bounded rate, encoded in a
thread of their own. Owns subscriptions and counters: received = written + left out by rate +
failed + waiting, for every topic.
"""

import itertools
import os
import threading
from collections import Counter
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from rclpy.qos import DurabilityPolicy
from rclpy.qos import QoSProfile
from rclpy.qos import ReliabilityPolicy
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image

from wla_ros.core.errors import ConfigurationError
from wla_ros.core.errors import Problem
from wla_ros.core.errors import WlaError
from wla_ros.core.timing import period_ns
from wla_ros.core.types import Refusal
from wla_ros.evaluation.bag_writing import BagWriter
from wla_ros.evaluation.bag_writing import offered_qos
from wla_ros.evaluation.image_decoding import decode_image
from wla_ros.ros import qos
from wla_ros.ros.conversions import stamp_ns
from wla_ros.ros.diagnostics import ERROR
from wla_ros.ros.diagnostics import OK
from wla_ros.ros.diagnostics import ComponentState
from wla_ros.ros.diagnostics import DiagnosticsPublisher
from wla_ros.ros.image_conversion import jpeg_message
from wla_ros.ros.lifecycle_shell import LifecycleShell
from wla_ros.ros.message_resolution import resolve_type
from wla_ros.ros.recorder_configuration import RecordedImage
from wla_ros.ros.recorder_configuration import RecorderNodeConfiguration
from wla_ros.ros.spinning import run_node

_NICENESS = 10
_COMPRESSED_TYPE = 'sensor_msgs/msg/CompressedImage'
# Many small messages may arrive while a chunk of the bag is compressed and written.
_DEPTH = 200
# Images that may wait for the encoder; a slow disk then costs images, not memory.
_MAX_WAITING_IMAGES = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    """An image that waits for the encoder."""

    topic: str
    message: Image
    receive_ns: int
    quality: int


class RecorderNode(LifecycleShell[RecorderNodeConfiguration]):
    """See the module docstring."""

    def __init__(self) -> None:
        """Read the configuration. Raises ConfigurationError with all problems."""
        super().__init__('recorder_node', RecorderNodeConfiguration)

    # Lifecycle

    def _setup(self) -> None:
        self._writer: BagWriter | None = None
        self._path: Path | None = None
        self._lock = threading.Lock()
        self._begin_counting()
        self._diagnostics = DiagnosticsPublisher(self)
        self.every(1.0, self._publish_diagnostics)

    def _start(self) -> None:
        config = self.configuration
        parent = Path(config.folder or '~/wla_ros_bags').expanduser()
        name = config.name or datetime.now().strftime('%Y-%m-%d_%H-%M-%S')
        self._begin_counting()
        self._path = _new_folder(parent, name)
        self._writer = BagWriter(self._path)
        self._missing = set(config.topics)
        self._recordings: list[object] = []
        self._next_image_ns: dict[str, int] = {}
        self._images: deque[_Waiting] = deque()
        self._image_ready = threading.Condition()
        self._stopping = False
        self._encoder = threading.Thread(target=self._encode_images, name='jpeg', daemon=True)
        self._encoder.start()
        for image in config.images.values():
            self._record_image(image)
        self._find_topics()
        self._finder = self.every(config.discovery_period_s, self._find_topics)
        self.get_logger().info(f'recording to {self._path}')

    def _stop(self) -> None:
        for subscription in getattr(self, '_recordings', []):
            self.destroy_subscription(subscription)
        self._recordings = []
        finder = getattr(self, '_finder', None)
        if finder is not None:
            finder.cancel()
        encoder = getattr(self, '_encoder', None)
        if encoder is not None:
            with self._image_ready:
                self._stopping = True
                self._image_ready.notify()
            encoder.join()
        writer, self._writer = self._writer, None
        if writer is None:
            return
        try:
            with self._lock:
                writer.close()
        except WlaError as error:
            self.get_logger().error(str(error))
        written = sum(count['written'] for count in self._counts.values())
        left = ', '.join(sorted(self._missing)) or 'none'
        self.get_logger().info(
            f'{written} messages written to {self._path}; topics never seen: {left}'
        )

    def _begin_counting(self) -> None:
        self._counts: dict[str, Counter[str]] = {}
        self._failure = ''

    # Subscriptions

    def _find_topics(self) -> None:
        """Subscribe to wanted topics that somebody publishes by now."""
        if not self._missing or not self.active:
            return
        known = dict(self.get_topic_names_and_types())
        for wanted in sorted(self._missing):
            topic = self.resolve_topic_name(wanted)
            types = known.get(topic)
            if not types:
                continue
            self._missing.discard(wanted)
            try:
                self._record(topic, types[0])
            except WlaError as error:
                self.get_logger().error(f'{topic} is not recorded: {error}')

    def _record(self, topic: str, type_name: str) -> None:
        kind = resolve_type((type_name,), where=f'recording of {topic}')
        profile, latched = self._matching_qos(topic)
        self._declare(topic, type_name, latched=latched)
        self._recordings.append(
            self.create_subscription(kind, topic, partial(self._take, topic), profile, raw=True)
        )

    def _record_image(self, image: RecordedImage) -> None:
        topic = f'{self.resolve_topic_name(image.topic)}/compressed'
        self._declare(topic, _COMPRESSED_TYPE, latched=False)
        self._recordings.append(
            self.create_subscription(
                Image, image.topic, partial(self._take_image, topic, image), qos.IMAGE_INPUT
            )
        )

    def _matching_qos(self, topic: str) -> tuple[QoSProfile, bool]:
        """Return a profile that connects to all publishers, and whether the topic is latched."""
        publishers = self.get_publishers_info_by_topic(topic)
        latched = bool(publishers) and all(
            info.qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL for info in publishers
        )
        reliable = bool(publishers) and all(
            info.qos_profile.reliability == ReliabilityPolicy.RELIABLE for info in publishers
        )
        profile = QoSProfile(
            depth=_DEPTH,
            reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
            durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
        )
        return profile, latched

    def _declare(self, topic: str, type_name: str, *, latched: bool) -> None:
        writer = self._writer
        if writer is None:
            return
        with self._lock:
            writer.add_topic(
                topic, type_name, qos=(offered_qos(reliable=True, transient_local=latched),)
            )
        # All names at once: the encoder's thread counts while diagnostics read.
        self._counts[topic] = Counter(received=0, written=0, left_out=0, failed=0)

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
        waiting = _Waiting(
            topic=topic, message=message, receive_ns=self.now_ns(), quality=image.quality
        )
        with self._image_ready:
            if len(self._images) >= _MAX_WAITING_IMAGES:
                count['failed'] += 1
                return
            self._images.append(waiting)
            self._image_ready.notify()

    # Images: the encoder's thread

    def _encode_images(self) -> None:
        while (waiting := self._next_image()) is not None:
            pixels = decode_image(waiting.message)
            if isinstance(pixels, Refusal):
                self._counts[waiting.topic]['failed'] += 1
                self._failure = f'{waiting.topic}: {pixels.detail}'
                continue
            header = waiting.message.header
            jpeg = jpeg_message(
                pixels,
                stamp_ns=stamp_ns(header.stamp),
                frame_id=header.frame_id,
                quality=waiting.quality,
            )
            self._write(waiting.topic, waiting.receive_ns, serialize_message(jpeg))

    def _next_image(self) -> _Waiting | None:
        """Return the oldest waiting image; None when stopping and all are written."""
        with self._image_ready:
            while not self._images and not self._stopping:
                self._image_ready.wait()
            return self._images.popleft() if self._images else None

    def _write(self, topic: str, receive_ns: int, serialized: bytes) -> None:
        writer = self._writer
        if writer is None:
            self._counts[topic]['failed'] += 1
            return
        try:
            with self._lock:
                writer.write(topic, receive_ns, serialized)
            self._counts[topic]['written'] += 1
        except WlaError as error:
            self._counts[topic]['failed'] += 1
            self._failure = str(error)
            self.warn_at_times('write', str(error))

    def _publish_diagnostics(self) -> None:
        totals: Counter[str] = Counter()
        for count in self._counts.values():
            totals.update(count)
        values: dict[str, object] = dict(totals)
        values['folder'] = self._path
        values['topics'] = len(self._counts)
        values['missing_topics'] = ', '.join(sorted(getattr(self, '_missing', ())))
        bag = ComponentState(
            name='bag',
            level=ERROR if self._failure else OK,
            message=self._failure or ('recording' if self.active else 'not recording'),
            values=values,
        )
        topics = (
            ComponentState(
                name=f'topic {topic}',
                level=ERROR if count['failed'] else OK,
                message=f'{count["failed"]} messages lost' if count['failed'] else 'recorded',
                values=dict(count),
            )
            for topic, count in self._counts.items()
        )
        self._diagnostics.publish(bag, *topics)


def _new_folder(parent: Path, name: str) -> Path:
    """
    Return `name` in `parent`, or the first of name_2, name_3 ... that does not exist.

    Makes `parent`. Raises ConfigurationError if that cannot be done.
    """
    names = itertools.chain((name,), (f'{name}_{number}' for number in itertools.count(2)))
    try:
        parent.mkdir(parents=True, exist_ok=True)
        return next(parent / free for free in names if not (parent / free).exists())
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
