# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
What a loop that must go on failed with, and whether it still does.

Time is an argument in integer nanoseconds of a clock that is never set.
"""

from wla_ros.base.timing import NS_PER_S

# One good turn proves nothing: a loop that fails at every second one fails. Longer than the period
# of diagnostics (1 s), so that each failure is told at least once.
RECOVERY_NS = 2 * NS_PER_S


class FailureRecord:
    """Failures of one loop, noted by one thread, read by any."""

    def __init__(self, turns: str) -> None:
        """`turns` are what is counted, for example 'ticks'."""
        self._turns = turns
        self._newest: tuple[int, str] | None = None  # time, what it was
        self.count = 0

    def note(self, error: BaseException, now_ns: int) -> None:
        """Take note that a turn ended with `error`."""
        self.count += 1
        self._newest = (now_ns, f'{type(error).__name__}: {error}')

    def problem(self, now_ns: int) -> str:
        """Return what goes wrong, empty if nothing has for the time of recovery."""
        newest = self._newest
        if newest is None or now_ns - newest[0] > RECOVERY_NS:
            return ''
        return f'{self.count} {self._turns} failed, the last with {newest[1]}'
