"""Things that happen at points in virtual time, in an order that never depends on chance."""

import heapq
from collections import Counter
from collections.abc import Callable

Action = Callable[[int], None]


class EventQueue:
    """
    A clock that jumps from event to event.

    Events of equal time run by rank, then in the order they were added.
    """

    def __init__(self, start_ns: int) -> None:
        """Stand at `start_ns` with nothing to do."""
        self.now_ns = start_ns
        self._heap: list[tuple[int, int, int, str, Action]] = []
        self._added = 0
        self._stopped = False

    def at(self, time_ns: int, action: Action, *, rank: int = 0, kind: str = '') -> None:
        """
        Run `action(now_ns)` once at `time_ns`; `kind` is what `waiting` counts it under.

        Raises ValueError for a time that has passed.
        """
        if time_ns < self.now_ns:
            raise ValueError(f'event at {time_ns} ns lies before now, {self.now_ns} ns')
        heapq.heappush(self._heap, (time_ns, rank, self._added, kind, action))
        self._added += 1

    def every(self, period_ns: int, action: Action, *, first_ns: int, rank: int = 0) -> None:
        """Run `action` at `first_ns` and then each `period_ns`, on a grid that does not drift."""

        def repeat(now_ns: int) -> None:
            action(now_ns)
            self.at(now_ns + period_ns, repeat, rank=rank)

        self.at(first_ns, repeat, rank=rank)

    def waiting(self) -> Counter[str]:
        """Return how many events of every kind have not run yet."""
        return Counter(kind for _, _, _, kind, _ in self._heap)

    def stop(self) -> None:
        """Let `run` return after the present event."""
        self._stopped = True

    def run(self, until_ns: int) -> None:
        """Run all events up to and at `until_ns`, or until `stop`."""
        while self._heap and not self._stopped and self._heap[0][0] <= until_ns:
            time_ns, _, _, _, action = heapq.heappop(self._heap)
            self.now_ns = time_ns
            action(time_ns)
