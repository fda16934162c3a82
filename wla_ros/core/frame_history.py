"""
Frames of one camera from before the anchor, found by their stamps.

Reads a buffer of frames; owns the rule for the start of an episode. Knows no pixels.
"""

from dataclasses import dataclass

from wla_ros.core import refusal_reasons
from wla_ros.core.stream_buffer import StreamBuffer
from wla_ros.core.timing import ns_to_seconds
from wla_ros.core.types import ImageFrame
from wla_ros.core.types import Refusal


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
            reason=refusal_reasons.MISSING_HISTORY,
            detail=(
                f'{history_stream(buffer.stream, offset_ns)}: no frame within '
                f'{ns_to_seconds(self._tolerance_ns):.4f} s, {distance}'
            ),
        )
