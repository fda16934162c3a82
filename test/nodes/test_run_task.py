# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The action run_task through the real nodes: simulated rig, executor, policy `hold`."""

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip('rclpy')

from action_msgs.msg import GoalStatus  # noqa: E402 - not without rclpy
from lifecycle_msgs.msg import Transition  # noqa: E402
from nodes.graph import BIMANUAL  # noqa: E402
from nodes.graph import START_TIMEOUT_S  # noqa: E402
from nodes.graph import Graph  # noqa: E402
from nodes.rig_probe import PATIENT_EXECUTOR  # noqa: E402
from nodes.rig_probe import PATIENT_POLICY  # noqa: E402
from rcl_interfaces.msg import Log  # noqa: E402
from rclpy.action import ActionClient  # noqa: E402
from std_msgs.msg import String  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402

from wla_ros.action import RunTask  # noqa: E402
from wla_ros.base.timing import NS_PER_S  # noqa: E402
from wla_ros.msg import ControlMode  # noqa: E402
from wla_ros.msg import ExecutorStatus  # noqa: E402
from wla_ros.msg import PiperStatus  # noqa: E402
from wla_ros.msg import PolicyStatus  # noqa: E402
from wla_ros.nodes import qos  # noqa: E402
from wla_ros.nodes.clients.task_client import TaskClient  # noqa: E402
from wla_ros.nodes.clients.task_client import TaskError  # noqa: E402
from wla_ros.nodes.messages import duration_message  # noqa: E402
from wla_ros.nodes.messages import duration_ns  # noqa: E402
from wla_ros.srv import SetControlMode  # noqa: E402

LONG_S = 300.0

CAN_CONTROL = 1  # PiperStatus.ctrl_mode


class TaskProbe:
    """All nodes running, and a client of the action."""

    def __init__(self, graph: Graph, *, executes: str = 'auto', **policy: Any) -> None:
        self.graph = graph
        self.modes = graph.collect(ControlMode, 'control_mode', qos.LATCHED)
        self.policies = graph.collect(PolicyStatus, 'policy_status')
        self.executors = graph.collect(ExecutorStatus, 'executor_status')
        # the driver enables the arms when it starts: disabled ones are not moved
        self.arms = [
            graph.collect(PiperStatus, f'arm_status_{arm}', qos.SENSOR_INPUT)
            for arm in ('left', 'right')
        ]
        self.feedback: list[RunTask.Feedback] = []
        self.client = ActionClient(graph.probe, RunTask, 'run_task')
        graph.start('sim_node', BIMANUAL, {'images': 'pattern'})
        executor = {**PATIENT_EXECUTOR, 'strategy.name': executes}
        graph.start('executor_node', BIMANUAL, executor)
        graph.start('policy_node', BIMANUAL, {**PATIENT_POLICY, **policy})

    def wait_ready(self) -> None:
        self.graph.wait_until(
            lambda: (
                bool(self.policies)
                and self.policies[-1].ready
                and bool(self.executors)
                and self.executors[-1].state == ExecutorStatus.HOLDING
                and all(arm and arm[-1].ctrl_mode == CAN_CONTROL for arm in self.arms)
            ),
            'policy, executor and arms to be ready',
            START_TIMEOUT_S,
        )

    def send(self, time_limit_s: float, instruction: str = 'hold still') -> Any:
        """Return the goal handle."""
        self.graph.wait_until(self.client.server_is_ready, 'run_task', START_TIMEOUT_S)
        goal = RunTask.Goal(
            instruction=instruction, time_limit=duration_message(round(time_limit_s * NS_PER_S))
        )
        sent = self.client.send_goal_async(
            goal, feedback_callback=lambda message: self.feedback.append(message.feedback)
        )
        self.graph.wait_until(sent.done, 'the goal to be accepted')
        return sent.result()

    def result(self, handle: Any) -> Any:
        future = handle.get_result_async()
        self.graph.wait_until(future.done, 'the result', START_TIMEOUT_S)
        return future.result()

    def wait_for_mode(self, mode: int) -> None:
        self.graph.wait_until(
            lambda: bool(self.modes) and self.modes[-1].mode == mode, f'mode {mode}'
        )

    def wait_for_motion(self) -> None:
        self.wait_for_mode(ControlMode.AUTONOMY)
        self.graph.wait_until(
            lambda: self.executors[-1].state == ExecutorStatus.TRACKING, 'chunks to be executed'
        )

    def close(self) -> None:
        self.client.destroy()


@pytest.fixture
def tasks(graph: Graph) -> Iterator[TaskProbe]:
    probe = TaskProbe(graph)
    probe.wait_ready()
    yield probe
    probe.close()


def test_a_task_ends_at_its_time_limit_and_the_arms_hold(tasks: TaskProbe) -> None:
    handle = tasks.send(2.0)
    answer = tasks.result(handle)
    assert answer.status == GoalStatus.STATUS_ABORTED
    assert answer.result.reason == RunTask.Result.TIME_LIMIT
    assert answer.result.chunks > 0
    assert duration_ns(answer.result.duration) >= 2 * NS_PER_S
    tasks.wait_for_mode(ControlMode.HOLD)
    assert tasks.feedback
    assert duration_ns(tasks.feedback[-1].elapsed) > 0
    # The policy thinks for tasks only: statuses made after the end all say the same.
    ended = len(tasks.policies)
    tasks.graph.wait_until(lambda: len(tasks.policies) > ended + 6, 'more statuses')
    assert len({status.chunks_published for status in tasks.policies[ended + 2 :]}) == 1


def test_a_cancelled_task_holds_the_arms(tasks: TaskProbe) -> None:
    handle = tasks.send(LONG_S)
    tasks.wait_for_motion()
    cancelled = handle.cancel_goal_async()
    tasks.graph.wait_until(cancelled.done, 'the cancellation')
    answer = tasks.result(handle)
    assert answer.status == GoalStatus.STATUS_CANCELED
    assert answer.result.reason == RunTask.Result.CANCELLED
    tasks.wait_for_mode(ControlMode.HOLD)


def test_a_running_task_keeps_its_instruction_whatever_is_published(tasks: TaskProbe) -> None:
    assert not tasks.send(LONG_S, instruction=' ').accepted
    handle = tasks.send(LONG_S)
    tasks.wait_for_motion()
    publisher = tasks.graph.probe.create_publisher(String, 'set_instruction', 10)
    tasks.graph.wait_until(lambda: publisher.get_subscription_count() > 0, 'the subscription')
    publisher.publish(String(data='throw the cup'))
    policy = tasks.graph.nodes[-1]
    tasks.graph.wait_until(lambda: 'refused: task_running' in policy.output(), 'the refusal')
    assert 'empty_instruction' in policy.output()
    tasks.graph.wait_until(handle.cancel_goal_async().done, 'the cancellation')
    assert tasks.result(handle).result.reason == RunTask.Result.CANCELLED
    publisher.publish(String(data='throw the cup'))
    told = "instruction of /probe: 'throw the cup'"
    tasks.graph.wait_until(lambda: told in policy.output(), 'the instruction after the task')


def test_somebody_else_may_take_over(tasks: TaskProbe) -> None:
    handle = tasks.send(LONG_S)
    tasks.wait_for_motion()
    response = tasks.graph.call(
        SetControlMode, 'executor_node/set_mode', mode=ControlMode.HOLD, reason='operator'
    )
    assert response.success
    answer = tasks.result(handle)
    assert answer.result.reason == RunTask.Result.PREEMPTED
    assert 'operator' in answer.result.message


def test_the_emergency_stop_ends_a_task_as_a_fault(tasks: TaskProbe) -> None:
    handle = tasks.send(LONG_S)
    tasks.wait_for_motion()
    assert tasks.graph.call(Trigger, 'executor_node/estop').success
    answer = tasks.result(handle)
    assert answer.result.reason == RunTask.Result.FAULT
    tasks.wait_for_mode(ControlMode.ESTOP)

    refused = tasks.result(tasks.send(LONG_S))
    assert refused.result.reason == RunTask.Result.REFUSED
    assert tasks.modes[-1].mode == ControlMode.ESTOP


def test_a_second_task_is_rejected_while_one_runs(tasks: TaskProbe) -> None:
    first = tasks.send(LONG_S)
    tasks.wait_for_motion()
    logged = tasks.graph.collect(Log, '/rosout')
    assert not tasks.send(5.0).accepted
    _wait_for_line(tasks.graph, logged, 'run_task goal rejected: another task')
    assert tasks.modes[-1].mode == ControlMode.AUTONOMY
    cancelled = first.cancel_goal_async()
    tasks.graph.wait_until(cancelled.done, 'the cancellation')
    assert tasks.result(first).result.reason == RunTask.Result.CANCELLED


def test_impossible_time_limits_are_rejected(graph: Graph) -> None:
    graph.start_active('policy_node', BIMANUAL, PATIENT_POLICY)
    probe = TaskProbe.__new__(TaskProbe)
    probe.graph, probe.feedback = graph, []
    probe.client = ActionClient(graph.probe, RunTask, 'run_task')
    logged = graph.collect(Log, '/rosout')
    for limit in (0.0, -1.0, 1e9):
        assert not probe.send(limit).accepted
    probe.close()
    _wait_for_line(graph, logged, 'run_task goal rejected: time_limit must lie in (0, ')


def test_the_task_client_says_why_a_goal_was_rejected(graph: Graph, ros_context: Any) -> None:
    graph.start_active('policy_node', BIMANUAL, PATIENT_POLICY)
    client = TaskClient(context=ros_context)
    try:
        with pytest.raises(TaskError, match='rejected the goal: time_limit must lie in'):
            client.run_task('stack', time_limit_s=-1.0)
    finally:
        client.close()


def _wait_for_line(graph: Graph, logged: list[Any], start: str) -> None:
    graph.wait_until(lambda: any(line.msg.startswith(start) for line in logged), start)


def test_a_task_without_healthy_inputs_is_refused_with_the_reason(graph: Graph) -> None:
    graph.start_active('policy_node', BIMANUAL, {**PATIENT_POLICY, 'task.ready_timeout_s': 0.5})
    probe = TaskProbe.__new__(TaskProbe)
    probe.graph, probe.feedback = graph, []
    probe.client = ActionClient(graph.probe, RunTask, 'run_task')
    answer = probe.result(probe.send(5.0))
    probe.close()
    assert answer.result.reason == RunTask.Result.REFUSED
    assert 'head: no_data' in answer.result.message


def test_deactivating_the_policy_ends_the_task_and_holds(tasks: TaskProbe) -> None:
    handle = tasks.send(LONG_S)
    tasks.wait_for_motion()
    assert tasks.graph.transition('policy_node', Transition.TRANSITION_DEACTIVATE)
    answer = tasks.result(handle)
    assert answer.result.reason == RunTask.Result.FAULT
    tasks.wait_for_mode(ControlMode.HOLD)


def test_a_task_is_refused_while_the_executor_runs_another_strategy(graph: Graph) -> None:
    strategy = {'strategy.name': 'sync', 'strategy.rows': 8, 'task.ready_timeout_s': 0.5}
    probe = TaskProbe(graph, executes='latest', **strategy)
    probe.wait_ready()
    answer = probe.result(probe.send(LONG_S))
    probe.close()
    assert answer.result.reason == RunTask.Result.REFUSED
    assert "the executor runs strategy 'latest', the policy node 'sync'" in answer.result.message
    assert {message.mode for message in probe.modes} == {ControlMode.HOLD}
