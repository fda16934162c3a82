"""
What the policy node hears of the executor: mode, status and plan.

Owns the subscriptions and when the newest plan was heard. Judges nothing.
"""

from collections.abc import Callable
from typing import Any

from wla_ros.core.execution_plan import ExecutionPlan
from wla_ros.core.types import Mode
from wla_ros.core.types import Refusal
from wla_ros.msg import ControlMode
from wla_ros.msg import ExecutionPlan as ExecutionPlanMessage
from wla_ros.msg import ExecutorStatus
from wla_ros.ros import qos
from wla_ros.ros.lifecycle_shell import LifecycleShell
from wla_ros.ros.plan_conversion import plan_value


class ExecutorLink:
    """The newest of each; all callbacks run in the thread that spins the node."""

    def __init__(
        self,
        node: LifecycleShell[Any],
        columns: tuple[str, ...],
        *,
        on_mode: Callable[[Mode], None],
        on_plan: Callable[[ExecutionPlan | Refusal, int], Refusal | None],
    ) -> None:
        """
        Subscribe on `node`.

        `on_mode` hears every change; `on_plan` every plan and when it was heard, or why it is none
        of the joint `columns`, and may refuse it.
        """
        self._node = node
        self._columns = columns
        self._on_mode = on_mode
        self._on_plan = on_plan
        self.mode: ControlMode | None = None
        self.status: ExecutorStatus | None = None
        # Stamp of the newest plan (executor's clock) and when it was heard (ours); one object, so
        # that another thread never sees half of it.
        self.plan_times_ns = (0, 0)
        node.create_subscription(ControlMode, 'control_mode', self._take_mode, qos.LATCHED)
        node.create_subscription(ExecutorStatus, 'executor_status', self._take_status, qos.STATUS)
        node.create_subscription(ExecutionPlanMessage, 'execution_plan', self._take_plan, qos.PLAN)

    @property
    def autonomous(self) -> bool:
        """Whether chunks are executed."""
        return self.mode is not None and self.mode.mode == Mode.AUTONOMY

    def _take_mode(self, message: ControlMode) -> None:
        if message.mode not in set(Mode):
            self._node.warn_at_times(
                'mode', f'control_mode {message.mode} is unknown: is the executor of this version?'
            )
            return
        known, self.mode = self.mode, message
        if known is None or (known.revision, known.mode) != (message.revision, message.mode):
            self._on_mode(Mode(message.mode))

    def _take_status(self, message: ExecutorStatus) -> None:
        self.status = message

    def _take_plan(self, message: ExecutionPlanMessage) -> None:
        now_ns = self._node.now_ns()
        plan = plan_value(message, self._columns)
        if not isinstance(plan, Refusal):
            self.plan_times_ns = (plan.stamp_ns, now_ns)
        refusal = self._on_plan(plan, now_ns)
        if refusal is not None:
            self._node.warn_at_times('plan', f'{refusal.reason}: {refusal.detail}')
