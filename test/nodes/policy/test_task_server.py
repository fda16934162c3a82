# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The action run_task on a node whose clock is set while a task runs."""

import time
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip('rclpy')

import rclpy  # noqa: E402 - not without rclpy
from rclpy.action import ActionClient  # noqa: E402
from rclpy.context import Context  # noqa: E402
from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rclpy.node import Node  # noqa: E402

from wla_ros.action import RunTask  # noqa: E402
from wla_ros.base.timing import NS_PER_S  # noqa: E402
from wla_ros.base.types import Mode  # noqa: E402
from wla_ros.composition.policy import TaskSection  # noqa: E402
from wla_ros.nodes.messages import duration_message  # noqa: E402
from wla_ros.nodes.messages import duration_ns  # noqa: E402
from wla_ros.nodes.policy.tasks import TaskFacts  # noqa: E402
from wla_ros.nodes.policy.tasks import TaskServer  # noqa: E402
from wla_ros.srv import SetControlMode  # noqa: E402

LIMIT_S = 1.5
TIMEOUT_S = 60.0


class ClockNode(Node):
    """What a task server needs of its node, with a clock that can be set."""

    active = True

    def __init__(self, context: Context) -> None:
        super().__init__('policy_node', context=context)
        self.offset_ns = NS_PER_S * 1000

    def now_ns(self) -> int:
        return time.monotonic_ns() + self.offset_ns

    def every(self, period_s: float, callback: Callable[[], None]) -> None:
        self.create_timer(period_s, callback)


class Policy:
    """A policy that answers at every look, and the executor that obeys it."""

    chunk_session = 7

    def __init__(self) -> None:
        self.mode = Mode.HOLD
        self.chunks = 0

    def begin_task(self, instruction: str, *, keep_memory: bool) -> None:
        del instruction, keep_memory

    def end_task(self) -> None:
        pass

    def task_facts(self) -> TaskFacts:
        self.chunks += 1
        return TaskFacts(ready=True, mode=self.mode)

    def task_feedback(self) -> RunTask.Feedback:
        return RunTask.Feedback()

    def task_counters(self) -> tuple[int, int]:
        return self.chunks, 0

    def set_mode(
        self, request: SetControlMode.Request, response: SetControlMode.Response
    ) -> SetControlMode.Response:
        self.mode, response.success = Mode(request.mode), True
        return response


@pytest.fixture
def context() -> Iterator[Context]:
    context = Context()
    rclpy.init(context=context)
    yield context
    rclpy.shutdown(context=context)


# A day back, and from a clock that begins at zero to the time of day.
@pytest.mark.parametrize('step_s', [-86_400, 1_800_000_000])
def test_a_step_of_the_clock_is_no_time_of_a_task(context: Context, step_s: int) -> None:
    node, policy = ClockNode(context), Policy()
    node.create_service(SetControlMode, 'executor_node/set_mode', policy.set_mode)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    server = TaskServer(node, policy, TaskSection(), 'executor_node')
    client = ActionClient(node, RunTask, 'run_task')

    def wait_for(condition: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + TIMEOUT_S
        while not condition():
            assert time.monotonic() < deadline_s
            executor.spin_once(timeout_sec=0.02)

    wait_for(client.server_is_ready)
    elapsed: list[float] = []

    def hear(message: Any) -> None:
        elapsed.append(duration_ns(message.feedback.elapsed) / 1e9)

    goal = RunTask.Goal(instruction='hold', time_limit=duration_message(round(LIMIT_S * 1e9)))
    sent = client.send_goal_async(goal, feedback_callback=hear)
    wait_for(lambda: bool(elapsed) and policy.mode is Mode.AUTONOMY)
    node.offset_ns += step_s * NS_PER_S
    answer = sent.result().get_result_async()
    wait_for(answer.done)
    result = answer.result().result
    assert result.reason == RunTask.Result.TIME_LIMIT
    assert LIMIT_S <= duration_ns(result.duration) / 1e9 < TIMEOUT_S
    assert all(0.0 <= seconds < TIMEOUT_S for seconds in elapsed)
    client.destroy()
    server.destroy()
    executor.shutdown()
    node.destroy_node()
