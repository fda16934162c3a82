"""The planned path of the end effectors as markers for RViz and Foxglove."""

import numpy as np
from geometry_msgs.msg import Point
from numpy.typing import NDArray
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker
from visualization_msgs.msg import MarkerArray

from wla_ros.core.joint_layout import JointLayout
from wla_ros.core.types import FloatArray
from wla_ros.robots.piper.kinematics import PiperKinematics
from wla_ros.ros.conversions import time_message

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
