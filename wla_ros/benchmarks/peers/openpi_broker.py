# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
openpi's action chunk broker: execute the first rows of a chunk, then block for the next one.

The observation is taken right after the last of these rows went out. While the policy thinks, the
robot stays where it was sent last; then row 0 follows, whenever that is.
"""

from collections import deque

import numpy as np

from wla_ros.base.types import FloatArray
from wla_ros.benchmarks.peers.row_queue import ArrivedRows


class OpenPiBroker:
    """Synchronous chunks."""

    def __init__(self, action_horizon: int) -> None:
        """Execute `action_horizon` >= 1 rows of every chunk."""
        if action_horizon < 1:
            raise ValueError(f'action_horizon must be at least 1, got {action_horizon}')
        self._action_horizon = action_horizon
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
        """Begin the new chunk at its first row."""
        self._queue = deque(arrived.rows[: self._action_horizon])
