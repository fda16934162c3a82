# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
A screen in front of a camera: pictures of the panel as a lens and a sensor would make them.

The page draws a new count every few refreshes; light follows the drawing by `lag_s`. An exposure
averages what it sees, in linear light.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from wla_ros.calibration import time_code
from wla_ros.calibration.time_code import draw_code

WIDTH, HEIGHT = 640, 480
_MODULE_PX = 10
_GAMMA = 2.2


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How the camera sees the screen."""

    module_px: float = 12.0  # size of a module in the image
    turn_deg: float = 0.0
    slant: float = 0.0  # perspective: the far edge is this share shorter
    blur_px: float = 0.0
    noise: float = 2.0
    contrast: float = 0.8
    black: float = 20.0
    background: float = 60.0
    glare: float = 0.0  # a bright gradient over the panel, in grey levels
    centre: tuple[float, float] = (320.0, 240.0)


PLAIN = View()


def picture(shown, view=PLAIN, seed=0):
    """Return [h, w, 3] RGB of `shown`: counts with their share of the exposure."""
    light = sum(
        share * (draw_code(count, module_px=_MODULE_PX) / 255.0) ** _GAMMA
        for count, share in shown
    )
    panel = view.black + 255.0 * view.contrast * light ** (1.0 / _GAMMA)
    source = np.array(
        [[0, 0], [panel.shape[1], 0], [panel.shape[1], panel.shape[0]], [0, panel.shape[0]]],
        dtype=np.float32,
    )
    half = 0.5 * view.module_px * np.array([time_code.WIDTH, time_code.HEIGHT])
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half
    corners[1:3, 1] *= 1.0 - view.slant
    angle = np.radians(view.turn_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    target = (corners @ turn.T + view.centre).astype(np.float32)
    transform = cv2.getPerspectiveTransform(source, target)
    seen = cv2.warpPerspective(
        panel.astype(np.float32),
        transform,
        (WIDTH, HEIGHT),
        flags=cv2.INTER_AREA,
        borderValue=view.background,
    )
    seen = seen + view.glare * np.linspace(0.0, 1.0, WIDTH)
    if view.blur_px:
        seen = cv2.GaussianBlur(seen, (0, 0), view.blur_px)
    random = np.random.default_rng(seed)
    seen = seen + view.noise * random.standard_normal(seen.shape)
    grey = np.clip(seen, 0, 255).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


class Screen:
    """What is shown when; times in seconds of a clock of its own. Counts last 2 to 4 refreshes."""

    def __init__(self, *, refresh_s=1 / 60, lag_s=0.0, seconds=13.0, holds=(2, 3, 4)):
        random = np.random.default_rng(4)
        refreshes = np.cumsum(random.choice(holds, int(seconds / refresh_s / np.mean(holds))))
        self.drawn_s = refresh_s * np.concatenate([[0], refreshes])  # by count
        self.lag_s = lag_s  # from drawing to light

    def shown(self, begin_s, end_s):
        """Return counts and shares of what is visible from begin to end."""
        begin_s, end_s = begin_s - self.lag_s, end_s - self.lag_s
        first = int(np.searchsorted(self.drawn_s, begin_s, side='right')) - 1
        last = int(np.searchsorted(self.drawn_s, end_s, side='right')) - 1
        parts = []
        for count in range(first, last + 1):
            seen_s = min(end_s, self.drawn_s[count + 1]) - max(begin_s, self.drawn_s[count])
            parts.append((count, max(0.0, seen_s) / (end_s - begin_s)))
        return parts
