# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Whatever arrives when: no command outside the limits, no row unaccounted for, no broken number.
"""

from collections import Counter
from dataclasses import dataclass
from dataclasses import replace

import numpy as np
from execution.arms import CONFIG
from execution.arms import DT_NS
from execution.arms import GRIPPERS
from execution.arms import JOINTS
from execution.arms import LAYOUT
from execution.arms import LIMITS
from execution.arms import MS
from execution.arms import PERIOD_NS
from execution.arms import REST
from execution.arms import WIDTH
from execution.arms import Run
from execution.arms import assert_counts_add_up
from execution.arms import assert_within_limits
from execution.arms import chunk
from execution.arms import moving_rows
from execution.examples import examples
from execution.plans import JOINS
from hypothesis import given
from hypothesis import strategies as st

from wla_ros.base.types import ActionChunk
from wla_ros.base.types import Mode
from wla_ros.inference.strategy import StrategyConfig

VELOCITY = 0.15


@examples(25)
@given(
    latencies_ms=st.lists(st.integers(0, 400), min_size=4, max_size=10),
    gaps=st.lists(st.integers(1, 25), min_size=10, max_size=10),
)
def test_no_latency_sequence_makes_a_plan_of_constant_velocity_jump(
    latencies_ms: list[int], gaps: list[int]
) -> None:
    run = Run(lag=0.9)
    run.start()
    entered_ns = run.now_ns
    run.offer(moving_rows(0.0, 0, count=16))
    run.tick(80)
    for i, latency_ms in enumerate(latencies_ms):
        age_ns = min(latency_ms * MS, run.now_ns - entered_ns)
        elapsed_ns = run.now_ns - age_ns - entered_ns
        assert run.offer(moving_rows(VELOCITY, elapsed_ns), age_ns=age_ns) is None
        run.tick(gaps[i])
        if i:
            seams = run.snapshot.seams
            assert seams.last_position_rad < 1e-6
            assert seams.last_velocity_rad_s < 1e-5
    elapsed_s = (run.now_ns - entered_ns) * 1e-9
    run.tick(1)
    assert_within_limits(run.commands)
    assert run.snapshot.counts.starvations == 0
    if sum(gaps[: len(latencies_ms)]) > 120:  # bridge and smoothing window have passed
        expected = REST[JOINTS] + VELOCITY * (elapsed_s + PERIOD_NS * 1e-9)
        assert np.abs(run.commands[-1].position[JOINTS] - expected).max() < 1e-4


@dataclass(frozen=True)
class Event:
    kind: str
    ticks: int
    number: int


KINDS = (
    *('chunk',) * 12,
    *('go',) * 2,
    *('broken', 'repeat', 'future', 'mode', 'silence', 'speak', 'fault', 'heal', 'epoch', 'stick'),
    'jump',
)
events = st.builds(
    Event,
    kind=st.sampled_from(KINDS),
    ticks=st.integers(0, 40),
    number=st.integers(0, 2**31),
)


def random_chunk(run: Run, rng: np.random.Generator, epoch: int) -> ActionChunk:
    """Return a wandering plan from about where the arms are; mostly plausible, often too fast."""
    count, dt_ns = int(rng.integers(4, 33)), int(rng.choice([10 * MS, DT_NS, 60 * MS]))
    position = run.commands[-1].position if run.commands else REST
    speed = rng.choice([0.1, 1.0, 3.0])
    velocity = np.cumsum(rng.normal(0.0, speed / 5, (count, WIDTH)), axis=0).clip(-4.0, 4.0)
    rows = position + rng.normal(0.0, 0.05, WIDTH) + np.cumsum(velocity, axis=0) * dt_ns * 1e-9
    if rng.random() < 0.9:  # slightly outside the limits, to be limited
        rows = rows.clip(LIMITS.lower - 0.1, LIMITS.upper + 0.1)
    rows[:, GRIPPERS] = rng.uniform(-0.015, 0.085, (count, len(GRIPPERS)))
    since_ns = run.now_ns - run.snapshot.mode.entered_ns
    age_ns = rng.integers(-60 * MS, 600 * MS) if rng.random() < 0.1 else rng.integers(0, 60 * MS)
    run.sequence += 1
    return chunk(
        rows,
        run.now_ns - min(int(age_ns), since_ns),
        sequence=run.sequence,
        epoch=epoch,
        dt_ns=dt_ns,
        committed_prefix=int(rng.integers(0, 4)),
        row_offset=int(rng.choice([0, 0, 0, 3, 9])),
    )


def apply(event: Event, run: Run, epoch: int) -> int:
    """Do what `event` says; return the epoch of the policy."""
    rng = np.random.default_rng(event.number)
    arm = LAYOUT.arms[event.number % 2]
    match event.kind:
        case 'chunk' | 'repeat' | 'future':
            item = random_chunk(run, rng, epoch)
            run.executor.accept_chunk(item, run.now_ns)
            if event.kind == 'repeat':
                assert run.executor.accept_chunk(item, run.now_ns) is not None
        case 'broken':
            item = random_chunk(run, rng, epoch)
            item.rows[rng.integers(len(item.rows)), rng.integers(WIDTH)] = rng.choice(
                [np.nan, np.inf, -np.inf]
            )
            assert run.executor.accept_chunk(item, run.now_ns) is not None
        case 'mode':
            run.enter(Mode(event.number % 4))
            if run.executor.mode == Mode.ESTOP:
                run.executor.reset_emergency_stop(run.now_ns, 'test')
        case 'go':
            run.enter(Mode.AUTONOMY)
        case 'silence':
            run.silent.add(arm)
        case 'speak':
            run.silent.clear()
        case 'fault':
            run.condition(arm, 'collision')
        case 'heal':
            run.condition('left')
            run.condition('right')
            run.stuck.clear()
            run.enter(Mode.AUTONOMY)
        case 'epoch':
            epoch += 1
        case 'stick':
            run.stuck.add(event.number % WIDTH)
        case 'jump':
            run.now_ns -= event.number % (700 * MS)
    return epoch


def tell(story: list[Event], name: str, latency_s: float) -> Run:
    """Live through `story`, checking counters on the way and limits at the end."""
    arms = {
        arm: replace(CONFIG.arm(arm), action_latency_s=latency_s, gripper_latency_s=i * latency_s)
        for i, arm in enumerate(LAYOUT.arms)
    }
    run = Run(replace(CONFIG, strategy=StrategyConfig(name=name), arms=arms))
    run.start()
    epoch = 1
    executed_before = 0
    for event in story:
        epoch = apply(event, run, epoch)
        run.tick(event.ticks)
        snapshot = run.snapshot
        assert_counts_add_up(snapshot)
        assert snapshot.rows.executed >= executed_before
        executed_before = snapshot.rows.executed
        if snapshot.mode.mode != Mode.AUTONOMY:
            assert snapshot.rows.queued == 0
    run.silent.clear()
    run.enter(Mode.HOLD)
    run.tick(1200)  # an arm that got stuck is followed at homing speed
    assert_within_limits(run.commands)
    assert np.abs(run.commands[-1].velocity).max() < 1e-9
    assert len(run.commands) == run.snapshot.counts.commands_published
    return run


@examples(50)
@given(
    story=st.lists(events, min_size=3, max_size=20),
    name=st.sampled_from(JOINS),
    latency_s=st.sampled_from([0.0, 0.04, 0.2]),
)
def test_no_story_breaks_a_limit_or_loses_a_row(
    story: list[Event], name: str, latency_s: float
) -> None:
    tell(story, name, latency_s)


def test_the_stories_move_the_arms() -> None:
    """The property above would hold for an executor that refuses everything."""
    rng = np.random.default_rng(0)
    totals: Counter[str] = Counter()
    for i in range(15):
        story = [
            Event(
                kind=str(rng.choice(KINDS)),
                ticks=int(rng.integers(0, 40)),
                number=int(rng.integers(2**31)),
            )
            for _ in range(30)
        ]
        snapshot = tell(story, JOINS[i % len(JOINS)], (0.0, 0.04, 0.2)[i % 3]).snapshot
        totals.update(
            accepted=snapshot.counts.chunks_accepted,
            rejected=snapshot.counts.chunks_rejected,
            starvations=snapshot.counts.starvations,
            limit_hits=snapshot.counts.limit_hits,
            stops_forced=snapshot.counts.stops_forced,
            executed=snapshot.rows.executed,
            superseded=snapshot.rows.superseded,
            flushed=snapshot.rows.flushed,
            late=snapshot.rows.late,
            seams=snapshot.seams.count,
        )
    assert totals['accepted'] > 30
    assert all(totals.values()), totals


@examples(25)
@given(seed=st.integers(0, 2**31), periods=st.lists(st.integers(1, 40), min_size=50, max_size=50))
def test_limits_hold_for_uneven_ticks(seed: int, periods: list[int]) -> None:
    run = Run()
    run.start()
    rng = np.random.default_rng(seed)
    for tenths_ms in periods:
        if rng.random() < 0.3:
            run.executor.accept_chunk(random_chunk(run, rng, 1), run.now_ns)
        period_ns = tenths_ms * MS // 4
        run.commands = run.commands[-1:]
        run.tick(1, period_ns)
        assert_within_limits(run.commands, period_ns * 1e-9)
