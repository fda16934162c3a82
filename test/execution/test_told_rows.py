# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
What the policy is told of is what is executed: from the plan over the prefix to the motion.

Executor and policy side together, with observations on the grid of the rows, where nothing has to
be interpolated.
"""

from dataclasses import dataclass

import numpy as np
from execution.arms import DT_NS
from execution.arms import LAYOUT
from execution.arms import LIMITS
from execution.arms import REST
from execution.arms import START_NS
from execution.arms import WIDTH
from execution.arms import chunk
from execution.examples import examples
from execution.plans import PlanRun
from execution.plans import latencies
from execution.plans import wandering
from hypothesis import given
from hypothesis import strategies as st

from wla_ros.base.types import Observation
from wla_ros.base.types import PolicySpec
from wla_ros.base.types import Representation
from wla_ros.execution.config import ArmExecution
from wla_ros.inference.conditioning import ChunkConditioning
from wla_ros.inference.conditioning import Conditioning
from wla_ros.inference.strategy import StrategyConfig

HORIZON = 24
SPEC = PolicySpec(
    name='fake',
    version='1',
    representation=Representation.JOINT_POSITION,
    columns=LAYOUT.columns,
    horizon=HORIZON,
    dt_ns=DT_NS,
    guided_prefix=True,
    clean_prefix_rows=HORIZON,
    rolled_rows=HORIZON,
    forward_model=True,
)
EXACT = 1e-9


@dataclass(frozen=True)
class Inference:
    pause_ms: int  # since the chunk before was there
    age_rows: int  # of the observation when it begins
    delay_ms: int
    forecast_rows: int
    seed: int


inferences = st.builds(
    Inference,
    pause_ms=st.integers(0, 150),
    age_rows=st.integers(0, 3),
    delay_ms=st.integers(0, 300),
    forecast_rows=st.integers(0, 14),
    seed=st.integers(0, 2**31),
)


class Told:
    """A plan, and a policy that is told of it."""

    def __init__(self, name: str, arms: dict[str, ArmExecution]) -> None:
        self.run = PlanRun(name, arms)
        self.asking = ChunkConditioning(StrategyConfig(name=name), SPEC)
        self.run.offer(chunk(wandering(0, HORIZON), START_NS, sequence=0))
        self.sequence = 0
        self.seen = 0  # committed rows that were looked at when they were due

    def ask(self, inference: Inference) -> tuple[int, Conditioning]:
        """Return the stamp of an observation on the grid, and what the policy is asked."""
        now_ns = self.run.now_ns
        row = (now_ns - START_NS) // DT_NS - inference.age_rows
        stamp_ns = START_NS + max(row, 0) * DT_NS
        plan = self.run.plan.execution_plan(
            now_ns,
            accepting=True,
            resting=self.run.plan.is_empty,
            tracking_error=np.zeros(WIDTH),
        )
        observation = Observation(
            stamp_ns=stamp_ns,
            epoch=1,
            images={},
            history={},
            joint_position=self.run.command.position,
            joint_velocity=np.zeros(WIDTH),
            objects=None,
            samples=(),
            synchronised_ns=now_ns,
        )
        return stamp_ns, self.asking.condition(observation, plan, inference.forecast_rows)

    def answer(self, inference: Inference) -> None:
        """Let one inference take its time; look at every committed row when it is due."""
        run = self.run
        run.until(run.now_ns + inference.pause_ms * 1_000_000)
        stamp_ns, asked = self.ask(inference)
        told = 0 if asked.prefix is None else asked.prefix.committed
        rows = wandering(inference.seed, HORIZON, around=REST)
        if asked.prefix is not None:
            rows[:told] = asked.prefix.rows[:told]
        run.until(run.now_ns + inference.delay_ms * 1_000_000)
        self.sequence += 1
        refusal = run.offer(
            chunk(
                rows,
                stamp_ns,
                sequence=self.sequence,
                committed_prefix=told,
                row_offset=asked.row_offset,
            )
        )
        if refusal is not None or asked.cold:
            return
        for i in range(told):
            for offset_s in set(run.offset_s):  # every column is commanded at its own latency
                due_ns = stamp_ns + i * DT_NS - run.lead_ns - round(offset_s * 1e9)
                if due_ns < run.now_ns:
                    continue
                columns = run.offset_s == offset_s
                # What is planned outside is commanded at the limit.
                there = run.plan.sample(due_ns).position.clip(LIMITS.lower, LIMITS.upper)
                assert np.abs(there - rows[i])[columns].max() < EXACT
                self.seen += 1


@examples(100)
@given(
    story=st.lists(inferences, min_size=1, max_size=6),
    name=st.sampled_from(['rtc', 'prefix', 'prefix+rollforward', 'prefix+grounded']),
    arms=latencies,
)
def test_rows_that_the_policy_was_told_of_are_where_the_arms_go(
    story: list[Inference], name: str, arms: dict[str, ArmExecution]
) -> None:
    told = Told(name, arms)
    for inference in story:
        told.answer(inference)


def test_the_stories_tell_of_rows() -> None:
    """The property above would hold for a policy that is told nothing."""
    rng = np.random.default_rng(0)
    told = Told('prefix', {})
    for _ in range(20):
        told.answer(
            Inference(
                pause_ms=int(rng.integers(0, 50)),
                age_rows=int(rng.integers(0, 3)),
                delay_ms=int(rng.integers(0, 100)),
                forecast_rows=int(rng.integers(6, 12)),
                seed=int(rng.integers(2**31)),
            )
        )
    assert told.seen > 20
    assert 'position_implausible' not in dict(told.run.plan.rejections)
