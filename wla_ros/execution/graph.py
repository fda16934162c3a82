# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
When commands may be sent: topics that were free of others for a while, twice.

First before this side publishes there at all, so that its start disturbs nobody; then again with
its own publishers on the graph, so that of two that start at the same time neither sends. A pure
state machine: time is an argument.
"""

import enum
from dataclasses import dataclass

from wla_ros.base.types import Refusal


class Claim(enum.Enum):
    """How far it is."""

    WAITING = 'waiting'  # nothing of this side is on the topics
    OPEN = 'open'  # publishers are there, nothing is sent
    OWNED = 'owned'  # commands are sent; what happens if another comes is not decided here


class CommandClaim:
    """One claim on all command topics of a node."""

    def __init__(self, settle_ns: int) -> None:
        """Wait twice for `settle_ns` without anybody else."""
        self._settle_ns = settle_ns
        self._free_since_ns: int | None = None
        self.state = Claim.WAITING

    def begin(self, *, published: bool) -> None:
        """Claim anew; `published` says that the publishers of this side are still there."""
        self._free_since_ns = None
        self.state = Claim.OPEN if published else Claim.WAITING

    def update(self, now_ns: int, *, foreign: bool) -> Claim:
        """Return how far it is; `foreign` says that somebody else publishes there now."""
        if self.state is Claim.OWNED:
            return self.state
        if foreign:
            self._free_since_ns = None
            return self.state
        if self._free_since_ns is None:
            self._free_since_ns = now_ns
        if now_ns - self._free_since_ns >= self._settle_ns:
            self.state = Claim.OPEN if self.state is Claim.WAITING else Claim.OWNED
            self._free_since_ns = now_ns
        return self.state


# What the executor has to know about who else is on its topics, whatever middleware tells it.


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphCondition:
    """Verdict on the topics between executor, arms and policy. The default is a quiet graph."""

    problem: Refusal | None = None  # why the arms must not move
    blind: str = ''  # why the measured joints are not known to be those of the arms
    silent: bool = False  # somebody else commands, or may: not even a hold is sent
    chunk_sources: int = 1  # publishers of chunks

    def __post_init__(self) -> None:
        """Refuse a silence that nobody could explain. Raises ValueError."""
        if (self.silent or self.blind) and self.problem is None:
            raise ValueError('silent or blind without a problem that says why')
