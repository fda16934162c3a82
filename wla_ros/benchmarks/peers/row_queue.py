# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The seam of a peer: a queue of rows, one of which goes out at every control step.

Peers count steps instead of keeping time; a step is one row period of the policy.
"""

from dataclasses import dataclass
from typing import Protocol

from wla_ros.base.types import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ArrivedRows:
    """A chunk as a peer sees it."""

    rows: FloatArray  # [H, D]
    begun_step: int  # steps executed when the observation was taken
    latency_s: float  # from taking the observation to now


class RowQueue(Protocol):
    """Starts empty; one thread."""

    @property
    def steps(self) -> int:
        """Rows that went out so far."""
        ...

    @property
    def waiting(self) -> FloatArray:
        """Rows [n, D] that would go out next."""
        ...

    def pop(self) -> FloatArray | None:
        """Return the row [D] of this step, None if there is none: then it is no step."""
        ...

    def merge(self, arrived: ArrivedRows) -> None:
        """Take the rows of a new chunk."""
        ...
