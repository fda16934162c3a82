"""
The strategies of asynchronous execution by name: what each asks of executor and policy.

One definition for both processes: the executor reads how chunks join, the policy node reads when
to infer and on what to condition. Combinations are written with a plus: 'prefix+rollforward'.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


class Join(enum.Enum):
    """How a new chunk joins the rows in execution."""

    LATEST = 'latest'  # follow the new chunk from now on
    CROSSFADE = 'crossfade'  # blend from the old rows to the new ones over a while
    ENSEMBLE = 'ensemble'  # weighted mean of all chunks that cover a row (ACT, arXiv 2304.13705)
    COMMITTED = 'committed'  # execute the rows the policy was told of, then follow the new chunk
    ARRIVAL = 'arrival'  # the chunk begins when it arrives: the arms have waited for it


class PrefixUse(enum.Enum):
    """What the policy does with the rows that are executed whatever it says."""

    NONE = 'none'
    GUIDED = 'guided'  # pulled towards them while denoising (RTC, arXiv 2506.07339)
    CLEAN = 'clean'  # given as clean rows it was trained with (training-time RTC, 2512.05964)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionStrategy:
    """What a strategy asks of both sides."""

    name: str
    join: Join
    prefix: PrefixUse = PrefixUse.NONE
    rolls_state: bool = False  # the policy sees the joints of the time its rows begin (2512.01031)
    imagines: bool = False  # its forward model also imagines the rest (LingBot-VA, section 3.4)
    waits: bool = False  # inference only while the arms rest and nothing is planned


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
    Return the strategy `name`; the order of the parts of a combination does not matter.

    Raises ValueError naming the unknown part, or the combinations that make sense.
    """
    parts = [part.strip() for part in name.split('+')]
    for part in parts:
        if part not in STRATEGIES:
            raise ValueError(f'{part!r} is no strategy; there are {", ".join(STRATEGIES)}')
    for strategy in STRATEGIES.values():
        if sorted(strategy.name.split('+')) == sorted(parts):
            return strategy
    combined = ', '.join(strategy.name for strategy in _COMBINED)
    raise ValueError(f'{name!r} contradicts itself; the combinations are {combined}')
