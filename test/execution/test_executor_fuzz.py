# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Random lives of the executor, judged by what leaves it and when; and faults the judge must find.

About 25 episodes with the tests, 100 times as many at night (see `examples`); WLA_FUZZ_EPISODES
sets the number, and WLA_FUZZ_REPORT a file for the figures.
"""

import json
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from execution.examples import NIGHTLY
from execution.executor_fuzz import FuzzEpisode

from wla_ros.base.timing import ns_to_seconds
from wla_ros.execution.command import CommandedMotion
from wla_ros.execution.command import HeldPosition
from wla_ros.execution.executor import ChunkExecutor
from wla_ros.execution.feedback import FeedbackMonitor
from wla_ros.execution.feedback import FrozenFeedback
from wla_ros.execution.gate import ChunkGate
from wla_ros.execution.limiter import MotionLimiter
from wla_ros.execution.tick_clock import TickClock
from wla_ros.robots.joint_agreement import Continuity
from wla_ros.robots.joint_agreement import JointAgreement

EPISODES = int(os.environ.get('WLA_FUZZ_EPISODES', '2500' if NIGHTLY else '25'))
_MOST_FOR_A_FAULT = 60  # episodes in which a planted fault must show


def test_no_life_of_the_executor_breaks_a_promise() -> None:
    worst: Counter[str] = Counter()
    totals: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    broken = []
    for seed in range(EPISODES):
        result = FuzzEpisode(seed).run()
        for name, share in result.worst.items():
            worst[name] = max(worst[name], share)  # type: ignore[assignment]  # a share
        totals.update(
            episodes=1,
            commands=result.commands,
            accepted=result.accepted,
            milliradians=int(result.moved_rad * 1e3),
            violations=len(result.violations),
        )
        seen.update(result.seen)
        if result.violations:
            broken.append((seed, result.violations[:3]))
        if 'WLA_FUZZ_REPORT' in os.environ and (seed % 20 == 19 or seed + 1 == EPISODES):
            report = {'totals': totals, 'worst_share': worst, 'seen': seen, 'broken': broken}
            Path(os.environ['WLA_FUZZ_REPORT']).write_text(json.dumps(report, indent=1))
    assert not broken, broken[:5]
    # The promises would be kept by an executor that refuses everything as well.
    assert totals['accepted'] > 3 * EPISODES
    assert totals['milliradians'] > 200 * EPISODES
    assert min(worst.values()) > 0.5
    reasons = ('feedback_stale', 'feedback_jumped', 'feedback_contradictory', 'starvation', '')
    assert all(seen[reason] for reason in reasons), seen


def _capped(clock: TickClock, now_ns: int) -> float | None:
    last_ns = clock._last_ns
    if last_ns is None:
        return clock.period_s
    return ns_to_seconds(min(now_ns - last_ns, 2 * clock._period_ns))


def _uncapped(clock: TickClock, now_ns: int) -> float | None:
    last_ns = clock._last_ns
    return clock.period_s if last_ns is None else ns_to_seconds(now_ns - last_ns)


def _at_once(method: Callable[..., Any]) -> Callable[..., Any]:
    def follow(held: HeldPosition, *arguments: Any, **named: Any) -> Any:
        named['released'] = held._layout.arms
        return method(held, *arguments, **named)

    return follow


def _always(hold: Callable[..., Any]) -> Callable[..., Any]:
    def follow(executor: ChunkExecutor, now_ns: int, duration_s: float) -> Any:
        executor._authority.untrusted = None
        return hold(executor, now_ns, duration_s)

    return follow


def _all_at_rest(place: Callable[..., Any]) -> Callable[..., Any]:
    def rest(limiter: MotionLimiter, columns: Any, position: Any) -> None:
        place(limiter, columns, position)
        limiter.halt()

    return rest


def _talkative(hold: Callable[..., Any]) -> Callable[..., Any]:
    def talk(motion: CommandedMotion, *arguments: Any, **named: Any) -> Any:
        rests = hold(motion, *arguments, **named)
        motion.silent = frozenset()
        return rests

    return talk


_MISSED = FeedbackMonitor._missed_rad

FAULTS: dict[str, tuple[type, str, Any]] = {
    'a late tick counts as two periods': (TickClock, 'advance', _capped),
    'a stall is made up for': (TickClock, 'advance', _uncapped),
    'time set is time unknown': (
        TickClock,
        'shift',
        lambda clock, _: setattr(clock, '_last_ns', None),
    ),
    'every sample is believed': (JointAgreement, 'judge', lambda *_, **__: Continuity.CONTINUES),
    'every arm is taken over at once': (HeldPosition, 'follow', _at_once(HeldPosition.follow)),
    'one status releases an arm': (
        FeedbackMonitor,
        'released_arms',
        lambda monitor, _: set(monitor._released_since_ns),
    ),
    'an arm may reappear anywhere': (FeedbackMonitor, '_missed_rad', lambda *_: 0.0),
    'a short silence excuses a jump': (FeedbackMonitor, '_judge_unseen', lambda *_: None),
    'frozen feedback is accepted': (FrozenFeedback, 'problem', ''),
    'untrusted feedback is followed': (ChunkExecutor, '_hold', _always(ChunkExecutor._hold)),
    'a reseed stops the other arm': (MotionLimiter, 'place', _all_at_rest(MotionLimiter.place)),
    'an arm is sent its old place when nobody knows its own': (
        CommandedMotion,
        'hold',
        _talkative(CommandedMotion.hold),
    ),
    'a disabled arm that jumped is followed': (
        FeedbackMonitor,
        '_missed_rad',
        lambda monitor, arm, doubt: 0.0 if doubt.released else _MISSED(monitor, arm, doubt),
    ),
    'plans are of any length': (ChunkGate, '_judge_span', lambda *_: None),
}
# Two checks stand before a wrong sample: each keeps it out while the other one is open.
_SECOND_CHECKS = {'every sample is believed': (FAULTS['a short silence excuses a jump'],)}


@pytest.mark.parametrize('fault', FAULTS)
def test_the_judge_finds_a_planted_fault(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for owner, name, wrong in (FAULTS[fault], *_SECOND_CHECKS.get(fault, ())):
        monkeypatch.setattr(owner, name, wrong)
    for seed in range(_MOST_FOR_A_FAULT):
        if FuzzEpisode(seed).run().violations:
            return
    raise AssertionError(f'{_MOST_FOR_A_FAULT} episodes did not show: {fault}')


def test_an_episode_is_told_by_its_seed() -> None:
    one, other = FuzzEpisode(7, steps=10).run(), FuzzEpisode(7, steps=10).run()
    assert one == other
    assert np.isfinite(one.moved_rad)
