# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The rclpy executor that serves the nodes of this package: messages at once, the rest a bit later.

rclpy builds a wait set of everything that a node has, twice for every message: with the services,
events and timers of these nodes that is a quarter of a millisecond of a core for each, a quarter
of a core at 1000 messages a second. Here a wait set of the subscriptions alone serves messages.

Owns the order of callbacks. Knows no node.
"""

import math
import time
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from rclpy.context import Context
from rclpy.exceptions import InvalidHandle
from rclpy.executors import SingleThreadedExecutor
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.subscription import Subscription

from wla_ros.base.time_credit import Allowance
from wla_ros.base.time_credit import TimeCredit

try:
    from rclpy.event_handler import EventHandler
except ImportError:  # Humble
    from rclpy.qos_event import QoSEventHandler as EventHandler

# Services, actions, events and tasks wait so long at most. Timers wait for nothing.
_OTHERS_PERIOD_S = 0.02
# Events of the middleware only lead to lines of the log (incompatible quality of service).
_EVENTS_PERIOD_S = 0.5
# A timer that may not run yet (its group is busy) is looked at again after this.
_SHORTEST_PERIOD_S = 0.001
# Messages of one subscription between two waits: with one for each, a fast topic would fall behind
# slow ones and lose messages on a machine that is busy.
_MOST_MESSAGES = 8
# Callbacks besides messages between two looks for messages.
_MOST_OTHERS = 10


class MessagesFirst(SingleThreadedExecutor):
    """
    A SingleThreadedExecutor whose `spin_once` serves every subscription that has a message.

    Callbacks of subscriptions are plain functions; their group does not hold them back.
    """

    def __init__(
        self,
        *,
        context: Context | None = None,
        allowance: Allowance | None = None,
        on_rest: Callable[[str, int], None] = lambda topic, rest_ns: None,
    ) -> None:
        """
        Create it without nodes.

        A subscription whose messages take more than `allowance` rests: none of its messages is
        read for a while, the middleware keeps the newest of them. `on_rest` is told its topic and
        for how long [ns].
        """
        super().__init__(context=context)
        self._allowance = allowance
        self._on_rest = on_rest
        self._credits: WeakKeyDictionary[Subscription, TimeCredit] = WeakKeyDictionary()
        self._others_due_s = 0.0  # monotonic
        self._events_due_s = 0.0
        self._with_events = True
        self._worked = False
        self._wait_set: Any = None
        self._room = 0  # for subscriptions in it

    def spin_once(self, timeout_sec: float | None = None) -> None:
        """Serve what is ready; wait up to `timeout_sec` for something to become so."""
        if not any(node.subscriptions for node in self.get_nodes()):
            self._with_events = True
            super().spin_once(timeout_sec)
            return
        now_s = time.monotonic()
        if now_s >= self._others_due_s:
            self._with_events = now_s >= self._events_due_s
            if self._with_events:
                self._events_due_s = now_s + _EVENTS_PERIOD_S
            self._serve_others()
            now_s = time.monotonic()
            self._others_due_s = now_s + self._until_others_s()
        wait_s = max(0.0, self._others_due_s - now_s)
        self._serve_messages(wait_s if timeout_sec is None else min(wait_s, timeout_sec))

    def can_execute(self, entity: Any) -> bool:
        """Leave out of what rclpy waits for: subscriptions, and mostly events."""
        if isinstance(entity, Subscription) or (
            not self._with_events and isinstance(entity, EventHandler)
        ):
            return False
        return bool(super().can_execute(entity))

    def wait_for_ready_callbacks(self, *arguments: Any, **options: Any) -> Any:
        """Take note that there was something to do."""
        found = super().wait_for_ready_callbacks(*arguments, **options)
        self._worked = True
        return found

    def _serve_others(self) -> None:
        for _ in range(_MOST_OTHERS):
            self._worked = False
            super().spin_once(timeout_sec=0.0)
            if not self._worked:
                return

    def _until_others_s(self) -> float:
        timers = (
            timer for node in self.get_nodes() for timer in node.timers if not timer.is_canceled()
        )
        waits_ns = (timer.time_until_next_call() for timer in timers)
        first_s = min((wait / 1e9 for wait in waits_ns if wait is not None), default=math.inf)
        return min(max(first_s, _SHORTEST_PERIOD_S), _OTHERS_PERIOD_S)

    def _subscriptions(self) -> list[Subscription]:
        found = [item for node in self.get_nodes() for item in node.subscriptions]
        if not self._credits:
            return found
        now_ns = time.monotonic_ns()
        return [
            item
            for item in found
            if item not in self._credits or not self._credits[item].wait_ns(now_ns)
        ]

    def _serve_messages(self, timeout_s: float) -> None:
        subscriptions = self._subscriptions()  # whatever else was served may have destroyed some
        if not self.context.ok():
            return
        if not subscriptions:  # all of them rest
            time.sleep(timeout_s)
            return
        if len(subscriptions) > self._room:
            self._room = 2 * len(subscriptions)
            self._wait_set = rclpy_implementation.WaitSet(
                self._room, 0, 0, 0, 0, 0, self.context.handle
            )
        wait_set = self._wait_set
        wait_set.clear_entities()
        in_use = []  # nobody destroys them meanwhile
        try:
            for subscription in subscriptions:
                subscription.handle.__enter__()
                in_use.append(subscription.handle)
                wait_set.add_subscription(subscription.handle)
            wait_set.wait(int(timeout_s * 1e9))
            ready = set(wait_set.get_ready_entities('subscription'))
            waiting = [item for item in subscriptions if item.handle.pointer in ready]
        except InvalidHandle:
            return  # one was destroyed since it was listed
        finally:
            for handle in in_use:
                handle.__exit__(None, None, None)
        for subscription in waiting:
            for _ in range(_MOST_MESSAGES):
                begun_ns = time.thread_time_ns()
                found = _serve_message(subscription)
                rests = self._account(subscription, time.thread_time_ns() - begun_ns)
                if not found or rests:
                    break

    def _account(self, subscription: Subscription, cost_ns: int) -> bool:
        """
        Let a subscription rest that takes too much of the time of the interpreter.

        Returns whether it rests.
        """
        if self._allowance is None or cost_ns < self._allowance.free_ns:
            return False
        credit = self._credits.setdefault(subscription, TimeCredit(self._allowance))
        now_ns = time.monotonic_ns()
        credit.spend(cost_ns, now_ns)
        if rest_ns := credit.wait_ns(now_ns):
            self._on_rest(subscription.topic_name, rest_ns)
        return rest_ns > 0


def _serve_message(subscription: Subscription) -> bool:
    """Take a message and tell the callback; return whether there was one."""
    try:
        with subscription.handle:
            taken = subscription.handle.take_message(subscription.msg_type, subscription.raw)
    except InvalidHandle:
        return False  # destroyed by a callback before
    if taken is not None:
        # No public attribute tells whether the callback wants what the middleware knows besides.
        kind = getattr(subscription, '_callback_type', None)
        with_info = kind is Subscription.CallbackType.WithMessageInfo
        subscription.callback(*(taken if with_info else taken[:1]))
    return taken is not None
