# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
What this process knows of the executor, and what follows for the next inference.

Puts forecast, cadence and conditioning together and counts. Must not know streams, results or a
clock.
"""

from dataclasses import dataclass

import numpy as np

from wla_ros.base import reasons
from wla_ros.base.counters import Count
from wla_ros.base.joints import JointLayout
from wla_ros.base.timing import ns_to_seconds
from wla_ros.base.types import ActionChunk
from wla_ros.base.types import ExecutionPlan
from wla_ros.base.types import Observation
from wla_ros.base.types import PolicySpec
from wla_ros.base.types import Refusal
from wla_ros.inference.conditioning import ChunkConditioning
from wla_ros.inference.conditioning import Conditioning
from wla_ros.inference.pacing import DelayForecast
from wla_ros.inference.pacing import InferenceCadence
from wla_ros.inference.pacing import ReceivedPlan
from wla_ros.inference.strategy import AUTO
from wla_ros.inference.strategy import StrategyConfig
from wla_ros.inference.strategy import strategy_named
from wla_ros.observation.time_line import Place
from wla_ros.observation.time_line import TimeLine

PLAN_STREAM = 'execution_plan'
# A plan that repeats the stamp of the one before is the newer word of the same tick.
_REFUSED_PLACES = {
    Place.LATE: reasons.OUT_OF_ORDER,
    Place.ASTRAY: reasons.STAMP_JUMP,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanHealth:
    """
    The asynchronous side of a session.

    Inferences begun = unconditioned + conditioned + cold_starts. The other counts are of
    conditioned inferences that got less than the strategy wanted.
    """

    strategy: str
    forecast_s: float  # delay from observation to splice
    forecast_rows: int  # d, margin included
    delays_measured: Count
    plan_age_s: float  # since a plan was received, -1 if none was
    plans_received: Count
    plans_refused: Count
    unconditioned: Count  # the strategy asks for nothing
    conditioned: Count
    cold_starts: Count  # nothing was planned
    forecast_exceeded: Count  # d was larger than what the policy was trained for
    prefix_clamped: Count  # the plan ended before d


class PlanListener:
    """One thread, or the lock of the owner."""

    def __init__(
        self,
        config: StrategyConfig,
        spec: PolicySpec,
        layout: JointLayout,
        *,
        jump_tolerance_ns: int,
    ) -> None:
        """Listen for the policy of `spec`; stamps off their line by more than this jumped."""
        self._strategy = config.strategy
        self._width = layout.width
        self._line = TimeLine(jump_tolerance_ns)
        self._jump_tolerance_ns = jump_tolerance_ns
        self._forecast = DelayForecast(config, spec.dt_ns)
        self._cadence = InferenceCadence(config, spec)
        self._conditioning = ChunkConditioning(config, spec)
        self._newest: ReceivedPlan | None = None
        self._rest_since_ns: int | None = None
        self._mismatch: Refusal | None = None
        self._learns = False  # from the running inference
        self._received = self._refused = 0
        self._unconditioned = self._conditioned = self._cold = 0
        self._exceeded = self._clamped = 0

    def accept(self, plan: ExecutionPlan, now_ns: int) -> Refusal | None:
        """Take a plan received at `now_ns`, or say why not; either way it is counted."""
        self._received += 1
        refusal = self._judge(plan, now_ns)
        if refusal is not None:
            self._refused += 1
            return refusal
        placed = self._line.place(plan.stamp_ns, now_ns)
        if placed.place in _REFUSED_PLACES:
            self._refused += 1
            return Refusal(
                reason=_REFUSED_PLACES[placed.place], detail=f'{PLAN_STREAM}: {placed.sentence}'
            )
        if placed.place is Place.NEW_LINE:
            self._forget()
        if placed.place is not Place.REPEAT:
            self._line.extend(plan.stamp_ns, now_ns)
        known = self._newest
        if not plan.resting:
            self._rest_since_ns = None
        elif self._rest_since_ns is None or known is None or _chunk(known.plan) != _chunk(plan):
            self._rest_since_ns = plan.stamp_ns
        self._newest = ReceivedPlan(plan=plan, received_ns=now_ns)
        if plan.splice is not None:
            self._forecast.learn(plan.splice)
        return None

    def refuse(self, refusal: Refusal) -> Refusal:
        """Count a plan that the caller could not decode; return why."""
        self._received += 1
        self._refused += 1
        return refusal

    def refusal(self, now_ns: int) -> Refusal | None:
        """Return why there should be no inference at `now_ns`, or None."""
        return self._mismatch or self._cadence.judge(self._newest, now_ns)

    @property
    def oldest_anchor_ns(self) -> int | None:
        """A strategy that waits looks at arms that rest: not before this time."""
        return self._rest_since_ns if self._strategy.waits else None

    def begin(self, observation: Observation, now_ns: int) -> Conditioning:
        """Return what to ask the policy for `observation`."""
        newest = self._newest
        plan = newest.plan if newest is not None and newest.is_fresh(now_ns) else None
        self._cadence.begun(now_ns)
        self._learns = self._forecast.begin(plan_known=plan is not None)
        conditioning = self._conditioning.condition(observation, plan, self._forecast.rows)
        self._unconditioned += not conditioning.asked
        self._cold += conditioning.cold
        self._conditioned += conditioning.asked and not conditioning.cold
        self._exceeded += conditioning.forecast_exceeded
        self._clamped += conditioning.plan_short
        return conditioning

    def published(self, chunk: ActionChunk, now_ns: int) -> None:
        """Note the chunk of the inference that began last."""
        self._cadence.published(chunk.epoch, chunk.sequence, now_ns)
        if self._learns:
            self._forecast.expect(chunk.epoch, chunk.sequence, chunk.stamp_ns)

    def begin_epoch(self) -> None:
        """
        Forget what the executor was about to do: it is told to do something else.

        That it rests stays true until it is given something to do.
        """
        self._cadence.clear()
        if self._newest is not None and not self._newest.plan.resting:
            self._newest = None

    def clear(self) -> None:
        """Forget everything with a time in it: the clock jumped."""
        self._line.clear()
        self._forget()

    def _forget(self) -> None:
        self._cadence.clear()
        self._forecast.clear()
        self._newest = self._rest_since_ns = None

    def health(self, now_ns: int) -> PlanHealth:
        """Return forecast and counters."""
        newest = self._newest
        age_s = -1.0 if newest is None else max(0.0, ns_to_seconds(now_ns - newest.received_ns))
        return PlanHealth(
            strategy=self._strategy.name,
            forecast_s=ns_to_seconds(self._forecast.delay_ns),
            forecast_rows=self._forecast.rows,
            delays_measured=self._forecast.measured,
            plan_age_s=age_s,
            plans_received=self._received,
            plans_refused=self._refused,
            unconditioned=self._unconditioned,
            conditioned=self._conditioned,
            cold_starts=self._cold,
            forecast_exceeded=self._exceeded,
            prefix_clamped=self._clamped,
        )

    def _judge(self, plan: ExecutionPlan, now_ns: int) -> Refusal | None:
        mismatch = self._judge_strategy(plan)
        if mismatch is not None:
            # One stray plan does not silence the executor that is followed; it has to fall silent.
            if self._newest is None or not self._newest.is_fresh(now_ns):
                self._mismatch, self._newest = mismatch, None
            return mismatch
        problems = self._shape_problems(plan)
        excess_ns = 0 if plan.splice is None else self._forecast.excess_ns(plan.splice, now_ns)
        if excess_ns > self._jump_tolerance_ns:
            problems.append(
                f'the delay of a splice is {ns_to_seconds(excess_ns):.3f} s longer than its '
                'observation is old'
            )
        if problems:
            return Refusal(reason=reasons.BAD_PLAN, detail=f'{PLAN_STREAM}: {"; ".join(problems)}')
        self._mismatch = None
        return None

    def _judge_strategy(self, plan: ExecutionPlan) -> Refusal | None:
        try:
            theirs = strategy_named(plan.strategy).name
        except ValueError:
            theirs = plan.strategy
        ours = self._strategy.name
        # A way to join that others made is known to the executor by the name of the strategy only.
        if theirs == ours or (theirs == AUTO and self._strategy.merge is None):
            return None
        return Refusal(
            reason=reasons.STRATEGY_MISMATCH,
            detail=f'the executor runs strategy {theirs!r}, the policy node {ours!r}: '
            f'give the executor strategy.name {AUTO}',
        )

    def _shape_problems(self, plan: ExecutionPlan) -> list[str]:
        count, width = len(plan.due_ns), self._width
        problems = []
        if plan.rows.shape != (count, width):
            problems.append(f'rows {list(plan.rows.shape)}, expected [{count}, {width}]')
        if plan.tracking_error.shape != (width,):
            problems.append(
                f'tracking error {list(plan.tracking_error.shape)}, expected [{width}]'
            )
        if not (np.isfinite(plan.rows).all() and np.isfinite(plan.tracking_error).all()):
            problems.append('rows or tracking error are not finite')
        if not np.all(np.diff(plan.due_ns) > 0):
            problems.append('due times do not rise')
        return problems


def _chunk(plan: ExecutionPlan) -> tuple[int, int]:
    return plan.epoch, plan.sequence
