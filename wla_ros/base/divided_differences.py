# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Rates of commands by the stamps at which they were emitted, whatever the gaps between them.

n! times the divided difference of order n is a mean of the n-th derivative of every motion that
the commands lie on. So a motion within its limits never yields one beyond them, and one beyond
them proves that no motion within the limits leads through the commands.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from wla_ros.base.types import FloatArray

# The limiter's positions are exact to this (rounding of the planner): short gaps magnify it.
ROUNDING = 1e-9


def divided_rates(
    stamps_ns: NDArray[np.int64], positions: FloatArray
) -> Iterator[tuple[FloatArray, FloatArray]]:
    """
    Yield mean velocities, accelerations and jerks of `positions` [n, D] at rising stamps [n].

    Each as (values [n - order, D], what rounding may add to them [n - order, 1]); row k belongs
    to the commands k to k + order.
    """
    times_s = (stamps_ns - stamps_ns[:1]) * 1e-9
    values, errors = positions, np.full((len(times_s), 1), ROUNDING)
    for order in (1, 2, 3):
        spans_s = (times_s[order:] - times_s[:-order])[:, None]
        values = order * np.diff(values, axis=0) / spans_s
        errors = order * (errors[1:] + errors[:-1]) / spans_s
        yield values, errors
