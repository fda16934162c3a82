"""
When a trajectory is due, and the ticks behind it: keeps model and controller on one path.

The controller executes what it was sent whether or not our ticks come in time, so ticks lie on one
grid of times: exactly those that the trajectory was planned with. One that was missed is made up
for. Sends nothing itself.
"""

from typing import NamedTuple

from wla_ros.control.chunk_executor import ChunkExecutor
from wla_ros.core.types import JointCommand
from wla_ros.ros.executor_configuration import TrajectorySection
from wla_ros.ros.trajectory_outputs import TrajectoryPoints
from wla_ros.ros.trajectory_outputs import trajectory_points

# Points are those of the ticks to come for so long; behind it they are only near them.
_EXACT_S = 0.25
# While the arms move the trajectory is sent anew before that is over.
_RENEWAL_NS = 150_000_000
# After a longer pause every trajectory has ended and the arms rest, as the last tick made up says.
_MOST_TICKS = 1000


class Ticked(NamedTuple):
    """What the ticks up to one instant came to."""

    command: JointCommand | None  # of the last one
    commands: int  # ticks with a command
    points: TrajectoryPoints | None  # to be sent now


class TrajectoryStream:
    """Ticks `executor`; the thread of the control loop calls all methods, under its lock."""

    def __init__(
        self, executor: ChunkExecutor, section: TrajectorySection, *, period_ns: int
    ) -> None:
        """Tick every `period_ns`."""
        self._executor = executor
        self._section = section
        self._period_ns = period_ns
        self._tick_ns: int | None = None
        self._revision: int | None = None
        self._sent_ns = 0

    def tick(self, now_ns: int, lateness_ns: int) -> Ticked:
        """Make the ticks that are due at `now_ns`, `lateness_ns` after the loop's deadline."""
        reseeded, commands = False, 0
        command = None
        due_ns = self._due(now_ns)
        for tick_ns in due_ns:
            self._tick_ns = tick_ns
            command = self._executor.tick(tick_ns, lateness_ns + due_ns[-1] - tick_ns)
            if command is not None:
                commands += 1
                reseeded |= bool(command.reseeded_arms)
        if command is None or not (reseeded or self._is_due(command)):
            return Ticked(command, commands, None)
        self._revision, self._sent_ns = self._executor.plan_revision, command.stamp_ns
        section = self._section
        stamp_ns, period_s = command.stamp_ns, 1.0 / section.point_rate_hz
        planned = self._executor.planned_trajectory(
            stamp_ns, period_s, section.max_points, exact_s=_EXACT_S
        )
        points = trajectory_points(stamp_ns, planned, lead_s=section.lead_s, period_s=period_s)
        return Ticked(command, commands, points)

    def forget(self) -> None:
        """Make up for nothing: the clock jumped."""
        self._tick_ns = None

    def _is_due(self, command: JointCommand) -> bool:
        if self._executor.plan_revision != self._revision:
            return True
        moving = bool(command.velocity.any() or command.acceleration.any())
        return moving and not 0 <= command.stamp_ns - self._sent_ns < _RENEWAL_NS

    def _due(self, now_ns: int) -> list[int]:
        """Return the times to tick at, rising; none if the next one is still to come."""
        last_ns = self._tick_ns
        if last_ns is None or now_ns < last_ns:
            return [now_ns]
        count = (now_ns - last_ns) // self._period_ns
        due = [last_ns + (i + 1) * self._period_ns for i in range(min(count, _MOST_TICKS))]
        return due if count <= _MOST_TICKS else [*due, now_ns]
