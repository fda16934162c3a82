# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""When to infer: the forecast of the delay, the cadence, and what a policy has to offer for it."""

import dataclasses
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from wla_ros.base import reasons
from wla_ros.base.config import Problem
from wla_ros.base.timing import NS_PER_MS
from wla_ros.base.timing import ns_to_seconds
from wla_ros.base.timing import seconds_to_ns
from wla_ros.base.types import ExecutionPlan
from wla_ros.base.types import PolicySpec
from wla_ros.base.types import PrefixUse
from wla_ros.base.types import Refusal
from wla_ros.base.types import SpliceDelay
from wla_ros.inference.strategy import AUTO
from wla_ros.inference.strategy import StrategyConfig

# How many rows will have been executed before the next chunk can take over.
#
# Learns from the delays that the executor reports: from observation stamp to splice, so age of the
# observation, inference and transport are in them. Knows no plan and no clock.

# Chunks whose splice may still be reported; more are never in flight.
_MOST_EXPECTED = 1000


def delay_rows(delay_ns: int, dt_ns: int, margin_rows: int) -> int:
    """Return the number of rows due before `delay_ns` has passed, plus the margin."""
    return -(-max(0, delay_ns) // dt_ns) + margin_rows


class DelayForecast:
    """
    The largest of the last measured delays; the expected one until something was measured.

    Only chunks that were announced by `expect` are learnt from, each once: warm-up inferences
    never are, nor chunks of another process. One thread, or the lock of the owner.
    """

    def __init__(self, config: StrategyConfig, dt_ns: int) -> None:
        """Start with what `config` expects, for rows `dt_ns` apart."""
        self._dt_ns = dt_ns
        self._margin_rows = config.forecast_margin_rows
        self._expected_ns = seconds_to_ns(config.expected_delay_s)
        self._delays_ns: deque[int] = deque(maxlen=config.forecast_window)
        self._warming = config.warm_up
        # (epoch, sequence) -> stamp of the observation, oldest first
        self._awaited: dict[tuple[int, int], int] = {}
        self._measured = 0

    @property
    def delay_ns(self) -> int:
        """The forecast."""
        return max(self._delays_ns, default=self._expected_ns)

    @property
    def rows(self) -> int:
        """The forecast in rows d, margin included."""
        return delay_rows(self.delay_ns, self._dt_ns, self._margin_rows)

    @property
    def measured(self) -> int:
        """How many delays were learnt since construction."""
        return self._measured

    def begin(self, *, plan_known: bool) -> bool:
        """
        Count the beginning of an inference and return whether its delay is worth learning.

        It is not while the process warms up, nor before the first status of the executor.
        """
        warm = self._warming <= 0
        self._warming -= 1
        return warm and plan_known

    def expect(self, epoch: int, sequence: int, observed_ns: int) -> None:
        """Announce a chunk of an observation: the delay of its splice will be learnt."""
        self._awaited[epoch, sequence] = observed_ns
        if len(self._awaited) > _MOST_EXPECTED:
            del self._awaited[next(iter(self._awaited))]

    def excess_ns(self, splice: SpliceDelay, now_ns: int) -> int:
        """Return by how much an awaited delay is longer than the observation is old; or 0."""
        observed_ns = self._awaited.get((splice.epoch, splice.sequence))
        return 0 if observed_ns is None else max(0, splice.delay_ns - (now_ns - observed_ns))

    def learn(self, splice: SpliceDelay) -> bool:
        """
        Take a measured delay; False if it was known, not expected, or is negative.

        A negative delay means that the clocks disagree: the bound on their offset tells.
        """
        chunk = splice.epoch, splice.sequence
        if chunk not in self._awaited:
            return False
        # The executor never goes back to an older chunk.
        self._awaited = {known: stamp for known, stamp in self._awaited.items() if known > chunk}
        if splice.delay_ns < 0:
            return False
        self._delays_ns.append(splice.delay_ns)
        self._measured += 1
        return True

    def clear(self) -> None:
        """Forget all delays and awaited chunks: the clock jumped. The process stays warm."""
        self._delays_ns.clear()
        self._awaited.clear()


# When to infer: as fast as possible, every s rows, below s rows left, or while the arms wait.
#
# Judges from the newest plan of the executor and from what this process did; never from an
# estimate of latency. Knows no observation.

# A published chunk that no plan mentions after this time was lost or refused: plans come at every
# splice and ten times a second, so this is five of them besides the way of the chunk.
LOST_CHUNK_NS = 500 * NS_PER_MS
# An inference that is given the plan should be given the newest one. This is the way of chunks
# there and of plans back between hosts; waiting longer costs more than an older plan.
NEWS_NS = 100 * NS_PER_MS
# The executor sends its plan ten times a second; after ten missing ones it is not there.
PLAN_MAX_AGE_NS = 1000 * NS_PER_MS


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReceivedPlan:
    """A plan and when it was received, on the clock of this process."""

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
    return Refusal(reason=reasons.NOT_DUE, detail=detail)


_IN_FLIGHT = _not_due('the chunk before is on its way to the executor')


class InferenceCadence:
    """
    One thread, or the lock of the owner.

    Whatever the cadence, an inference that is given the plan waits until the plan holds the
    chunk before: what it is given otherwise is not what will be executed.
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

    def judge(self, received: ReceivedPlan | None, now_ns: int) -> Refusal | None:
        """Return why not to infer at `now_ns`, or None."""
        fresh = received if received is not None and received.is_fresh(now_ns) else None
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

    def _judge_rest(self, fresh: ReceivedPlan | None, now_ns: int) -> Refusal | None:
        """One pause of the arms, one inference."""
        if fresh is None:
            return Refusal(
                reason=reasons.WAITING_FOR_PLAN,
                detail='no execution_plan was received for '
                f'{ns_to_seconds(PLAN_MAX_AGE_NS):.1f} s: is the executor running?',
            )
        if not fresh.plan.accepting:
            return _not_due('the executor takes no chunks now')
        if not fresh.plan.resting:
            return _not_due('the arms move; sync thinks while they rest')
        if self._in_flight(fresh.plan, now_ns):
            return _IN_FLIGHT
        return None

    def _judge_rest_of_plan(self, fresh: ReceivedPlan, now_ns: int) -> Refusal | None:
        left = fresh.left_ns(now_ns) / self._dt_ns
        if left < self._rows:
            return None
        return _not_due(f'{left:.1f} rows are left, inference begins below {self._rows}')

    def _judge_pause(self, fresh: ReceivedPlan, now_ns: int) -> Refusal | None:
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


# Successes at 200 ms in docs/execution_benchmark.md: 100, 80.5 and 32.5 %; crossfade has 19 %.
# rollforward (99.5 %) has to be named: of policies that learnt nothing, hold and replay offer it.
_BEST_FIRST = ('prefix', 'rtc', 'latest')


def choose_strategy(spec: PolicySpec, config: StrategyConfig) -> tuple[StrategyConfig, str]:
    """
    Return `config` with the strategy to run instead of `auto`, and why it is that one.

    The best of docs/execution_benchmark.md that the policy of `spec` was made for; without any of
    them `latest`, which no blending improves.
    """
    if config.name != AUTO:
        return config, f'strategy.name is {config.name}'
    reasons: list[str] = []
    for name in _BEST_FIRST:
        chosen = dataclasses.replace(config, name=name)
        problems = tuple(_ability_problems(spec, chosen, _expected_rows(spec, chosen)))
        if not problems:
            because = '; '.join(reasons) or 'the best there is'
            return chosen, f'{name}, the best that policy {spec.name} supports: {because}'
        reasons += [problem.what for problem in problems]
    raise ValueError(f'{_BEST_FIRST[-1]} asks for nothing')


def check_strategy(spec: PolicySpec, config: StrategyConfig) -> tuple[Problem, ...]:
    """Return every reason why the policy of `spec` cannot be run as `config` says."""
    if spec.dt_ns <= 0 or spec.horizon < 1:
        return ()  # check_session tells
    config, _ = choose_strategy(spec, config)
    expected = _expected_rows(spec, config)
    return (
        *_ability_problems(spec, config, expected),
        *_deadline_problems(spec, config, expected),
    )


def _expected_rows(spec: PolicySpec, config: StrategyConfig) -> int:
    return delay_rows(
        seconds_to_ns(config.expected_delay_s), spec.dt_ns, config.forecast_margin_rows
    )


def _ability_problems(
    spec: PolicySpec, config: StrategyConfig, expected: int
) -> Iterator[Problem]:
    strategy = config.strategy
    where = 'strategy.name'
    if strategy.prefix is PrefixUse.GUIDED and not spec.guided_prefix:
        yield Problem(
            where=where,
            what=f'{strategy.name} guides the denoising, policy {spec.name} cannot be guided',
            remedy='a flow policy, or strategy latest',
        )
    if strategy.prefix is PrefixUse.CLEAN and spec.clean_prefix_rows < expected:
        yield _untrained(spec, config, expected, 'clean prefix rows', spec.clean_prefix_rows)
    if strategy.imagines and not spec.forward_model:
        yield Problem(
            where=where,
            what=f'{strategy.name} imagines what will be seen, policy {spec.name} has no forward '
            'model',
            remedy=strategy.name.replace('grounded', 'rollforward'),
        )
    if strategy.rolls_state and not strategy.imagines and spec.rolled_rows < expected:
        yield _untrained(spec, config, expected, 'rows of rolling forward', spec.rolled_rows)


def _untrained(
    spec: PolicySpec, config: StrategyConfig, expected: int, what: str, trained: int
) -> Problem:
    how = f'trained with at most {trained} {what}' if trained else f'not trained with {what}'
    return Problem(
        where='strategy.name',
        what=f'{config.name} expects a delay of {expected} rows, policy {spec.name} is {how}',
        remedy='another checkpoint, a smaller strategy.expected_delay_s or '
        'strategy.forecast_margin_rows, or another strategy',
    )


def _deadline_problems(
    spec: PolicySpec, config: StrategyConfig, expected: int
) -> Iterator[Problem]:
    """A chunk lasts until the next one has come: d <= s <= H - d."""
    horizon, rows = spec.horizon, config.rows_between(spec.horizon)
    if config.strategy.waits:
        if rows > horizon:
            yield Problem(
                where='strategy.rows',
                what=f'{rows} rows are executed of chunks that have {horizon}',
                remedy=f'at most {horizon}',
            )
        return
    delay_s = expected * ns_to_seconds(spec.dt_ns)
    if 2 * expected > horizon:
        yield Problem(
            where='strategy.expected_delay_s',
            what=f'a delay of {expected} rows ({delay_s:.3f} s with margin) leaves no time in '
            f'chunks of {horizon} rows: the next chunk comes after the end of this one',
            remedy=f'a delay of at most {horizon // 2} rows, longer chunks, or strategy sync',
        )
    elif config.infer != 'fast' and not expected <= rows <= horizon - expected:
        yield Problem(
            where='strategy.rows',
            what=f'{rows} rows between inferences with a delay of {expected} rows and chunks of '
            f'{horizon}',
            remedy=f'{expected} to {horizon - expected} rows, or strategy.infer fast',
        )
