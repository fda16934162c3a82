# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Disturbed episodes: arms that begin anywhere and are pushed on their way, drawn by seed.

Experts are judged in them, and learners are taught by them: from undisturbed episodes a learner
never sees how to come back.
"""

from dataclasses import dataclass

import numpy as np

from wla_ros.base.joints import JointLayout
from wla_ros.base.types import FloatArray
from wla_ros.robots.piper.limits import joint_bounds
from wla_ros.sim import arm_settings as settings
from wla_ros.sim.expert.leaning_arm import leaning_joints

_LAYOUT = JointLayout(tuple(settings.ARM_BASES))
_MARGIN_RAD = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRegion:
    """Where the tool of an arm may be at the start: above all objects, on its own side."""

    inward_rad: float = 0.5  # of the azimuth toward the other arm
    outward_rad: float = 1.0
    radius_m: tuple[float, float] = (0.18, 0.45)
    height_m: tuple[float, float] = (0.16, 0.28)
    lean_rad: tuple[float, float] = (0.44, 1.05)
    twist_rad: float = 0.2  # of joints 4 and 6, either way


@dataclass(frozen=True, slots=True, kw_only=True)
class Bursts:
    """Pushes that move the commanded joints away, as long as they last."""

    probability: float = 0.04  # that one begins at a row without
    rows: tuple[int, int] = (3, 11)
    strengths_rad_s: tuple[float, ...] = (0.05, 0.15)  # rms per joint, one of them drawn
    share_of_joint: tuple[float, ...] = (1.0, 1.0, 1.0, 0.5, 1.0, 0.5)


def disturbed_rows(seed: int, region: StartRegion | None = None) -> FloatArray:
    """Return where the arms begin [D]: joints within the limits, any opening of the hands."""
    region = region or StartRegion()
    random = np.random.default_rng((seed, 0x57A7))
    lower, upper = (np.array(bound) for bound in joint_bounds(_MARGIN_RAD))
    row = np.empty(_LAYOUT.width)
    for arm in _LAYOUT.arms:
        # The left arm's inward is toward negative azimuth.
        sign = 1.0 if settings.ARM_BASES[arm][1] > 0 else -1.0
        while True:
            azimuth = sign * random.uniform(-region.inward_rad, region.outward_rad)
            radius, height = random.uniform(*region.radius_m), random.uniform(*region.height_m)
            point = np.array((radius * np.cos(azimuth), radius * np.sin(azimuth), height))
            joints = leaning_joints(
                point,
                tilt_rad=random.uniform(*region.lean_rad),
                tool_offset_m=settings.TCP_OFFSET_M,
            )
            joints[[3, 5]] += random.uniform(-region.twist_rad, region.twist_rad, 2)
            if np.all((lower < joints) & (joints < upper)):
                break
        row[_LAYOUT.arm_slice(arm)] = np.append(joints, random.uniform(0, settings.GRIPPER_MAX_M))
    return row


class Pushes:
    """The pushes of one episode, row by row."""

    def __init__(self, seed: int, bursts: Bursts | None = None) -> None:
        """Draw by `seed`."""
        self._bursts = bursts or Bursts()
        self._random = np.random.default_rng((seed, 0xB0257))
        self._left = 0
        self._speed = np.zeros(_LAYOUT.width)
        self.speed = np.zeros(_LAYOUT.width)  # [D] rad/s, of the present row

    def advance(self) -> None:
        """Go on by one row."""
        bursts, random = self._bursts, self._random
        if not self._left and random.random() < bursts.probability:
            self._left = int(random.integers(bursts.rows[0], bursts.rows[1] + 1))
            strength = float(random.choice(bursts.strengths_rad_s))
            for arm in _LAYOUT.arms:
                mine = _LAYOUT.arm_slice(arm)
                share = np.append(bursts.share_of_joint, 0.0)
                self._speed[mine] = strength * share * random.normal(size=7)
        self.speed = self._speed.copy() if self._left else np.zeros_like(self._speed)
        self._left = max(self._left - 1, 0)
