"""
One delay from several: the joints of an arm, each measured by itself.

The median, so that one odd joint does not move it; a spread that one offset cannot serve is
refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from wla_ros.calibration.delay_estimate import DelayEstimate
from wla_ros.core.types import Refusal

NOTHING_MEASURED = 'nothing_measured'
SCATTERED = 'scattered'


@dataclass(frozen=True, slots=True, kw_only=True)
class CombinedDelay:
    """The delay of a group of columns."""

    delay_s: float
    spread_s: float  # largest less smallest
    columns: tuple[str, ...]  # that it was made of


def combine_delays(
    estimates: Mapping[str, DelayEstimate | Refusal], *, largest_spread_s: float
) -> CombinedDelay | Refusal:
    """
    Return the median of the estimates by column.

    Refused columns are left out, but at least half of them must have an estimate.
    """
    delays = {
        column: estimate.delay_s
        for column, estimate in estimates.items()
        if isinstance(estimate, DelayEstimate)
    }
    if not delays or 2 * len(delays) < len(estimates):
        return Refusal(
            reason=NOTHING_MEASURED,
            detail=f'{len(delays)} of {len(estimates)} columns have a delay, half are needed',
        )
    spread_s = max(delays.values()) - min(delays.values())
    if not spread_s <= largest_spread_s:
        slowest, quickest = (
            max(delays, key=delays.__getitem__),
            min(delays, key=delays.__getitem__),
        )
        return Refusal(
            reason=SCATTERED,
            detail=f'{slowest} lags {1e3 * delays[slowest]:.1f} ms, {quickest} '
            f'{1e3 * delays[quickest]:.1f} ms: one offset cannot serve both '
            f'(largest spread {1e3 * largest_spread_s:g} ms)',
        )
    return CombinedDelay(
        delay_s=float(np.median(list(delays.values()))), spread_s=spread_s, columns=tuple(delays)
    )
