# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""One cell of the benchmark: who acts on what, by which strategy, how late and how unreliably."""

import re
from dataclasses import dataclass

_KEY = re.compile(
    r'(?P<policy>[^/]+)/(?P<task>[^/]+)/(?P<strategy>[^/]+)/'
    r'(?P<delay_ms>\d+)ms\+(?P<jitter_ms>\d+)ms,(?P<drop_percent>\d+)%'
)
_NUMBERS = ('delay_ms', 'jitter_ms', 'drop_percent')


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Conditions:
    """What the connection to the policy is like."""

    delay_ms: int  # from the observation's arrival at the policy to its chunk
    jitter_ms: int  # added, uniform in 0..jitter
    drop_percent: int = 0  # of inferences whose chunk never comes

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if self.delay_ms < 0 or self.jitter_ms < 0 or not 0 <= self.drop_percent <= 100:
            raise ValueError(f'impossible conditions: {self!r}')

    def __str__(self) -> str:
        """Return for example '200 ms + 0..100 ms, 10 % lost'."""
        text = f'{self.delay_ms} ms'
        if self.jitter_ms:
            text += f' + 0..{self.jitter_ms} ms'
        return text + (f', {self.drop_percent} % lost' if self.drop_percent else '')


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class BenchmarkCell:
    """Plain values: it travels to other processes and into files."""

    policy: str
    task: str
    strategy: str  # of inference.strategy, or one of benchmarks.peers
    conditions: Conditions

    def __post_init__(self) -> None:
        """Refuse names that could not be told apart in a key."""
        for name in ('policy', 'task', 'strategy'):
            value = getattr(self, name)
            if not value or '/' in value:
                raise ValueError(f'{name} must be a text without "/", got {value!r}')

    @property
    def key(self) -> str:
        """Return for example 'flow/dispose_trash/rtc/200ms+20ms,0%': a name for files."""
        at = self.conditions
        return (
            f'{self.policy}/{self.task}/{self.strategy}/'
            f'{at.delay_ms}ms+{at.jitter_ms}ms,{at.drop_percent}%'
        )


def cell_of(key: str) -> BenchmarkCell:
    """Return the cell with this key. Raises ValueError for a text that is none."""
    match = _KEY.fullmatch(key)
    if match is None:
        raise ValueError(f'{key!r} is no key of a cell')
    found = match.groupdict()
    return BenchmarkCell(
        policy=found['policy'],
        task=found['task'],
        strategy=found['strategy'],
        conditions=Conditions(**{name: int(found[name]) for name in _NUMBERS}),
    )
