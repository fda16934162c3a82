"""How sure a success rate is, from how few episodes."""

import math
from dataclasses import dataclass

# Two-sided 95 % quantile of the normal distribution.
_Z95 = 1.959963984540054


@dataclass(frozen=True, slots=True, kw_only=True)
class SuccessRate:
    """Successes of a number of independent episodes with the Wilson 95 % score interval."""

    successes: int
    episodes: int

    def __post_init__(self) -> None:
        """Refuse impossible counts."""
        if not 0 <= self.successes <= self.episodes:
            raise ValueError(f'{self.successes} successes of {self.episodes} episodes')

    @property
    def rate(self) -> float:
        """Return the share of successes, NaN without episodes."""
        return self.successes / self.episodes if self.episodes else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Return (low, high) of Wilson (1927); (0, 1) without episodes."""
        n = self.episodes
        if not n:
            return 0.0, 1.0
        share, z2 = self.successes / n, _Z95 * _Z95
        centre = (share + z2 / (2 * n)) / (1 + z2 / n)
        half = _Z95 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
        # At 0 and n successes the exact ends are 0 and 1; rounding must not say otherwise.
        low = 0.0 if self.successes == 0 else centre - half
        high = 1.0 if self.successes == n else centre + half
        return low, high

    def __str__(self) -> str:
        """Return for example '98/100 (98 %, 93..99 %)'."""
        low, high = self.interval
        share = f'{100 * self.rate:.0f} %, {100 * low:.0f}..{100 * high:.0f} %'
        return f'{self.successes}/{self.episodes} ({share})'
