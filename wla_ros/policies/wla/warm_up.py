# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""What a policy is shown once before it counts, so that a device loads its kernels. No torch."""

import numpy as np

from wla_ros.base.types import ImageFrame
from wla_ros.base.types import Observation
from wla_ros.policies.wla.cameras import CameraOrder

_HEIGHT, _WIDTH = 480, 640  # of the usual camera stream [pixels]


def blank_observation(order: CameraOrder, joints: int) -> Observation:
    """Return black images, each a frame of its own, a whole history and `joints` at zero."""
    past = (_blank_frame(order.head),) if order.config.use_history_obs else ()
    return Observation(
        stamp_ns=0,
        epoch=0,
        images={name: _blank_frame(name) for name in order.cameras},
        history={order.head: past},
        joint_position=np.zeros(joints),
        joint_velocity=np.zeros(joints),
        objects=None,
        samples=(),
        synchronised_ns=0,
    )


def _blank_frame(name: str) -> ImageFrame:
    pixels = np.zeros((_HEIGHT, _WIDTH, 3), np.uint8)
    return ImageFrame(stream=name, stamp_ns=0, receive_ns=0, pixels=pixels)
