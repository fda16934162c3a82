"""
When the screen changed: what the page reports, brought to the clock that stamps the images.

The page may run on another device. Its clock is compared with ours by round trips, as NTP does:
the quickest ones bound the offset best. Nothing here depends on the two clocks agreeing.
"""

from bisect import bisect_left
from dataclasses import dataclass
from statistics import median_low

import numpy as np

from wla_ros.calibration import time_code
from wla_ros.calibration.time_code_reading import CodeReading
from wla_ros.core.types import Refusal

NO_REPORT = 'no_report'
UNKNOWN_COUNT = 'unknown_count'

# The median of so many of the quickest trips: browsers round their clocks, some to 1 ms.
_QUICKEST = 5
_FARTHEST_NS = 5_000_000_000
# An exposure is shorter than the shortest count, or some of them could not be read; and it shows a
# tenth of both, or it would read as one.
_BLENDED_REACH = 0.4
_NEIGHBOURS = 20
# A page in the background draws nothing for seconds.
_LONGEST_COUNT_NS = 500_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundTrip:
    """One exchange: sent and answered by the page's clock, received and replied by ours."""

    sent_page_ns: int
    received_ns: int
    replied_ns: int
    answered_page_ns: int

    @property
    def travel_ns(self) -> int:
        """Time on the way, both ways."""
        return (self.answered_page_ns - self.sent_page_ns) - (self.replied_ns - self.received_ns)

    @property
    def offset_ns(self) -> int:
        """Our clock less the page's, if both ways took the same time."""
        ahead = self.received_ns - self.sent_page_ns
        back = self.replied_ns - self.answered_page_ns
        return (ahead + back) // 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockOffset:
    """Our clock less the page's."""

    offset_ns: int
    uncertainty_ns: int  # half the travel: all of it may have been on one way


class DisplayLog:
    """Collects the reports of one page. One thread at a time."""

    def __init__(self) -> None:
        """Start without reports."""
        self._begin_ns: list[int] = []  # by count, page clock, rising
        self._first_count = 0
        self._trips: list[RoundTrip] = []

    def add_count(self, count: int, drawn_page_ns: int) -> None:
        """
        Note that `count` was drawn.

        A count that does not follow the last one, or that goes back in time, starts anew. One that
        is known is reported again when the answer to its report was lost on the way.
        """
        index = count - self._first_count
        if 0 <= index < len(self._begin_ns) and self._begin_ns[index] == drawn_page_ns:
            return
        expected = self._first_count + len(self._begin_ns)
        if count != expected or (self._begin_ns and drawn_page_ns <= self._begin_ns[-1]):
            self._begin_ns.clear()
            self._first_count = count
        self._begin_ns.append(drawn_page_ns)

    def add_trip(self, trip: RoundTrip) -> None:
        """Note a round trip; one of negative travel is impossible and left out."""
        if trip.travel_ns >= 0:
            self._trips.append(trip)

    @property
    def counts(self) -> int:
        """How many counts are known."""
        return len(self._begin_ns)

    def clock_offset(self) -> ClockOffset | Refusal:
        """Return the offset of the clocks, or why it is not known."""
        if not self._trips:
            return Refusal(reason=NO_REPORT, detail='the page has not reported yet: is it open?')
        trips = sorted(self._trips, key=lambda trip: trip.travel_ns)
        best = trips[:_QUICKEST]
        return ClockOffset(
            offset_ns=median_low([trip.offset_ns for trip in best]),
            uncertainty_ns=best[-1].travel_ns // 2,
        )

    def shown_between(
        self, reading: CodeReading, stamp_ns: int, offset_ns: int
    ) -> tuple[int, int] | Refusal:
        """
        Return between which times (ours) the middle of an exposure with `reading` lies.

        An exposure that saw a change was taken around that change. Times are those of drawing,
        light is later by the lag of the display. `stamp_ns` only tells apart counts
        that look alike, minutes from each other.
        """
        index = self._index_near(reading.first, stamp_ns - offset_ns)
        if index is None or index + 1 >= len(self._begin_ns):
            return Refusal(
                reason=UNKNOWN_COUNT,
                detail=f'the page did not report count {reading.first} around {stamp_ns} ns',
            )
        begin_ns, end_ns = self._begin_ns[index], self._begin_ns[index + 1]
        if end_ns - begin_ns > _LONGEST_COUNT_NS:
            return Refusal(reason=UNKNOWN_COUNT, detail='the page was asleep at that time')
        if reading.first != reading.last:
            around = self._begin_ns[max(0, index - _NEIGHBOURS) : index + _NEIGHBOURS]
            reach_ns = int(_BLENDED_REACH * np.min(np.diff(around)))
            begin_ns, end_ns = end_ns - reach_ns, end_ns + reach_ns
        return begin_ns + offset_ns, end_ns + offset_ns

    def _index_near(self, shown: int, page_ns: int) -> int | None:
        """Return the index of the count that looks like `shown` nearest to `page_ns`."""
        near = self._first_count + bisect_left(self._begin_ns, page_ns)
        lap = near - (near - shown) % time_code.COUNTS
        indices = [
            count - self._first_count
            for count in (lap, lap + time_code.COUNTS)
            if 0 <= count - self._first_count < len(self._begin_ns)
        ]
        if not indices:
            return None
        index = min(indices, key=lambda i: abs(self._begin_ns[i] - page_ns))
        return index if abs(self._begin_ns[index] - page_ns) <= _FARTHEST_NS else None
