"""
When to infer: as fast as possible, every s rows, below s rows left, or while the arms wait.

Judges from the newest plan of the executor and from what this process did; never from an estimate
of latency. Knows no observation.
"""

from dataclasses import dataclass

from wla_ros.core import refusal_reasons
from wla_ros.core.execution_plan import ExecutionPlan
from wla_ros.core.execution_strategy import PrefixUse
from wla_ros.core.strategy_config import StrategyConfig
from wla_ros.core.timing import NS_PER_MS
from wla_ros.core.timing import ns_to_seconds
from wla_ros.core.types import PolicySpec
from wla_ros.core.types import Refusal

# A published chunk that no plan mentions after this time was lost or refused: plans come at every
# splice and ten times a second, so this is five of them besides the way of the chunk.
LOST_CHUNK_NS = 500 * NS_PER_MS
# An inference that is told of the plan should be told of the newest one. This is the way of chunks
# there and of plans back between hosts; waiting longer costs more than an older plan.
NEWS_NS = 100 * NS_PER_MS
# The executor sends its plan ten times a second; after ten missing ones it is not there.
PLAN_MAX_AGE_NS = 1000 * NS_PER_MS


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeardPlan:
    """A plan and when it was heard, on the clock of this process."""

    plan: ExecutionPlan
    received_ns: int

    def is_fresh(self, now_ns: int) -> bool:
        """Return whether the executor can be believed to do this still."""
        return now_ns - self.received_ns <= PLAN_MAX_AGE_NS

    def left_ns(self, now_ns: int) -> int:
        """Return how long the rows last, 0 at their end; clocks of hosts are never compared."""
        if self.plan.resting or not len(self.plan.due_ns):
            return 0
        end_ns = int(self.plan.due_ns[-1]) - self.plan.stamp_ns
        return max(0, end_ns - (now_ns - self.received_ns))


def _not_due(detail: str) -> Refusal:
    return Refusal(reason=refusal_reasons.NOT_DUE, detail=detail)


_IN_FLIGHT = _not_due('the chunk before is on its way to the executor')


class InferenceCadence:
    """
    One thread, or the lock of the owner.

    Whatever the cadence, an inference that is told of the plan waits until the plan holds the
    chunk before: what it is told otherwise is not what will be executed.
    """

    def __init__(self, config: StrategyConfig, spec: PolicySpec) -> None:
        """Judge for chunks of `spec`."""
        self._waits = config.strategy.waits
        self._patience_ns = LOST_CHUNK_NS if self._waits else NEWS_NS
        self._listens = config.strategy.rolls_state or config.strategy.prefix is not PrefixUse.NONE
        self._infer = config.infer
        self._rows = config.rows_between(spec.horizon)
        self._dt_ns = spec.dt_ns
        self._running_ns: int | None = None  # when the inference that began last did
        self._begun_ns: int | None = None  # the same of the last one that made a chunk
        self._published: tuple[int, int] | None = None  # epoch, sequence
        self._published_ns = 0

    def begun(self, now_ns: int) -> None:
        """Note that an inference began; if it makes no chunk the next one is due as it was."""
        self._running_ns = now_ns

    def published(self, epoch: int, sequence: int, now_ns: int) -> None:
        """Note the chunk of the inference that began last."""
        self._published, self._published_ns = (epoch, sequence), now_ns
        self._begun_ns = self._running_ns

    def clear(self) -> None:
        """Forget what this process did: a new epoch."""
        self._running_ns = self._begun_ns = self._published = None

    def judge(self, heard: HeardPlan | None, now_ns: int) -> Refusal | None:
        """Return why not to infer at `now_ns`, or None."""
        fresh = heard if heard is not None and heard.is_fresh(now_ns) else None
        if self._waits:
            return self._judge_rest(fresh, now_ns)
        if fresh is None:
            # Nobody executes, as far as is known: nothing to keep pace with.
            return None
        if self._listens or self._infer != 'fast':
            if self._in_flight(fresh.plan, now_ns):
                return _IN_FLIGHT
            if self._infer == 'below':
                return self._judge_rest_of_plan(fresh, now_ns)
            if self._infer == 'every':
                return self._judge_pause(fresh, now_ns)
        return None

    def _judge_rest(self, fresh: HeardPlan | None, now_ns: int) -> Refusal | None:
        """One pause of the arms, one inference."""
        if fresh is None:
            return Refusal(
                reason=refusal_reasons.WAITING_FOR_PLAN,
                detail='no execution_plan was heard for '
                f'{ns_to_seconds(PLAN_MAX_AGE_NS):.1f} s: is the executor running?',
            )
        if not fresh.plan.accepting:
            return _not_due('the executor takes no chunks now')
        if not fresh.plan.resting:
            return _not_due('the arms move; sync thinks while they rest')
        if self._in_flight(fresh.plan, now_ns):
            return _IN_FLIGHT
        return None

    def _judge_rest_of_plan(self, fresh: HeardPlan, now_ns: int) -> Refusal | None:
        left = fresh.left_ns(now_ns) / self._dt_ns
        if left < self._rows:
            return None
        return _not_due(f'{left:.1f} rows are left, inference begins below {self._rows}')

    def _judge_pause(self, fresh: HeardPlan, now_ns: int) -> Refusal | None:
        if self._begun_ns is None or fresh.left_ns(now_ns) == 0 or self._is_lost(fresh.plan):
            return None
        # Anchors come once in about dt: half of it is the nearest anchor, not one too late.
        passed = (now_ns - self._begun_ns) / self._dt_ns
        if passed >= self._rows - 0.5:
            return None
        return _not_due(f'{passed:.1f} rows have passed since the last one, of {self._rows}')

    def _in_flight(self, plan: ExecutionPlan, now_ns: int) -> bool:
        """Return whether a published chunk may still reach the executor."""
        return self._is_lost(plan) and now_ns - self._published_ns < self._patience_ns

    def _is_lost(self, plan: ExecutionPlan) -> bool:
        """Return whether the executor has not taken the chunk, or not told of it yet."""
        return self._published is not None and (plan.epoch, plan.sequence) < self._published
