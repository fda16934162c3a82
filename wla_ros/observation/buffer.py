# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
A bounded buffer of stamped samples of one stream: the admission, the memory and the counters.

Owns order, bounds and the fate of every sample. Must not know what a sample is.
"""

from bisect import bisect_left
from bisect import bisect_right
from dataclasses import dataclass
from typing import Generic
from typing import TypeVar

from wla_ros.base import reasons
from wla_ros.base.timing import RateMeter
from wla_ros.base.timing import ns_to_seconds
from wla_ros.base.types import Refusal
from wla_ros.observation.time_line import Place
from wla_ros.observation.time_line import TimeLine

T = TypeVar('T')
_REASONS = {
    Place.REPEAT: reasons.DUPLICATE_STAMP,
    Place.LATE: reasons.OUT_OF_ORDER,
    Place.ASTRAY: reasons.STAMP_JUMP,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamCounters:
    """
    What became of every message of a stream: received = used + superseded + refused + waiting.

    Each message has exactly one state at any time. `used`: went into at least one observation (as
    current frame, history frame or end of an interpolation), counted once however often and
    however long it is kept. `waiting`: kept in the buffer and not used so far. `superseded`: left
    the buffer without having been used. `refused`: turned away at admission, or taken back because
    its stream proved to be frozen.
    """

    received: int = 0
    used: int = 0
    superseded: int = 0
    refused: int = 0
    waiting: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StampJump:
    """A series of stamps proved a new time line; only the sample that proved it is kept."""

    stream: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BufferBounds:
    """How much a buffer keeps and what its admission lets in; stamps are header less latency."""

    window_ns: int  # samples older than newest - window leave
    capacity: int  # and never more than this many stay
    latency_ns: int = 0  # what was subtracted from the header stamp
    future_tolerance_ns: int
    jump_tolerance_ns: int


class StreamBuffer(Generic[T]):
    """
    Samples in rising order of their stamps.

    Not thread-safe: the session that owns it holds one lock. Admission compares the stamp with the
    time line of the stream::

         newest - jump_tolerance    newest         receive + future_tolerance
        -----------|------------------|-----------------------|-------------> stamp
        stamp_jump    out_of_order  duplicate    taken            future_stamp

    A stamp further ahead of the line than `jump_tolerance_ns` is a stamp_jump as well. It is
    refused until a series proves that the stream has left its line (TimeLine).
    """

    def __init__(self, stream: str, bounds: BufferBounds) -> None:
        """Start empty. Raises ValueError unless the buffer can hold at least two samples."""
        if bounds.capacity < 2 or bounds.window_ns <= 0:
            raise ValueError(
                f'{stream}: a buffer needs capacity >= 2 and window > 0, got {bounds!r}'
            )
        self.stream = stream
        self._bounds = bounds
        self._stamps: list[int] = []
        self._values: list[T] = []
        self._used: list[bool] = []
        self._line = TimeLine(bounds.jump_tolerance_ns)  # kept when samples leave
        self._floor_ns: int | None = None
        self._first_stamp_ns: int | None = None
        self._rate = RateMeter()
        self._received = self._used_count = self._superseded = self._refused = self._waiting = 0
        self._last_refusal: Refusal | None = None

    @property
    def stamps_ns(self) -> list[int]:
        """Stamps of all kept samples, oldest first; not to be written to."""
        return self._stamps

    @property
    def first_stamp_ns(self) -> int | None:
        """Stamp of the first sample since the buffer was cleared, even if it has left."""
        return self._first_stamp_ns

    @property
    def newest_stamp_ns(self) -> int | None:
        """Stamp of the newest kept sample."""
        return self._stamps[-1] if self._stamps else None

    @property
    def last_refusal(self) -> Refusal | None:
        """Why the admission last turned a sample away."""
        return self._last_refusal

    @property
    def counters(self) -> StreamCounters:
        """Return the state of all messages since construction."""
        return StreamCounters(
            received=self._received,
            used=self._used_count,
            superseded=self._superseded,
            refused=self._refused,
            waiting=self._waiting,
        )

    def rate_hz(self, now_ns: int) -> float:
        """Return the rate of accepted stamps over the last second [Hz]."""
        return self._rate.rate_hz(now_ns)

    def push(self, stamp_ns: int, receive_ns: int, value: T) -> Refusal | StampJump | None:
        """
        Take one sample at admission; None means it was taken.

        On a StampJump everything older is gone and the sample is the first of the new time line.
        """
        verdict = self.judge(stamp_ns, receive_ns)
        if isinstance(verdict, Refusal):
            return self.refuse(verdict)
        self._received += 1
        if verdict is not None:
            self._forget(floor_ns=None)
        if not self._stamps and self._first_stamp_ns is None:
            self._first_stamp_ns = stamp_ns
        self._line.extend(stamp_ns, receive_ns)
        self._stamps.append(stamp_ns)
        self._values.append(value)
        self._used.append(False)
        self._waiting += 1
        self._rate.add(stamp_ns)
        excess = len(self._stamps) - self._bounds.capacity
        self._drop_oldest(
            max(excess, bisect_left(self._stamps, stamp_ns - self._bounds.window_ns))
        )
        return verdict

    def judge(self, stamp_ns: int, receive_ns: int) -> Refusal | StampJump | None:
        """Return what `push` would, of stamps alone; counts nothing."""
        header_ns = stamp_ns + self._bounds.latency_ns
        if header_ns <= 0:
            return self._refusal(
                reasons.ZERO_STAMP,
                f'header stamp is {header_ns} ns; the driver must stamp its messages',
            )
        ahead_ns = header_ns - receive_ns
        if ahead_ns > self._bounds.future_tolerance_ns:
            return self._refusal(
                reasons.FUTURE_STAMP,
                f'stamp is {_s(ahead_ns)} ahead of the clock, '
                f'tolerance {_s(self._bounds.future_tolerance_ns)}',
            )
        placed = self._line.place(stamp_ns, receive_ns)
        if placed.place is Place.NEXT:
            return self._judge_floor(stamp_ns)
        if placed.place is Place.NEW_LINE:
            return StampJump(stream=self.stream, detail=f'{self.stream}: {placed.sentence}')
        return self._refusal(_REASONS[placed.place], placed.sentence)

    def refuse(self, refusal: Refusal) -> Refusal:
        """Count a message turned away here or before it came here; return `refusal`."""
        self._received += 1
        self._refused += 1
        self._last_refusal = refusal
        return refusal

    def take_back(self, after_ns: int, refusal: Refusal) -> Refusal:
        """Remove samples newer than `after_ns`, count the unused as refused; return `refusal`."""
        start = bisect_right(self._stamps, after_ns)
        unused = self._used[start:].count(False)
        self._waiting -= unused
        self._refused += unused
        del self._stamps[start:], self._values[start:], self._used[start:]
        self._last_refusal = refusal
        return refusal

    def drop_all(self) -> None:
        """Drop all samples but keep the time line: what comes must not be joined with them."""
        self._drop_oldest(len(self._stamps))

    def clear(self, *, floor_ns: int | None) -> None:
        """
        Drop all samples. Samples from before `floor_ns` are refused from now on.

        None forgets the time line as well: the next stamp may be anything.
        """
        self._forget(floor_ns=floor_ns)
        if floor_ns is None:
            self._line.clear()

    def staleness(self, now_ns: int, max_age_ns: int) -> Refusal | None:
        """Return no_data or stale, with what admission last refused, or None if fresh."""
        last = self._last_refusal
        admission = (
            f'; {self._refused} refused, the last as {last.reason} ({last.detail})'
            if last is not None
            else ''
        )
        if not self._stamps:
            return self._refusal(reasons.NO_DATA, f'no usable sample in this epoch{admission}')
        age_ns = now_ns - self._stamps[-1]
        if age_ns <= max_age_ns:
            return None
        return self._refusal(
            reasons.STALE,
            f'the newest sample is {_s(age_ns)} old, bound {_s(max_age_ns)}{admission}',
        )

    def index_at_or_before(self, time_ns: int) -> int | None:
        """Return the index of the newest sample with stamp <= time, or None."""
        index = bisect_right(self._stamps, time_ns) - 1
        return index if index >= 0 else None

    def nearest_index(self, time_ns: int, tolerance_ns: int) -> int | None:
        """Return the index of the sample nearest to `time_ns` within tolerance; ties: older."""
        if not self._stamps:
            return None
        index = bisect_left(self._stamps, time_ns)
        if index == len(self._stamps) or (
            index > 0 and time_ns - self._stamps[index - 1] <= self._stamps[index] - time_ns
        ):
            index -= 1
        return index if abs(self._stamps[index] - time_ns) <= tolerance_ns else None

    def value(self, index: int) -> T:
        """Return the sample at `index` of `stamps_ns`, without marking it as used."""
        return self._values[index]

    def mark_used(self, stamp_ns: int) -> None:
        """Record that the sample with exactly this stamp went into an observation."""
        index = bisect_left(self._stamps, stamp_ns)
        if not self._used[index]:
            self._used[index] = True
            self._used_count += 1
            self._waiting -= 1

    def _forget(self, *, floor_ns: int | None) -> None:
        self.drop_all()
        self._first_stamp_ns = None
        self._floor_ns = floor_ns
        if floor_ns is None:
            self._rate.clear()

    def _drop_oldest(self, count: int) -> None:
        if count <= 0:
            return
        unused = self._used[:count].count(False)
        self._waiting -= unused
        self._superseded += unused
        del self._stamps[:count], self._values[:count], self._used[:count]

    def _judge_floor(self, stamp_ns: int) -> Refusal | None:
        if self._floor_ns is None or stamp_ns >= self._floor_ns:
            return None
        early_ns = self._floor_ns - stamp_ns
        return self._refusal(
            reasons.BEFORE_RESET,
            f'was taken {_s(early_ns)} before the running epoch began',
        )

    def _refusal(self, reason: str, sentence: str) -> Refusal:
        return Refusal(reason=reason, detail=f'{self.stream}: {sentence}')


def _s(duration_ns: int) -> str:
    return f'{ns_to_seconds(duration_ns):.3f} s'
