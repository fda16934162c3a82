"""The policy of the node and the thread that asks it: observations in, chunks out."""

import contextlib
import threading
from collections.abc import Callable
from functools import partial
from time import monotonic_ns
from typing import Generic
from typing import TypeVar

from rclpy.impl.rcutils_logger import RcutilsLogger

from wla_ros.base import reasons
from wla_ros.base.failure_record import FailureRecord
from wla_ros.base.types import ActionChunk
from wla_ros.base.types import Observation
from wla_ros.base.types import Policy
from wla_ros.base.types import Refusal
from wla_ros.inference.session import InferenceSession

# The one thread that thinks: takes the newest work, never queues any, never blocks who offers it.
#
# Owns the thread. Callbacks call `poke` when data arrived; the pull function then says whether
# there is work. So nothing polls, nothing older than the newest is worked on, and no callback
# waits for the policy. Must not know ROS.

T = TypeVar('T')


class InferenceWorker(Generic[T]):
    """
    Calls `think(item)` in its own thread for items that `pull()` gives.

    `poke()` may be called from any thread: while the worker is idle it pulls at once, in the
    caller's thread, and hands the item over; while the worker is busy it does nothing, because the
    worker pulls again when it is done. `pull` must be safe to call from both threads and quick;
    None means that there is no work now. `opening` and `closing` run in the worker's thread, so
    everything that must stay on one thread can.
    """

    def __init__(
        self,
        *,
        pull: Callable[[], T | None],
        think: Callable[[T], None],
        opening: Callable[[], None] = lambda: None,
        closing: Callable[[], None] = lambda: None,
        on_error: Callable[[BaseException], None] = lambda _: None,
        name: str = 'inference',
    ) -> None:
        """Prepare; nothing runs before `start`."""
        self._pull = pull
        self._think = think
        self._opening = opening
        self._closing = closing
        self._on_error = on_error
        self._condition = threading.Condition()
        self._slot: T | None = None
        self._busy = True  # until the opening is done
        self._stopping = False
        self._failures = FailureRecord('items')
        self._unopened = ''  # why the opening failed
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def busy(self) -> bool:
        """Whether an item is being worked on or waits in the slot, or the opening still runs."""
        with self._condition:
            return self._busy

    @property
    def problem(self) -> str:
        """What goes wrong in the thread, empty if nothing does. A failed opening is for good."""
        if not self._stopping and not self._thread.is_alive():
            return 'the thread has ended'
        return self._unopened or self._failures.problem(monotonic_ns())

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def poke(self) -> None:
        """Give the worker something to do if it is idle and there is something."""
        with self._condition:
            if self._busy or self._stopping:
                return
            self._slot = self._pull()
            if self._slot is not None:
                self._busy = True
                self._condition.notify()

    def stop(self, timeout_s: float) -> bool:
        """End the thread after the item it works on; False if it did not end in time."""
        with self._condition:
            self._stopping = True
            self._condition.notify()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        self._unopened = self._guarded(self._opening)
        while True:
            item = self._next()
            if item is None:
                break
            self._guarded(partial(self._think, item))
        self._guarded(self._closing)

    def _next(self) -> T | None:
        """Return the next item, waiting for one; None when stopping."""
        with self._condition:
            if not self._stopping and self._slot is None:
                self._slot = self._pull()
            self._busy = self._slot is not None
            while self._slot is None and not self._stopping:
                self._condition.wait()
            item, self._slot = self._slot, None
            return None if self._stopping else item

    def _guarded(self, action: Callable[[], None]) -> str:
        """Call `action`; return what it raised."""
        try:
            action()
        except (
            Exception
        ) as error:  # one bad inference must not end the thread; the owner counts it
            self._failures.note(error, monotonic_ns())
            with contextlib.suppress(Exception):  # nor must what is done about it
                self._on_error(error)
            return f'{type(error).__name__}: {error}'
        return ''


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


class PolicyThinking:
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

        `wanted` is asked by the thread and by whoever pokes, `on_chunk` is called by the thread.
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
            think=self._think,
            opening=self._open,
            closing=policy.close,
            on_error=lambda error: logger.error(f'inference thread: {error!r}'),
        )
        self._worker.start()

    @property
    def problem(self) -> str:
        """What goes wrong besides inferences, which the session counts; empty if nothing does."""
        return self._worker.problem

    def poke(self) -> None:
        """Look for something to think about, now that something has changed; any thread."""
        self._worker.poke()

    def poke_with_joints(self) -> None:
        """The same after joint feedback, which comes often and rarely makes a difference."""
        if self._waiting_for in _JOINTS_MISSING or not self._session.spec.cameras:
            self._worker.poke()

    def stop(self) -> None:
        """End the thread, which closes the policy."""
        if not self._worker.stop(_STOP_TIMEOUT_S):
            self._logger.error(
                f'the policy is still thinking after {_STOP_TIMEOUT_S:g} s; not waiting longer'
            )

    def _pull(self) -> Observation | None:
        """Return the next observation if the policy is to think now; runs in either thread."""
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

    def _think(self, observation: Observation) -> None:
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
