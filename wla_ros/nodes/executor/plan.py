# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Topics that say what is planned: execution_plan, splices and planned_path."""

import math
import threading
from collections.abc import Callable

import numpy as np
from geometry_msgs.msg import Point
from numpy.typing import NDArray
from rclpy.node import Node
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker
from visualization_msgs.msg import MarkerArray

from wla_ros.base import reasons
from wla_ros.base.joints import JointLayout
from wla_ros.base.timing import ns_to_seconds
from wla_ros.base.timing import seconds_to_ns
from wla_ros.base.types import ExecutionPlan
from wla_ros.base.types import FloatArray
from wla_ros.base.types import Refusal
from wla_ros.base.types import SpliceDelay
from wla_ros.execution.executor import ChunkExecutor
from wla_ros.execution.report import SpliceReport
from wla_ros.msg import ExecutionPlan as ExecutionPlanMessage
from wla_ros.msg import Splice
from wla_ros.msg import Splice as SpliceMessage
from wla_ros.nodes import qos
from wla_ros.nodes.messages import double_array
from wla_ros.nodes.messages import long_array
from wla_ros.nodes.messages import stamp_ns
from wla_ros.nodes.messages import time_message
from wla_ros.robots.piper.kinematics import PiperKinematics

# Plan and splices of the executor to messages and back: pure functions.


def plan_message(plan: ExecutionPlan, columns: tuple[str, ...]) -> ExecutionPlanMessage:
    """Return a plan as a message; `columns` are the names of the joint columns."""
    message = ExecutionPlanMessage(
        strategy=plan.strategy,
        epoch=plan.epoch,
        sequence=plan.sequence,
        columns=list(columns),
        row_count=len(plan.due_ns),
        due_ns=long_array(plan.due_ns),
        rows=double_array(plan.rows),
        accepting=plan.accepting,
        resting=plan.resting,
        tracking_error=double_array(plan.tracking_error),
    )
    message.header.stamp = time_message(plan.stamp_ns)
    if plan.splice is not None:
        message.splice_known = True
        message.splice_epoch = plan.splice.epoch
        message.splice_sequence = plan.splice.sequence
        message.splice_delay_s = ns_to_seconds(plan.splice.delay_ns)
    return message


def plan_value(message: ExecutionPlanMessage, columns: tuple[str, ...]) -> ExecutionPlan | Refusal:
    """
    Return a message as a plan of the joint `columns`, or a refusal if it is of others.

    Values are not judged here: the session decides on strategy, order and finiteness.
    """
    if tuple(message.columns) != columns:
        return Refusal(
            reason=reasons.BAD_PLAN,
            detail=f'the executor moves {", ".join(message.columns) or "nothing"}, the policy '
            f'{", ".join(columns)}: give both nodes the same robot section',
        )
    count, width = int(message.row_count), len(columns)
    if len(message.due_ns) != count or len(message.rows) != count * width:
        return Refusal(
            reason=reasons.BAD_PLAN,
            detail=f'{len(message.due_ns)} due times and {len(message.rows)} values are not '
            f'{count} rows of {width} columns',
        )
    if message.splice_known and not math.isfinite(message.splice_delay_s):
        return Refusal(
            reason=reasons.BAD_PLAN,
            detail=f'execution_plan: the delay of the newest splice is {message.splice_delay_s} s',
        )
    splice = SpliceDelay(
        epoch=int(message.splice_epoch),
        sequence=int(message.splice_sequence),
        delay_ns=seconds_to_ns(message.splice_delay_s) if message.splice_known else 0,
    )
    return ExecutionPlan(
        stamp_ns=stamp_ns(message.header.stamp),
        strategy=message.strategy,
        epoch=int(message.epoch),
        sequence=int(message.sequence),
        due_ns=_times(message),
        rows=np.array(message.rows, dtype=np.float64).reshape(count, width),
        accepting=bool(message.accepting),
        resting=bool(message.resting),
        tracking_error=np.array(message.tracking_error, dtype=np.float64),
        splice=splice if message.splice_known else None,
    )


def splice_message(report: SpliceReport) -> SpliceMessage:
    """Return how a chunk joined the plan."""
    message = SpliceMessage(
        strategy=report.strategy,
        followed=report.followed,
        forecast_short=report.short,
        steep=report.steep,
        epoch=report.epoch,
        sequence=report.sequence,
        delay_s=report.delay_s,
        rows_late=report.rows_late,
        rows_kept=report.rows_kept,
        position_step_rad=report.position_step_rad,
        velocity_step_rad_s=report.velocity_step_rad_s,
        acceleration_step_rad_s2=report.acceleration_step_rad_s2,
        bridge_s=report.bridge_s,
        bridged_position_step_rad=report.bridged_position_step_rad,
        bridged_velocity_step_rad_s=report.bridged_velocity_step_rad_s,
        bridged_acceleration_step_rad_s2=report.bridged_acceleration_step_rad_s2,
    )
    message.header.stamp = time_message(report.stamp_ns)
    return message


def _times(message: ExecutionPlanMessage) -> NDArray[np.int64]:
    return np.array(message.due_ns, dtype=np.int64)


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
