"""
What the executor tells the policy: the rows it is going to execute, and how late chunks come.

Sent at every splice, flush and change of state. Between two of them nothing changes but time.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wla_ros.core.types import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class SpliceDelay:
    """How late the newest accepted chunk took over: what the next forecast learns from."""

    epoch: int
    sequence: int
    delay_ns: int  # from the observation stamp of the chunk to its splice, executor's clock


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExecutionPlan:
    """
    The plan at `stamp_ns`.

    The rows include the last ones before `stamp_ns`, as far back as chunks in flight may be
    anchored. What is due is absolute: chunk row i of the policy belongs to
    observation stamp + i * dt.
    """

    stamp_ns: int  # when the executor wrote this
    strategy: str  # name in core.execution_strategy that the executor runs
    epoch: int  # of the newest accepted chunk
    sequence: int
    due_ns: NDArray[np.int64]  # [n] rising strictly, n may be 0
    rows: FloatArray  # [n, D] joint positions in robot units
    accepting: bool  # the mode wants chunks (AUTONOMY) and nothing blocks motion
    resting: bool  # nothing is planned and the command stands still
    tracking_error: FloatArray  # [D] measured less commanded joints, columns without feedback 0
    splice: SpliceDelay | None = None  # of the newest accepted chunk
