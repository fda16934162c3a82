# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""How much of the time something may take: a share in the long run, and a burst."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What `TimeCredit` grants; work of less than `free_ns` at a time counts as nothing."""

    share: float
    burst_ns: int
    free_ns: int


class TimeCredit:
    """Spent by work, earned by waiting. `now_ns` never goes back."""

    def __init__(self, allowance: Allowance) -> None:
        """Begin with a whole burst."""
        self._allowance = allowance
        self._left_ns = float(allowance.burst_ns)
        self._seen_ns = 0

    def spend(self, cost_ns: int, now_ns: int) -> None:
        """
        Note work of `cost_ns` that ended at `now_ns`; it may exceed what is left.

        The debt is bounded by a burst: nothing waits longer than `burst_ns` / `share`.
        """
        if cost_ns >= self._allowance.free_ns:
            self._earn(now_ns)
            self._left_ns = max(self._left_ns - cost_ns, -float(self._allowance.burst_ns))

    def wait_ns(self, now_ns: int) -> int:
        """Return how long it is until there may be more work, 0 if it may be now."""
        if self._left_ns >= 0.0:
            return 0
        self._earn(now_ns)
        return max(0, round(-self._left_ns / self._allowance.share))

    def _earn(self, now_ns: int) -> None:
        earned_ns = self._allowance.share * (now_ns - self._seen_ns)
        self._left_ns = min(float(self._allowance.burst_ns), self._left_ns + earned_ns)
        self._seen_ns = now_ns


# Messages and requests that are read while a control loop runs in the same interpreter. rclpy
# reads with the interpreter held: 4 MB take 4 to 60 ms, in which nothing else runs, no tick and no
# stop. At this share a flood of them meets one stop in 200. Ordinary ones take a tenth of what is
# free, and a single wrong one is within the burst.
BESIDE_A_CONTROL_LOOP = Allowance(share=0.005, burst_ns=100_000_000, free_ns=2_000_000)
