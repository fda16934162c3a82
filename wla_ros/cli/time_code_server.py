"""
Serves the page with the time code and takes its reports, in threads of its own.

Owns HTTP. What the reports mean is the business of DisplayLog; the clock is the caller's.
"""

import json
import math
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

from wla_ros.calibration import time_code
from wla_ros.calibration.display_log import ClockOffset
from wla_ros.calibration.display_log import DisplayLog
from wla_ros.calibration.display_log import RoundTrip
from wla_ros.calibration.time_code_reading import CodeReading
from wla_ros.core.errors import WlaError
from wla_ros.core.types import Refusal

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
