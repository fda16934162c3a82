"""
One camera: the door for its frames, their buffer and history, and whether it is healthy.

Composes buffer, frozen detection and history; knows nothing of the other streams.
"""

import math

import numpy as np

from wla_ros.core import refusal_reasons
from wla_ros.core.frame_history import FrameHistory
from wla_ros.core.frozen_detection import FrozenDetection
from wla_ros.core.stream_buffer import BufferBounds
from wla_ros.core.stream_buffer import StampJump
from wla_ros.core.stream_buffer import StreamBuffer
from wla_ros.core.synchronisation import CameraSync
from wla_ros.core.synchronisation import SynchronisationConfig
from wla_ros.core.timing import ns_to_seconds
from wla_ros.core.timing import period_ns
from wla_ros.core.timing import seconds_to_ns
from wla_ros.core.types import ImageArray
from wla_ros.core.types import ImageFrame
from wla_ros.core.types import Refusal


class CameraStream:
    """Frames of one camera by exposure time: header stamp less the calibrated latency."""

    def __init__(
        self,
        name: str,
        settings: CameraSync,
        config: SynchronisationConfig,
        offsets_ns: tuple[int, ...],
    ) -> None:
        """Size the buffer for the oldest frame that an observation may still need."""
        self.name = name
        self.required = settings.required
        self.max_age_ns = seconds_to_ns(settings.max_age_s)
        self._latency_ns = seconds_to_ns(settings.latency_s)
        frame_period_ns = period_ns(settings.rate_hz)
        self.history = FrameHistory(
            offsets_ns=offsets_ns,
            tolerance_ns=seconds_to_ns(config.history.tolerance_s) or frame_period_ns // 2,
            start=config.history.start,
        )
        # The anchor may be as old as the maximum age; its partners lie around it, its history
        # before it.
        reach_ns = self.history.reach_ns if offsets_ns else seconds_to_ns(config.max_skew_s)
        window_ns = self.max_age_ns + reach_ns + seconds_to_ns(config.future_tolerance_s)
        self.buffer: StreamBuffer[ImageFrame] = StreamBuffer(
            name,
            BufferBounds(
                window_ns=window_ns,
                # Twice what the nominal rate gives: memory stays bounded if a driver runs wild.
                capacity=math.ceil(2.0 * window_ns / frame_period_ns) + 2,
                latency_ns=self._latency_ns,
                future_tolerance_ns=seconds_to_ns(config.future_tolerance_s),
                jump_tolerance_ns=seconds_to_ns(config.clock_jump_tolerance_s),
            ),
        )
        self._frozen_detection = FrozenDetection(
            frozen_after_ns=seconds_to_ns(settings.frozen_after_s)
        )
        self._frozen: Refusal | None = None

    def offer(
        self, header_stamp_ns: int, receive_ns: int, pixels: ImageArray
    ) -> Refusal | StampJump | None:
        """
        Take one frame [h, w, 3] uint8 RGB.

        Keeps a read-only view of `pixels`: the caller must not write into them later.
        A frame that proves the camera frozen is refused, and so are the equal ones before it that
        still wait.
        """
        if (
            pixels.ndim != 3
            or pixels.shape[2] != 3
            or pixels.dtype != np.uint8
            or pixels.size == 0
        ):
            return self.buffer.refuse(
                Refusal(
                    reason=refusal_reasons.BAD_IMAGE,
                    detail=f'{self.name}: expected uint8 [h, w, 3], '
                    f'got {pixels.dtype} {list(pixels.shape)}',
                )
            )
        view = pixels.view()
        view.flags.writeable = False
        stamp_ns = header_stamp_ns - self._latency_ns
        frame = ImageFrame(stream=self.name, stamp_ns=stamp_ns, receive_ns=receive_ns, pixels=view)
        verdict = self.buffer.push(stamp_ns, receive_ns, frame)
        if isinstance(verdict, Refusal):
            return verdict
        self._frozen = None
        if isinstance(verdict, StampJump):
            self._frozen_detection.restart()
        since_ns = self._frozen_detection.observe(stamp_ns, view)
        if since_ns is None:
            return verdict
        self._frozen = Refusal(
            reason=refusal_reasons.FROZEN,
            detail=f'{self.name}: the picture has not changed for '
            f'{ns_to_seconds(stamp_ns - since_ns):.3f} s',
        )
        return self.buffer.take_back(since_ns, self._frozen)

    def problem(self, now_ns: int) -> Refusal | None:
        """Return why this camera cannot serve an observation at `now_ns`, or None."""
        return self._frozen or self.buffer.staleness(now_ns, self.max_age_ns)
