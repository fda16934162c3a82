"""
Pictures of a scene, off screen, without a display: one OpenGL context per renderer, used by the
thread that made it.

Renders from snapshots into data of its own, so physics may run on meanwhile. Knows no time and no
messages.
"""

from typing import Any

import mujoco
import numpy as np

from wla_ros.core.types import ImageArray
from wla_ros.sim.scene import SceneSnapshot
from wla_ros.sim.sensor_noise import SensorNoise

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
