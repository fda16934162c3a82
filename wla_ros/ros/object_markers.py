"""
Object poses as markers: readable by RViz and Foxglove, and by the expert through
conversions.object_poses.
"""

from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker
from visualization_msgs.msg import MarkerArray

from wla_ros.core.types import ObjectPoses
from wla_ros.ros.conversions import pose_message
from wla_ros.ros.conversions import time_message

FRAME = 'world'
_COLOURS = ((0.95, 0.50, 0.10), (0.15, 0.40, 0.85), (0.30, 0.70, 0.30), (0.70, 0.30, 0.70))
# Shown as a cylinder of about the size of the cup; the pose is exact, the shape is not.
_DIAMETER_M = 0.06
_HEIGHT_M = 0.09


def object_markers(poses: ObjectPoses, *, stamp: int) -> MarkerArray:
    """Return one cylinder per object, in the world frame, ns = name of the object."""
    markers = []
    for i, (name, row) in enumerate(zip(poses.names, poses.poses, strict=True)):
        marker = Marker(
            ns=name, id=0, type=Marker.CYLINDER, action=Marker.ADD, pose=pose_message(row)
        )
        marker.header.frame_id = FRAME
        marker.header.stamp = time_message(stamp)
        marker.scale.x = marker.scale.y = _DIAMETER_M
        marker.scale.z = _HEIGHT_M
        red, green, blue = _COLOURS[i % len(_COLOURS)]
        marker.color = ColorRGBA(r=red, g=green, b=blue, a=1.0)
        markers.append(marker)
    return MarkerArray(markers=markers)
