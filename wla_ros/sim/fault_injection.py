# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Acts on fault parameters: the fate of every image, and a CAN bus that fails. Deterministic by seed
and order of events.

Each camera and each arm draws from a random stream of its own, so one does not disturb the other.
Knows no physics.
"""

import dataclasses
import zlib
from dataclasses import dataclass

import numpy as np

from wla_ros.base.timing import seconds_to_ns
from wla_ros.sim.config import ArmFaults
from wla_ros.sim.config import CameraFaults
from wla_ros.sim.config import FaultWindow
from wla_ros.sim.driver.bus import FEEDBACK_RAD_PER_DEG
from wla_ros.sim.driver.bus import NOTHING_RECEIVED
from wla_ros.sim.driver.bus import FeedbackFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFate:
    """What becomes of one exposure."""

    dropped: bool
    frozen: bool
    stamp_ns: int
    deliver_ns: int


class CameraFaultInjector:
    """Decides the fate of the images of one camera. One thread."""

    def __init__(self, faults: CameraFaults, *, seed: int, camera: str) -> None:
        """Seed the random stream of `camera`."""
        self._faults = faults
        self._seed = (seed, zlib.crc32(camera.encode()))
        self.reset(0)

    def reset(self, now_ns: int) -> None:
        """Start all windows and the random stream anew."""
        self._origin_ns = now_ns
        self._random = np.random.default_rng(self._seed)

    def fate(self, exposed_ns: int) -> ImageFate:
        """
        Return what becomes of the image exposed at `exposed_ns`.

        Call once per exposure, in order.
        """
        faults = self._faults
        # Every exposure draws all three, so that one fault's parameters do not change another's
        # course.
        chance, stamp_share, delay_share = self._random.random(3).tolist()
        since_ns = exposed_ns - self._origin_ns
        jitter_s = faults.stamp_jitter_s * (2.0 * stamp_share - 1.0)
        return ImageFate(
            dropped=chance < faults.drop_probability or inside(faults.drop, since_ns),
            frozen=inside(faults.freeze, since_ns),
            stamp_ns=exposed_ns + seconds_to_ns(faults.stamp_offset_s + jitter_s),
            deliver_ns=exposed_ns
            + seconds_to_ns(faults.delivery_delay_s + faults.delivery_jitter_s * delay_share),
        )


class FaultyBus:
    """
    The CAN bus between one arm and its driver: fails as configured, as a rule not at all. One
    thread.
    """

    def __init__(self, faults: ArmFaults, *, seed: int, arm: str) -> None:
        """Seed the random stream of `arm`."""
        self._faults = faults
        self._seed = (seed, zlib.crc32(arm.encode()))
        self.reset(0)

    def reset(self, now_ns: int) -> None:
        """Start all windows and the random stream anew."""
        self._origin_ns = now_ns
        self._random = np.random.default_rng(self._seed)
        self._held_stamp_ns: int | None = None

    def silent(self, now_ns: int) -> bool:
        """Return whether no frame passes."""
        return inside(self._faults.can_silence, now_ns - self._origin_ns)

    def carry(self, frame: FeedbackFrame) -> FeedbackFrame:
        """Return the frame as the driver's SDK sees it."""
        faults = self._faults
        since_ns = frame.stamp_ns - self._origin_ns
        if since_ns < seconds_to_ns(faults.zero_start_s):
            return NOTHING_RECEIVED
        if inside(faults.stale_stamps, since_ns):
            if self._held_stamp_ns is None:
                self._held_stamp_ns = frame.stamp_ns
            frame = dataclasses.replace(frame, stamp_ns=self._held_stamp_ns)
        else:
            self._held_stamp_ns = None
        if faults.spike_probability > 0.0:
            chance, joint_share, sign_share = self._random.random(3).tolist()
            if chance < faults.spike_probability:
                frame = self._spiked(frame, int(joint_share * 6), positive=sign_share < 0.5)
        return frame

    def _spiked(self, frame: FeedbackFrame, joint: int, *, positive: bool) -> FeedbackFrame:
        spike_mdeg = round(self._faults.spike_rad / FEEDBACK_RAD_PER_DEG * 1000)
        joints = list(frame.joints_mdeg)
        joints[joint] = spike_mdeg if positive else -spike_mdeg
        return dataclasses.replace(frame, joints_mdeg=tuple(joints))


def inside(window: FaultWindow, since_ns: int) -> bool:
    """Return whether `since_ns` after the reset lies in the window, its end excluded."""
    if window.duration_s == 0.0:  # no fault: by far the most frequent question
        return False
    duration_ns = seconds_to_ns(window.duration_s)
    offset_ns = since_ns - seconds_to_ns(window.start_s)
    if offset_ns < 0 or duration_ns == 0:
        return False
    period_ns = seconds_to_ns(window.period_s)
    return (offset_ns % period_ns if period_ns else offset_ns) < duration_ns
