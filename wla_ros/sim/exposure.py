# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Images as the cameras expose them: schedule, rendering, sensor noise."""

import heapq
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np

from wla_ros.base.timing import period_ns
from wla_ros.base.timing import seconds_to_ns
from wla_ros.base.types import ImageArray
from wla_ros.sim.config import RigCamera
from wla_ros.sim.fault_injection import CameraFaultInjector
from wla_ros.sim.scene import SceneSnapshot

# When cameras expose and what becomes of the images until they are delivered. Knows no renderer.
#
# Exposures lie on an exact grid: phase + k periods after the reset, in integer nanoseconds,
# whatever the physics' step.


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """One image to be rendered from the state at its exposure; complete without the rig."""

    camera: str
    index: int  # of the exposure since the reset, dropped ones included
    exposed_ns: int  # true time of the snapshot
    stamp_ns: int  # what the header says
    deliver_ns: int
    frozen: bool  # the picture before is to be repeated
    snapshot: SceneSnapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraCounts:
    """Images since construction: exposed = delivered + dropped + flushed + waiting."""

    exposed: int
    delivered: int
    dropped: int  # by a fault
    flushed: int  # on their way at a reset
    waiting: int
    frozen: int  # of the exposed


class CameraSchedule:
    """The exposures of one camera. One thread."""

    def __init__(self, camera: str, config: RigCamera, faults: CameraFaultInjector) -> None:
        """Prepare `camera`; call `reset` before use."""
        self._camera = camera
        self._period_ns = period_ns(config.rate_hz)
        self._phase_ns = seconds_to_ns(config.phase_s)
        self._faults = faults
        self._waiting: list[tuple[int, int, Exposure]] = []
        self._exposed = self._delivered = self._dropped = self._flushed = self._frozen = 0
        self.reset(0)

    @property
    def next_exposure_ns(self) -> int:
        """When the next image is exposed."""
        return self._origin_ns + self._phase_ns + self._index * self._period_ns

    def reset(self, now_ns: int) -> None:
        """Start the grid at `now_ns` and forget images on their way."""
        self._origin_ns = now_ns
        self._index = 0
        self._flushed += len(self._waiting)
        self._waiting.clear()
        self._faults.reset(now_ns)

    def expose(self, snapshot: SceneSnapshot) -> None:
        """Take the image that is due; `snapshot` is the scene at `next_exposure_ns`."""
        exposed_ns = self.next_exposure_ns
        fate = self._faults.fate(exposed_ns)
        self._exposed += 1
        self._frozen += fate.frozen
        if fate.dropped:
            self._dropped += 1
        else:
            exposure = Exposure(
                camera=self._camera,
                index=self._index,
                exposed_ns=exposed_ns,
                stamp_ns=fate.stamp_ns,
                deliver_ns=fate.deliver_ns,
                frozen=fate.frozen,
                snapshot=snapshot,
            )
            heapq.heappush(self._waiting, (fate.deliver_ns, self._index, exposure))
        self._index += 1

    def due(self, now_ns: int) -> tuple[Exposure, ...]:
        """
        Return the images to deliver by `now_ns`, in order of delivery.

        Each is returned once.
        """
        due: deque[Exposure] = deque()
        while self._waiting and self._waiting[0][0] <= now_ns:
            due.append(heapq.heappop(self._waiting)[2])
        self._delivered += len(due)
        return tuple(due)

    def counts(self) -> CameraCounts:
        """Return the counters."""
        return CameraCounts(
            exposed=self._exposed,
            delivered=self._delivered,
            dropped=self._dropped,
            flushed=self._flushed,
            waiting=len(self._waiting),
            frozen=self._frozen,
        )


# Noise of an image sensor, cheap enough for 90 images a second: drawn once, added at shifting
# offsets.

_SPARE_ROWS = 97  # prime, so that the stride below visits every offset before one repeats
_STRIDE = 37


class SensorNoise:
    """
    Gaussian noise of `sigma` grey levels.

    Two images in a row never get the same noise, so a camera that repeats one frame can be told
    from a still scene.
    """

    def __init__(self, *, width: int, height: int, sigma: float, seed: int) -> None:
        """Draw the noise. Raises ValueError unless 0 < sigma <= 30."""
        if not 0.0 < sigma <= 30.0:
            raise ValueError(f'sigma must lie in (0, 30] grey levels, got {sigma!r}')
        random = np.random.default_rng((seed, 0x401E))
        self._bound = int(np.ceil(3 * sigma))
        drawn = random.normal(0.0, sigma, (height + _SPARE_ROWS, width, 3))
        bounded = np.clip(np.rint(drawn), -self._bound, self._bound).astype(np.int8)
        self._bank: ImageArray = bounded.view(np.uint8)
        self._height = height
        self._images = 0

    def applied_to(self, pixels: ImageArray) -> ImageArray:
        """Return a noisy copy of `pixels` [h, w, 3]."""
        offset = self._images * _STRIDE % _SPARE_ROWS
        self._images += 1
        # Kept away from 0 and 255 by the largest noise, uint8 arithmetic modulo 256 adds negative
        # noise correctly.
        noisy: ImageArray = np.clip(pixels, self._bound, 255 - self._bound)
        np.add(noisy, self._bank[offset : offset + self._height], out=noisy)
        return noisy


# Pictures of a scene, off screen, without a display: one OpenGL context per renderer, used by the
# thread that made it.
#
# Renders from snapshots into data of its own, so physics may run on meanwhile. Knows no time and
# no messages.

_MAX_GEOMS = 400
_SHADOW_MAP = 2048  # texels


class OffscreenRenderer:
    """Renders `model` at one size. Every method must be called by the thread that built it."""

    def __init__(
        self,
        model: mujoco.MjModel,
        *,
        width: int,
        height: int,
        noise: SensorNoise | None = None,
        presentation: bool = False,
    ) -> None:
        """
        Open an EGL context.

        `presentation` is for pictures that people look at: smooth edges and shadows at eight times
        the cost. Raises RuntimeError, ImportError or AttributeError with the reason where there is
        no EGL device or library.
        """
        # Imported here because it needs libEGL, which physics does not.
        from mujoco.egl import GLContext

        self.width, self.height = width, height
        self._noise = noise
        self._supersampling = 2 if presentation else 1
        full_width, full_height = width * self._supersampling, height * self._supersampling
        model.vis.global_.offwidth = max(model.vis.global_.offwidth, full_width)
        model.vis.global_.offheight = max(model.vis.global_.offheight, full_height)
        self._model, self._data = model, mujoco.MjData(model)
        self._rendered: SceneSnapshot | None = None
        self._gl: Any = GLContext(full_width, full_height)
        self._gl.make_current()
        # Read only while the context is made, so other renderers of the model keep theirs.
        model.vis.quality.shadowsize = _SHADOW_MAP if presentation else 0
        self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._viewport = mujoco.MjrRect(0, 0, full_width, full_height)
        self._scene = mujoco.MjvScene(model, maxgeom=_MAX_GEOMS)
        self._scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = presentation
        self._scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = 0
        self._option = mujoco.MjvOption()
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._buffer = np.empty((full_height, full_width, 3), dtype=np.uint8)  # bottom row first

    def render(self, snapshot: SceneSnapshot, camera: str) -> ImageArray:
        """Return [h, w, 3] RGB of `snapshot` as `camera` sees it, in an array of its own."""
        if snapshot is not self._rendered:
            self._data.qpos[:] = snapshot.qpos
            mujoco.mj_kinematics(self._model, self._data)
            mujoco.mj_camlight(self._model, self._data)
            self._rendered = snapshot
        self._camera.fixedcamid = self._model.camera(camera).id
        self._gl.make_current()
        mujoco.mjv_updateScene(
            self._model,
            self._data,
            self._option,
            None,
            self._camera,
            mujoco.mjtCatBit.mjCAT_ALL,
            self._scene,
        )
        mujoco.mjr_render(self._viewport, self._scene, self._context)
        mujoco.mjr_readPixels(self._buffer, None, self._viewport, self._context)
        pixels = self._downsampled(self._buffer)[::-1]
        return (
            self._noise.applied_to(pixels)
            if self._noise is not None
            else np.ascontiguousarray(pixels)
        )

    def close(self) -> None:
        """Free the context; idempotent."""
        if self._gl is not None:
            self._gl.make_current()
            self._context.free()
            self._gl.free()
            self._gl = None

    def _downsampled(self, pixels: ImageArray) -> ImageArray:
        factor = self._supersampling
        if factor == 1:
            return pixels
        blocks = pixels.reshape(self.height, factor, self.width, factor, 3)
        averaged: ImageArray = blocks.mean(axis=(1, 3)).astype(np.uint8)
        return averaged


class ImageSource:
    """Renders exposures. Build, use and close it in one thread; several sources may exist."""

    def __init__(
        self, model: mujoco.MjModel, cameras: Mapping[str, RigCamera], *, seed: int = 0
    ) -> None:
        """
        Open one renderer per image size.

        Raises RuntimeError or ImportError with MuJoCo's reason where off-screen rendering is not
        possible.
        """
        sizes = {(camera.width, camera.height) for camera in cameras.values()}
        self._cameras = dict(cameras)
        self._renderers = {
            (width, height): OffscreenRenderer(model, width=width, height=height)
            for width, height in sizes
        }
        self._noise = {
            name: SensorNoise(
                width=camera.width,
                height=camera.height,
                sigma=camera.noise_grey_levels,
                seed=seed + i,
            )
            for i, (name, camera) in enumerate(sorted(cameras.items()))
            if camera.noise_grey_levels > 0.0
        }
        self._last: dict[str, ImageArray] = {}

    def render(self, exposure: Exposure) -> ImageArray:
        """Return [h, w, 3] RGB, read-only; the same array as before if the exposure is frozen."""
        camera = exposure.camera
        if not exposure.frozen or camera not in self._last:
            config = self._cameras[camera]
            renderer = self._renderers[config.width, config.height]
            pixels = renderer.render(exposure.snapshot, camera)
            noise = self._noise.get(camera)
            pixels = pixels if noise is None else noise.applied_to(pixels)
            pixels.flags.writeable = False
            self._last[camera] = pixels
        return self._last[camera]

    def close(self) -> None:
        """Free the renderers; idempotent."""
        for renderer in self._renderers.values():
            renderer.close()
        self._renderers.clear()
