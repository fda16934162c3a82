# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Chunks on their way to a plan: late, lost, doubled, overtaken; without arms and limits."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from execution.arms import DT_NS
from execution.arms import GRIPPERS
from execution.arms import JOINTS
from execution.arms import LAYOUT
from execution.arms import LIMITS
from execution.arms import MS
from execution.arms import REST
from execution.arms import START_NS
from execution.arms import WIDTH
from execution.arms import chunk
from hypothesis import strategies as st

from wla_ros.base.curve import CurveSample
from wla_ros.base.types import ActionChunk
from wla_ros.base.types import FloatArray
from wla_ros.base.types import Join
from wla_ros.base.types import Refusal
from wla_ros.execution.config import ArmExecution
from wla_ros.execution.config import ExecutorConfig
from wla_ros.execution.config import GateConfig
from wla_ros.execution.plan import PlannedMotion
from wla_ros.execution.schedule import RowOrigin
from wla_ros.inference.strategy import STRATEGIES
from wla_ros.inference.strategy import StrategyConfig

TICK_NS = 20 * MS
ALIGNED = sorted(name for name, it in STRATEGIES.items() if it.join is not Join.ARRIVAL)
COMMITTED = sorted(name for name, it in STRATEGIES.items() if it.join is Join.COMMITTED)
# One strategy per join
JOINS = ('crossfade', 'ensemble', 'latest', 'prefix', 'sync')


@dataclass(frozen=True)
class Journey:
    """One chunk from its observation to the executor."""

    gap_ms: int  # from the observation before
    delay_ms: int  # to its arrival
    fate: str
    rows: int
    told: int  # rows the policy was told of
    rolled: bool  # they lie before row 0 of the chunk, not in it
    seed: int


journeys = st.lists(
    st.builds(
        Journey,
        gap_ms=st.integers(1, 200),
        delay_ms=st.integers(0, 400),
        fate=st.sampled_from(['arrives'] * 7 + ['lost', 'doubled', 'epoch']),
        rows=st.integers(1, 40),
        told=st.integers(0, 16),
        rolled=st.booleans(),
        seed=st.integers(0, 2**31),
    ),
    min_size=2,
    max_size=7,
)
latencies = st.sampled_from(
    [
        {},
        {'left': ArmExecution(action_latency_s=0.05, gripper_latency_s=0.13)},
        {
            'left': ArmExecution(action_latency_s=0.03, gripper_latency_s=0.1),
            'right': ArmExecution(action_latency_s=0.06, gripper_latency_s=0.02),
        },
    ]
)


def config_of(name: str, arms: dict[str, ArmExecution]) -> ExecutorConfig:
    """Return a configuration whose gate is wide: what it refuses is tested elsewhere."""
    gate = GateConfig(max_start_deviation_rad=3.0, max_velocity_ratio=20.0)
    return ExecutorConfig(strategy=StrategyConfig(name=name), arms=arms, gate=gate)


def wandering(seed: int, count: int, *, around: FloatArray = REST) -> FloatArray:
    """Return smooth rows [count, D] within the limits, at speeds of up to about 1 rad/s."""
    rng = np.random.default_rng(seed)
    rate = rng.normal(0.0, 0.4, WIDTH) + np.cumsum(rng.normal(0.0, 0.06, (count, WIDTH)), axis=0)
    rows = around + rng.normal(0.0, 0.02, WIDTH) + np.cumsum(rate, axis=0) * DT_NS * 1e-9
    rows[:, GRIPPERS] = rng.uniform(0.0, 0.07, (count, len(GRIPPERS)))
    return rows.clip(LIMITS.lower, LIMITS.upper)


def still(position: FloatArray = REST) -> CurveSample:
    """Return arms that rest at `position`."""
    return CurveSample.of(position, np.zeros(WIDTH), np.zeros(WIDTH))


class PlanRun:
    """A plan and the chunks that reach it, in steps of 20 ms."""

    def __init__(self, name: str, arms: dict[str, ArmExecution]) -> None:
        """Start with nothing planned."""
        self.config = config_of(name, arms)
        self.plan = PlannedMotion(self.config, LAYOUT, LIMITS, None)
        latency_s = self.config.latencies_s(LAYOUT)
        self.lead_ns = round(latency_s.min() * 1e9)
        self.offset_s = latency_s - latency_s.min()
        self.now_ns = START_NS
        self.command = still()
        self.executed: list[tuple[RowOrigin, int]] = []
        self.beside = 0.0  # most that the curve passed beside a row when that was due

    def deliver(
        self, story: list[Journey], rows_of: Callable[[int, Journey], FloatArray] | None = None
    ) -> list[tuple[int, ActionChunk]]:
        """Return the chunks of `story` with their arrivals, in the order they arrive."""
        stamp_ns, epoch, sequence = self.now_ns, 1, 0
        arrivals: list[tuple[int, ActionChunk]] = []
        for journey in story:
            stamp_ns += journey.gap_ms * MS
            if journey.fate == 'epoch':
                epoch, sequence = epoch + 1, 0
            if rows_of is None:
                rows = wandering(journey.seed, journey.rows)
            else:
                rows = rows_of(stamp_ns, journey)
            item = chunk(
                rows,
                stamp_ns,
                sequence=sequence,
                epoch=epoch,
                committed_prefix=0 if journey.rolled else min(journey.told, len(rows)),
                row_offset=journey.told if journey.rolled else 0,
            )
            sequence += 1
            arrival_ns = stamp_ns + journey.delay_ms * MS
            if journey.fate != 'lost':
                arrivals.append((arrival_ns, item))
            if journey.fate == 'doubled':
                arrivals.append((arrival_ns + 30 * MS, item))
        return sorted(arrivals, key=lambda each: each[0])

    def until(self, time_ns: int) -> None:
        """Let time pass in ticks, and note the rows that are executed meanwhile."""
        while self.now_ns < time_ns:
            before_ns, self.now_ns = self.now_ns, min(self.now_ns + TICK_NS, time_ns)
            schedule = self.plan._ledger.schedule
            if schedule is not None:
                low, high = before_ns + self.lead_ns, self.now_ns + self.lead_ns
                first = max(schedule.passed(low), schedule.support)
                for i in range(first, schedule.passed(high)):
                    self.executed.append((schedule.origins[i], schedule.due_ns[i]))
                    self._pass_by(schedule.rows[i], schedule.due_ns[i])
            if self.plan.advance(self.now_ns):
                self.plan.end(self.now_ns)
            if not self.plan.is_empty:
                sample = self.plan.sample(self.now_ns)
                self.command = CurveSample(
                    np.where(sample.outside, still(self.command.position).values, sample.values),
                    np.zeros(WIDTH, dtype=np.bool_),
                )
            else:
                self.command = still(self.command.position)

    def _pass_by(self, row: FloatArray, due_ns: int) -> None:
        """Note where the columns without further latency are when `row` is due."""
        there = self.plan.sample(due_ns - self.lead_ns)
        columns = (self.offset_s == 0.0) & ~there.outside
        assert columns.any()
        distance = np.abs(there.position - row)[columns].max()
        self.beside = max(self.beside, float(distance))

    def offer(self, item: ActionChunk) -> Refusal | None:
        """Offer `item` now."""
        return self.plan.offer(item, self.now_ns, command=self.command, blocked=None)

    def curve_at(self, ahead_s: float) -> CurveSample:
        """Return what is executed `ahead_s` from now, every column at its own plan time."""
        assert self.plan._curve is not None
        return self.plan._curve.sample(self.now_ns + self.lead_ns, self.offset_s + ahead_s)


def line_rows(stamp_ns: int, journey: Journey, velocity: float = 0.15) -> FloatArray:
    """Return rows of joints that left REST at the start with a constant velocity."""
    stamp_ns += (journey.told if journey.rolled else 0) * DT_NS
    seconds = (stamp_ns - START_NS + np.arange(max(journey.rows, 2)) * DT_NS) * 1e-9
    rows = np.tile(REST, (len(seconds), 1))
    rows[:, JOINTS] += velocity * seconds[:, None]
    return rows
