# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
From candidate chunks to the one that is executed: sample -> (imagine -> score ->) choose.

Knows neither the network nor what imagines: a World Expert gives both functions.
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

# What the candidates [n, h, d] lead to, whatever the score then reads, [n, ...]
Imagine = Callable[[Tensor], Tensor]
# How good each is, [n], of candidates and of what was imagined
Score = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """How one of the candidates is chosen. Raises ValueError for several that nobody scores."""

    candidates: int = 1
    imagine: Imagine | None = None
    score: Score | None = None

    def __post_init__(self) -> None:
        """Check that every candidate has a use."""
        if self.candidates < 1:
            raise ValueError(f'at least one candidate is needed, got {self.candidates}')
        if (self.imagine is None) != (self.score is None):
            raise ValueError('what is imagined needs a score, and a score something imagined')
        if self.candidates > 1 and self.score is None:
            raise ValueError(f'{self.candidates} candidates need something that scores them')

    def choose(self, candidates: Tensor) -> Tensor:
        """Return the best [h, d] of `candidates` [n, h, d]; the device chooses, nobody waits."""
        if self.imagine is None or self.score is None:
            return candidates[0]
        scores = self.score(candidates, self.imagine(candidates))
        if scores.shape != candidates.shape[:1]:
            raise ValueError(f'{len(candidates)} candidates have scores {list(scores.shape)}')
        # A candidate whose score is no number must not win.
        best = scores.nan_to_num(nan=-float('inf')).argmax(keepdim=True)
        return candidates.index_select(0, best)[0]
