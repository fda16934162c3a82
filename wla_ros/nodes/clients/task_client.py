# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
A client of the running graph: reset the simulated episode, run a task, watch the statuses.

Used by the demo, the benchmark and the graph tests. Owns no policy and commands no arm: it speaks
the public interface only (`run_task`, `sim/reset_episode` and the status topics).
"""

import time
from collections.abc import Callable
from typing import Any

import rclpy
from action_msgs.msg import GoalStatus
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.msg import Log
from rclpy.action import ActionClient
from rclpy.context import Context
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy
from rclpy.qos import QoSProfile
from rclpy.qos import ReliabilityPolicy
from std_srvs.srv import Trigger

from wla_ros.action import RunTask
from wla_ros.base.config import WlaError
from wla_ros.base.timing import seconds_to_ns
from wla_ros.msg import ControlMode
from wla_ros.msg import EpisodeStatus
from wla_ros.msg import ExecutorStatus
from wla_ros.msg import PolicyStatus
from wla_ros.nodes.messages import duration_message
from wla_ros.nodes.messages import stamp_ns
from wla_ros.nodes.policy.tasks import GOAL_REJECTED
from wla_ros.nodes.qos import STATUS
from wla_ros.nodes.spinning import MessagesFirst
from wla_ros.srv import ResetEpisode

# A status subscriber wants the newest only, and must match publishers of either reliability.
_STATUS_QOS = QoSProfile(
    depth=1,
    reliability=ReliabilityPolicy.BEST_EFFORT,
    durability=DurabilityPolicy.VOLATILE,
)
_SPIN_S = 0.05
_MOMENT_S = 2.0  # a line of the log comes after the answer that it explains
# A simulated clock that stands still for so long will not go on.
_STANDSTILL_S = 20.0


class TaskError(WlaError):
    """The graph did not answer in time or refused a request."""


class TaskClient:
    """
    A node of its own that spins only inside its methods: one thread uses it, nothing runs in
    between.

    `on_idle` is called between callbacks, for progress display and for noticing dead processes;
    what it raises ends the wait.
    """

    def __init__(
        self,
        *,
        context: Context,
        namespace: str = '',
        on_idle: Callable[[], None] = lambda: None,
        simulated_time: bool = False,
    ) -> None:
        """
        Create the node in `context`; `namespace` is the one of the nodes it talks to.

        With `simulated_time` its clock is /clock, and so are its time-outs while that runs.
        """
        self._on_idle = on_idle
        self._node = rclpy.create_node(
            'wla_ros_task_client',
            context=context,
            namespace=namespace,
            parameter_overrides=[Parameter('use_sim_time', value=simulated_time)],
        )
        self._executor = MessagesFirst(context=context)
        self._executor.add_node(self._node)
        # The newest message of each, None until one was heard.
        self.policy_status: Any = None
        self.executor_status: Any = None
        self.episode_status: Any = None
        self.feedback: RunTask.Feedback | None = None
        self.diagnostics: dict[str, dict[str, dict[str, str]]] = {}  # node, component, key
        self.diagnostics_ns: dict[str, int] = {}  # newest stamp of every node
        for kind, topic, field in (
            (PolicyStatus, 'policy_status', 'policy_status'),
            (ExecutorStatus, 'executor_status', 'executor_status'),
            (EpisodeStatus, 'sim/episode_status', 'episode_status'),
        ):
            self._node.create_subscription(
                kind,
                topic,
                lambda message, f=field: setattr(self, f, message),
                _STATUS_QOS,
            )
        self._node.create_subscription(
            DiagnosticArray, '/diagnostics', self._take_diagnostics, STATUS
        )
        # The answer to a goal carries no text; the log of the policy node does.
        self._rejection = ''
        self._node.create_subscription(Log, '/rosout', self._take_log, STATUS)
        self._reset_client = self._node.create_client(ResetEpisode, 'sim/reset_episode')
        self._home_client = self._node.create_client(Trigger, 'executor_node/home')
        self._task_client = ActionClient(self._node, RunTask, 'run_task')

    @property
    def node(self) -> Node:
        """The node, for further subscriptions; they are served inside this client's methods."""
        return self._node

    def close(self) -> None:
        """Destroy the node; idempotent."""
        self._executor.shutdown()
        self._task_client.destroy()
        self._node.destroy_node()

    def wait_until(self, condition: Callable[[], bool], *, timeout_s: float, what: str) -> None:
        """
        Spin until `condition()`.

        Raises TaskError naming `what` after `timeout_s`, of the slower one of wall and ROS clock
        unless that stands still.
        """
        start_s, start_ns = time.monotonic(), self.now_ns()
        moved_s, last_ns = start_s, start_ns
        while not condition():
            now_s, now_ns = time.monotonic(), self.now_ns()
            if now_ns != last_ns:
                moved_s, last_ns = now_s, now_ns
            stands = now_s - moved_s > _STANDSTILL_S
            if now_s - start_s > timeout_s and (
                stands or now_ns - start_ns > seconds_to_ns(timeout_s)
            ):
                clock = '; the simulated clock stands still' if stands else ''
                raise TaskError(f'waited {timeout_s:g} s for {what}; {self._situation()}{clock}')
            self._executor.spin_once(timeout_sec=_SPIN_S)
            self._on_idle()

    def _take_log(self, message: Log) -> None:
        if message.msg.startswith(GOAL_REJECTED):
            self._rejection = message.msg.removeprefix(GOAL_REJECTED)

    def _wait_a_moment(self, condition: Callable[[], bool]) -> None:
        until_s = time.monotonic() + _MOMENT_S
        while not condition() and time.monotonic() < until_s:
            self._executor.spin_once(timeout_sec=_SPIN_S)

    def change_state(self, node: str, transition: int, *, timeout_s: float = 20.0) -> None:
        """Ask lifecycle `node` for a transition (lifecycle_msgs/Transition). Raises TaskError."""
        client = self._node.create_client(ChangeState, f'{node}/change_state')
        try:
            name = f'service {node}/change_state'
            self.wait_until(client.service_is_ready, timeout_s=timeout_s, what=name)
            request = ChangeState.Request()
            request.transition.id = transition
            future = client.call_async(request)
            self.wait_until(future.done, timeout_s=timeout_s, what=f'the answer of {name}')
            if not future.result().success:
                raise TaskError(f'{node} refused transition {transition}; see its log')
        finally:
            self._node.destroy_client(client)

    def now_ns(self) -> int:
        """Return the ROS time."""
        return int(self._node.get_clock().now().nanoseconds)

    def reset_episode(self, seed: int, *, timeout_s: float = 30.0) -> None:
        """Put the simulated rig into the start state of `seed`. Raises TaskError if refused."""
        self.wait_until(
            self._reset_client.service_is_ready,
            timeout_s=timeout_s,
            what='service sim/reset_episode',
        )
        future = self._reset_client.call_async(ResetEpisode.Request(seed=seed))
        self.wait_until(future.done, timeout_s=timeout_s, what='the answer of sim/reset_episode')
        response = future.result()
        if not response.success:
            raise TaskError(f'sim/reset_episode(seed={seed}) was refused: {response.message}')
        self.wait_until(
            lambda: self.episode_status is not None and self.episode_status.seed == seed,
            timeout_s=timeout_s,
            what=f'sim/episode_status of seed {seed}',
        )

    def home(self, *, timeout_s: float = 30.0) -> None:
        """Move the arms to their home configuration. Raises TaskError if refused or too slow."""
        name = 'service executor_node/home'
        self.wait_until(self._home_client.service_is_ready, timeout_s=timeout_s, what=name)
        future = self._home_client.call_async(Trigger.Request())
        self.wait_until(future.done, timeout_s=timeout_s, what=f'the answer of {name}')
        if not future.result().success:
            raise TaskError(f'the executor refused to home: {future.result().message}')
        asked_ns = self.now_ns()
        self.wait_until(
            lambda: (
                stamp_ns(self.executor_status.header.stamp) > asked_ns
                and self.executor_status.mode == ControlMode.HOLD
            ),
            timeout_s=timeout_s,
            what='the arms to reach home',
        )

    def wait_ready(self, *, timeout_s: float) -> None:
        """Spin until the policy has healthy inputs and the executor holds trustworthy feedback."""
        self.wait_until(
            lambda: (
                self.policy_status is not None
                and self.policy_status.ready
                and self.executor_status is not None
                and self.executor_status.state
                not in (ExecutorStatus.NOT_READY, ExecutorStatus.FAILED)
            ),
            timeout_s=timeout_s,
            what='policy and executor to be ready',
        )

    def run_task(self, instruction: str, *, time_limit_s: float) -> RunTask.Result:
        """
        Run one task to its end and return the result. Raises TaskError if the server does not
        answer.
        """
        self.feedback, self._rejection = None, ''
        self.wait_until(self._task_client.server_is_ready, timeout_s=10.0, what='action run_task')
        time_limit = duration_message(seconds_to_ns(time_limit_s))
        goal = RunTask.Goal(instruction=instruction, time_limit=time_limit, keep_memory=False)
        accepted = self._task_client.send_goal_async(goal, feedback_callback=self._on_feedback)
        self.wait_until(accepted.done, timeout_s=10.0, what='run_task to accept the goal')
        handle = accepted.result()
        if not handle.accepted:
            self._wait_a_moment(lambda: bool(self._rejection))
            reason = self._rejection or 'its log says why'
            raise TaskError(f'run_task rejected the goal: {reason}; {self._situation()}')
        result = handle.get_result_async()
        try:
            self.wait_until(
                result.done,
                timeout_s=time_limit_s + 10.0,
                what='the result of run_task',
            )
        except BaseException:
            # Whatever ended the wait (Ctrl-C, a dead node): the arms must not go on without
            # somebody watching.
            if handle.status in (
                GoalStatus.STATUS_ACCEPTED,
                GoalStatus.STATUS_EXECUTING,
            ):
                handle.cancel_goal_async()
                self._executor.spin_once(timeout_sec=_SPIN_S)
            raise
        return result.result().result

    def _take_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            node, _, component = status.name.partition(': ')
            values = {item.key: item.value for item in status.values}
            self.diagnostics.setdefault(node, {})[component] = values
            self.diagnostics_ns[node] = stamp_ns(message.header.stamp)

    def _on_feedback(self, message: RunTask.Impl.FeedbackMessage) -> None:
        self.feedback = message.feedback

    def _situation(self) -> str:
        """Return what the statuses say, for error messages."""
        policy, executor = self.policy_status, self.executor_status
        parts = [
            'no policy_status'
            if policy is None
            else f'policy refusal: {policy.refusal or "none"} {policy.refusal_detail}',
            'no executor_status'
            if executor is None
            else f'executor: {executor.reason or "tracking"}',
        ]
        return '; '.join(parts)
