"""
Exposures to pixels: the pictures of all cameras of a rig, for the thread that made the source.

Physics may run on in another thread: an exposure carries its snapshot. Owns repeating the picture
of a frozen camera.
"""

from collections.abc import Mapping

import mujoco

from wla_ros.core.types import ImageArray
from wla_ros.sim.camera_rendering import OffscreenRenderer
from wla_ros.sim.camera_schedule import Exposure
from wla_ros.sim.rig_config import RigCamera
from wla_ros.sim.sensor_noise import SensorNoise


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
