r"""
By how much the clock of the policy's host is ahead of the executor's, from messages both ways.

Each chunk carries when the newest plan was sent and heard and when the chunk itself was sent; the
executor adds when it came::

    executor  t1 plan sent                       t4 chunk heard
               \                               /
    policy      t2 plan heard ... t3 chunk sent

    offset = ((t2 - t1) + (t3 - t4)) / 2         delay = (t4 - t1) - (t3 - t2)

The true offset lies within delay / 2 of this, however unequal the two ways are (NTP, RFC 5905).
So the exchange with the smallest delay in a window is the best one. Pure; reads no clock.
"""

from collections import deque
from dataclasses import dataclass

DEFAULT_WINDOW = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoWayTimes:
    """One exchange; times of two clocks [ns]."""

    plan_stamp_ns: int  # t1, executor's clock; 0 if no plan was heard
    plan_received_ns: int  # t2, policy's clock
    published_ns: int  # t3, policy's clock
    received_ns: int  # t4, executor's clock

    @property
    def offset_ns(self) -> int:
        """Policy's clock less executor's."""
        there = self.plan_received_ns - self.plan_stamp_ns
        back = self.published_ns - self.received_ns
        return (there + back) // 2

    @property
    def delay_ns(self) -> int:
        """Both ways together, without the time in between."""
        whole = self.received_ns - self.plan_stamp_ns
        return whole - (self.published_ns - self.plan_received_ns)


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetEstimate:
    """The true offset lies within `offset_ns` +- `uncertainty_ns` if the clocks run evenly."""

    offset_ns: int  # policy's clock less executor's
    uncertainty_ns: int

    def exceeds(self, bound_ns: int) -> bool:
        """Return whether the clocks certainly disagree by more than `bound_ns`."""
        return abs(self.offset_ns) - self.uncertainty_ns > bound_ns


class ClockOffset:
    """The least delayed of the last exchanges. One thread."""

    def __init__(self, window: int = DEFAULT_WINDOW) -> None:
        """Keep `window` exchanges: at 10 chunks a second the default follows a step in 3 s."""
        self._exchanges: deque[TwoWayTimes] = deque(maxlen=window)

    def add(self, times: TwoWayTimes) -> bool:
        """
        Take an exchange; False if it tells nothing.

        It does not if no plan was heard. A negative delay is impossible: a clock was set, and what
        was known before is forgotten with it.
        """
        if times.plan_stamp_ns <= 0 or times.plan_received_ns <= 0:
            return False
        if times.delay_ns < 0:
            self._exchanges.clear()
            return False
        self._exchanges.append(times)
        return True

    def clear(self) -> None:
        """Forget all exchanges: a clock jumped."""
        self._exchanges.clear()

    @property
    def estimate(self) -> OffsetEstimate | None:
        """The best estimate, None before the first exchange; ties: the newest."""
        if not self._exchanges:
            return None
        best = min(reversed(self._exchanges), key=lambda times: times.delay_ns)
        return OffsetEstimate(offset_ns=best.offset_ns, uncertainty_ns=-(-best.delay_ns // 2))
