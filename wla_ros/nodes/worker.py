# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The one thread that thinks: takes the newest work, never queues any, never blocks who offers it.

Owns the thread. Callbacks call `notify` when data arrived; the pull function then says whether
there is work. So nothing polls, nothing older than the newest is worked on, and no callback
waits for the policy. Must not know ROS.
"""

import contextlib
import threading
from collections.abc import Callable
from functools import partial
from time import monotonic_ns
from typing import Generic
from typing import TypeVar

from wla_ros.base.failure_record import FailureRecord

T = TypeVar('T')


class InferenceWorker(Generic[T]):
    """
    Calls `handle(item)` in its own thread for items that `pull()` gives.

    `notify()` may be called from any thread: while the worker is idle it pulls at once, in the
    caller's thread, and hands the item over; while the worker is busy it does nothing, because the
    worker pulls again when it is done. `pull` must be safe to call from both threads and quick;
    None means that there is no work now. `opening` and `closing` run in the worker's thread, so
    everything that must stay on one thread can.
    """

    def __init__(
        self,
        *,
        pull: Callable[[], T | None],
        handle: Callable[[T], None],
        opening: Callable[[], None] = lambda: None,
        closing: Callable[[], None] = lambda: None,
        on_error: Callable[[BaseException], None] = lambda _: None,
        name: str = 'inference',
    ) -> None:
        """Prepare; nothing runs before `start`."""
        self._pull = pull
        self._handle = handle
        self._opening = opening
        self._closing = closing
        self._on_error = on_error
        self._condition = threading.Condition()
        self._slot: T | None = None
        self._busy = True  # until the opening is done
        self._stopping = False
        self._failures = FailureRecord('items')
        self._unopened = ''  # why the opening failed
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def busy(self) -> bool:
        """Whether an item is being worked on or waits in the slot, or the opening still runs."""
        with self._condition:
            return self._busy

    @property
    def problem(self) -> str:
        """What goes wrong in the thread, empty if nothing does. A failed opening is for good."""
        if not self._stopping and not self._thread.is_alive():
            return 'the thread has ended'
        return self._unopened or self._failures.problem(monotonic_ns())

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def notify(self) -> None:
        """Give the worker something to do if it is idle and there is something."""
        with self._condition:
            if self._busy or self._stopping:
                return
            self._slot = self._pull()
            if self._slot is not None:
                self._busy = True
                self._condition.notify()

    def stop(self, timeout_s: float) -> bool:
        """End the thread after the item it works on; False if it did not end in time."""
        with self._condition:
            self._stopping = True
            self._condition.notify()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        self._unopened = self._guarded(self._opening)
        while True:
            item = self._next()
            if item is None:
                break
            self._guarded(partial(self._handle, item))
        self._guarded(self._closing)

    def _next(self) -> T | None:
        """Return the next item, waiting for one; None when stopping."""
        with self._condition:
            if not self._stopping and self._slot is None:
                self._slot = self._pull()
            self._busy = self._slot is not None
            while self._slot is None and not self._stopping:
                self._condition.wait()
            item, self._slot = self._slot, None
            return None if self._stopping else item

    def _guarded(self, action: Callable[[], None]) -> str:
        """Call `action`; return what it raised."""
        try:
            action()
        except (
            Exception
        ) as error:  # one bad inference must not end the thread; the owner counts it
            self._failures.note(error, monotonic_ns())
            with contextlib.suppress(Exception):  # nor must what is done about it
                self._on_error(error)
            return f'{type(error).__name__}: {error}'
        return ''
