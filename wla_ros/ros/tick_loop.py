"""
A thread that calls a function at absolute deadlines.

Owns pacing and the measurement of lateness. Must not know what a tick does.
"""

import contextlib
import os
import threading
from collections.abc import Callable
from time import monotonic_ns

from wla_ros.core.failure_record import FailureRecord
from wla_ros.core.timing import NS_PER_S
from wla_ros.ros.tick_time import MonotonicTime
from wla_ros.ros.tick_time import TickTime

# A tick that takes longer stands still: no healthy one comes near, none may be waited for.
_STANDSTILL_NS = NS_PER_S


class TickLoop:
    """
    Calls `tick(now_ns, lateness_ns)` every `period_ns`, both of the time that paces the loop.

    Deadlines lie on one grid: a late tick does not delay the next. Deadlines that have passed
    completely are left out and counted, so a pause is not followed by a burst.
    """

    def __init__(
        self,
        *,
        period_ns: int,
        tick: Callable[[int, int], None],
        on_error: Callable[[BaseException], None],
        realtime_priority: int = 0,
        name: str = 'control loop',
        time: TickTime | None = None,
    ) -> None:
        """Prepare; nothing runs before `start`. `time` is monotonic unless given."""
        self._period_ns = period_ns
        self._tick = tick
        self._on_error = on_error
        self._realtime_priority = realtime_priority
        self._time = MonotonicTime() if time is None else time
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._failures = FailureRecord('ticks')
        self._alive_ns = monotonic_ns()  # when the thread last came by
        self.skipped = 0
        self.priority_problem = ''

    @property
    def running(self) -> bool:
        """Whether the thread lives."""
        return self._thread.is_alive()

    @property
    def errors(self) -> int:
        """How many ticks raised an error."""
        return self._failures.count

    @property
    def problem(self) -> str:
        """Why the ticks do not do what they should, empty if they do: failing, stuck or ended."""
        now_ns = monotonic_ns()
        if not self._stopping.is_set():
            if not self.running:
                return 'the loop has ended'
            if now_ns - self._alive_ns > _STANDSTILL_NS:
                return f'the loop stands still for {(now_ns - self._alive_ns) / NS_PER_S:.1f} s'
        return self._failures.problem(now_ns)

    def start(self) -> None:
        """Start the thread."""
        self._alive_ns = monotonic_ns()
        self._thread.start()

    def stop(self, timeout_s: float = 2.0) -> bool:
        """End the thread after the present tick; False if it did not end in time."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        self._time.close()
        return not self._thread.is_alive()

    def _run(self) -> None:
        self._raise_priority()
        clock = self._time
        deadline_ns = clock.now_ns() + self._period_ns
        while not self._stopping.is_set():
            self._alive_ns = monotonic_ns()
            if not clock.reached(deadline_ns):
                # A clock that was set back; one that stands leaves the deadline where it is.
                deadline_ns = min(deadline_ns, clock.now_ns() + self._period_ns)
                continue
            now_ns = clock.now_ns()
            lateness_ns = now_ns - deadline_ns
            try:
                self._tick(now_ns, lateness_ns)
            except Exception as error:  # one bad tick must not leave the arms without commands
                self._failures.note(error, monotonic_ns())
                with contextlib.suppress(Exception):  # nor must what is done about it
                    self._on_error(error)
            missed = max(0, clock.now_ns() - deadline_ns) // self._period_ns
            self.skipped += missed
            deadline_ns += (missed + 1) * self._period_ns

    def _raise_priority(self) -> None:
        if not self._realtime_priority:
            return
        try:
            # 0 is the calling thread. Reset on fork: children must not inherit the priority.
            parameters = os.sched_param(self._realtime_priority)
            os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, parameters)
        except OSError as error:
            self.priority_problem = (
                f'SCHED_FIFO {self._realtime_priority} was not granted: {error.strerror}'
            )
