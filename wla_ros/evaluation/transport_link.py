"""A modelled connection between two parts: delay, jitter, loss, order, everything counted."""

from dataclasses import dataclass

import numpy as np

from wla_ros.evaluation.episode_record import Counter


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

    def counters(self, *, in_flight: int) -> tuple[Counter, ...]:
        """Return sent, delivered and dropped, and what the queue of events still holds."""
        values = {
            'sent': self._sent,
            'delivered': self._delivered,
            'dropped': self._dropped,
            'in_flight': in_flight,
        }
        return tuple(
            Counter(owner=self.owner, name=name, value=value) for name, value in values.items()
        )
