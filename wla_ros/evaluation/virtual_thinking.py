"""
The policy side of a virtual episode: one inference at a time, the newest observation wins.

Models how long an inference takes and whether its result gets lost; the session decides what is
an observation and what a result becomes.
"""

from collections.abc import Callable

import numpy as np

from wla_ros.core.errors import WlaError
from wla_ros.core.inference_session import InferenceSession
from wla_ros.core.inference_ticket import InferenceTicket
from wla_ros.core.ports import Policy
from wla_ros.core.refusal_reasons import TRANSIENT
from wla_ros.core.types import ActionChunk
from wla_ros.core.types import PolicyResult
from wla_ros.core.types import Refusal
from wla_ros.evaluation.episode_settings import EpisodeSettings
from wla_ros.evaluation.event_queue import EventQueue

LOST = 'the result was lost on its way'


class VirtualThinking:
    """Begins when it is woken, if it is wanted, idle, and the session has an observation."""

    def __init__(
        self,
        session: InferenceSession,
        policy: Policy,
        queue: EventQueue,
        settings: EpisodeSettings,
        *,
        seed: int,
        rank: int,
        wanted: Callable[[], bool],
        on_outcome: Callable[[ActionChunk | Refusal, int], None],
        on_refusal: Callable[[Refusal | None, int], None],
    ) -> None:
        """
        Results come at `rank` of their time.

        `on_outcome(chunk or refusal, now)` hears what became of every inference, `on_refusal` why
        there is no observation, None when there is one.
        """
        self._session = session
        self._policy = policy
        self._queue = queue
        self._settings = settings
        self._rank = rank
        self._wanted = wanted
        self._on_outcome = on_outcome
        self._on_refusal = on_refusal
        self._latencies = np.random.default_rng([seed, 1])
        self._losses = np.random.default_rng([seed, 2])
        self.running = False

    def wake(self, now_ns: int) -> None:
        """Something has arrived: look whether there is something to think about."""
        if self.running or not self._wanted():
            return
        observation = self._session.next_observation(now_ns)
        if isinstance(observation, Refusal):
            if observation.reason not in TRANSIENT:
                self._on_refusal(observation, now_ns)
            return
        self._on_refusal(None, now_ns)
        self.running = True
        ticket = self._session.begin(observation, now_ns)
        settings = self._settings
        jitter_ns = int(self._latencies.integers(0, max(1, settings.inference_jitter_ns)))
        lost = self._losses.random() < settings.inference_drop_probability
        outcome = self._infer(ticket)

        def finish(now_ns: int) -> None:
            self.running = False
            if isinstance(outcome, WlaError):
                self._on_outcome(self._session.fail(ticket, outcome, now_ns), now_ns)
            elif lost:
                self._on_outcome(self._session.fail(ticket, LOST, now_ns), now_ns)
            else:
                self._on_outcome(self._session.complete(ticket, outcome, now_ns), now_ns)
            self.wake(now_ns)

        done_ns = now_ns + settings.inference_latency_ns + jitter_ns
        self._queue.at(done_ns, finish, rank=self._rank)

    def _infer(self, ticket: InferenceTicket) -> PolicyResult | WlaError:
        try:
            return self._policy.infer(ticket.observation, ticket.request)
        except WlaError as error:
            return error
