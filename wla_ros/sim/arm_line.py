"""
One arm of the rig with its driver and the delays on both sides of it.

Commands may reach the driver late, publications may be delivered late; nothing is lost without
being counted.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from wla_ros.core.timing import seconds_to_ns
from wla_ros.core.types import Refusal
from wla_ros.robots.encoded_messages import EncodedJointState
from wla_ros.robots.encoded_messages import EncodedPosCmd
from wla_ros.sim.arm_servos import ArmServos
from wla_ros.sim.driver.driver_config import DriverConfig
from wla_ros.sim.driver.piper_driver import PiperDriver
from wla_ros.sim.driver.piper_driver import Publication
from wla_ros.sim.fault_injection import FaultyBus
from wla_ros.sim.faults import ArmFaults

# Delivered publications wait for `take` up to this many, two seconds at 200 Hz; a rig that is only
# asked for the newest must not grow.
_UNTAKEN_LIMIT = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmCounts:
    """
    Messages since construction.

    commands_received = commands_applied + sum(commands_refused) + commands_flushed +
    commands_waiting. published = delivered + feedback_flushed + feedback_waiting.
    """

    commands_received: int
    commands_applied: int
    commands_refused: Mapping[str, int]  # by reason
    commands_flushed: int  # delayed at a reset
    commands_waiting: int  # delayed now
    last_refusal: Refusal | None
    published: int
    delivered: int
    feedback_flushed: int
    feedback_waiting: int
    feedback_implausible: int  # of the published, those whose joint state the driver dropped


class ArmLine:
    """Commands in, publications out, for one arm. One thread."""

    def __init__(
        self, port: ArmServos, config: DriverConfig, faults: ArmFaults, *, seed: int, arm: str
    ) -> None:
        """Build the driver on a bus that fails as configured."""
        self._bus = FaultyBus(faults, seed=seed, arm=arm)
        self._lag_ns = seconds_to_ns(faults.actuation_lag_s)
        self._delay_ns = seconds_to_ns(faults.feedback_delay_s)
        self.driver = PiperDriver(port, config, bus=self._bus)
        self._commands: deque[tuple[int, EncodedJointState | EncodedPosCmd]] = deque()
        self._publications: deque[Publication] = deque()
        self._untaken: deque[Publication] = deque(maxlen=_UNTAKEN_LIMIT)
        self._received = self._commands_flushed = 0
        self._published = self._delivered = self._feedback_flushed = 0
        self.newest: Publication | None = None

    def reset(self, now_ns: int, *, gripper_m: float) -> None:
        """Restart the driver; delayed commands and publications are gone."""
        self._commands_flushed += len(self._commands)
        self._feedback_flushed += len(self._publications)
        self._commands.clear()
        self._publications.clear()
        self._untaken.clear()
        self.newest = None
        self._bus.reset(now_ns)
        self.driver.reset(now_ns, gripper_m=gripper_m)

    def command(
        self, command: EncodedJointState | EncodedPosCmd, *, now_ns: int
    ) -> Refusal | None:
        """Take a command; None if it was applied or is on its way with the actuation lag."""
        self._received += 1
        if self._lag_ns == 0:
            return self._apply(command, now_ns)
        self._commands.append((now_ns + self._lag_ns, command))
        return None

    def advance(self, now_ns: int) -> None:
        """Apply what has become due and move the set-points on to `now_ns`."""
        while self._commands and self._commands[0][0] <= now_ns:
            due_ns, command = self._commands.popleft()
            self._apply(command, due_ns)
        self.driver.advance(now_ns)

    def publish(self, now_ns: int) -> None:
        """Run the driver's loop and deliver what is due."""
        publication = self.driver.publish(now_ns)
        if publication is not None:
            self._published += 1
            self._publications.append(publication)
        while self._publications and self._publications[0].published_ns + self._delay_ns <= now_ns:
            self.newest = self._publications.popleft()
            self._untaken.append(self.newest)
            self._delivered += 1

    def take(self) -> tuple[Publication, ...]:
        """Return what was delivered since the last call, oldest first, two seconds at most."""
        taken = tuple(self._untaken)
        self._untaken.clear()
        return taken

    def counts(self) -> ArmCounts:
        """Return the counters."""
        commands = self.driver.counts()
        return ArmCounts(
            commands_received=self._received,
            commands_applied=commands.applied,
            commands_refused=commands.refused,
            commands_flushed=self._commands_flushed,
            commands_waiting=len(self._commands),
            last_refusal=commands.last_refusal,
            published=self._published,
            delivered=self._delivered,
            feedback_flushed=self._feedback_flushed,
            feedback_waiting=len(self._publications),
            feedback_implausible=self.driver.dropped_feedback,
        )

    def _apply(self, command: EncodedJointState | EncodedPosCmd, now_ns: int) -> Refusal | None:
        if isinstance(command, EncodedPosCmd):
            return self.driver.command_pose(command, now_ns=now_ns)
        return self.driver.command_joints(
            names=command.names,
            position=command.position,
            velocity=command.velocity,
            effort=command.effort,
            now_ns=now_ns,
        )
