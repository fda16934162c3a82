# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
What moves the arms in a mode that moves them: action chunks, or the way home.

A source makes one step of the command and says what came of it. Whether it may, and what happens
when it does not, is decided elsewhere.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Protocol

from wla_ros.base import reasons
from wla_ros.execution.command import CommandedMotion
from wla_ros.execution.plan import PlannedMotion


@dataclass(frozen=True, slots=True)
class Step:
    """What came of one step; without a place to move to, a reason (name and sentence) why."""

    moves: bool = False
    reason: str = ''
    detail: str = ''
    ends: bool = False  # the mode is over, for that reason


_MOVES = Step(moves=True)


class MotionSource(Protocol):
    """Moves the command in one mode."""

    def interrupt(self) -> None:
        """Take note that what was planned no longer fits the arms."""

    def step(self, now_ns: int, duration_s: float) -> Step:
        """Move the command of `now_ns` by `duration_s`, or say why there is nowhere to go."""


class ChunkSource:
    """Follows the rows of action chunks."""

    def __init__(self, plan: PlannedMotion, motion: CommandedMotion, counts: Counter[str]) -> None:
        """Follow `plan`; `counts` are those of `ExecutorCounts`."""
        self._plan, self._motion, self._counts = plan, motion, counts
        self._idle = Step(
            reason=reasons.WAITING_FOR_CHUNK,
            detail='no chunk was accepted since autonomy began',
        )

    def interrupt(self) -> None:
        """Wait for a chunk that was observed after this."""
        self._idle = Step(
            reason=reasons.WAITING_FOR_CHUNK,
            detail='no chunk was accepted since motion was interrupted',
        )

    def step(self, now_ns: int, duration_s: float) -> Step:
        """Follow the plan, if there is one and it has begun."""
        plan, motion = self._plan, self._motion
        if plan.advance(now_ns):
            if plan.rests_between and not motion.arrive(plan.sample(now_ns).position, duration_s):
                # What was asked for is to be there, not to come to rest somewhere behind it.
                return _MOVES
            self._run_dry(now_ns)
        if plan.is_empty:
            return self._idle
        target = plan.target(now_ns)
        if target.outside.all():
            return Step(
                reason=reasons.WAITING_FOR_CHUNK,
                detail='the first row of the chunk is not due yet',
            )
        self._counts['limit_hits'] += motion.track(target, duration_s)
        return _MOVES

    def _run_dry(self, now_ns: int) -> None:
        """Note that the last row has passed and nothing follows."""
        if self._plan.finished:
            reason, detail = reasons.FINISHED, 'the policy considers the task done'
        elif self._plan.rests_between:
            reason = reasons.WAITING_FOR_CHUNK
            detail = 'the chunk is executed, the next is thought of'
        else:
            self._counts['starvations'] += 1
            reason = reasons.STARVATION
            detail = 'the last row has passed and no newer chunk came'
        self._idle = Step(reason=reason, detail=detail)
        self._plan.end(now_ns)


class HomeSource:
    """Moves to the home configuration."""

    def __init__(self, motion: CommandedMotion) -> None:
        """Move `motion`."""
        self._motion = motion

    def interrupt(self) -> None:
        """Nothing is planned."""

    def step(self, now_ns: int, duration_s: float) -> Step:
        """Go on; the mode ends where home is reached."""
        del now_ns
        if not self._motion.go_home(duration_s):
            return _MOVES
        return Step(
            moves=True,
            reason=reasons.HOMED,
            detail='the home configuration is reached',
            ends=True,
        )
