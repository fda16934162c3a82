# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Bridges over random steps."""

from dataclasses import replace

import numpy as np
from execution.arms import LIMITS
from execution.arms import WIDTH

from wla_ros.base.curve import CurveSample
from wla_ros.base.types import FloatArray
from wla_ros.execution.bridge import BridgeFit
from wla_ros.execution.bridge import BridgeFitter
from wla_ros.execution.bridge import bridge_over
from wla_ros.execution.config import BridgeConfig


def random_step(rng: np.random.Generator, scale: float) -> CurveSample:
    """Return a step of about a hundredth of a radian, per column."""
    return CurveSample.of(
        rng.normal(0.0, 0.01 * scale, WIDTH),
        rng.normal(0.0, 0.1 * scale, WIDTH),
        rng.normal(0.0, 1.0 * scale, WIDTH),
    )


def peaks_of_bridge(
    rng: np.random.Generator, scale: float
) -> tuple[FloatArray, FloatArray, BridgeFit, BridgeConfig]:
    """
    Return peaks of velocity and acceleration [2, D] of a bridge over a random step, the values at
    the start, and the fit. The acceleration of the step itself, which is taken out at once, is
    left out.
    """
    config = BridgeConfig()
    step = random_step(rng, scale)
    fit = BridgeFitter(config, LIMITS).fit(step, np.zeros((2, 3, WIDTH)))
    slow = replace(fit, residual=fit.residual * np.array([1.0, 0.0])[:, None, None])
    bridge = bridge_over(slow, np.zeros(WIDTH))
    course = bridge.at(np.linspace(0.0, 1.0, 400)[:, None] * fit.duration_s)
    peaks = np.abs(course[1:]).max(axis=1)
    return peaks, np.abs(slow.residual[0, 1:]), fit, config
