# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""A thread that calls a function at absolute deadlines, and the ROS clock it follows."""

import contextlib
import os
import threading
import time
from collections.abc import Callable
from time import monotonic_ns
from typing import Protocol

from rclpy.clock import Clock
from rclpy.clock import JumpThreshold
from rclpy.clock import TimeJump
from rclpy.duration import Duration

from wla_ros.base.failure_record import FailureRecord
from wla_ros.base.timing import NS_PER_S
from wla_ros.base.timing import ClockMapping
from wla_ros.base.timing import ClockStep

# ROS time for a loop that is paced by monotonic time, and the moment at which the ROS clock steps.
#
# Owns the readings of both clocks. With simulated time the loop is paced by the ROS clock itself.

# The offset of the ROS clock is read this often; more would only average noise.
_READING_PERIOD_NS = 100_000_000


class FollowedClock:
    """`follow` is called by one thread, the others may ask for the time."""

    def __init__(self, now_ns: Callable[[], int], *, simulated: bool) -> None:
        """Follow the ROS clock that `now_ns` reads."""
        self._now_ns = now_ns
        self._simulated = simulated
        self._mapping = ClockMapping()
        self._read_ns = 0

    def follow(self, loop_ns: int) -> ClockStep | None:
        """Read the clocks if it is time to; return the step of the ROS clock, if one happened."""
        if self._simulated or loop_ns - self._read_ns < _READING_PERIOD_NS:
            return None
        self._read_ns = loop_ns
        return self._mapping.observe(time.monotonic_ns(), self._now_ns(), time.monotonic_ns())

    def now_ns(self) -> int:
        """Return the ROS time."""
        return self._now_ns() if self._simulated else self.at(time.monotonic_ns())

    def at(self, loop_ns: int) -> int:
        """Return the ROS time at a time of the loop of this moment."""
        if self._simulated:
            return loop_ns
        if self._mapping.offset_ns is None:
            return self._now_ns()
        return self._mapping.to_ros_ns(loop_ns)


# What a loop is paced by: monotonic time, or a ROS clock that somebody simulates.
#
# Owns the wait for a deadline. One thread waits.

# A simulated clock may stand still; the loop looks this often whether it is to end.
_LOOK_S = 0.1


class TickTime(Protocol):
    """The time of a loop."""

    def now_ns(self) -> int:
        """Return the time."""
        ...

    def reached(self, deadline_ns: int) -> bool:
        """Wait for `deadline_ns`; False if it has not come after a while."""
        ...

    def close(self) -> None:
        """Stop to wait."""
        ...


class MonotonicTime:
    """The time of this machine."""

    def now_ns(self) -> int:
        """Return the monotonic time."""
        return time.monotonic_ns()

    def reached(self, deadline_ns: int) -> bool:
        """Sleep until `deadline_ns`."""
        wait_ns = deadline_ns - time.monotonic_ns()
        if wait_ns > 0:
            time.sleep(wait_ns * 1e-9)
        return True

    def close(self) -> None:
        """Nothing to do."""


class SimulatedTime:
    """The time on /clock: a deadline is reached when a message says so."""

    def __init__(self, clock: Clock) -> None:
        """Follow `clock`, of a node that is spun by another thread."""
        self._clock = clock
        self._condition = threading.Condition()
        # Every message moves the clock by more than that.
        least = JumpThreshold(
            min_forward=Duration(nanoseconds=1),
            min_backward=Duration(nanoseconds=-1),
            on_clock_change=False,
        )
        self._handle = clock.create_jump_callback(least, post_callback=self._wake)

    def now_ns(self) -> int:
        """Return the simulated time."""
        return int(self._clock.now().nanoseconds)

    def reached(self, deadline_ns: int) -> bool:
        """Wait for a message of `deadline_ns` or later, for a tenth of a second at most."""
        with self._condition:
            return self._condition.wait_for(lambda: self.now_ns() >= deadline_ns, _LOOK_S)

    def close(self) -> None:
        """Take no more messages."""
        self._handle.unregister()

    def _wake(self, jump: TimeJump) -> None:
        del jump
        with self._condition:
            self._condition.notify_all()


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
            # Up to this tick, and past before it ended; one of this very moment is due.
            passed_ns = max(now_ns, clock.now_ns() - 1)
            missed = max(0, passed_ns - deadline_ns) // self._period_ns
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
