# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The page that shows the time code, its server, and when each code was really shown."""

import json
import math
import threading
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer
from pathlib import Path
from statistics import median_low
from types import TracebackType
from typing import Any

import numpy as np

from wla_ros.base.config import WlaError
from wla_ros.base.types import Refusal
from wla_ros.calibration import time_code
from wla_ros.calibration.time_code import CodeReading

# When the screen changed: what the page reports, brought to the clock that stamps the images.
#
# The page may run on another device. Its clock is compared with ours by round trips, as NTP does:
# the quickest ones bound the offset best. Nothing here depends on the two clocks agreeing.

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


_PAGE = Path(__file__).with_name('time_code_page.html')
_LARGEST_BODY = 1 << 20
_NS_PER_MS = 1e6


class PageError(WlaError):
    """The page cannot be served."""


class TimeCodeServer:
    """
    One page on one address; a context manager. All methods may be called from any thread.

    The newest page that was loaded counts, others are told so.
    """

    def __init__(self, address: str, port: int, *, now_ns: Callable[[], int]) -> None:
        """Listen; port 0 takes a free one. Raises PageError if the address cannot be used."""
        self._now_ns = now_ns
        self._lock = threading.Lock()
        self._log = DisplayLog()
        self._session = ''
        self._retired: set[str] = set()
        self._refresh_s = 0.0
        self.status = 'waiting for images'  # shown on the page
        handler = type('Handler', (_Handler,), {'owner': self})
        try:
            self._server = ThreadingHTTPServer((address, port), handler)
        except OSError as error:
            raise PageError(f'cannot serve a page on {address}:{port}: {error}') from error
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> 'TimeCodeServer':
        """Begin to answer."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop to answer."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self._server.server_address[1])

    @property
    def refresh_s(self) -> float:
        """The refresh period of the display [s], 0 before the first report."""
        with self._lock:
            return self._refresh_s

    @property
    def counts(self) -> int:
        """How many counts the page has reported."""
        with self._lock:
            return self._log.counts

    def clock_offset(self) -> ClockOffset | Refusal:
        """Return our clock less the page's, or why it is not known."""
        with self._lock:
            return self._log.clock_offset()

    def shown_between(
        self, reading: CodeReading, stamp_ns: int, offset_ns: int
    ) -> tuple[int, int] | Refusal:
        """Return the times of an exposure, see DisplayLog."""
        with self._lock:
            return self._log.shown_between(reading, stamp_ns, offset_ns)

    def clock(self) -> int:
        """Return our time [ns]."""
        return self._now_ns()

    def take_report(self, report: Any) -> dict[str, Any]:
        """
        Take over a report and return the answer to the page.

        Raises ValueError, TypeError or KeyError if it is none; nothing of it is kept then.
        """
        session = str(report['session'])
        counts = [(int(count), _ns(drawn)) for count, drawn in report['counts']]
        trips = [
            RoundTrip(
                sent_page_ns=_ns(sent),
                received_ns=int(received),
                replied_ns=int(replied),
                answered_page_ns=_ns(answered),
            )
            for sent, received, replied, answered in report['trips']
        ]
        refresh_s = _ns(report['refresh_ms']) / 1e9
        with self._lock:
            if session in self._retired:
                return {'replaced': True}
            if session != self._session:
                self._retired.add(self._session)
                self._session, self._log = session, DisplayLog()
            for count, drawn_ns in counts:
                self._log.add_count(count, drawn_ns)
            for trip in trips:
                self._log.add_trip(trip)
            if refresh_s > 0.0:
                self._refresh_s = refresh_s
        return {'replaced': False, 'status': self.status}


def _ns(milliseconds: Any) -> int:
    value = float(milliseconds)
    if not math.isfinite(value) or value < 0.0:
        raise ValueError(f'{milliseconds!r} is no time')
    return round(value * _NS_PER_MS)


def page() -> str:
    """Return the page with the layout of the code in it."""
    layout = {
        'width': time_code.WIDTH,
        'height': time_code.HEIGHT,
        'counts': time_code.COUNTS,
        'cell': time_code.CELL_MODULES,
        'black': time_code.black_modules(),
        'cells': [(cells.one, cells.zero) for cells in time_code.BIT_CELLS],
    }
    text = _PAGE.read_text(encoding='utf-8')
    return text.replace('/*LAYOUT*/null', json.dumps(layout))


class _Handler(BaseHTTPRequestHandler):
    """One connection of a browser."""

    owner: TimeCodeServer
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True  # a held back answer would look like a slow clock
    timeout = 30.0

    def do_GET(self) -> None:  # noqa: N802 - the name is the base class's
        """Serve the page and the time."""
        received_ns = self.owner.clock()
        if self.path == '/clock':
            self._answer(f'{received_ns} {self.owner.clock()}', 'text/plain')
        elif self.path == '/':
            self._answer(page(), 'text/html; charset=utf-8')
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:  # noqa: N802 - the name is the base class's
        """Take a report."""
        given = self.headers.get('Content-Length') or ''
        length = int(given) if given.isdecimal() else 0
        if self.path != '/report' or not 0 < length <= _LARGEST_BODY:
            self.close_connection = True
            self.send_error(HTTPStatus.BAD_REQUEST)
            return
        try:
            answer = self.owner.take_report(json.loads(self.rfile.read(length)))
        except (ValueError, TypeError, KeyError) as error:
            self.send_error(HTTPStatus.BAD_REQUEST, explain=f'{type(error).__name__}: {error}')
            return
        self._answer(json.dumps(answer), 'application/json')

    def _answer(self, text: str, kind: str) -> None:
        body = text.encode('utf-8')
        self.send_response(HTTPStatus.OK)
        self.send_header('Content-Type', kind)
        self.send_header('Content-Length', str(len(body)))
        self.send_header('Cache-Control', 'no-store')
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
        """Stay silent: five reports a second are no news."""
        del format, arguments
