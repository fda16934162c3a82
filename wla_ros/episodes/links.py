# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""What an episode in virtual time models besides the parts it runs: events, delays, losses."""

import dataclasses
import heapq
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from wla_ros.base.timing import NS_PER_MS
from wla_ros.base.timing import NS_PER_S
from wla_ros.base.timing import period_ns
from wla_ros.episodes.record import CounterValue
from wla_ros.inference.strategy import StrategyConfig

# Things that happen at points in virtual time, in an order that never depends on chance.

Action = Callable[[int], None]


class EventQueue:
    """
    A clock that jumps from event to event.

    Events of equal time run by rank, then in the order they were added.
    """

    def __init__(self, start_ns: int) -> None:
        """Stand at `start_ns` with nothing to do."""
        self.now_ns = start_ns
        self._heap: list[tuple[int, int, int, str, Action]] = []
        self._added = 0
        self._stopped = False

    def at(self, time_ns: int, action: Action, *, rank: int = 0, kind: str = '') -> None:
        """
        Run `action(now_ns)` once at `time_ns`; `kind` is what `waiting` counts it under.

        Raises ValueError for a time that has passed.
        """
        if time_ns < self.now_ns:
            raise ValueError(f'event at {time_ns} ns lies before now, {self.now_ns} ns')
        heapq.heappush(self._heap, (time_ns, rank, self._added, kind, action))
        self._added += 1

    def every(self, period_ns: int, action: Action, *, first_ns: int, rank: int = 0) -> None:
        """Run `action` at `first_ns` and then each `period_ns`, on a grid that does not drift."""

        def repeat(now_ns: int) -> None:
            action(now_ns)
            self.at(now_ns + period_ns, repeat, rank=rank)

        self.at(first_ns, repeat, rank=rank)

    def waiting(self) -> Counter[str]:
        """Return how many events of every kind have not run yet."""
        return Counter(kind for _, _, _, kind, _ in self._heap)

    def stop(self) -> None:
        """Let `run` return after the present event."""
        self._stopped = True

    def run(self, until_ns: int) -> None:
        """Run all events up to and at `until_ns`, or until `stop`."""
        while self._heap and not self._stopped and self._heap[0][0] <= until_ns:
            time_ns, _, _, _, action = heapq.heappop(self._heap)
            self.now_ns = time_ns
            action(time_ns)


# A modelled connection between two parts: delay, jitter, loss, order, everything counted.


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkModel:
    """How messages travel. Jitter is added to the delay, uniform in [0, jitter)."""

    delay_ns: int = 0
    jitter_ns: int = 0
    drop_probability: float = 0.0
    keeps_order: bool = True  # messages do not overtake each other, as in DDS

    def __post_init__(self) -> None:
        """Refuse models that would travel back in time."""
        if self.delay_ns < 0 or self.jitter_ns < 0:
            raise ValueError(f'delay and jitter must be >= 0 ns, got {self!r}')
        if not (0.0 <= self.drop_probability <= 1.0):
            raise ValueError(f'drop_probability must lie in 0..1, got {self.drop_probability!r}')


class TransportLink:
    """One direction of one topic."""

    def __init__(self, name: str, model: LinkModel, *, seed: int) -> None:
        """Draw from a generator of its own, so that links do not disturb each other."""
        self.name = name
        self._model = model
        self._random = np.random.default_rng([seed, *name.encode()])
        self._last_arrival_ns = 0
        self._sent = 0
        self._dropped = 0
        self._delivered = 0

    def send(self, now_ns: int) -> int | None:
        """Return when a message sent now arrives, None if it is lost on the way."""
        self._sent += 1
        lost = self._random.random() < self._model.drop_probability
        jitter_ns = int(self._random.integers(0, max(1, self._model.jitter_ns)))
        if lost:
            self._dropped += 1
            return None
        arrival_ns = now_ns + self._model.delay_ns + jitter_ns
        if self._model.keeps_order:
            arrival_ns = self._last_arrival_ns = max(arrival_ns, self._last_arrival_ns)
        return arrival_ns

    def deliver(self) -> None:
        """Count the arrival of one message."""
        self._delivered += 1

    @property
    def owner(self) -> str:
        """Owner of its counters, and kind of its arrivals in the queue of events."""
        return f'transport {self.name}'

    def counters(self, *, in_flight: int) -> tuple[CounterValue, ...]:
        """Return sent, delivered and dropped, and what the queue of events still holds."""
        values = {
            'sent': self._sent,
            'delivered': self._delivered,
            'dropped': self._dropped,
            'in_flight': in_flight,
        }
        return tuple(
            CounterValue(owner=self.owner, name=name, value=value)
            for name, value in values.items()
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeSettings:
    """
    Times of one episode in ns, and how messages travel.

    The defaults of the links are those of the live graph on one machine: 0.2 ms for small
    messages; a 640x480 image takes 4.5 ms from publication to callback, and a USB camera a frame
    period before that.
    """

    tick_period_ns: int = period_ns(200.0)
    poll_period_ns: int = period_ns(200.0)  # of drivers and cameras
    object_period_ns: int = period_ns(60.0)
    judge_period_ns: int = period_ns(10.0)
    status_period_ns: int = period_ns(50.0)  # sampling of modes and states for the record
    picture_period_ns: int = 0  # 0 takes no pictures
    image_link: LinkModel = LinkModel(delay_ns=25 * NS_PER_MS, jitter_ns=8 * NS_PER_MS)
    joint_link: LinkModel = LinkModel(delay_ns=200_000, jitter_ns=300_000)
    object_link: LinkModel = LinkModel(delay_ns=200_000, jitter_ns=300_000)
    chunk_link: LinkModel = LinkModel(delay_ns=200_000, jitter_ns=300_000)
    command_link: LinkModel = LinkModel(delay_ns=200_000, jitter_ns=300_000)
    plan_link: LinkModel = LinkModel(delay_ns=200_000, jitter_ns=300_000)
    plan_period_ns: int = period_ns(10.0)  # besides at every change of the plan
    inference_latency_ns: int = 40 * NS_PER_MS
    inference_jitter_ns: int = 5 * NS_PER_MS  # added, uniform in [0, jitter)
    inference_drop_probability: float = 0.0  # the result is lost when it is due
    strategy: StrategyConfig = dataclasses.field(default_factory=StrategyConfig)
    start_limit_ns: int = 5 * NS_PER_S  # time to become ready before the episode is given up
    time_limit_ns: int = 60 * NS_PER_S
    settle_ns: int = 500 * NS_PER_MS  # from holding at the end to the final judgement

    def __post_init__(self) -> None:
        """Refuse times that cannot be."""
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            if isinstance(value, int) and value < (1 if item.name.endswith('period_ns') else 0):
                if item.name == 'picture_period_ns' and value == 0:
                    continue
                raise ValueError(f'{item.name} is {value}, too small')
        if not (0.0 <= self.inference_drop_probability <= 1.0):
            raise ValueError(
                'inference_drop_probability must lie in 0..1, '
                f'got {self.inference_drop_probability!r}'
            )

    def described(self) -> dict[str, str]:
        """Return the settings as text for the report."""
        texts = {}
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            if isinstance(value, LinkModel):
                texts[item.name] = (
                    f'{value.delay_ns / NS_PER_MS:g} ms + 0..{value.jitter_ns / NS_PER_MS:g} ms, '
                    f'{100 * value.drop_probability:g} % lost'
                    f'{"" if value.keeps_order else ", any order"}'
                )
            elif isinstance(value, StrategyConfig):
                texts |= {
                    f'strategy {part.name}': str(getattr(value, part.name))
                    for part in dataclasses.fields(value)
                }
            elif item.name.endswith('_ns'):
                texts[item.name.removesuffix('_ns')] = f'{value / NS_PER_MS:g} ms'
            else:
                texts[item.name] = str(value)
        return texts
