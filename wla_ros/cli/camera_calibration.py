"""
`wla_ros calibrate camera`: serve the code, read it from the cameras, estimate.

Composes the page, the camera subscriptions of the nodes and the pure estimate. Commands nothing.
"""

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

from wla_ros.calibration.camera_latency import LEAST_IMAGES
from wla_ros.calibration.camera_latency import CameraLatency
from wla_ros.calibration.camera_latency import estimate_camera_latency
from wla_ros.calibration.display_log import ClockOffset
from wla_ros.calibration.offset_file import OffsetChange
from wla_ros.calibration.time_code_reading import CodeReading
from wla_ros.calibration.time_code_reading import TimeCodeReader
from wla_ros.cli.argument_check import outside
from wla_ros.cli.argument_check import unknown_names
from wla_ros.cli.parameter_file import parameters_of
from wla_ros.cli.progress import progress_bar
from wla_ros.cli.time_code_server import TimeCodeServer
from wla_ros.core.configuration import load_configuration
from wla_ros.core.errors import ConfigurationError
from wla_ros.core.errors import Problem
from wla_ros.core.synchronisation import CameraSync
from wla_ros.core.types import ImageArray
from wla_ros.core.types import Refusal
from wla_ros.ros.camera_inputs import CameraInputs
from wla_ros.ros.camera_inputs import ImageSink
from wla_ros.ros.local_transport import prefer_local_transport
from wla_ros.ros.policy_configuration import CameraInput
from wla_ros.ros.policy_configuration import PolicyNodeConfiguration

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
