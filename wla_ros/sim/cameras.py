# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The cameras of the rig: where they sit, what they see, their intrinsics. Knows no renderer.

Poses follow what was measured to keep both grippers and the whole table in the head image, and
fingertips with the grasped object in the wrist images.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

HEAD = 'head'
LEFT_WRIST = 'left_wrist'
RIGHT_WRIST = 'right_wrist'
SCENE = 'scene'
ROBOT_CAMERAS = (HEAD, LEFT_WRIST, RIGHT_WRIST)

WRIST_CAMERA_POSITION_M = (-0.085, 0.0, 0.04)  # in link6
WRIST_CAMERA_TILT_RAD = math.radians(30.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraMount:
    """
    A camera fixed to a frame; it looks along up x right, `right` and `up` being those of its
    image.
    """

    name: str
    frame: str  # 'world' or '<arm>/link6'
    position: tuple[float, float, float]  # [m]
    right: tuple[float, float, float]  # unit vector of the image's x axis
    up: tuple[float, float, float]  # unit vector against the image's y axis
    fovy_rad: float

    def optical_rotation(self) -> NDArray[np.float64]:
        """Return [3, 3], columns are x right, y down, z forward (ROS optical frame) in `frame`."""
        right, up = np.array(self.right), np.array(self.up)
        return np.column_stack((right, -up, np.cross(up, right)))


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraIntrinsics:
    """Pinhole without distortion."""

    width: int
    height: int
    focal_px: float
    centre_x_px: float
    centre_y_px: float

    @property
    def matrix(self) -> NDArray[np.float64]:
        """Return K [3, 3]."""
        return np.array(
            [
                [self.focal_px, 0.0, self.centre_x_px],
                [0.0, self.focal_px, self.centre_y_px],
                [0.0, 0.0, 1.0],
            ]
        )


def intrinsics(*, fovy_rad: float, width: int, height: int) -> CameraIntrinsics:
    """
    Return the intrinsics of a rendered image.

    The renderer's axis passes through the middle of the image, which is at (size - 1) / 2 when, as
    in sensor_msgs/CameraInfo, integer coordinates are centres of pixels.
    """
    return CameraIntrinsics(
        width=width,
        height=height,
        focal_px=height / 2 / math.tan(fovy_rad / 2),
        centre_x_px=(width - 1) / 2,
        centre_y_px=(height - 1) / 2,
    )


def looking_at(
    name: str,
    *,
    position: tuple[float, float, float],
    target: tuple[float, float, float],
    fovy_deg: float,
) -> CameraMount:
    """Return a camera in the world whose image is level and centred on `target` [m]."""
    forward = np.subtract(target, position)
    forward = forward / np.linalg.norm(forward)
    right = np.cross(forward, (0.0, 0.0, 1.0))
    right = right / np.linalg.norm(right)
    up = np.cross(right, forward)
    return CameraMount(
        name=name,
        frame='world',
        position=position,
        right=(float(right[0]), float(right[1]), float(right[2])),
        up=(float(up[0]), float(up[1]), float(up[2])),
        fovy_rad=math.radians(fovy_deg),
    )


def _wrist(name: str, arm: str) -> CameraMount:
    """
    Return a wrist camera: behind the palm, tilted from the approach axis z toward the fingers, up
    = -x.
    """
    return CameraMount(
        name=name,
        frame=f'{arm}/link6',
        position=WRIST_CAMERA_POSITION_M,
        right=(0.0, -1.0, 0.0),
        up=(-math.cos(WRIST_CAMERA_TILT_RAD), 0.0, math.sin(WRIST_CAMERA_TILT_RAD)),
        fovy_rad=math.radians(70.0),
    )


MOUNTS = {
    mount.name: mount
    for mount in (
        looking_at(HEAD, position=(-0.08, 0.0, 0.66), target=(0.28, 0.0, 0.02), fovy_deg=62.0),
        _wrist(LEFT_WRIST, 'left'),
        _wrist(RIGHT_WRIST, 'right'),
        looking_at(SCENE, position=(1.02, -0.52, 0.58), target=(0.15, 0.01, 0.13), fovy_deg=42.0),
    )
}
