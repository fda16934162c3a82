"""Which asynchronous strategy a policy supports: the best, and everything that does not fit."""

import dataclasses
from collections.abc import Iterator

from wla_ros.core.delay_forecast import delay_rows
from wla_ros.core.errors import Problem
from wla_ros.core.execution_strategy import PrefixUse
from wla_ros.core.strategy_config import AUTO
from wla_ros.core.strategy_config import StrategyConfig
from wla_ros.core.timing import ns_to_seconds
from wla_ros.core.timing import seconds_to_ns
from wla_ros.core.types import PolicySpec

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
