# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
How long after something happens the arms begin to answer.

An event is seen by the first observation at or after it, and answered when the rows of that
observation's chunk take over. Pure.
"""

import numpy as np
from numpy.typing import NDArray

from wla_ros.base.types import FloatArray

_STEP_NS = 5_000_000  # between two events that are tried: a tick of the executor


def reaction_times_s(
    stamps_ns: NDArray[np.int64], effects_ns: NDArray[np.int64], start_ns: int, end_ns: int
) -> FloatArray:
    """
    Return the reaction times [m] to events at every tick of start..end.

    `stamps_ns` [n] are the observations of chunks that took over, `effects_ns` [n] when they did.
    Events after the last observation have no answer and do not count.
    """
    order = np.argsort(stamps_ns, kind='stable')
    stamps, effects = stamps_ns[order], effects_ns[order]
    events = np.arange(start_ns, end_ns, _STEP_NS, dtype=np.int64)
    answer = np.searchsorted(stamps, events, side='left')
    known = answer < len(stamps)
    if not known.any():
        return np.zeros(0)
    # An older chunk that took over later does not answer earlier than a newer one.
    first = np.minimum.accumulate(effects[::-1])[::-1]
    reactions: FloatArray = (first[answer[known]] - events[known]) / 1e9
    return reactions
