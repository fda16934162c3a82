# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Services that wait for nothing else a node does: a thread and a ROS node of their own serve them.

Owns both. In rclpy one executor serves all callbacks of a node, so a second node it is; its name
is hidden, the services keep those of their owner.
"""

import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import rclpy
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

from wla_ros.base.failure_record import FailureRecord
from wla_ros.base.time_credit import Allowance
from wla_ros.base.time_credit import TimeCredit

_CHECK_S = 0.1


class _PacedGroup(MutuallyExclusiveCallbackGroup):
    """Is not served any more once its credit was spent."""

    def __init__(self, credit: TimeCredit | None) -> None:
        super().__init__()
        self._credit = credit
        self.rested = False

    def can_execute(self, entity: Any) -> bool:
        """Return whether a request may be taken."""
        if self._credit is not None and self._credit.wait_ns(time.monotonic_ns()):
            self.rested = True
        return not self.rested and super().can_execute(entity)

    def stuck(self, entity: Any) -> bool:
        """Return whether rclpy never serves `entity` again."""
        return not super().can_execute(entity)


@dataclass(slots=True)
class _Offer:
    kind: Any
    name: str
    answer: Callable[[Any, Any], Any]
    credit: TimeCredit | None
    group: _PacedGroup
    service: Any


class ServiceThread:
    """Serves from `start` to `stop`. A request that fails is told and the next one is served."""

    def __init__(self, owner: Node, *, allowance: Allowance | None = None) -> None:
        """
        Prepare a node beside `owner`; each service may take `allowance` of the time.

        Without one the services are urgent: they take what they need and have a context, so a
        participant in the middleware, of their own. One whose port is full of large messages for
        others loses requests, and the middleware sends them again only after seconds.
        """
        self._owner = owner
        self._context = owner.context if allowance else Context()
        if allowance is None:
            rclpy.init(context=self._context, domain_id=owner.context.get_domain_id())
        self._allowance = allowance
        self._served: _Offer | None = None  # by the turn of the thread that runs
        # Without global arguments: a remapping of the owner's name would rename this node, too.
        self._node = rclpy.create_node(
            f'_{owner.get_name()}_{"services" if allowance else "urgent"}',
            context=self._context,
            namespace=owner.get_namespace(),
            use_global_arguments=False,
            start_parameter_services=False,
            enable_rosout=False,
        )
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._offers: list[_Offer] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve, name='services', daemon=True)
        self._failures = FailureRecord('requests')

    @property
    def problem(self) -> str:
        """What goes wrong here, empty if nothing does."""
        if not self._thread.is_alive() and not self._stopping.is_set():
            return 'requests are not answered'
        return self._failures.problem(time.monotonic_ns())

    def create_service(self, kind: Any, name: str, answer: Callable[[Any, Any], Any]) -> None:
        """Offer `name` of the owner, remapped as the owner's services are, before `start`."""
        credit = TimeCredit(self._allowance) if self._allowance else None
        # A group for each: a request that cannot be taken blocks its group, see `_revive`.
        offer = _Offer(kind, name, answer, credit, _PacedGroup(credit), None)
        self._open(offer)
        self._offers.append(offer)

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """End after the present request and destroy the services; idempotent."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        if self._thread.is_alive():
            self._executor.wake()
            self._thread.join()
        self._executor.shutdown()
        self._node.destroy_node()
        if self._context is not self._owner.context:
            self._context.try_shutdown()

    def _open(self, offer: _Offer) -> None:
        name = self._owner.resolve_service_name(offer.name)

        def answer(request: Any, response: Any) -> Any:
            self._served = offer
            return offer.answer(request, response)

        offer.service = self._node.create_service(
            offer.kind, name, answer, callback_group=offer.group
        )

    def _serve(self) -> None:
        while not self._stopping.is_set() and self._owner.context.ok():
            self._served = None
            self._end_rests()
            begun_ns = time.thread_time_ns()
            try:
                self._executor.spin_once(timeout_sec=_CHECK_S)
            except Exception as error:  # the next request may be the one that stops the arms
                self._failures.note(error, time.monotonic_ns())
                self._owner.get_logger().error(f'a request failed:\n{traceback.format_exc()}')
                self._served = self._revive() or self._served
            if self._served is not None and self._served.credit is not None:
                # Reading the request is part of it.
                cost_ns = time.thread_time_ns() - begun_ns
                self._served.credit.spend(cost_ns, time.monotonic_ns())

    def _end_rests(self) -> None:
        """
        Offer services anew whose credit has come back. What was asked meanwhile is dropped: nobody
        waits for it any more, and the arms must not move because of it.
        """
        for offer in self._offers:
            credit = offer.credit
            if offer.group.rested and credit and not credit.wait_ns(time.monotonic_ns()):
                self._renew(offer)

    def _renew(self, offer: _Offer) -> None:
        self._node.destroy_service(offer.service)
        offer.group = _PacedGroup(offer.credit)
        self._open(offer)

    def _revive(self) -> _Offer | None:
        """
        Renew a service that rclpy does not serve again, and return what was offered.

        A request that cannot be taken, for example with a text that is not UTF-8, leaves its
        callback group busy for ever.
        """
        for offer in self._offers:
            if offer.group.stuck(offer.service):
                self._renew(offer)
                return offer
        return None
