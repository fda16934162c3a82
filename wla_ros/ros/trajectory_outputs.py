"""
The rest of the plan as one JointTrajectory per arm, for a controller that interpolates by itself.

A trajectory replaces the one before from its stamp on. The stamp lies `lead_s` ahead and the
executor samples its plan as much further ahead, so that the first point of a trajectory is a point
of the one before: position, velocity and acceleration go on whatever the way took, as long as it
took less than the lead. The last point is at rest: controllers refuse anything else.
"""

from dataclasses import dataclass

import numpy as np
from rclpy.node import Node
from trajectory_msgs.msg import JointTrajectory
from trajectory_msgs.msg import JointTrajectoryPoint

from wla_ros.control.planned_trajectory import PlannedTrajectory
from wla_ros.core.joint_layout import JointLayout
from wla_ros.core.timing import seconds_to_ns
from wla_ros.core.types import FloatArray
from wla_ros.core.types import JointCommand
from wla_ros.core.types import Refusal
from wla_ros.robots.driver_profile import ArmProfile
from wla_ros.robots.trajectory_encoding import EncodedTrajectory
from wla_ros.robots.trajectory_encoding import encode_trajectory
from wla_ros.ros.command_outputs import output_qos
from wla_ros.ros.conversions import double_array
from wla_ros.ros.conversions import duration_message
from wla_ros.ros.conversions import time_message

# Controllers refuse a trajectory that ends in the past: arms at rest are told to stay so for a
# while longer than any message is under way.
_TAIL_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrajectoryPoints:
    """What is sent: n points, the first one where the arms are told to be at `stamp_ns`."""

    stamp_ns: int
    times_ns: tuple[int, ...]  # [n] from 0, rising
    states: FloatArray  # [n, 3, D] position, velocity, acceleration; the last one at rest


def trajectory_points(
    command: JointCommand, planned: PlannedTrajectory, *, lead_s: float
) -> TrajectoryPoints:
    """Return the command in force, what is planned behind it, and a rest."""
    first = np.stack([command.position, command.velocity, command.acceleration])
    states = np.stack([planned.positions, planned.velocities, planned.accelerations], axis=1)
    times_s = [0.0, *planned.times_s.tolist(), float(planned.times_s[-1]) + _TAIL_S]
    return TrajectoryPoints(
        stamp_ns=command.stamp_ns + seconds_to_ns(lead_s),
        times_ns=tuple(map(seconds_to_ns, times_s)),
        states=np.concatenate([first[None], states, states[-1:]]),
    )


class TrajectoryOutputs:
    """One publisher per arm; every method may be called from any one thread."""

    def __init__(self, node: Node, arms: tuple[ArmProfile, ...], layout: JointLayout) -> None:
        """Create the publishers on the command topics of `arms`."""
        self._outputs = [
            (
                node.create_publisher(
                    JointTrajectory, arm.channels.command_topic, output_qos(arm.command.qos)
                ),
                arm,
                layout.arm_slice(arm.name),
            )
            for arm in arms
        ]

    def publish(self, points: TrajectoryPoints) -> Refusal | None:
        """Send the trajectory to all arms, or to none and say why."""
        messages = []
        for _, arm, columns in self._outputs:
            position, velocity, acceleration = points.states[:, :, columns].transpose(1, 0, 2)
            encoded = encode_trajectory(arm, position, velocity, acceleration)
            if isinstance(encoded, Refusal):
                return encoded
            messages.append(_message(encoded, points))
        for (publisher, _, _), message in zip(self._outputs, messages, strict=True):
            publisher.publish(message)
        return None


def _message(encoded: EncodedTrajectory, points: TrajectoryPoints) -> JointTrajectory:
    message = JointTrajectory(
        joint_names=list(encoded.names),
        points=[
            JointTrajectoryPoint(
                positions=double_array(position),
                velocities=double_array(velocity),
                accelerations=double_array(acceleration),
                time_from_start=duration_message(time_ns),
            )
            for position, velocity, acceleration, time_ns in zip(
                encoded.position,
                encoded.velocity,
                encoded.acceleration,
                points.times_ns,
                strict=True,
            )
        ],
    )
    message.header.stamp = time_message(points.stamp_ns)
    return message
