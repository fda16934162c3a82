# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The rig's clock on /clock, held back while commands or images are behind.

Nodes that follow the clock say on sim/images_seen which images they have taken.

Owns the topic, what is waited for and how fast the clock ran. What time does to the rig is the
business of the sim node.
"""

import time
from collections.abc import Callable

from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from std_msgs.msg import Header

from wla_ros.base.timing import seconds_to_ns
from wla_ros.nodes import qos
from wla_ros.nodes.images_seen import IMAGES_SEEN
from wla_ros.nodes.messages import stamp_ns
from wla_ros.nodes.messages import time_message
from wla_ros.nodes.sim.config import ClockSection
from wla_ros.sim.driver.driver import PERIOD_NS
from wla_ros.sim.held_clock import Awaited
from wla_ros.sim.held_clock import HeldClock

# Everybody waits for a message on /clock that is lost; most of the repetitions wake them for
# nothing.
_SILENCE_NS = 50_000_000


class SimClock:
    """The owner's lock keeps `note` and `steps` apart; images are heard without it."""

    def __init__(
        self,
        node: Node,
        section: ClockSection,
        *,
        start_ns: int,
        catch_up_ns: int,
        oldest_image_ns: Callable[[], int | None],
    ) -> None:
        """Start at `start_ns`; `oldest_image_ns` is the exposure that waits for its rendering."""
        self._held = HeldClock(start_ns=start_ns, step_ns=PERIOD_NS, catch_up_ns=catch_up_ns)
        patience_ns = seconds_to_ns(section.patience_s)
        self._commands = Awaited(
            lead_ns=seconds_to_ns(section.command_lead_s), patience_ns=patience_ns
        )
        self._seen = Awaited(lead_ns=seconds_to_ns(section.seen_lead_s), patience_ns=patience_ns)
        self._image_lead_ns = seconds_to_ns(section.image_lead_s)
        self._oldest_image_ns = oldest_image_ns
        node.create_subscription(Header, IMAGES_SEEN, self._take_seen, qos.SENSOR_INPUT)
        self._publisher = node.create_publisher(Clock, '/clock', qos.CLOCK)
        self._told_ns = 0  # monotonic
        self._began_ns: tuple[int, int] | None = None  # rig and wall

    @property
    def now_ns(self) -> int:
        """The time."""
        return self._held.now_ns

    @property
    def slipped_ns(self) -> int:
        """How much less than the wall clock has passed."""
        return self._held.slipped_ns

    def note(self, arm: str, command_ns: int, wall_ns: int) -> None:
        """Take note of a command stamped `command_ns`."""
        self._commands.note(arm, command_ns, wall_ns, now_ns=self.now_ns)

    def steps(self, wall_ns: int, *, waits: bool) -> int:
        """
        Return how many periods of the driver are due at `wall_ns` (monotonic).

        Without `waits` nobody is waited for: the rig does not run.
        """
        if not waits:
            return self._held.steps(wall_ns, None)
        image_ns = self._oldest_image_ns()
        limits = [
            limit
            for limit in (
                self._commands.until_ns(wall_ns),
                self._seen.until_ns(wall_ns),
                None if image_ns is None else image_ns + self._image_lead_ns,
            )
            if limit is not None
        ]
        return self._held.steps(wall_ns, min(limits, default=None))

    def _take_seen(self, message: Header) -> None:
        stamp = stamp_ns(message.stamp)
        self._seen.note(message.frame_id, stamp, time.monotonic_ns(), now_ns=self.now_ns)

    def publish(self, now_ns: int, wall_ns: int) -> None:
        """Tell everybody the time at `wall_ns` (monotonic)."""
        self._told_ns = wall_ns
        self._publisher.publish(Clock(clock=time_message(now_ns)))

    def repeat(self, wall_ns: int) -> None:
        """Tell the time once more if it has not been told for a while: a message may be lost."""
        if wall_ns - self._told_ns >= _SILENCE_NS:
            self.publish(self.now_ns, wall_ns)

    def real_time_factor(self, wall_ns: int) -> float:
        """Return rig time by wall time since the call before; 1 at the first."""
        before, self._began_ns = self._began_ns, (self.now_ns, wall_ns)
        if before is None or wall_ns <= before[1]:
            return 1.0
        return (self.now_ns - before[0]) / (wall_ns - before[1])
