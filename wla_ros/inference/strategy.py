# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The strategies of asynchronous execution and their numbers."""

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from wla_ros.base import registry
from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import parameter
from wla_ros.base.types import Join
from wla_ros.base.types import PrefixUse

# The strategies of asynchronous execution by name: what each asks of executor and policy.
#
# One definition for both processes: the executor reads how chunks join, the policy node reads when
# to infer and on what to condition. Combinations are written with a plus: 'prefix+rollforward'.


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionStrategy:
    """What a strategy asks of both sides."""

    name: str
    join: Join
    prefix: PrefixUse = PrefixUse.NONE
    rolls_state: bool = False  # the policy sees the joints of the time its rows begin (2512.01031)
    imagines: bool = False  # its forward model also imagines the rest (LingBot-VA, section 3.4)
    waits: bool = False  # inference only while the arms rest and nothing is planned
    # Makes an execution.joins.MergeStrategy of the StrategyConfig, in place of that of `join`. The
    # executor has to name the strategy: chunks tell it no more than `join`.
    merge: Callable[['StrategyConfig'], Any] | None = None


_SINGLE = (
    ExecutionStrategy(name='sync', join=Join.ARRIVAL, waits=True),
    ExecutionStrategy(name='latest', join=Join.LATEST),
    ExecutionStrategy(name='crossfade', join=Join.CROSSFADE),
    ExecutionStrategy(name='ensemble', join=Join.ENSEMBLE),
    ExecutionStrategy(name='rtc', join=Join.COMMITTED, prefix=PrefixUse.GUIDED),
    ExecutionStrategy(name='prefix', join=Join.COMMITTED, prefix=PrefixUse.CLEAN),
    ExecutionStrategy(name='rollforward', join=Join.COMMITTED, rolls_state=True),
    ExecutionStrategy(name='grounded', join=Join.COMMITTED, rolls_state=True, imagines=True),
)
# Clean rows say how the motion goes on, the projected state where it will be: they agree.
_COMBINED = (
    ExecutionStrategy(
        name='prefix+rollforward', join=Join.COMMITTED, prefix=PrefixUse.CLEAN, rolls_state=True
    ),
    ExecutionStrategy(
        name='prefix+grounded',
        join=Join.COMMITTED,
        prefix=PrefixUse.CLEAN,
        rolls_state=True,
        imagines=True,
    ),
)

STRATEGIES: Mapping[str, ExecutionStrategy] = MappingProxyType(
    {strategy.name: strategy for strategy in (*_SINGLE, *_COMBINED)}
)


def strategy_named(name: str) -> ExecutionStrategy:
    """
    Return the strategy `name`, ours or one that a package registers as `wla_ros.strategies`.

    The order of the parts of a combination does not matter. Raises ValueError naming the unknown
    part, or the combinations that make sense.
    """
    others = registry.names(registry.STRATEGIES)
    if name in others and name not in STRATEGIES:
        return _registered(name)
    parts = [part.strip() for part in name.split('+')]
    for part in parts:
        if part not in STRATEGIES:
            there_are = ', '.join((*STRATEGIES, *others))
            raise ValueError(f'{part!r} is no strategy; there are {there_are}')
    for strategy in STRATEGIES.values():
        if sorted(strategy.name.split('+')) == sorted(parts):
            return strategy
    combined = ', '.join(strategy.name for strategy in _COMBINED)
    raise ValueError(f'{name!r} contradicts itself; the combinations are {combined}')


def _registered(name: str) -> ExecutionStrategy:
    try:
        strategy = registry.load(registry.STRATEGIES, name)
    except (ConfigurationError, ImportError) as error:
        raise ValueError(f'strategy {name!r}: {error}') from error
    if not isinstance(strategy, ExecutionStrategy) or strategy.name != name:
        raise ValueError(f'{name!r} is registered as {strategy!r}, not as a strategy of that name')
    return strategy


MASKS = ('hard', 'soft', 'linear', 'exponential')
AUTO = 'auto'
CADENCES = ('fast', 'every', 'below')


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyConfig:
    """Which strategy, when to infer, and what delay to expect."""

    name: str = parameter(
        'how chunks are asked for and joined. auto: the policy node takes the best that its '
        'policy supports, the executor joins every chunk as it says; a named one in the executor '
        f'must be that of the policy node. One of {AUTO}, {", ".join(STRATEGIES)}',
        default=AUTO,
    )
    infer: str = parameter(
        'when to infer: fast (always), every (every `rows` rows) or below (when fewer than `rows` '
        'rows are left); sync infers after `rows` rows in any case',
        choices=CADENCES,
        default='fast',
    )
    rows: int = parameter(
        'rows executed between two inferences s; d <= s <= H - d is checked at start. '
        '0: half the horizon',
        unit='rows',
        minimum=0,
        default=0,
    )
    mask: str = parameter(
        'weights of the prefix rows behind the committed ones (rtc): hard (none), soft (all), '
        'linear or exponential ramp',
        choices=MASKS,
        default='exponential',
    )
    expected_delay_s: float = parameter(
        'observation to splice, used until delays were measured and for the check at start',
        unit='s',
        minimum=0.0,
        maximum=5.0,
        default=0.15,
    )
    forecast_window: int = parameter(
        'the forecast is the largest of this many measured delays', minimum=1, default=10
    )
    forecast_margin_rows: int = parameter(
        'rows added to the forecast: committing to more than elapses costs no step, less does',
        unit='rows',
        minimum=0,
        default=1,
    )
    warm_up: int = parameter(
        'first inferences of the process, which never enter the forecast', minimum=0, default=3
    )
    crossfade_s: float = parameter(
        'duration of a crossfade', unit='s', minimum=0.01, maximum=5.0, default=0.2
    )
    ensemble_decay: float = parameter(
        'm of the ensemble weights exp(-m i), i = 0 is the oldest chunk; negative prefers new',
        default=0.01,
    )

    def __post_init__(self) -> None:
        """Refuse strategies that do not exist and combinations that contradict themselves."""
        if self.name != AUTO:
            strategy_named(self.name)

    @property
    def strategy(self) -> ExecutionStrategy:
        """The strategy by that name. Raises ValueError for `auto`: choose_strategy first."""
        return strategy_named(self.name)

    @property
    def full_name(self) -> str:
        """The name by which both nodes know it, whatever the order of its parts."""
        return AUTO if self.name == AUTO else self.strategy.name

    def rows_between(self, horizon: int) -> int:
        """Return s for chunks of `horizon` rows."""
        return self.rows or max(1, horizon // 2)
