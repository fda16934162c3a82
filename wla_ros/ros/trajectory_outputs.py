"""
The rest of the plan as one JointTrajectory per arm, for a controller that interpolates by itself.

A trajectory replaces the one before as soon as it is there: a controller goes on from where it is
by a quintic to the first point. The stamp lies `lead_s` ahead and the executor samples its plan as
much further ahead, so up to the stamp both trajectories are one, and it does not matter what the
way took as long as it took less than the lead.

The first point lies behind the stamp. What is commanded are quintics through points of a motion
whose jerk is limited. Between two points the jerk of a quintic reaches up to 2.2 times the limit
(it is the projection of the motion's on quadratics), and the controller is there beside the motion
by some microradians. To make up for these within the milliseconds that are left until the stamp
would take up to 50 times the limit. On a way as long as the quintic that is left it takes 2.7
times, on two thirds of that, where splices follow each other closely, 3.1 times: whoever wants no
more than the limit sets `execution.motion.jerk_scale` to 0.32 and sees to it that messages are
there before their stamp; late ones leave a shorter way (measured up to 3.6 times).

The last point is at rest: controllers refuse anything else.
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
_ROUNDING_S = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrajectoryPoints:
    """What is sent: n points behind `stamp_ns`, until when the trajectory before holds."""

    stamp_ns: int
    times_ns: tuple[int, ...]  # [n] since the stamp, rising
    states: FloatArray  # [n, 3, D] position, velocity, acceleration; the last one at rest


def trajectory_points(
    command_ns: int, planned: PlannedTrajectory, *, lead_s: float, period_s: float
) -> TrajectoryPoints:
    """Return what is `planned` at `command_ns` in points `period_s` apart, and a rest."""
    states = np.stack([planned.positions, planned.velocities, planned.accelerations], axis=1)
    times_s = planned.times_s
    # The quintic that a trajectory begins with lasts at most `lead_s` longer than this.
    first_s = max(period_s, 2.0 * lead_s)
    if times_s[-1] > first_s:
        behind = times_s > first_s - _ROUNDING_S
        times_s, states = times_s[behind], states[behind]
    else:  # the arms rest by then
        times_s, states = np.array([first_s]), states[-1:]
    return TrajectoryPoints(
        stamp_ns=command_ns + seconds_to_ns(lead_s),
        times_ns=tuple(map(seconds_to_ns, [*times_s, times_s[-1] + _TAIL_S])),
        states=np.concatenate([states, states[-1:]]),
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
