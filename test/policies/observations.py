# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Observations for policy tests."""

import numpy as np

from wla_ros.base.types import Observation


def observation(joints: np.ndarray, *, stamp_ns: int = 0, epoch: int = 0) -> Observation:
    """Return an observation without images."""
    return Observation(
        stamp_ns=stamp_ns,
        epoch=epoch,
        images={},
        history={},
        joint_position=joints,
        joint_velocity=np.zeros_like(joints),
        objects=None,
        samples=(),
        synchronised_ns=stamp_ns,
    )
