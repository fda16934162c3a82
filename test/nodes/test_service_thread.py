# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""A thread of services: each takes its share of the time, an urgent one what it needs."""

import time
from collections.abc import Callable
from typing import Any

import pytest

rclpy = pytest.importorskip('rclpy')

from rclpy.context import Context  # noqa: E402 - not without rclpy
from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402

from wla_ros.base.time_credit import Allowance  # noqa: E402
from wla_ros.nodes.service_thread import ServiceThread  # noqa: E402
from wla_ros.srv import SetControlMode  # noqa: E402

BOUND_S = 20.0
# Two answers are the burst, the next one comes seconds later.
ALLOWANCE = Allowance(share=0.01, burst_ns=40_000_000, free_ns=5_000_000)
WORK_NS = 30_000_000


def test_large_requests_keep_nobody_else_waiting(ros_context: Context) -> None:
    owner = rclpy.create_node('owner', context=ros_context)
    asking = rclpy.create_node('asking', context=ros_context)
    executor = SingleThreadedExecutor(context=ros_context)
    executor.add_node(asking)
    served: list[int] = []
    reasons: list[str] = []

    def answer(request: SetControlMode.Request, response: SetControlMode.Response) -> Any:
        end_ns = time.thread_time_ns() + WORK_NS
        while time.thread_time_ns() < end_ns:
            pass
        served.append(time.monotonic_ns())
        reasons.append(request.reason)
        return response

    def stop(_: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success = True
        return response

    def spin_until(condition: Callable[[], bool]) -> None:
        end_s = time.monotonic() + BOUND_S
        while not condition():
            assert time.monotonic() < end_s
            executor.spin_once(timeout_sec=0.02)

    services, urgent = ServiceThread(owner, allowance=ALLOWANCE), ServiceThread(owner)
    services.create_service(SetControlMode, 'mode', answer)
    urgent.create_service(Trigger, 'stop', stop)
    modes = asking.create_client(SetControlMode, 'mode')
    stops = asking.create_client(Trigger, 'stop')
    services.start()
    urgent.start()
    try:
        spin_until(lambda: modes.service_is_ready() and stops.service_is_ready())
        for _ in range(6):
            modes.call_async(SetControlMode.Request(reason='x'))
        spin_until(lambda: len(served) >= 2)
        for _ in range(5):
            asked = stops.call_async(Trigger.Request())
            spin_until(asked.done)
        assert len(served) == 2
        # What waited is dropped: nobody waits for it, and a mode must not change because of it.
        while len(served) < 3:
            assert time.monotonic_ns() - served[1] < BOUND_S * 1e9
            again = modes.call_async(SetControlMode.Request(reason='later'))
            end_s = time.monotonic() + 0.3
            spin_until(lambda again=again, end_s=end_s: again.done() or time.monotonic() > end_s)
        assert served[2] - served[1] > 1_000_000_000
        assert reasons == ['x', 'x', 'later']
        assert not services.problem
        assert not urgent.problem
    finally:
        services.stop()
        urgent.stop()
        executor.shutdown()
        asking.destroy_node()
        owner.destroy_node()
