# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""One camera: admission of its frames, buffer, history, and whether its picture is frozen."""

import math
from dataclasses import dataclass

import numpy as np

from wla_ros.base import reasons
from wla_ros.base.timing import ns_to_seconds
from wla_ros.base.timing import period_ns
from wla_ros.base.timing import seconds_to_ns
from wla_ros.base.types import ImageArray
from wla_ros.base.types import ImageFrame
from wla_ros.base.types import Refusal
from wla_ros.observation.buffer import BufferBounds
from wla_ros.observation.buffer import StampJump
from wla_ros.observation.buffer import StreamBuffer
from wla_ros.observation.config import CameraSync
from wla_ros.observation.config import SynchronisationConfig

# Frames of one camera from before the anchor, found by their stamps.
#
# Reads a buffer of frames; owns the rule for the start of an episode. Knows no pixels.


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryFrame:
    """A frame that stands for the instant `offset_ns` before the anchor."""

    offset_ns: int
    frame: ImageFrame


def history_stream(camera: str, offset_ns: int) -> str:
    """Return the name of a history sample in StreamSample, for example 'head[-0.267s]'."""
    return f'{camera}[-{ns_to_seconds(offset_ns):.3f}s]'


class FrameHistory:
    """
    The frames nearest to anchor - h for every offset h of one camera.

    A frame within the tolerance of the instant is taken, the older of a tie::

        frames   |     |     |     x     |     |     |     |  anchor
                       '-h2                   '-h1         t
                 taken: nearest          dropped: nothing near, missing_history

    Before the epoch is as old as h there is no such instant. `start` decides: 'repeat_first' takes
    the first frame of the epoch (at the very first observation that is often the current one),
    which is what WLA does on RoboTwin; 'omit' leaves the entry out; 'wait' refuses. A hole later
    in the epoch is always refused.
    """

    def __init__(self, *, offsets_ns: tuple[int, ...], tolerance_ns: int, start: str) -> None:
        """Take offsets before the anchor, oldest (largest) first, all positive."""
        self.offsets_ns = offsets_ns
        self._tolerance_ns = tolerance_ns
        self._start = start

    @property
    def reach_ns(self) -> int:
        """How far before the anchor a frame may be needed."""
        return max(self.offsets_ns, default=0) + self._tolerance_ns

    def frames(
        self, buffer: StreamBuffer[ImageFrame], anchor_ns: int
    ) -> tuple[HistoryFrame, ...] | Refusal:
        """Return one frame per offset, oldest first (fewer with 'omit'), or missing_history."""
        found = []
        for offset_ns in self.offsets_ns:
            instant_ns = anchor_ns - offset_ns
            index = buffer.nearest_index(instant_ns, self._tolerance_ns)
            if index is None:
                first_ns = buffer.first_stamp_ns
                at_start = first_ns is not None and instant_ns < first_ns
                if at_start and self._start == 'omit':
                    continue
                # The first frame can only have left the buffer once the epoch is older than its
                # window.
                if not at_start or self._start == 'wait' or buffer.stamps_ns[0] != first_ns:
                    return self._missing(buffer, offset_ns, instant_ns)
                index = 0
            found.append(HistoryFrame(offset_ns=offset_ns, frame=buffer.value(index)))
        return tuple(found)

    def _missing(
        self, buffer: StreamBuffer[ImageFrame], offset_ns: int, instant_ns: int
    ) -> Refusal:
        nearest = min((abs(stamp - instant_ns) for stamp in buffer.stamps_ns), default=None)
        distance = (
            'no frame at all'
            if nearest is None
            else f'the nearest is {ns_to_seconds(nearest):.4f} s away'
        )
        return Refusal(
            reason=reasons.MISSING_HISTORY,
            detail=(
                f'{history_stream(buffer.stream, offset_ns)}: no frame within '
                f'{ns_to_seconds(self._tolerance_ns):.4f} s, {distance}'
            ),
        )


# Notices a camera that delivers fresh stamps with the same picture again and again.
#
# Real sensors have noise: two frames are never equal in all pixels. A renderer without noise
# repeats itself when nothing moves, so the time bound belongs to the stream and 0 switches the
# check off.

# A grid of 16 x 20 pixels decides nearly always, in microseconds; only equal grids are compared in
# full.
_GRID_ROWS = 16
_GRID_COLUMNS = 20


class FrozenDetection:
    """Remembers the first frame of the running series of identical frames."""

    def __init__(self, *, frozen_after_ns: int) -> None:
        """Call a series frozen when its stamps span `frozen_after_ns`; 0 never does."""
        self._frozen_after_ns = frozen_after_ns
        self._first_pixels: ImageArray | None = None
        self._first_grid = b''
        self._first_stamp_ns = 0

    def observe(self, stamp_ns: int, pixels: ImageArray) -> int | None:
        """
        Take the next frame [h, w, 3] and judge the series it belongs to.

        Return the stamp since which the picture stands still, or None if it lives.
        Keeps a reference to `pixels`, never a copy.
        """
        if self._frozen_after_ns <= 0:
            return None
        grid = _grid(pixels)
        same = (
            self._first_pixels is not None
            and grid == self._first_grid
            and stamp_ns >= self._first_stamp_ns
            and np.array_equal(pixels, self._first_pixels)
        )
        if not same:
            self._first_pixels, self._first_grid, self._first_stamp_ns = pixels, grid, stamp_ns
            return None
        return (
            self._first_stamp_ns
            if stamp_ns - self._first_stamp_ns >= self._frozen_after_ns
            else None
        )

    def restart(self) -> None:
        """Forget the running series: the next frame is the first of a new one."""
        self._first_pixels = None


def _grid(pixels: ImageArray) -> bytes:
    height, width = pixels.shape[:2]
    row_step = max(1, height // _GRID_ROWS)
    column_step = max(1, width // _GRID_COLUMNS)
    return pixels[row_step // 2 :: row_step, column_step // 2 :: column_step].tobytes()


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
                    reason=reasons.BAD_IMAGE,
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
            reason=reasons.FROZEN,
            detail=f'{self.name}: the picture has not changed for '
            f'{ns_to_seconds(stamp_ns - since_ns):.3f} s',
        )
        return self.buffer.take_back(since_ns, self._frozen)

    def problem(self, now_ns: int) -> Refusal | None:
        """Return why this camera cannot serve an observation at `now_ns`, or None."""
        return self._frozen or self.buffer.staleness(now_ns, self.max_age_ns)
