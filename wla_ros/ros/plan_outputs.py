"""
Topics that say what is planned: execution_plan for the policy, splices and planned_path for
people.

Owns the publishers and when they are due: the plan at every change and at a steady rate, each
splice once.
"""

import threading
from collections.abc import Callable

from rclpy.node import Node
from visualization_msgs.msg import MarkerArray

from wla_ros.control.chunk_executor import ChunkExecutor
from wla_ros.msg import ExecutionPlan
from wla_ros.msg import Splice
from wla_ros.ros import qos
from wla_ros.ros.plan_conversion import plan_message
from wla_ros.ros.plan_conversion import splice_message
from wla_ros.ros.planned_path import PlannedPath


class PlanOutputs:
    """Any thread may call any method; `lock` guards `executor`."""

    def __init__(
        self,
        node: Node,
        executor: ChunkExecutor,
        lock: threading.RLock,
        *,
        columns: tuple[str, ...],
        path: PlannedPath,
        now_ns: Callable[[], int],
    ) -> None:
        """Create the publishers on `node`."""
        self._executor = executor
        self._lock = lock
        self._columns = columns
        self._path = path
        self._now_ns = now_ns
        # Whoever composes a plan publishes it before another is composed: stamps never go back.
        self._order = threading.Lock()
        self._revision: int | None = None
        self._plans = node.create_publisher(ExecutionPlan, 'execution_plan', qos.PLAN)
        self._splices = node.create_publisher(Splice, 'splices', qos.SPLICE)
        self._paths = node.create_publisher(MarkerArray, 'planned_path', qos.STATUS)

    def publish_changes(self) -> None:
        """Publish plan and splices if anything but time has changed."""
        if self._executor.plan_revision != self._revision:
            self.publish()

    def publish(self) -> None:
        """Publish the plan, and the splices that were not published yet."""
        with self._order:
            with self._lock:
                self._revision = self._executor.plan_revision
                plan = self._executor.execution_plan(self._now_ns())
                splices = self._executor.take_splices()
            self._plans.publish(plan_message(plan, self._columns))
            for report in splices:
                self._splices.publish(splice_message(report))

    def publish_path(self) -> None:
        """Publish the planned path of the end effectors if somebody looks at it."""
        if not self._paths.get_subscription_count():
            return
        now_ns = self._now_ns()
        with self._lock:
            _, positions = self._executor.planned_path(now_ns)
        self._paths.publish(self._path.markers(positions, stamp=now_ns))
