# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The quality-of-service profiles, by what a stream is for.

A reliable subscription does not connect to a best-effort publisher, a best-effort one connects to
both; a deadline asked of a third-party driver prevents the connection. So subscriptions ask for as
little as they can and no profile has a deadline.
"""

from rclpy.qos import DurabilityPolicy
from rclpy.qos import HistoryPolicy
from rclpy.qos import QoSProfile
from rclpy.qos import ReliabilityPolicy


def _profile(
    depth: int, reliability: ReliabilityPolicy, durability: DurabilityPolicy
) -> QoSProfile:
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=reliability,
        durability=durability,
    )


# Subscribing to cameras and joint feedback of any driver. The depth covers a pause of the
# receiver: at 200 Hz 32 samples are 160 ms; interpolation needs the samples between.
SENSOR_INPUT = _profile(32, ReliabilityPolicy.BEST_EFFORT, DurabilityPolicy.VOLATILE)
# Images are 0.9 MB each: a third of a second at 30 Hz.
IMAGE_INPUT = _profile(10, ReliabilityPolicy.BEST_EFFORT, DurabilityPolicy.VOLATILE)
# The simulated rig publishes as drivers do: reliable, so that either kind of subscription
# connects.
SENSOR_OUTPUT = _profile(10, ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE)
# Set-points of the arms: only the newest counts, none may queue up behind it.
COMMAND = _profile(1, ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE)
# The rig's end of them. The thread that reads them shares an interpreter with physics and three
# cameras; what it takes from this queue a moment later counts as of its stamp, as on the bus of a
# driver with a process of its own. A driver that loses commands is a matter of configured faults.
RIG_COMMAND = _profile(100, ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE)
# The clock of a simulated rig: rclpy subscribes with best effort, only the newest counts.
CLOCK = _profile(1, ReliabilityPolicy.BEST_EFFORT, DurabilityPolicy.VOLATILE)
# Action chunks: the next replaces the last, but each carries the counters that must add up.
CHUNK = _profile(5, ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE)
# Plans of the executor: as for chunks, only the newest counts, but several may come at once.
PLAN = _profile(5, ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE)
# Splices: one for every accepted chunk. The depth covers a second of a receiver's pause.
SPLICE = _profile(50, ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE)
# State that a late joiner must know. Latched on both ends.
LATCHED = _profile(1, ReliabilityPolicy.RELIABLE, DurabilityPolicy.TRANSIENT_LOCAL)
# Periodic status and markers.
STATUS = _profile(10, ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE)
