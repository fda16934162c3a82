# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Real-time chunking as LeRobot runs it (its `rollout` engine with `ActionQueue`).

The rows left in the queue when an inference begins guide it: row i of the rest is meant to be row
i of the new chunk. On arrival the new chunk replaces the queue less its first rows, as many as
control steps fit into the measured latency, rounded up. Nothing smooths the step.
"""

import math
from collections import deque

import numpy as np

from wla_ros.base.types import CommittedPrefix
from wla_ros.base.types import FloatArray
from wla_ros.base.types import PrefixUse
from wla_ros.benchmarks.peers.row_queue import ArrivedRows

# Defaults of its RTCConfig. `execution_horizon` is where the mask ends, not the rows between two
# inferences. Its queue threshold of 30 rows asks for a new chunk all the time with 32 rows.
EXECUTION_HORIZON = 10
MAX_GUIDANCE_WEIGHT = 10.0
_LATENCIES = 100  # that its tracker keeps; the largest of them is the forecast


class LeRobotRtc:
    """Its action queue with its latency tracker."""

    def __init__(self, dt_s: float, execution_horizon: int = EXECUTION_HORIZON) -> None:
        """Start empty; a control step takes `dt_s`."""
        self._dt_s = dt_s
        self._execution_horizon = execution_horizon
        self._latencies: deque[float] = deque(maxlen=_LATENCIES)
        self._queue: deque[FloatArray] = deque()
        self._steps = 0

    @property
    def steps(self) -> int:
        """Rows that went out so far."""
        return self._steps

    @property
    def waiting(self) -> FloatArray:
        """Rows [n, D] that go out next."""
        return np.stack(self._queue) if self._queue else np.zeros((0, 0))

    def pop(self) -> FloatArray | None:
        """Return the next row."""
        if not self._queue:
            return None
        self._steps += 1
        return self._queue.popleft()

    def merge(self, arrived: ArrivedRows) -> None:
        """Replace the queue, less the rows of the measured delay."""
        self._latencies.append(arrived.latency_s)
        # Never more than went out meanwhile: its later versions clamp so, after robots jumped.
        consumed = self._steps - arrived.begun_step
        delay = min(self._steps_of(arrived.latency_s), consumed, len(arrived.rows))
        self._queue = deque(arrived.rows[delay:])

    def prefix(self) -> CommittedPrefix | None:
        """Return what guides an inference that begins now, None if the queue is empty."""
        rows = self.waiting
        if not rows.size:
            return None
        end = min(self._execution_horizon, len(rows))
        forecast = self._steps_of(max(self._latencies, default=0.0))
        return CommittedPrefix(
            rows=rows[:end], weights=linear_weights(forecast, end), use=PrefixUse.GUIDED
        )

    def _steps_of(self, latency_s: float) -> int:
        return math.ceil(latency_s / self._dt_s - 1e-9)


def linear_weights(delay: int, end: int) -> FloatArray:
    """Return LeRobot's linear schedule [end]: 1 before `delay`, falling to 0 at `end`."""
    start = min(delay, end)
    rows = np.arange(end)
    weights: FloatArray = np.clip((end - rows) / (end - start + 1), 0.0, 1.0)
    weights[:start] = 1.0
    return weights
