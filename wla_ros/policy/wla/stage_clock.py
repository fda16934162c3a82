"""How long the stages of one inference take; the clock is handed in."""

import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager

from wla_ros.core.types import StageTiming


class StageClock:
    """Measures stages in the order in which they run; a stage that runs twice is added up."""

    def __init__(
        self,
        *,
        now_ns: Callable[[], int] = time.perf_counter_ns,
        finish: Callable[[], None] = lambda: None,
    ) -> None:
        """`finish` waits for the device: kernels are queued, not run, when a call returns."""
        self.now_ns = now_ns
        self._finish = finish
        self._durations_ns: dict[str, int] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure the body as stage `name`."""
        start_ns = self.now_ns()
        yield
        self._finish()
        taken_ns = self.now_ns() - start_ns
        self._durations_ns[name] = self._durations_ns.get(name, 0) + taken_ns

    @property
    def timings(self) -> tuple[StageTiming, ...]:
        """The stages so far."""
        return tuple(
            StageTiming(stage=stage, duration_ns=duration_ns)
            for stage, duration_ns in self._durations_ns.items()
        )
