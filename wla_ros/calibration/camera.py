# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Latency of a camera: a time code on a screen, filmed."""

import argparse
import socket
import time
from collections import Counter
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

import numpy as np
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor

from wla_ros.base.arguments import outside
from wla_ros.base.arguments import unknown_names
from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem
from wla_ros.base.config import load_configuration
from wla_ros.base.progress import progress_bar
from wla_ros.base.types import FloatArray
from wla_ros.base.types import ImageArray
from wla_ros.base.types import Refusal
from wla_ros.calibration.offset_file import OffsetChange
from wla_ros.calibration.screen import ClockOffset
from wla_ros.calibration.screen import TimeCodeServer
from wla_ros.calibration.time_code import CodeReading
from wla_ros.calibration.time_code import TimeCodeReader
from wla_ros.composition.policy import CameraInput
from wla_ros.composition.policy import PolicyNodeConfiguration
from wla_ros.nodes.lifecycle import prefer_local_transport
from wla_ros.nodes.parameter_file import parameters_of
from wla_ros.nodes.policy.inputs import CameraInputs
from wla_ros.nodes.policy.inputs import ImageSink
from wla_ros.observation.config import CameraSync

# The latency of a camera from many images of a screen: header stamp less exposure.
#
# Every image bounds the latency from both sides, by the times between which the screen showed what
# it saw. The estimate is the point nearest to all those intervals, which is the median of their
# ends: no assumption on how exposure and screen are phased, and outliers do not move it.

FEW_IMAGES = 'few_images'
SCATTERED = 'scattered'

LEAST_IMAGES = 60
_FARTHEST_S = 0.02  # an image whose interval misses the estimate by more is an outlier
_MOST_OUTLIERS = 0.25
_RESAMPLES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraLatency:
    """Exposure to header stamp."""

    latency_s: float
    uncertainty_s: float  # half the width that the images leave open, and their standard error
    spread_s: float  # 90 % of the images miss the estimate by less: jitter of the stamps
    images: int
    outliers: int


def estimate_camera_latency(
    bounds_s: FloatArray, *, display_lag_s: float, least_images: int = LEAST_IMAGES
) -> CameraLatency | Refusal:
    """
    Return the latency from bounds [n, 2]: header stamp less the end and less the begin of what was
    drawn while the image was exposed.

    `display_lag_s` is the time from drawing to light; the screen is that much later than its page.
    """
    if len(bounds_s) < least_images:
        return Refusal(
            reason=FEW_IMAGES,
            detail=f'the code was read in {len(bounds_s)} images, needed are {least_images}',
        )
    latency_s, _ = _nearest_point(bounds_s)
    kept = bounds_s[_distance(bounds_s, latency_s) <= _FARTHEST_S]
    outliers = len(bounds_s) - len(kept)
    if outliers > _MOST_OUTLIERS * len(bounds_s):
        return Refusal(
            reason=SCATTERED,
            detail=f'{outliers} of {len(bounds_s)} images contradict the others by more than '
            f'{1e3 * _FARTHEST_S:g} ms: the stamps jitter, or are not those of the exposure',
        )
    latency_s, open_s = _nearest_point(kept)
    missed_s = _distance(kept, latency_s)
    spread_s = float(np.percentile(missed_s, 90.0))
    return CameraLatency(
        latency_s=latency_s - display_lag_s,
        uncertainty_s=open_s + _standard_error(kept),
        spread_s=spread_s,
        images=len(kept),
        outliers=outliers,
    )


def _nearest_point(bounds_s: FloatArray) -> tuple[float, float]:
    """Return the middle and the half width of the points with the least sum of distances."""
    ends = np.sort(bounds_s, axis=None)
    low, high = float(ends[len(bounds_s) - 1]), float(ends[len(bounds_s)])
    return (low + high) / 2.0, (high - low) / 2.0


def _standard_error(bounds_s: FloatArray) -> float:
    """Return how far the estimate moves when other images had been taken, by resampling."""
    random = np.random.default_rng(0)
    chosen = random.integers(0, len(bounds_s), (_RESAMPLES, len(bounds_s)))
    return float(np.std([_nearest_point(bounds_s[images])[0] for images in chosen]))


def _distance(bounds_s: FloatArray, point_s: float) -> FloatArray:
    """Return how far `point_s` lies outside each interval."""
    outside: FloatArray = np.maximum(
        np.maximum(bounds_s[:, 0] - point_s, point_s - bounds_s[:, 1]), 0.0
    )
    return outside


_SPIN_S = 0.05
_SHOW_S = 0.2
_SETTLE_S = 1.0  # the last reports of the page come in
_SURE_S = 0.01  # a less certain latency is told to be so
_LARGEST_PART = 0.5  # of the images that may be unreadable before the reason is told


@dataclass(slots=True)
class _Watched:
    """What was seen of one camera."""

    topic: str
    readings: list[tuple[int, CodeReading]] = field(default_factory=list)  # header stamp [ns]
    images: int = 0
    first_ns: int | None = None  # of the first reading, receive time
    seconds: float = 0.0  # since then
    refusals: Counter[str] = field(default_factory=Counter)
    detail: str = ''  # of the newest refusal

    def complete(self, seconds: float) -> bool:
        """Return whether it was seen for `seconds`, in enough images."""
        return self.seconds >= seconds and len(self.readings) >= LEAST_IMAGES


def calibrate_cameras(
    path: Path, arguments: argparse.Namespace
) -> tuple[tuple[OffsetChange, ...], bool]:
    """
    Return what to write, and whether every camera could be measured.

    Ctrl-C ends early and estimates from what there is. Raises ConfigurationError for cameras that
    the file does not name, PageError if the page cannot be served.
    """
    configuration = load_configuration(
        PolicyNodeConfiguration,
        parameters_of(path, 'policy_node', namespace=arguments.namespace, required=True),
        source=str(path),
    )
    cameras = _chosen(configuration.cameras, arguments)
    prefer_local_transport()
    context = Context()
    rclpy.init(context=context)
    node = rclpy.create_node(
        'wla_ros_camera_calibration', context=context, namespace=arguments.namespace
    )
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)

    def now_ns() -> int:
        return int(node.get_clock().now().nanoseconds)

    watched = {
        name: _Watched(topic=node.resolve_topic_name(camera.topic))
        for name, camera in cameras.items()
    }
    take = _reader(watched)
    CameraInputs(
        node,
        cameras,
        now_ns=now_ns,
        on_image=take,
        on_refusal=lambda name, refusal: _note(watched[name], refusal),
    )
    try:
        with TimeCodeServer(arguments.address, arguments.port, now_ns=now_ns) as server:
            _announce(server, arguments.address, cameras)
            _watch(server, watched, arguments, lambda: executor.spin_once(timeout_sec=_SPIN_S))
            time.sleep(_SETTLE_S)
            return _evaluate(
                server, watched, configuration.synchronisation.cameras, arguments.display_lag_s
            )
    finally:
        executor.shutdown()
        node.destroy_node()
        context.try_shutdown()


def _chosen(
    cameras: Mapping[str, CameraInput], arguments: argparse.Namespace
) -> dict[str, CameraInput]:
    """Return the cameras to look at. Raises ConfigurationError with all that does not fit."""
    names = arguments.cameras
    problems = [
        *unknown_names('--cameras', names, tuple(cameras)),
        *outside('--seconds', arguments.seconds, 1.0, 3600.0),
        *outside('--timeout', arguments.timeout, 1.0, 86400.0),
        *outside('--port', arguments.port, 0, 65535),
        *outside('--display-lag-s', arguments.display_lag_s or 0.0, 0.0, 1.0),
    ]
    if not cameras:
        problems.append(Problem(where='policy_node.cameras', what='the file names no camera'))
    if problems:
        raise ConfigurationError('arguments', tuple(problems))
    return {name: cameras[name] for name in names or cameras}


def _reader(watched: dict[str, _Watched]) -> ImageSink:
    reader = TimeCodeReader()

    def take(camera: str, stamp: int, receive_ns: int, pixels: ImageArray, decode_ns: int) -> None:
        del decode_ns
        record = watched[camera]
        record.images += 1
        reading = reader.read(pixels)
        if isinstance(reading, Refusal):
            _note(record, reading)
            return
        record.readings.append((stamp, reading))
        record.first_ns = record.first_ns or receive_ns
        record.seconds = (receive_ns - record.first_ns) / 1e9

    return take


def _note(record: _Watched, refusal: Refusal) -> None:
    record.refusals[refusal.reason] += 1
    record.detail = refusal.detail


def _announce(server: TimeCodeServer, address: str, cameras: Mapping[str, CameraInput]) -> None:
    hosts = [address]
    if address in ('0.0.0.0', '::'):
        hosts = ['127.0.0.1', socket.gethostname()]
    for host in hosts:
        print(f'open http://{host}:{server.port}/ in a browser, full screen, bright')
    print(
        f'and show it to {", ".join(cameras)}: the whole panel, in the middle of the picture, '
        'still. Ctrl-C ends early.'
    )


def _watch(
    server: TimeCodeServer,
    watched: dict[str, _Watched],
    arguments: argparse.Namespace,
    spin: Callable[[], None],
) -> None:
    """Serve until every camera has seen the code for long enough, the time-out, or Ctrl-C."""
    deadline_s, shown_s = time.monotonic() + arguments.timeout, 0.0
    with progress_bar('watching', total=None, bar_format='{desc}', leave=False) as line:
        try:
            while time.monotonic() < deadline_s:
                spin()
                text = '   '.join(_progress(name, record) for name, record in watched.items())
                server.status = text
                page = '' if server.counts else 'page not open   '
                if time.monotonic() > shown_s + _SHOW_S:
                    shown_s = time.monotonic()
                    line.set_description_str(page + text)
                if all(record.complete(arguments.seconds) for record in watched.values()):
                    return
        except KeyboardInterrupt:
            print('ended early')


def _progress(name: str, record: _Watched) -> str:
    if not record.images and not record.refusals:
        return f'{name}: no image'
    if not record.readings:
        return f'{name}: {record.detail or "no code"}'
    return f'{name}: {len(record.readings)} of {record.images} images, {record.seconds:.0f} s'


def _evaluate(
    server: TimeCodeServer,
    watched: dict[str, _Watched],
    configured: Mapping[str, CameraSync],
    display_lag_s: float | None,
) -> tuple[tuple[OffsetChange, ...], bool]:
    offset = server.clock_offset()
    if isinstance(offset, Refusal):
        print(f'refused, {offset.reason}: {offset.detail}')
        for name, record in watched.items():
            print(f'{name}: the code was read in {len(record.readings)} images{_trouble(record)}')
        return (), False
    lag_s = server.refresh_s if display_lag_s is None else display_lag_s
    print(
        f'display {1e3 * server.refresh_s:.1f} ms a refresh, light {1e3 * lag_s:.1f} ms after '
        f'drawing; clock of the page known to {offset.uncertainty_ns / 1e6:.1f} ms'
    )
    changes = []
    for name, record in watched.items():
        found = _estimate(server, record, offset, lag_s)
        present_s = configured.get(name, CameraSync()).latency_s
        print(f'{name}: {_sentence(found, record)}; configured {1e3 * present_s:.1f} ms')
        if isinstance(found, CameraLatency):
            changes.append(
                OffsetChange(
                    node='policy_node',
                    path=('synchronisation', 'cameras', name, 'latency_s'),
                    value_s=found.latency_s,
                )
            )
    return tuple(changes), len(changes) == len(watched)


def _estimate(
    server: TimeCodeServer, record: _Watched, offset: ClockOffset, lag_s: float
) -> CameraLatency | Refusal:
    bounds = []
    for stamp, reading in record.readings:
        between = server.shown_between(reading, stamp, offset.offset_ns)
        if isinstance(between, Refusal):
            _note(record, between)
        else:
            bounds.append(((stamp - between[1]) / 1e9, (stamp - between[0]) / 1e9))
    return estimate_camera_latency(
        np.array(bounds, dtype=np.float64).reshape(-1, 2), display_lag_s=lag_s
    )


def _sentence(found: CameraLatency | Refusal, record: _Watched) -> str:
    why = _trouble(record)
    if isinstance(found, Refusal):
        return f'refused, {found.reason}: {found.detail}{why}'
    doubt = ''
    if found.uncertainty_s > _SURE_S:
        doubt = '; in step with the display: use one with another or a higher refresh rate'
    return (
        f'{1e3 * found.latency_s:.1f} ms +- {1e3 * found.uncertainty_s:.1f}, jitter '
        f'{1e3 * found.spread_s:.1f} ms, {found.images} images, {found.outliers} outliers'
        f'{why}{doubt}'
    )


def _trouble(record: _Watched) -> str:
    """Return what is wrong with the images as a remark in brackets, '' if most are readable."""
    unread = sum(record.refusals.values())
    if not record.images and not unread:
        return f' (nothing came on {record.topic}: is its driver running, in this --namespace?)'
    if unread > _LARGEST_PART * max(1, record.images):
        return f' ({unread} of {record.images} images unreadable, last: {record.detail})'
    return ''
