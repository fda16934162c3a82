# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Asynchronous inference of LeRobot (its `async_inference`): integer timesteps, weighted overlap.

An observation carries the timestep of the newest executed action, row i of its chunk that plus i.
On arrival rows that are not newer than the newest executed action are dropped, the others replace
the queue; where it held a row of the same timestep, the two are averaged. The camera's delay is
not known to the timesteps, and they stand still while the queue is empty.

Left out in favour of the peer: its server ignores observations whose joints moved by less than 1
(radian, whatever the robot) since the last one, unless the queue is empty.
"""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from wla_ros.base.types import FloatArray
from wla_ros.benchmarks.peers.row_queue import ArrivedRows

# Weight of the new row where two overlap; the first is LeRobot's default.
AGGREGATIONS: Mapping[str, float] = MappingProxyType(
    {'weighted_average': 0.7, 'latest_only': 1.0, 'average': 0.5, 'conservative': 0.3}
)
# An observation is sent when no more than this share of a chunk is left in the queue.
CHUNK_SIZE_THRESHOLD = 0.5


class LeRobotAggregation:
    """The queue of its robot client."""

    def __init__(self, new_weight: float) -> None:
        """Start empty; `new_weight` in 0..1 of the new row in an overlap."""
        if not 0.0 <= new_weight <= 1.0:
            raise ValueError(f'new_weight must lie in 0..1, got {new_weight!r}')
        self._new_weight = new_weight
        self._latest = -1  # timestep of the newest executed action
        self._queue: dict[int, FloatArray] = {}  # by timestep

    @property
    def steps(self) -> int:
        """Timestep that an observation taken now would carry."""
        return max(self._latest, 0)

    @property
    def waiting(self) -> FloatArray:
        """Rows [n, D] in order of their timesteps."""
        if not self._queue:
            return np.zeros((0, 0))
        return np.stack([self._queue[timestep] for timestep in sorted(self._queue)])

    def pop(self) -> FloatArray | None:
        """Return the row with the smallest timestep."""
        if not self._queue:
            return None
        self._latest = min(self._queue)
        return self._queue.pop(self._latest)

    def merge(self, arrived: ArrivedRows) -> None:
        """Average with the rows of the same timestep; older rows are dropped."""
        merged = {}
        for index, row in enumerate(arrived.rows):
            timestep = arrived.begun_step + index
            if timestep <= self._latest:
                continue
            old = self._queue.get(timestep)
            weight = self._new_weight
            merged[timestep] = row if old is None else (1.0 - weight) * old + weight * row
        self._queue = merged
