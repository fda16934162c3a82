# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The policy of the node and the thread that asks it: observations in, chunks out."""

from collections.abc import Callable

from rclpy.impl.rcutils_logger import RcutilsLogger

from wla_ros.base import reasons
from wla_ros.base.types import ActionChunk
from wla_ros.base.types import Observation
from wla_ros.base.types import Policy
from wla_ros.base.types import Refusal
from wla_ros.inference.session import InferenceSession
from wla_ros.nodes.worker import InferenceWorker

# An inference that takes longer than this is not waited for at the end of the process.
_STOP_TIMEOUT_S = 10.0
# After these refusals only joint feedback can complete the observation, so each sample is worth a
# try.
_JOINTS_MISSING = frozenset(
    {
        reasons.WAITING_FOR_JOINTS,
        reasons.GAP,
        reasons.NO_DATA,
        reasons.STALE,
    }
)


class PolicyInference:
    """Asks the policy whenever there is something new and it is wanted."""

    def __init__(
        self,
        policy: Policy,
        session: InferenceSession,
        *,
        seed: int,
        now_ns: Callable[[], int],
        wanted: Callable[[], bool],
        on_chunk: Callable[[ActionChunk], None],
        logger: RcutilsLogger,
    ) -> None:
        """
        Start the thread and open the policy in it.

        `wanted` is asked in any thread that notifies, `on_chunk` is called by the thread.
        """
        self._policy = policy
        self._session = session
        self._seed = seed
        self._now_ns = now_ns
        self._wanted = wanted
        self._on_chunk = on_chunk
        self._logger = logger
        self._policy_epoch = -1
        self._waiting_for = ''
        self._failing = False
        self.warm = False  # the policy was opened
        self._worker: InferenceWorker[Observation] = InferenceWorker(
            pull=self._pull,
            handle=self._infer,
            opening=self._open,
            closing=policy.close,
            on_error=lambda error: logger.error(f'inference thread: {error!r}'),
        )
        self._worker.start()

    @property
    def problem(self) -> str:
        """What goes wrong besides inferences, which the session counts; empty if nothing does."""
        return self._worker.problem

    def notify(self) -> None:
        """Look for something to infer from, now that something has changed; any thread."""
        self._worker.notify()

    def notify_joints(self) -> None:
        """The same after joint feedback, which comes often and rarely makes a difference."""
        if self._waiting_for in _JOINTS_MISSING or not self._session.spec.cameras:
            self._worker.notify()

    def stop(self) -> None:
        """End the thread, which closes the policy."""
        if not self._worker.stop(_STOP_TIMEOUT_S):
            self._logger.error(
                f'the policy is still inferring after {_STOP_TIMEOUT_S:g} s; not waiting longer'
            )

    def _pull(self) -> Observation | None:
        """Return the next observation if the policy is to infer now; runs in either thread."""
        if not self._wanted():
            return None
        observation = self._session.next_observation(self._now_ns())
        if isinstance(observation, Refusal):
            self._waiting_for = observation.reason
            return None
        self._waiting_for = ''
        return observation

    def _open(self) -> None:
        self._policy.reset(seed=self._seed)
        self.warm = True

    def _infer(self, observation: Observation) -> None:
        policy, session = self._policy, self._session
        if observation.epoch != self._policy_epoch:
            policy.reset(seed=self._seed)
            self._policy_epoch = observation.epoch
        ticket = session.begin(observation, self._now_ns())
        outcome: ActionChunk | Refusal
        try:
            result = policy.infer(ticket.observation, ticket.request)
        except Exception as error:  # whatever a policy raises, the node lives and counts it
            outcome = session.fail(ticket, error, self._now_ns())
        else:
            outcome = session.complete(ticket, result, self._now_ns())
        if isinstance(outcome, ActionChunk):
            self._on_chunk(outcome)
        self._log_failures(outcome)

    def _log_failures(self, outcome: ActionChunk | Refusal) -> None:
        """Log the first failure and the recovery, not each of thirty a second."""
        if isinstance(outcome, ActionChunk):
            if self._failing:
                self._logger.info('the policy answers again')
            self._failing = False
        elif outcome.reason != reasons.STALE_EPOCH:
            if not self._failing:
                self._logger.error(f'{outcome.reason}: {outcome.detail}')
            self._failing = True
