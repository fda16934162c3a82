# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Topics that say what is planned: execution_plan, splices and planned_path."""

import threading
from collections.abc import Callable

import numpy as np
from geometry_msgs.msg import Point
from numpy.typing import NDArray
from rclpy.node import Node
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker
from visualization_msgs.msg import MarkerArray

from wla_ros.base.joints import JointLayout
from wla_ros.base.types import FloatArray
from wla_ros.execution.executor import ChunkExecutor
from wla_ros.msg import ExecutionPlan as ExecutionPlanMessage
from wla_ros.msg import Splice
from wla_ros.nodes import qos
from wla_ros.nodes.messages import time_message
from wla_ros.nodes.plan_messages import plan_message
from wla_ros.nodes.plan_messages import splice_message
from wla_ros.robots.piper.kinematics import PiperKinematics

# The planned path of the end effectors as markers for RViz and Foxglove.

# Red, green, blue and one more, in order of the arms.
_COLOURS = ((0.90, 0.30, 0.20), (0.20, 0.55, 0.90), (0.30, 0.75, 0.35), (0.85, 0.65, 0.15))
_LINE_WIDTH_M = 0.004


class PlannedPath:
    """Joint rows to one line per arm."""

    def __init__(
        self, layout: JointLayout, kinematics: dict[str, PiperKinematics], frames: dict[str, str]
    ) -> None:
        """Both mappings are by arm; `frames` names the frame that the kinematics give poses in."""
        self._layout = layout
        self._kinematics = kinematics
        self._frames = frames

    def markers(self, positions: FloatArray, *, stamp: int) -> MarkerArray:
        """
        Return a line strip per arm through `positions` [n, D]; fewer than two rows delete the
        lines.
        """
        return MarkerArray(
            markers=[
                self._marker(i, arm, positions, stamp) for i, arm in enumerate(self._layout.arms)
            ]
        )

    def _marker(self, index: int, arm: str, positions: FloatArray, stamp: int) -> Marker:
        marker = Marker(ns=f'planned_path/{arm}', id=0, type=Marker.LINE_STRIP)
        marker.header.frame_id = self._frames[arm]
        marker.header.stamp = time_message(stamp)
        if len(positions) < 2:
            marker.action = Marker.DELETE
            return marker
        marker.action = Marker.ADD
        marker.pose.orientation.w = 1.0
        marker.scale.x = _LINE_WIDTH_M
        red, green, blue = _COLOURS[index % len(_COLOURS)]
        marker.color = ColorRGBA(r=red, g=green, b=blue, a=1.0)
        marker.points = [Point(x=x, y=y, z=z) for x, y, z in self._points(arm, positions).tolist()]
        return marker

    def _points(self, arm: str, positions: FloatArray) -> NDArray[np.float64]:
        joints = positions[:, self._layout.arm_slice(arm)][:, :6]  # [n, 6]
        poses: NDArray[np.float64] = self._kinematics[arm].pose(joints)  # [n, 4, 4]
        return poses[:, :3, 3]


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
        self._plans = node.create_publisher(ExecutionPlanMessage, 'execution_plan', qos.PLAN)
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
