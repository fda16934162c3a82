"""The asynchronous strategy and its numbers, a section of executor and policy node."""

from dataclasses import dataclass

from wla_ros.core.configuration import parameter
from wla_ros.core.execution_strategy import STRATEGIES
from wla_ros.core.execution_strategy import ExecutionStrategy
from wla_ros.core.execution_strategy import strategy_named

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
