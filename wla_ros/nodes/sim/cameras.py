# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The cameras of the simulated rig as topics: exposures are rendered and published in a thread of
their own.

Owns that thread and its queue. Rendering never delays the physics; what cannot be rendered in time
is counted.
"""

import os
import threading
import time
from collections import Counter
from collections import deque
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo
from sensor_msgs.msg import Image

from wla_ros.base.types import ImageArray
from wla_ros.nodes import qos
from wla_ros.nodes.images import camera_info_message
from wla_ros.nodes.images import image_message
from wla_ros.sim.cameras import MOUNTS
from wla_ros.sim.cameras import intrinsics
from wla_ros.sim.config import RigCamera
from wla_ros.sim.exposure import Exposure
from wla_ros.sim.exposure import SensorNoise

# Instants that may wait for the renderer. What is older is skipped, with all cameras of that
# instant: an observation needs all of them. A clock that waits for images lets none become older.
_BACKLOG = 1
_AWAITED_BACKLOG = 8
_RENDERING_NICENESS = 15
# How many threads Mesa's software renderer starts for itself: rendering has a thread here, and
# handing over to others takes 15 % more time of the cores (6.4 instead of 7.5 ms for 640x480).
_RENDERING_THREADS = ('LP_NUM_THREADS', '0')
_PATTERN_GREY = 96
_PATTERN_SIGMA = 8.0


class Renderer(Protocol):
    """What turns an exposure into pixels, in the thread that made it."""

    def render(self, exposure: Exposure) -> ImageArray:
        """Return [h, w, 3] RGB."""
        ...

    def close(self) -> None:
        """Free it."""
        ...


class PatternRenderer:
    """Noise instead of pictures: the load of cameras without the load of a renderer."""

    def __init__(self, cameras: Mapping[str, RigCamera]) -> None:
        """Draw the noise of every camera."""
        self._grey = {
            name: np.full((camera.height, camera.width, 3), _PATTERN_GREY, dtype=np.uint8)
            for name, camera in cameras.items()
        }
        self._noise = {
            name: SensorNoise(
                width=camera.width, height=camera.height, sigma=_PATTERN_SIGMA, seed=i
            )
            for i, (name, camera) in enumerate(sorted(cameras.items()))
        }
        self._last: dict[str, ImageArray] = {}

    def render(self, exposure: Exposure) -> ImageArray:
        """Return fresh noise, or the picture before if the camera is frozen."""
        camera = exposure.camera
        if not exposure.frozen or camera not in self._last:
            self._last[camera] = self._noise[camera].applied_to(self._grey[camera])
        return self._last[camera]

    def close(self) -> None:
        """Nothing to free."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageCounts:
    """Images of one camera: handed over = published + unwatched + skipped + those that wait."""

    published: int
    unwatched: int  # nobody subscribed
    skipped: int  # the renderer was behind


class SimCameraTopics:
    """Image and camera info of every camera."""

    def __init__(
        self,
        node: Node,
        cameras: Mapping[str, RigCamera],
        make_renderer: Callable[[], Renderer],
        *,
        patience_ns: int = 0,
    ) -> None:
        """
        Create the publishers; `make_renderer` is called in the rendering thread.

        `patience_ns` is how long the clock of the rig waits for an image, 0 if it never does.
        """
        self._node = node
        self._cameras = dict(cameras)
        self._make_renderer = make_renderer
        self._images = {
            name: node.create_publisher(Image, f'camera/{name}/image_raw', qos.SENSOR_OUTPUT)
            for name in cameras
        }
        self._infos = {
            name: node.create_publisher(
                CameraInfo, f'camera/{name}/camera_info', qos.SENSOR_OUTPUT
            )
            for name in cameras
        }
        self._matrices = {
            name: intrinsics(
                fovy_rad=MOUNTS[name].fovy_rad, width=camera.width, height=camera.height
            ).matrix
            for name, camera in cameras.items()
        }
        self._condition = threading.Condition()
        self._queue: deque[tuple[Exposure, int]] = deque()
        self._patience_ns = patience_ns
        self._rendered_ns: int | None = None  # exposure of the instant that is being rendered
        self._waiting_since_ns = 0  # monotonic time of the last image, or of the first to wait
        self._stopping = False
        self._counts: dict[str, Counter[str]] = {name: Counter() for name in cameras}
        self.render_ns: deque[int] = deque(maxlen=300)
        self.failure = ''
        self._thread = threading.Thread(target=self._run, name='cameras', daemon=True)

    def start(self) -> None:
        """Start rendering."""
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> bool:
        """End the thread after the present image; False if it did not end in time."""
        with self._condition:
            self._stopping = True
            self._condition.notify()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        with self._condition:
            while self._queue:
                self._counts[self._queue.popleft()[0].camera]['skipped'] += 1
        return not self._thread.is_alive()

    def expose(self, exposures: tuple[Exposure, ...], *, slip_ns: int) -> None:
        """Queue exposures; `slip_ns` is added to their stamps."""
        with self._condition:
            for exposure in exposures:
                if not self._watched(exposure.camera):
                    self._counts[exposure.camera]['unwatched'] += 1
                    continue
                if not self._queue and self._rendered_ns is None:
                    self._waiting_since_ns = time.monotonic_ns()
                self._queue.append((exposure, slip_ns))
            backlog = _AWAITED_BACKLOG if self._patience_ns else _BACKLOG
            while len({exposure.exposed_ns for exposure, _ in self._queue}) > backlog:
                for dropped, _ in self._take_instant():
                    self._counts[dropped.camera]['skipped'] += 1
            self._condition.notify()

    def oldest_ns(self) -> int | None:
        """
        Return when the oldest image that is not published yet was exposed.

        None if there is none, or if the renderer has not made any for as long as the clock waits.
        """
        with self._condition:
            oldest_ns = self._rendered_ns
            if oldest_ns is None and self._queue:
                oldest_ns = self._queue[0][0].exposed_ns
            waited_ns = time.monotonic_ns() - self._waiting_since_ns
            return None if self.failure or waited_ns > self._patience_ns else oldest_ns

    def counts(self) -> dict[str, ImageCounts]:
        """Return the counters by camera."""
        with self._condition:
            return {
                name: ImageCounts(
                    published=count['published'],
                    unwatched=count['unwatched'],
                    skipped=count['skipped'],
                )
                for name, count in self._counts.items()
            }

    def _watched(self, camera: str) -> bool:
        return bool(
            self._images[camera].get_subscription_count()
            or self._infos[camera].get_subscription_count()
        )

    def _run(self) -> None:
        if not self._patience_ns:
            # Pictures may be late, joints and commands may not: this thread yields to the others.
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _RENDERING_NICENESS)
        os.environ.setdefault(*_RENDERING_THREADS)
        try:
            renderer = self._make_renderer()
        except Exception as error:  # MuJoCo raises whatever its GL backend raises
            self.failure = (
                f'no images: rendering off-screen is not possible ({error}); install libegl1 and '
                'libgl1-mesa-dri, or set images: pattern'
            )
            self._node.get_logger().error(self.failure)
            return
        try:
            while instant := self._next():
                for exposure, slip_ns in instant:
                    self._publish(renderer, exposure, slip_ns)
                with self._condition:
                    self._rendered_ns = None
                    self._waiting_since_ns = time.monotonic_ns()
        finally:
            renderer.close()

    def _next(self) -> list[tuple[Exposure, int]]:
        """Return the exposures of the oldest instant, waiting for one; empty when stopping."""
        with self._condition:
            while not self._queue and not self._stopping:
                self._condition.wait()
            if self._stopping:
                return []
            instant = self._take_instant()
            self._rendered_ns = instant[0][0].exposed_ns
            return instant

    def _take_instant(self) -> list[tuple[Exposure, int]]:
        instant = [self._queue.popleft()]
        while self._queue and self._queue[0][0].exposed_ns == instant[0][0].exposed_ns:
            instant.append(self._queue.popleft())
        return instant

    def _publish(self, renderer: Renderer, exposure: Exposure, slip_ns: int) -> None:
        name = exposure.camera
        start_ns = time.perf_counter_ns()
        pixels = renderer.render(exposure)
        self.render_ns.append(time.perf_counter_ns() - start_ns)
        stamp = exposure.stamp_ns + slip_ns
        frame = f'{name}_optical'
        self._images[name].publish(image_message(pixels, stamp_ns=stamp, frame_id=frame))
        camera = self._cameras[name]
        if self._infos[name].get_subscription_count():
            self._infos[name].publish(
                camera_info_message(
                    self._matrices[name],
                    width=camera.width,
                    height=camera.height,
                    stamp_ns=stamp,
                    frame_id=frame,
                )
            )
        with self._condition:
            self._counts[name]['published'] += 1
