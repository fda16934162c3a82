"""
Maps monotonic time to ROS-clock time by an offset, and notices when the ROS clock steps.

Owns the offset only; the caller reads both clocks. Loops keep their deadlines in monotonic time,
stamps live in ROS time; NTP steps, a suspended machine or a restarted simulation change the offset
between the two.
"""

from dataclasses import dataclass

from wla_ros.core.timing import NS_PER_MS

# NTP slews by at most 500 us per second; 20 ms between two readings is a step, not a slew.
DEFAULT_STEP_TOLERANCE_NS = 20 * NS_PER_MS
# Follow slews within about a second at 10 readings per second, and average the scatter of
# readings.
_SMOOTHING = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockStep:
    """The ROS clock moved by `step_ns` against monotonic time; positive is forward."""

    step_ns: int
    ros_ns: int


class ClockMapping:
    """
    The current offset ROS clock less monotonic clock.

    One thread observes; `to_ros_ns` and `to_monotonic_ns` read one integer and may be called from
    any thread. Not for a simulated clock whose speed differs from real time: its offset changes
    all the time.
    """

    def __init__(self, *, step_tolerance_ns: int = DEFAULT_STEP_TOLERANCE_NS) -> None:
        """Start without an offset. Raises ValueError unless step_tolerance_ns > 0."""
        if step_tolerance_ns <= 0:
            raise ValueError(f'step_tolerance_ns must be positive, got {step_tolerance_ns!r}')
        self._step_tolerance_ns = step_tolerance_ns
        self._offset_ns: int | None = None

    @property
    def offset_ns(self) -> int | None:
        """ROS clock less monotonic clock; None before the first usable reading."""
        return self._offset_ns

    def observe(self, before_ns: int, ros_ns: int, after_ns: int) -> ClockStep | None:
        """
        Take one reading and return the step, if one happened.

        The clocks are read in this order: monotonic, ROS, monotonic.
        The offset belongs to the middle of the two monotonic readings. A reading that was
        interrupted for longer than half the tolerance is no measurement and changes nothing.
        """
        if after_ns - before_ns > self._step_tolerance_ns // 2:
            return None
        measured_ns = ros_ns - (before_ns + after_ns) // 2
        if self._offset_ns is None:
            self._offset_ns = measured_ns
            return None
        difference_ns = measured_ns - self._offset_ns
        if abs(difference_ns) > self._step_tolerance_ns:
            self._offset_ns = measured_ns
            return ClockStep(step_ns=difference_ns, ros_ns=ros_ns)
        self._offset_ns += difference_ns // _SMOOTHING
        return None

    def to_ros_ns(self, monotonic_ns: int) -> int:
        """Return the ROS time of a monotonic time. Raises ValueError before any reading."""
        return monotonic_ns + self._known_offset_ns()

    def to_monotonic_ns(self, ros_ns: int) -> int:
        """Return the monotonic time of a ROS time. Raises ValueError before any reading."""
        return ros_ns - self._known_offset_ns()

    def _known_offset_ns(self) -> int:
        if self._offset_ns is None:
            raise ValueError('no clock reading yet: call observe() first')
        return self._offset_ns
