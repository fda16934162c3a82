# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The time line that the stamps of one sender keep to, and what it takes to leave it.

One wrong stamp proves nothing: only a series that keeps to a line of its own, while nothing comes
on the old one, shows that the clock of the sender was set. Must not know what is stamped.
"""

import enum
from dataclasses import dataclass

from wla_ros.base.timing import NS_PER_MS
from wla_ros.base.timing import ns_to_seconds

# A series is believed when stamps and times of receiving both span this, so that a burst of any
# rate is none, and with so many messages that no pair of accidents is. 0.2 s is shorter than any
# fault timeout and six frames of a camera.
PROOF_NS = 200 * NS_PER_MS
PROOF_COUNT = 3


class Place(enum.Enum):
    """Where a stamp lies; see `TimeLine`."""

    NEXT = 'next'
    REPEAT = 'repeat'
    LATE = 'late'
    ASTRAY = 'astray'
    NEW_LINE = 'new line'


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """The place of one stamp, with a sentence for a refusal."""

    place: Place
    sentence: str


@dataclass(slots=True)
class _Series:
    """Messages off the line that agree with each other."""

    first_stamp_ns: int
    first_receive_ns: int
    stamp_ns: int
    receive_ns: int
    count: int = 1


class TimeLine:
    """
    Places stamps relative to the newest one of the line.

    Not thread-safe. With the lead of a message being its stamp less the time of receiving it::

         newest - tolerance   newest    receive + largest lead + tolerance
        ---------|---------------|---------------------|-------------------> stamp
         astray        late    repeat      next              astray

    The lead of a line only grows when messages are fast, so neither silence nor a network that
    delivers late and then all at once leads astray. A stamp astray belongs to a new line when it
    ends a series of PROOF_COUNT that spans PROOF_NS.
    """

    def __init__(self, tolerance_ns: int) -> None:
        """Call a stamp astray that is off by more than `tolerance_ns`."""
        self._tolerance_ns = tolerance_ns
        self._newest_ns: int | None = None
        self._lead_ns = 0
        self._series: _Series | None = None

    def place(self, stamp_ns: int, receive_ns: int) -> Placed:
        """Return where a message lies. Only a series is remembered; `extend` moves the line."""
        newest_ns = self._newest_ns
        if newest_ns is None:
            return Placed(place=Place.NEXT, sentence='the first')
        advance_ns = stamp_ns - newest_ns
        ahead_ns = stamp_ns - receive_ns - self._lead_ns
        if -advance_ns > self._tolerance_ns:
            return self._astray(stamp_ns, receive_ns, f'back by {_s(-advance_ns)}')
        if advance_ns > 0 and ahead_ns > self._tolerance_ns:
            return self._astray(stamp_ns, receive_ns, f'forward by {_s(ahead_ns)}')
        self._series = None  # the line lives
        if advance_ns > 0:
            return Placed(place=Place.NEXT, sentence=f'{_s(advance_ns)} newer')
        if advance_ns == 0:
            return Placed(place=Place.REPEAT, sentence=f'stamp {stamp_ns} ns was received already')
        return Placed(
            place=Place.LATE, sentence=f'stamp is {_s(-advance_ns)} older than the newest one'
        )

    def extend(self, stamp_ns: int, receive_ns: int) -> None:
        """Take the stamp of an accepted message, placed NEXT or NEW_LINE, as the newest."""
        lead_ns = stamp_ns - receive_ns
        begins = self._newest_ns is None or self._series is not None
        self._lead_ns = lead_ns if begins else max(self._lead_ns, lead_ns)
        self._newest_ns = stamp_ns
        self._series = None

    def clear(self) -> None:
        """Forget the line: the next stamp may be anything."""
        self._newest_ns = self._series = None

    def _astray(self, stamp_ns: int, receive_ns: int, how: str) -> Placed:
        series = self._extended(stamp_ns, receive_ns)
        span_ns = min(
            series.stamp_ns - series.first_stamp_ns, series.receive_ns - series.first_receive_ns
        )
        went = f'stamp {stamp_ns} ns went {how}, tolerance {_s(self._tolerance_ns)}'
        if series.count >= PROOF_COUNT and span_ns >= PROOF_NS:
            return Placed(
                place=Place.NEW_LINE,
                sentence=f'{went}; {series.count} messages in {_s(span_ns)} agree: '
                'the clock of the sender was set',
            )
        return Placed(
            place=Place.ASTRAY,
            sentence=f'{went}; believed only if all messages of {_s(PROOF_NS)} agree',
        )

    def _extended(self, stamp_ns: int, receive_ns: int) -> _Series:
        series = self._series
        if series is not None:
            advance_ns = stamp_ns - series.stamp_ns
            leap_ns = advance_ns - (receive_ns - series.receive_ns)
            if abs(advance_ns) <= self._tolerance_ns and advance_ns <= 0:
                return series  # a repeat or a late one of the series adds nothing
            if advance_ns > 0 and abs(leap_ns) <= self._tolerance_ns:
                series.stamp_ns, series.receive_ns = stamp_ns, receive_ns
                series.count += 1
                return series
        self._series = _Series(stamp_ns, receive_ns, stamp_ns, receive_ns)
        return self._series


def _s(duration_ns: int) -> str:
    return f'{ns_to_seconds(duration_ns):.3f} s'
