# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The clock of the rig: it runs with the wall clock and waits for those who have not kept up.

Simulated time that waits makes a slow machine slow instead of late: what the nodes see of each
other is as old as on a machine that keeps up. Pure; the wall clock is an argument.
"""

from collections import deque

# A clock that waited catches up at most twice as fast as time passes.
_MOST_STEPS = 2
# The spacing of stamps is the shortest of so many: a late one must not widen it.
_SPACINGS = 8


class HeldClock:
    """Time in whole steps. One thread calls all methods."""

    def __init__(self, *, start_ns: int, step_ns: int, catch_up_ns: int) -> None:
        """
        Start at `start_ns`.

        A pause of up to `catch_up_ns` is made up for; what is beyond it has slipped for good.
        """
        self.now_ns = start_ns
        self.slipped_ns = 0  # behind the wall clock for good, since the start
        self._step_ns = step_ns
        self._catch_up_ns = catch_up_ns
        self._offset_ns: int | None = None  # what the clock would show, less the wall clock

    def steps(self, wall_ns: int, until_ns: int | None) -> int:
        """Return how many steps are due at `wall_ns` (monotonic), none of them past `until_ns`."""
        if self._offset_ns is None:
            self._offset_ns = self.now_ns - wall_ns
        wanted_ns = wall_ns + self._offset_ns
        allowed_ns = wanted_ns if until_ns is None else min(wanted_ns, until_ns)
        steps = max(0, min(_MOST_STEPS, (allowed_ns - self.now_ns) // self._step_ns))
        self.now_ns += steps * self._step_ns
        slip_ns = wanted_ns - self.now_ns - self._catch_up_ns
        if slip_ns > 0:
            self._offset_ns -= slip_ns
            self.slipped_ns += slip_ns
        return steps


class Awaited:
    """
    How far the clock may be ahead of what comes back from those who follow it: stamps of its time.

    A sender that is not heard for `patience_ns` of the wall clock is not waited for: it has ended,
    or sends nothing. One thread, or the lock of the owner.
    """

    def __init__(self, *, lead_ns: int, patience_ns: int) -> None:
        """Allow `lead_ns` beyond the newest stamp, or twice their spacing where that is wider."""
        self._lead_ns = lead_ns
        self._patience_ns = patience_ns
        self._heard: dict[str, tuple[int, int]] = {}  # stamp and wall time of the newest
        self._spacings: dict[str, deque[int]] = {}

    def note(self, sender: str, stamp_ns: int, wall_ns: int, *, now_ns: int) -> None:
        """Take note of a stamp of `sender`; one after `now_ns`, the clock's time, is not of it."""
        if stamp_ns > now_ns:
            return
        last = self._heard.get(sender)
        if last is not None and stamp_ns > last[0]:
            spacings = self._spacings.setdefault(sender, deque(maxlen=_SPACINGS))
            spacings.append(stamp_ns - last[0])
        if last is None or stamp_ns >= last[0]:
            self._heard[sender] = (stamp_ns, wall_ns)

    def until_ns(self, wall_ns: int) -> int | None:
        """Return the time that the clock must not pass at `wall_ns`, None if nobody sends."""
        limits = []
        for sender, (stamp_ns, heard_ns) in self._heard.items():
            if wall_ns - heard_ns <= self._patience_ns:
                spacing_ns = min(self._spacings.get(sender, ()), default=0)
                wider = spacing_ns > self._lead_ns
                limits.append(stamp_ns + (2 * spacing_ns if wider else self._lead_ns))
        return min(limits, default=None)
